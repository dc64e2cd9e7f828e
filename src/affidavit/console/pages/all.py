"""All views of the console, in one table."""

from affidavit.console.pages import (
    account,
    assessments,
    changing,
    controls,
    creating,
    dashboard,
    delegations,
    evidence,
    finder,
    frameworks,
    library,
    notifications,
    period,
    reports,
    search,
    settings,
    sign_in,
)
from affidavit.console.views import View

VIEWS: tuple[View, ...] = (
    *dashboard.VIEWS,
    *sign_in.VIEWS,
    *account.VIEWS,
    *creating.VIEWS,
    *assessments.VIEWS,
    *changing.VIEWS,
    *controls.VIEWS,
    *evidence.VIEWS,
    *period.VIEWS,
    *finder.VIEWS,
    *delegations.VIEWS,
    *reports.VIEWS,
    *frameworks.VIEWS,
    *library.VIEWS,
    *notifications.VIEWS,
    *settings.VIEWS,
    *search.VIEWS,
)
