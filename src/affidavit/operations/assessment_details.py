"""An assessment as its page shows it: control sets with the newest day's verdicts, its selection.

GetAssessment counts all evidence of all days; here the last run's verdicts are enough, and quick.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from affidavit.model.run import ControlVerdict, Estate
from affidavit.model.verdict import ControlState
from affidavit.operations import looking
from affidavit.operations.assessed import Assessed, AssessedControl, assessed
from affidavit.operations.assessment_bodies import document_of
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault
from affidavit.operations.folder_ids import folder_id
from affidavit.operations.manual_items import manual_items
from affidavit.operations.origins import is_synthetic
from affidavit.operations.selections import selection

_OPERATION: Final = "GetAssessment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRow:
    """A control in its set."""

    control: AssessedControl
    said: ControlVerdict | None
    """What the newest day's run says; None where it says nothing."""
    manual: int
    """Items of manual evidence of all days."""
    comments: int

    @property
    def gaps(self) -> int:
        """Return how many records say that something could not be observed."""
        return sum(self.said.gaps.values()) if self.said else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDetails:
    """A control set that the caller may see."""

    id: str
    status: str
    delegations: Sequence[Mapping[str, Any]]
    rows: Sequence[ControlRow]

    @property
    def states(self) -> Mapping[ControlState, int]:
        """Return the number of controls by what is shown of them."""
        return Counter(row.said.state for row in self.rows if row.said)

    @property
    def evidence(self) -> int:
        """Return the number of the day's records."""
        return sum(sum(row.said.counts.values()) for row in self.rows if row.said)

    @property
    def reviewed(self) -> int:
        """Return the number of controls that are signed off."""
        return sum(row.control.status == "REVIEWED" for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """A folder of which something is selected for the report."""

    folder_id: str
    control: AssessedControl
    day: date
    whole: bool
    """All that was in it when it was selected, but for `without`."""
    without: int
    items: int
    """Items that were selected by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentDetails:
    """All that the page shows."""

    found: Assessed
    metadata: Mapping[str, Any]
    framework: Mapping[str, Any]
    arn: str
    tags: Mapping[str, str]
    estate: Estate
    synthetic: bool
    """Whether the newest run was of something that is not AWS."""
    day: date | None
    """The newest day that has a run."""
    sets: Sequence[SetDetails]

    @property
    def states(self) -> Mapping[ControlState, int]:
        """Return the number of controls by what is shown of them."""
        total: Counter[ControlState] = Counter()
        for one in self.sets:
            total.update(one.states)
        return total


def assessment_details(context: Context, caller: Caller, assessment_id: str) -> AssessmentDetails:
    """Return an assessment, only what the caller may see of it."""
    looking.require(context, caller, _OPERATION)
    found = assessed(context, caller, _OPERATION, assessment_id)
    body = document_of(context, caller, found).body
    day = context.store.last_day(found.id)
    said = context.store.verdicts(found.id, day) if day else {}
    return AssessmentDetails(
        found=found,
        metadata=body["metadata"],
        framework=body["framework"],
        arn=body["arn"],
        tags=body.get("tags", {}),
        estate=found.stored.estate,
        synthetic=is_synthetic(context, caller.tenant, {found.id}, day),
        day=day,
        sets=[*_sets(context, caller, found, body, said)],
    )


def list_details(context: Context, caller: Caller) -> list[AssessmentDetails]:
    """Return all assessments that are the caller's own, the newest first."""
    looking.require(context, caller, "ListAssessments")
    found = []
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            found.append(assessment_details(context, caller, stored.id))
    return sorted(found, key=lambda one: one.metadata["creationTime"], reverse=True)


def selected(context: Context, caller: Caller, assessment_id: str) -> list[Selected]:
    """Return what is selected for the report, the newest day first."""
    looking.require(context, caller, "GetEvidenceFoldersByAssessment")
    found = assessed(context, caller, "GetEvidenceFoldersByAssessment", assessment_id)
    chosen = selection(context, caller.tenant, found.id)
    folders = {
        folder_id(found.id, control.key, day): (control, day)
        for day in chosen.days()
        for control in found.controls
    }
    held = Counter(one.body["folderId"] for one in chosen.items.values())
    rows = []
    for identifier in {*chosen.folders, *held} & folders.keys():
        control, day = folders[identifier]
        whole = chosen.folders.get(identifier)
        rows.append(
            Selected(
                folder_id=identifier,
                control=control,
                day=day,
                whole=whole is not None,
                without=len(whole.body["except"]) if whole else 0,
                items=held[identifier],
            )
        )
    return sorted(
        rows, key=lambda one: (-one.day.toordinal(), one.control.set_id, one.control.name)
    )


def folders_of_day(
    context: Context, caller: Caller, assessment_id: str, day: date
) -> list[tuple[AssessedControl, str]]:
    """Return (control, folder id) of all folders of a day."""
    looking.require(context, caller, "GetEvidenceFoldersByAssessment")
    found = assessed(context, caller, "GetEvidenceFoldersByAssessment", assessment_id)
    known = {
        one.control_id for one in context.store.evidence_folders.every(found.id) if one.day == day
    }
    known |= {
        item.control_key
        for item in manual_items(context, caller.tenant, found.id)
        if item.time.date() == day
    }
    controls = {one.key: one for one in found.controls if one.key in known}
    return [(one, folder_id(found.id, key, day)) for key, one in controls.items()]


def _sets(
    context: Context,
    caller: Caller,
    found: Assessed,
    body: Mapping[str, Any],
    said: Mapping[str, ControlVerdict],
) -> Iterator[SetDetails]:
    manual = Counter(one.control_key for one in manual_items(context, caller.tenant, found.id))
    for one in body["framework"]["controlSets"]:
        held = [control for control in found.controls if control.set_id == one["id"]]
        comments = {c["id"]: len(c.get("comments", ())) for c in one["controls"]}
        if held:
            yield SetDetails(
                id=one["id"],
                status=one["status"],
                delegations=one.get("delegations", ()),
                rows=[
                    ControlRow(
                        control=control,
                        said=said.get(control.key),
                        manual=manual[control.key],
                        comments=comments.get(control.id, 0),
                    )
                    for control in held
                ],
            )
