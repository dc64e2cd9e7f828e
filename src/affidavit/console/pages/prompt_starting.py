"""Starting a run of prompts: what it will cost first, then its progress."""

from typing import Any

from starlette.responses import Response

from affidavit.console.forms import Trouble
from affidavit.console.page import Page, path_to
from affidavit.console.views import act, view
from affidavit.operations import prompt_jobs, prompt_plans, prompt_views
from affidavit.operations.faults import ValidationFault
from affidavit.operations.prompt_plans import Choices, Plan, Wanted

_FIELDS = (
    *("model", "guardrail", "guardrailVersion", "repeat"),
    *("budgetTokens", "budgetCost", "priceInput", "priceOutput"),
)


def ask(page: Page) -> Response:
    """Show the form; once a model is named, what the run would cost at most."""
    offered = choices(page)
    planned = plan_of(page, offered) if page.query("model") else None
    return page.show("prompts/new.html", **form_values(page, offered), plan=planned)


def start(page: Page) -> Response:
    """Start the run that the address speaks of, and go where its progress is shown."""
    wanted = wanted_of(page, choices(page))
    document = prompt_jobs.start(page.context, page.caller, wanted)
    return page.go(path_to("prompts", "jobs", document.id))


def show(page: Page) -> Response:
    """Show a run that is under way, or what became of it."""
    found = prompt_jobs.details(page.context, page.caller, page.identifier("job"))
    making = found.body["status"] == "IN_PROGRESS"
    return page.show("prompts/job.html", id=found.id, job=found.body, making=making)


def stop(page: Page) -> Response:
    """Stop it."""
    prompt_jobs.stop(page.context, page.caller, page.identifier("job"))
    return page.go(path_to("prompts", "jobs", page.identifier("job")), "stopped")


def show_case(page: Page) -> Response:
    """Show one case in all runs of its suite."""
    found = prompt_views.case_over_time(
        page.context, page.caller, page.identifier("run"), page.query("case")
    )
    return page.show("prompts/case.html", found=found, run=page.identifier("run"))


def choices(page: Page) -> Choices:
    """Return what the form offers."""
    return prompt_plans.choices(page.context, page.caller, page.query("assessment"))


def wanted_of(page: Page, offered: Choices) -> Wanted:
    """Return what the address asks for; the first place where none is chosen."""
    place = page.query("place") or next((f"{a}/{r}" for a, r in offered.places), "")
    account, _, region = place.partition("/")
    return Wanted(
        assessment_id=offered.chosen,
        suite=page.query("suite"),
        model=page.query("model"),
        account_id=account,
        region=region,
        guardrail=page.query("guardrail"),
        guardrail_version=page.query("guardrailVersion"),
        repeat=page.query("repeat"),
        budget_tokens=page.query("budgetTokens"),
        budget_cost=page.query("budgetCost"),
        price_input=page.query("priceInput"),
        price_output=page.query("priceOutput"),
    )


def plan_of(page: Page, offered: Choices) -> Plan | None:
    """Return what the address asks for would cost; None, with what is wrong on the page."""
    try:
        return prompt_plans.plan(page.context, page.caller, wanted_of(page, offered))
    except ValidationFault as error:
        page.status, page.trouble = 422, Trouble.of(error)
    return None


def form_values(page: Page, offered: Choices) -> dict[str, Any]:
    """Return what the fields of such a form show."""
    return {
        "offered": offered,
        "suites": prompt_views.suites(page.context, page.caller),
        "asked": {name: page.query(name) for name in (*_FIELDS, "suite", "place")},
        "here": page.with_query(done=None),
    }


VIEWS = (
    view("/prompts/new", ask, "Start a run of prompts"),
    act("/prompts/new", start, ask),
    view("/prompts/jobs/{job}", show, "Progress of a run of prompts"),
    act("/prompts/jobs/{job}/stop", stop, show),
    view("/prompts/{run}/case", show_case, "A case of prompts over time"),
)
