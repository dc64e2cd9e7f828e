"""Suites of prompts: what one asks; own ones brought, taken away again, deleted."""

from typing import Final

from starlette.responses import Response

from affidavit.console.forms import OF_FILES
from affidavit.console.page import Page, path_to
from affidavit.console.texts import _
from affidavit.console.views import act, attachment, view
from affidavit.errors import UsageError
from affidavit.model.numbers import whole
from affidavit.operations import own_suites, prompt_views

CASES: Final = 200
"""Cases of a page."""
_MOST: Final = 999_999_999


def show(page: Page) -> Response:
    """Show a suite with what it asks."""
    found = prompt_views.suite(page.context, page.caller, page.part("suite"))
    start = _number(page.query("from"))
    cases = found.suite.cases
    return page.show(
        "prompts/suite.html",
        suite=found.suite,
        versions=found.versions,
        canaries=found.canaries,
        cases=cases[start : start + CASES],
        following=str(start + CASES) if start + CASES < len(cases) else "",
        may_start=page.may(own_suites.OPERATION),
    )


def ask(page: Page) -> Response:
    """Show the form that takes a suite."""
    page.require(own_suites.OPERATION)
    return page.show("prompts/bring.html", suffixes=own_suites.SUFFIXES)


def bring(page: Page) -> Response:
    """Keep the file as a suite, or as the next version of it."""
    upload = page.form.files.get("file")
    if upload is None:
        raise UsageError(_("Nothing was given."), todo=_("Choose a file."))
    name = (upload.filename or "").replace("\\", "/").rpartition("/")[2]
    assertions = [one.strip() for one in page.form.text("assertions").split("\n") if one.strip()]
    kept = own_suites.add(page.context, page.caller, name, upload.file.read(), assertions)
    return page.go(path_to("prompts", "suites", kept.parent), "suite")


def download(page: Page) -> Response:
    """Send the file of a version as it was brought."""
    number = _number(page.part("number"))
    found = own_suites.file_of(page.context, page.caller, page.part("suite"), number)
    return attachment(*found, "application/octet-stream")


def delete(page: Page) -> Response:
    """Delete an own suite, once its id was given."""
    suite = page.part("suite")
    page.require(own_suites.OPERATION)
    if page.form.text("confirm") != suite:
        raise UsageError(
            _("Nothing was done: the id that you gave is not the suite's."),
            todo=_("Give it exactly, to confirm."),
        )
    own_suites.delete(page.context, page.caller, suite)
    return page.go("/prompts", "deleted")


def _number(text: str) -> int:
    """Return the number that an address names; 0 where it names none, or none that can be."""
    return whole(text, _MOST) or 0


VIEWS = (
    view("/prompts/suites/new", ask, "Bring a suite of your own"),
    act(
        "/prompts/suites/new",
        bring,
        ask,
        max_bytes=own_suites.MAX_BYTES + OF_FILES,
        needs=own_suites.OPERATION,
    ),
    view("/prompts/suites/{suite}", show, "A suite of prompts"),
    view("/prompts/suites/{suite}/versions/{number}", download, ""),
    act("/prompts/suites/{suite}/delete", delete, show),
)
