"""A control of an assessment with all that is known of it: rule, sources, gaps, history.

The texts of a standard control are the catalogue's; those of a custom one are the copy that its
assessment keeps. What each source gave is read from the day's evidence.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from affidavit.checks.rules import effective_parameters
from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.framework import Control, ControlSource
from affidavit.model.run import Assessment, ControlVerdict
from affidavit.model.verdict import Verdict
from affidavit.operations import looking
from affidavit.operations.assessed import AssessedControl, assessed
from affidavit.operations.assessment_bodies import document_of, set_of
from affidavit.operations.caller import Caller
from affidavit.operations.collectable import catalogue_for
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.manual_items import KEPT, ManualItem, manual_items
from affidavit.operations.origins import is_synthetic

HISTORY_DAYS: Final = 90
_OPERATION: Final = "GetEvidenceFoldersByAssessmentControl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a check as it is in force."""

    name: str
    value: Any
    shipped: Any
    """As the catalogue has it."""

    @property
    def changed(self) -> bool:
        """Tell whether it differs from the catalogue."""
        return bool(self.value != self.shipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOfDay:
    """A source of the control and what it gave on the day."""

    source: ControlSource
    check: Check | None
    """None where the source decides nothing: activity, manual evidence."""
    parameters: Sequence[Parameter]
    verdicts: Mapping[Verdict, int]
    gaps: Mapping[str, tuple[int, str]]
    """Gap reason -> (how often, the first one's words)."""

    @property
    def total(self) -> int:
        """Return the number of its records."""
        return sum(self.verdicts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlDetails:
    """All that the control's page shows besides its folders."""

    assessment_id: str
    assessment: str
    active: bool
    """Whether the assessment can still be changed."""
    control: AssessedControl
    texts: Control
    """As it is collected now."""
    shown: Mapping[str, Any]
    """The control in the assessment's document: status, comments."""
    set_status: str
    day: date | None
    """The newest day that has a run, or None."""
    synthetic: bool
    """Whether a run of that day was not answered by AWS."""
    said: ControlVerdict | None
    sources: Sequence[SourceOfDay]
    history: Mapping[date, ControlVerdict]
    first: date
    last: date
    """Of the history."""
    manual_items: int
    """Items of manual evidence that people added."""
    manual_due: datetime | None
    """Until when the newest item counts; None where none is here, or none is expected."""
    principle: str
    """Of its control set; empty in custom frameworks."""


def control_details(
    context: Context, caller: Caller, assessment_id: str, control_id: str, set_id: str = ""
) -> ControlDetails:
    """Return a control's details; without `set_id`, in the first set that has it."""
    looking.require(context, caller, _OPERATION)
    found = assessed(context, caller, _OPERATION, assessment_id)
    sets = [one.set_id for one in found.controls if one.id == control_id]
    if not sets:
        raise NotFoundFault(control_id, "control")
    control = found.control(set_id or sets[0], control_id)
    body = document_of(context, caller, found).body
    control_set = set_of(body, control.set_id)
    catalogue = catalogue_for(context, found.stored)
    texts = _texts(context, catalogue, control)
    day = context.store.last_day(found.id)
    last = day or context.now().date()
    first = last - timedelta(days=HISTORY_DAYS - 1)
    history = context.store.verdict_history.of_control(found.stored, control.key, first, last)
    added = manual_items(context, caller.tenant, found.id)
    items = [one for one in added if one.control_key == control.key]
    return ControlDetails(
        assessment_id=found.id,
        assessment=found.name,
        active=found.active,
        control=control,
        texts=texts,
        shown=next(one for one in control_set["controls"] if one["id"] == control_id),
        set_status=control_set["status"],
        day=day,
        synthetic=is_synthetic(context, caller.tenant, {found.id}, day),
        said=history.get(day) if day else None,
        sources=_sources(context, found.stored, catalogue, texts, day),
        history=history,
        first=first,
        last=last,
        manual_items=len(items),
        manual_due=_due(texts, items),
        principle=_principle(catalogue, control.key),
    )


def _texts(context: Context, catalogue: Catalogue, control: AssessedControl) -> Control:
    """Return the control as it is collected; an INACTIVE one is not, so as the catalogue has it."""
    for framework in (catalogue.framework, context.catalogue.framework):
        for one in framework.controls():
            if one.id == control.key:
                return one
    raise NotFoundFault(control.id, "control")


def _principle(catalogue: Catalogue, control_key: str) -> str:
    sets = catalogue.framework.control_sets
    return next((one.principle for one in sets for c in one.controls if c.id == control_key), "")


def _due(texts: Control, items: Sequence[ManualItem]) -> datetime | None:
    """Return when manual evidence is due again, as runs count it: what is kept, by its newest."""
    times = [one.time for one in items if one.body["state"] == KEPT]
    if texts.manual_evidence is None or not times:
        return None
    return max(times) + timedelta(days=texts.manual_evidence.renew_days)


def _sources(
    context: Context,
    assessment: Assessment,
    catalogue: Catalogue,
    texts: Control,
    day: date | None,
) -> list[SourceOfDay]:
    verdicts: dict[str, Counter[Verdict]] = {}
    gaps: dict[str, dict[str, tuple[int, str]]] = {}
    if day is not None:
        said = context.store.evidence_pages.told(assessment.id, day, texts.id)
        for one, number in said.items():
            verdicts.setdefault(one.source_id, Counter())[Verdict(one.verdict)] += number
            if one.gap:
                known = gaps.setdefault(one.source_id, {})
                count, words = known.get(one.gap, (0, one.reason))
                known[one.gap] = (count + number, words)
    return [
        SourceOfDay(
            source=source,
            check=catalogue.checks.get(source.check),
            parameters=_parameters(assessment, catalogue.checks.get(source.check), source),
            verdicts=verdicts.get(source.id, Counter()),
            gaps=gaps.get(source.id, {}),
        )
        for source in texts.sources
    ]


def _parameters(
    assessment: Assessment, check: Check | None, source: ControlSource
) -> list[Parameter]:
    if check is None:
        return []
    own = assessment.parameters.get(check.id, {})
    shipped = effective_parameters(check, source.params, {})
    now = effective_parameters(check, source.params, own)
    return [
        Parameter(name=name, value=value, shipped=shipped.get(name))
        for name, value in sorted(now.items())
    ]
