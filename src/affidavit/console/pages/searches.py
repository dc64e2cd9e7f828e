"""Saved searches of the finder: kept, shared by address, deleted."""

from starlette.responses import RedirectResponse, Response

from affidavit.console.page import SEE_OTHER, Page
from affidavit.console.pages import finder
from affidavit.console.views import act, view
from affidavit.operations import saved_searches

_SHOWN = ("day", "group", "sort")


def save(page: Page) -> Response:
    """Keep the question in the address under the name that was given."""
    shown = {name: page.query(name) for name in _SHOWN}
    name = page.form.text("name")
    saved_searches.save(page.context, page.caller, name, page.queries("f"), shown)
    return RedirectResponse(page.with_query(done="saved").replace("/searches", "", 1), SEE_OTHER)


def open_one(page: Page) -> Response:
    """Go to the finder with a saved question, whoever saved it."""
    one = saved_searches.saved(page.context, page.caller, page.identifier("search"))
    return RedirectResponse(finder.searched_address(one), status_code=SEE_OTHER)


def forget(page: Page) -> Response:
    """Delete one of one's own."""
    saved_searches.forget(page.context, page.caller, page.identifier("search"))
    return page.go("/finder", "deleted")


VIEWS = (
    act("/finder/searches", save, finder.show),
    view("/finder/searches/{search}", open_one, ""),
    act("/finder/searches/{search}/delete", forget, finder.show),
)
