"""Sharing custom frameworks: sent and received requests, and what can be done with each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import UsageError

Side = Literal["RECEIVED", "SENT"]
ACTIONS: Final[Mapping[Side, tuple[str, ...]]] = {
    "RECEIVED": ("ACCEPT", "DECLINE"),
    "SENT": ("REVOKE",),
}
DONE: Final[Mapping[str, str]] = {
    "ACCEPT": "accepted",
    "DECLINE": "declined",
    "REVOKE": "revoked",
    "DELETE": "deleted",
}
_OPEN: Final = ("ACTIVE", "EXPIRING")
_IN_THE_WAY: Final = ("ACTIVE", "REPLICATING")
"""States in which a request stays in the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request, and what the user may do with it."""

    request: Mapping[str, Any]
    actions: tuple[str, ...]
    removable: bool


def show_list(page: Page) -> Response:
    """Show the requests that were received, or sent."""
    side: Side = "SENT" if (page.form.text("side") or page.query("side")) == "SENT" else "RECEIVED"
    found = page.ask_all(
        "ListAssessmentFrameworkShareRequests",
        "assessmentFrameworkShareRequests",
        requestType=side,
    )
    found.sort(key=lambda one: (one["status"] not in _OPEN, -one["lastUpdated"].timestamp()))
    rows = [_row(page, side, one) for one in found]
    return page.show("shares/list.html", rows=rows, side=side)


def _row(page: Page, side: Side, request: Mapping[str, Any]) -> Row:
    status = request["status"]
    actions = ACTIONS[side] if status in _OPEN else ()
    if side == "RECEIVED" and status == "REPLICATING":
        actions = ("ACCEPT",)  # an acceptance that was interrupted is finished so
    return Row(
        request=request,
        actions=actions if page.may("UpdateAssessmentFrameworkShare") else (),
        removable=status not in _IN_THE_WAY and page.may("DeleteAssessmentFrameworkShare"),
    )


def decide(page: Page) -> Response:
    """Accept, decline, revoke, or take a request that has ended out of the list."""
    page.require("UpdateAssessmentFrameworkShare")
    what, side = page.form.text("do"), page.form.text("side")
    named = {"requestId": page.identifier("share"), "requestType": side}
    if what == "DELETE":
        page.ask("DeleteAssessmentFrameworkShare", **named)
    else:
        answer = page.ask("UpdateAssessmentFrameworkShare", action=what, **named)
        _require_shared(what, answer["assessmentFrameworkShareRequest"])
    return page.go(path_to("shares", side=side), DONE.get(what, ""))


def _require_shared(what: str, request: Mapping[str, Any]) -> None:
    if what == "ACCEPT" and request["status"] != "SHARED":
        raise UsageError(
            _("The framework could not be copied."),
            why=_("Its owner deleted it, or this account manages an organization."),
        )


def ask_share(page: Page) -> Response:
    """Show the form that offers a custom framework."""
    page.require("StartAssessmentFrameworkShare")
    identifier = page.identifier("framework")
    answer = page.ask("GetAssessmentFramework", frameworkId=identifier)
    sent = page.ask_all(
        "ListAssessmentFrameworkShareRequests",
        "assessmentFrameworkShareRequests",
        requestType="SENT",
    )
    own = [one for one in sent if one["frameworkId"] == identifier]
    rules = [
        source["sourceKeyword"]["keywordValue"]
        for one in answer["framework"]["controlSets"]
        for control in one["controls"]
        for source in control["controlMappingSources"]
        if source.get("sourceKeyword", {}).get("keywordValue", "").startswith("Custom_")
    ]
    return page.show(
        "shares/new.html", one=answer["framework"], sent=own, rules=[*dict.fromkeys(rules)]
    )


def share(page: Page) -> Response:
    """Offer it; to the same account and Region again, what is offered is renewed."""
    form = page.form
    answer = page.ask(
        "StartAssessmentFrameworkShare",
        frameworkId=page.identifier("framework"),
        destinationAccount=form.text("destinationAccount"),
        destinationRegion=form.text("destinationRegion"),
        comment=form.text("comment") or None,
    )
    if answer["assessmentFrameworkShareRequest"]["status"] == "FAILED":
        raise UsageError(
            _("The request failed."),
            why=_("A framework cannot be shared with the management account of an organization."),
        )
    return page.go(path_to("shares", side="SENT"), "shared")


VIEWS = (
    view("/shares", show_list, "Share requests, received and sent"),
    act("/shares/{share}", decide, show_list),
    view("/frameworks/{framework}/share", ask_share, "Share a custom framework"),
    act("/frameworks/{framework}/share", share, ask_share),
)
