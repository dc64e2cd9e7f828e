"""Search over everything that has a name."""

from starlette.responses import Response

from affidavit.console.page import Page, url_to
from affidavit.console.views import view
from affidavit.operations.searching import Hit, search


def show(page: Page) -> Response:
    """Show what was found, and the way to the evidence."""
    text = page.query("q")[:200]
    hits = search(page.context, page.caller, text)
    return page.show("search/search.html", text=text, hits=[(one, _address(one)) for one in hits])


def _address(hit: Hit) -> str:
    if hit.kind == "assessed_control":
        return url_to("assessments", hit.assessment_id, "controls", hit.id, set=hit.set_id)
    if hit.kind == "report":
        return url_to("reports")
    folder = {"assessment": "assessments", "control": "controls", "framework": "frameworks"}
    return url_to(folder[hit.kind], hit.id)


VIEWS = (view("/search", show, "Search"),)
