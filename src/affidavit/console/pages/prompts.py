"""Prompts: the lists of suites and kept runs, and a run with its cases."""

from typing import Final

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.views import view
from affidavit.model.numbers import whole
from affidavit.operations import prompt_jobs, prompt_plans, prompt_views
from affidavit.store.documents import Document

CASES: Final = 50
"""Cases of a page."""


def show(page: Page) -> Response:
    """Show suites and runs."""
    at, _, last = page.query("after").partition("|")
    found, following = prompt_views.runs(page.context, page.caller, (at, last) if at else None)
    jobs = [one for one in prompt_jobs.listed(page.context, page.caller) if _is_shown(one)]
    return page.show(
        "prompts/list.html",
        found=found,
        following="|".join(following) if following else "",
        suites=prompt_views.suites(page.context, page.caller),
        jobs=jobs,
        making=any(one.body["status"] == "IN_PROGRESS" for one in jobs),
        may_start=page.may(prompt_plans.OPERATION),
    )


def _is_shown(job: Document) -> bool:
    """Tell whether a job is listed: one that is complete is among the runs."""
    return bool(job.body["status"] != "COMPLETE")


def show_run(page: Page) -> Response:
    """Show a run: what it came to, what changed, and its cases, the failed ones first."""
    one = prompt_views.run(page.context, page.caller, page.identifier("run"))
    wanted = page.query("verdict")
    order = ("failed", "undecided", "not-asked", "passed")
    cases = sorted(
        (case for case in one.run.cases if wanted in ("", case["verdict"])),
        key=lambda case: order.index(case["verdict"]),
    )
    start = whole(page.query("from"), len(cases)) or 0
    return page.show(
        "prompts/run.html",
        one=one,
        run=one.run,
        cases=cases[start : start + CASES],
        all=len(cases),
        start=start,
        following=str(start + CASES) if start + CASES < len(cases) else "",
    )


VIEWS = (
    view("/prompts", show, "Prompts: suites and runs"),
    view("/prompts/{run}", show_run, "A run of prompts"),
)
