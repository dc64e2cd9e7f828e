"""Taking away what the finder found: all of it, or a sample of it."""

from typing import Final

from starlette.responses import Response

from affidavit.console.forms import Trouble
from affidavit.console.page import Page, path_to
from affidavit.console.pages.finder import address_of, query_of
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import QueryError
from affidavit.model.numbers import whole
from affidavit.operations import evidence_exports
from affidavit.operations.export_requests import MAX_SAMPLE, Wanted
from affidavit.operations.faults import ValidationFault
from affidavit.operations.finding import Search

SAMPLE: Final = 25
"""Records of a sample, unless another number is given: as auditors often draw."""


def ask(page: Page) -> Response:
    """Show how much is found, and the forms that ask for all of it or for a sample."""
    search, found = _search(page), None
    try:
        found = search.count(query_of(page))
    except QueryError as error:
        page.status, page.trouble = 422, Trouble.of(error)
    return page.show(
        "finder/export.html",
        found=found.rows if found else None,
        synthetic=found.synthetic if found else search.is_synthetic(),
        back=address_of(page),
        here=page.with_query(done=None),
        name=f"evidence-{page.now:%Y-%m-%d}",
        sample=SAMPLE,
        most=MAX_SAMPLE,
    )


def make(page: Page) -> Response:
    """Ask for the export or the sample, and go where it appears."""
    form = page.form
    drawn = form.text("do") == "sample"
    wanted = Wanted(
        name=form.text("name"),
        kind=form.text("format"),
        query=query_of(page),
        sample=_number(form.text("count")) if drawn else 0,
        seed=form.text("seed") if drawn else "",
    )
    document = evidence_exports.ask(page.context, _search(page), wanted)
    return page.go(path_to("downloads", document.id), "export")


def _number(text: str) -> int:
    number = whole(text, MAX_SAMPLE, least=1)
    if number is None:
        words = _("It must be a number from 1 to %(most)s.") % {"most": MAX_SAMPLE}
        raise ValidationFault.of_members([("count", words)])
    return number


def _search(page: Page) -> Search:
    return Search(page.context, page.caller, page.console.finder)


VIEWS = (
    view("/finder/export", ask, "Export or sample of what the finder found"),
    act("/finder/export", make, ask),
)
