"""Notifications: what the user was told."""

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.views import view


def show(page: Page) -> Response:
    """Show the notifications, the newest first."""
    answer = page.ask("ListNotifications", maxResults=50, nextToken=page.query("next") or None)
    return page.show(
        "notifications/list.html",
        found=answer["notifications"],
        token=answer.get("nextToken", ""),
    )


VIEWS = (view("/notifications", show, "Notifications"),)
