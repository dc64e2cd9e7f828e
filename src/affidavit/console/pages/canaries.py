"""Canaries: the list, and one with its runs."""

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.views import view
from affidavit.operations import canaries, canary_budget, canary_changes, canary_views


def show(page: Page) -> Response:
    """Show the canaries."""
    return page.show(
        "canaries/list.html",
        found=canary_views.listed(page.context, page.caller),
        may_create=page.may(canary_changes.OPERATION),
    )


def show_one(page: Page) -> Response:
    """Show a canary's runs."""
    one = canary_views.details(page.context, page.caller, page.part("canary"))
    return page.show(
        "canaries/canary.html",
        one=one,
        newest=canary_views.NEWEST,
        may_change=canary_changes.may_change(page.context, page.caller, one.canary),
        budget={m: getattr(one.canary.budget, n) or "" for m, n in canary_budget.MEMBERS.items()},
        every=canaries.every_words(one.canary.every),
    )


VIEWS = (
    view("/canaries", show, "Canaries"),
    view("/canaries/{canary}", show_one, "A canary with its runs"),
)
