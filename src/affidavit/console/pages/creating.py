"""Making an assessment in steps: framework, accounts, owners, a last look.

The steps are one form; what earlier steps gave is carried on in hidden fields, and nothing is
written before the last one.
"""

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.views import act, view
from affidavit.operations.owners import OWNER
from affidavit.operations.tenant_bindings import binding_of

STEPS = ("framework", "accounts", "owners", "review")
FIELDS = ("name", "description", "framework", "accounts", "destination", "owners")


def show(page: Page) -> Response:
    """Show the step that the form is at."""
    return _step(page, page.query("step"))


def go_on(page: Page) -> Response:
    """Show the next step, or the one before; at the end make the assessment."""
    wanted = page.form.text("go")
    if wanted != "create":
        return _step(page, wanted)
    form = page.form
    answer = page.ask(
        "CreateAssessment",
        name=form.text("name"),
        description=form.text("description") or None,
        frameworkId=form.text("framework"),
        scope={"awsAccounts": [{"id": one} for one in _accounts(page)]},
        roles=[{"roleType": OWNER, "roleArn": one} for one in form.lines("owners")],
        assessmentReportsDestination={
            "destinationType": "S3",
            "destination": form.text("destination") or None,
        },
    )
    return page.go(path_to("assessments", answer["assessment"]["metadata"]["id"]), "created")


def _again(page: Page) -> Response:
    """Show the last step, where what is wrong is said."""
    return _step(page, "review")


def _step(page: Page, wanted: str) -> Response:
    page.require("CreateAssessment")
    step = wanted if wanted in STEPS else STEPS[0]
    number = STEPS.index(step)
    frameworks = [
        one
        for kind in ("Standard", "Custom")
        for one in page.ask_all(
            "ListAssessmentFrameworks", "frameworkMetadataList", frameworkType=kind
        )
    ]
    binding = binding_of(page.context.store, page.caller.tenant)
    settings = page.ask("GetSettings", attribute="ALL")["settings"]
    place = settings.get("defaultAssessmentReportsDestination", {}).get("destination", "")
    values = {
        "name": page.given("name"),
        "description": page.given("description"),
        "framework": page.given("framework", page.query("framework") or frameworks[0]["id"]),
        "accounts": "\n".join(_accounts(page)) or page.caller.account_id,
        "destination": page.given("destination", place),
        "owners": page.given("owners", page.caller.principal_arn),
    }
    return page.show(
        "assessments/create.html",
        step=step,
        steps=STEPS,
        before=STEPS[number - 1] if number else "",
        after=STEPS[number + 1] if number + 1 < len(STEPS) else "",
        frameworks=frameworks,
        bound=sorted(binding.accounts) if binding else [],
        buckets=sorted(binding.buckets) if binding else [],
        values=values,
    )


def _accounts(page: Page) -> list[str]:
    return list(dict.fromkeys([*page.form.many("bound"), *page.form.lines("accounts")]))


VIEWS = (
    view("/assessments/new", show, "Create an assessment, in steps"),
    act("/assessments/new", go_on, _again),
)
