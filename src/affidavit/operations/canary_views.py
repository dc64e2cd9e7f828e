"""Canaries as the console shows them: what came of their runs, what was missed, rates over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from affidavit.operations import canaries, looking
from affidavit.operations.assessed import is_assigned
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.canaries import Canary, canary_of
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault
from affidavit.store.documents import Document

OPERATION: Final = "GetSettings"
"""Of the API: a canary is set up for a tenant, as its settings are."""
_ASSESSMENT: Final = "GetInsightsByAssessment"
NEWEST: Final = 60
"""Runs that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryDetails:
    """A canary with its newest runs."""

    canary: Canary
    state: str
    """new, passed, failed or error."""
    next_at: str
    paused: bool
    """Nothing runs, and nothing counts as missed."""
    runs: Sequence[Mapping[str, Any]]
    """The newest first, missed ones too."""
    spent: Mapping[str, Any]
    """`month` (as 2026-11), `tokens`, `cost`: of the month of the last run; empty before one."""

    @property
    def missed(self) -> int:
        """Return how many of the shown times were missed, with those that are only counted."""
        return sum(1 + one["furtherMissed"] for one in self.runs if one["state"] == "missed")

    @property
    def rates(self) -> list[tuple[str, float | None]]:
        """Return (time, share of passed cases) the earliest first; None: nothing was measured."""
        return [
            (one["slot"], one["passed"] / one["cases"] if one.get("cases") else None)
            for one in reversed(self.runs)
        ]


def listed(context: Context, caller: Caller) -> list[CanaryDetails]:
    """Return the tenant's canaries that the caller may see."""
    looking.require(context, caller, OPERATION)
    every = context.store.documents.every(caller.tenant, canaries.KIND)
    return [_details(context, one) for one in every if _is_own(context, caller, one)]


def details(context: Context, caller: Caller, name: str) -> CanaryDetails:
    """Return one canary; `NotFoundFault` where there is none that the caller may see."""
    looking.require(context, caller, OPERATION)
    found = context.store.documents.get(caller.tenant, canaries.KIND, name)
    if found is None or not _is_own(context, caller, found):
        raise NotFoundFault(name, "canary")
    return _details(context, found)


def _is_own(context: Context, caller: Caller, document: Document) -> bool:
    """Tell whether the caller may see the assessment that keeps the runs, if there is one."""
    kept_by = canary_of(document).assessment_id
    if not kept_by or scope(caller.role, _ASSESSMENT) is Scope.ALLOW:
        return True
    return is_assigned(context, caller, kept_by)


def _details(context: Context, document: Document) -> CanaryDetails:
    canary = canary_of(document)
    return CanaryDetails(
        canary=canary,
        state=document.body["state"],
        next_at=document.body["nextAt"],
        paused=bool(document.body.get("paused")),
        spent=document.body.get("spent", {}),
        runs=[one.body for one in canaries.runs(context.store, canary, NEWEST)],
    )
