"""The dashboard of any day."""

from datetime import date, timedelta

from starlette.responses import RedirectResponse, Response

from affidavit.console.page import SEE_OTHER, Page, url_to
from affidavit.console.texts import _
from affidavit.console.views import view
from affidavit.errors import UsageError
from affidavit.model.verdict import Verdict
from affidavit.operations import dashboards
from affidavit.operations.accounts import is_registered

_SHOWN = 10
"""Controls of a list."""


def show(page: Page) -> Response:
    """Show the day; a delegate's start is the delegations, and an account may not be set up yet."""
    if not is_registered(page.context, page.caller.tenant):
        return RedirectResponse(url_to("account"), status_code=SEE_OTHER)
    if not page.may("GetInsights"):
        return RedirectResponse(url_to("delegations"), status_code=SEE_OTHER)
    found = dashboards.dashboard(
        page.context,
        page.caller,
        day=day_of(page, "day"),
        assessment_id=page.query("assessment"),
        grouping="domain" if page.query("by") == "domain" else "set",
    )
    return page.show(
        "dashboard/dashboard.html",
        found=found,
        total=found.total,
        before=found.day - timedelta(days=1),
        after=found.day + timedelta(days=1),
        today=page.now.date(),
        trend=[(one.day, one.controls) for one in found.trend],
        shown=_SHOWN,
        live=any(one.state == "running" or one.is_due(page.now) for one in found.collecting),
        finder=_finder(found),
    )


def day_of(page: Page, name: str) -> date | None:
    """Return a day of the query, or None where none is given; `UsageError` for what is none."""
    text = page.query(name)
    return day_in(text) if text else None


def day_in(text: str) -> date:
    """Return the day that a text names; `UsageError` for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            _("%(text)r is not a day.") % {"text": text}, todo=_("Write it as 2026-10-01.")
        ) from None


def _finder(found: dashboards.Dashboard) -> dict[Verdict, str]:
    """Return where the evidence of each verdict is found."""
    return {
        verdict: url_to("finder", f=f"compliance = {verdict.value}", day=found.day.isoformat())
        for verdict in Verdict
    }


VIEWS = (view("/", show, "Dashboard"),)
