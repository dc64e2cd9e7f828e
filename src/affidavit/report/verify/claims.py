"""What the manifest says of the report, each member held against the records.

Nothing in it is believed because it is signed: the signature only tells who says so. What no record
can tell (the program's version, how the signing key is protected) is named as not proved.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from .failure import VerificationError
from .runs import SLACK, VERDICTS, Scope, days_without_run, read_day, read_time
from .shapes import CHOICE, MANIFEST, check_shape
from .state import ALL, CHOSEN, State
from .state import MANIFEST as NAME

_UUID_TIME = 80
"""Bits behind the 48 of a version 7 UUID that are its time in milliseconds (RFC 9562, 5.7)."""
_VERSION = 7


def read_scope(predicate: Mapping[str, Any]) -> Scope:
    """Return what the report is about; the manifest's form is checked first."""
    check_shape(predicate, MANIFEST, NAME, "the manifest of a report")
    for member, names in (
        ("assessment", {"id", "name"}),
        ("framework", {"id", "version", "catalogue_digest"}),
    ):
        check_shape(predicate[member], dict.fromkeys(names, str), NAME, f"whole: {member}")
    if predicate["completeness"] not in (ALL, CHOSEN):
        raise VerificationError(NAME, "does not say whether it holds all evidence or chosen")
    if predicate["completeness"] == CHOSEN:
        check_shape(predicate["choice"], CHOICE, NAME, "whole: choice")
    elif predicate["choice"]:
        raise VerificationError(NAME, "says that it holds all evidence, and names a choice")
    days = predicate["period"]
    if len(days) != 2:  # noqa: PLR2004 - first and last
        raise VerificationError(NAME, "its period is not a first and a last day")
    first, last = (read_day(day, NAME) for day in days)
    if last < first:
        raise VerificationError(NAME, f"its period ends on {last}, before it begins on {first}")
    return Scope(predicate["tenant"], predicate["assessment"]["id"], first, last)


def check_claims(state: State) -> None:
    """Check every member that records can tell; raise the first that they do not bear out."""
    last = state.last.record
    verdicts = {verdict: state.counts[verdict] for verdict in VERDICTS}
    found: dict[str, Any] = {
        "counts": {
            "evidence": state.counts.total(),
            "runs": len(state.inside),
            "verdicts": verdicts,
        },
        "synthetic": state.synthetic,
        "assessment": {"id": state.scope.assessment, "name": last["assessment_name"]},
        "framework": {
            "id": last["framework_id"],
            "version": last["framework_version"],
            "catalogue_digest": last["catalogue_digest"],
        },
        "days_without_run": [d.isoformat() for d in days_without_run(state.runs, state.scope)],
    }
    for member, value in found.items():
        said = state.predicate[member]
        if said != value:
            raise VerificationError(NAME, f"says {_label(member)}: {said}; the records: {value}")
    _check_generated(state)


def made_at(predicate: Mapping[str, Any]) -> datetime:
    """Return when the report says that it was made."""
    return read_time(predicate["generated_at"], NAME)


def _check_generated(state: State) -> None:
    """Check the time of making against the report's id and the runs that it holds."""
    made = made_at(state.predicate)
    try:
        identifier = UUID(state.predicate["report_id"])
    except ValueError as error:
        raise VerificationError(NAME, "its report_id is no UUID") from error
    milliseconds = identifier.int >> _UUID_TIME
    if identifier.version != _VERSION or milliseconds != int(made.timestamp() * 1000):
        raise VerificationError(
            NAME,
            f"says generated_at {state.predicate['generated_at']}, which is not the time in its "
            f"report_id {identifier}",
        )
    last = max(state.runs, key=lambda run: run.finished)
    if last.finished > made + SLACK:
        raise VerificationError(
            NAME,
            f"says generated_at {state.predicate['generated_at']}, but holds a run that ended at "
            f"{last.record['finished_at']} ({last.where})",
        )


def _label(member: str) -> str:
    return member.replace("_", " ")
