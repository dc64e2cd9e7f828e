"""Logs: what is watched, what a day's evidence says was disclosed, and alerts."""

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.pages.dashboard import day_of
from affidavit.console.views import view
from affidavit.operations import alert_routes, log_views, model_usage, own_data, watch_changes
from affidavit.operations.finding import Search


def show(page: Page) -> Response:
    """Show all three; the day is the newest with evidence where none is asked for."""
    found = log_views.logs(page.context, page.caller)
    search = Search(page.context, page.caller, page.console.finder)
    last_days = (page.context.store.last_day(one.id) for one in search.assessments)
    newest = max((day for day in last_days if day is not None), default=page.now.date())
    day = day_of(page, "day") or newest
    return page.show(
        "logs/logs.html",
        found=found,
        accounts=_accounts(page),
        own=own_data.shown(page.context, page.caller),
        logged=model_usage.logged(search, page.context, page.caller),
        usage=model_usage.usage(search, page.context, page.caller),
        synthetic=search.is_synthetic() or search.count(f"day = {day}").synthetic,
        kinds=alert_routes.KINDS,
        told=log_views.disclosures(search, day),
    )


def _accounts(page: Page) -> list[str]:
    """Return the accounts whose logs the reader may have watched."""
    if not page.may(watch_changes.OPERATION):
        return []
    return watch_changes.bound_accounts(page.context, page.caller)


VIEWS = (view("/logs", show, "Logs and alerts"),)
