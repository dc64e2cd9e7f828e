"""Search over everything that has a name."""

from typing import Final

from starlette.responses import Response

from affidavit.console.page import Page, url_to
from affidavit.console.views import view
from affidavit.operations.searching import Hit, search


def show(page: Page) -> Response:
    """Show what was found, and the way to the evidence."""
    text = page.query("q")[:200]
    hits = search(page.context, page.caller, text)
    return page.show("search/search.html", text=text, hits=[(one, _address(one)) for one in hits])


_FOLDERS: Final = {
    "assessment": ("assessments",),
    "control": ("controls",),
    "framework": ("frameworks",),
    "canary": ("canaries",),
    "saved_search": ("finder", "searches"),
    "export": ("downloads",),
}


def _address(hit: Hit) -> str:
    if hit.kind == "assessed_control":
        return url_to("assessments", hit.assessment_id, "controls", hit.id, set=hit.set_id)
    if hit.kind == "report":
        return url_to("reports")
    if hit.kind == "suite":
        return url_to("prompts", "suites", hit.id)
    return url_to(*_FOLDERS[hit.kind], hit.id)


VIEWS = (view("/search", show, "Search"),)
