"""DAILY, WEEKLY, MONTHLY: API calls of custom controls are asked as often as their source says.

Audit Manager lets only API calls have a frequency. A source that is not due gives one record that
says so, with the age of its last result: it decides nothing, and is no hole. Since when it counts
is a document of the assessment (kind source_runs), written after a run's commit: a kill in between
asks once more, never once less. A call that could not be made is asked again the next day.
"""

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from affidavit.collector.evidence import NOT_DUE
from affidavit.errors import StoreConflictError
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Control, ControlSource, SourceType
from affidavit.model.observation import GapReason
from affidavit.model.run import Assessment, RunRecord
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "source_runs"
_WEEK: Final = timedelta(days=7)
_SELDOM: Final = frozenset({"WEEKLY", "MONTHLY"})
_ANSWERED: Final = frozenset({"", GapReason.NOTHING_TO_COLLECT.value})


def next_day(last: date, frequency: str) -> date:
    """Return when a source is due again; a month after the 31st is a shorter month's last day."""
    if frequency == "WEEKLY":
        return last + _WEEK
    if frequency != "MONTHLY":
        return last + timedelta(days=1)
    year, month = last.year + last.month // 12, last.month % 12 + 1
    return date(year, month, min(last.day, calendar.monthrange(year, month)[1]))


def due(store: Store, catalogue: Catalogue, assessment: Assessment, day: date) -> Catalogue:
    """Return the catalogue with what is not due on `day` put aside; the same one where all is.

    Its digest stays: which sources were due follows from the evidence.
    """
    if not any(_seldom(catalogue)):
        return catalogue
    days = _days(_document(store, assessment))
    sets = tuple(
        replace(one, controls=tuple(_narrowed(c, days, day) for c in one.controls))
        for one in catalogue.framework.control_sets
    )
    return replace(catalogue, framework=replace(catalogue.framework, control_sets=sets))


def note(store: Store, catalogue: Catalogue, assessment: Assessment, record: RunRecord) -> None:
    """Keep on which day the sources that a run asked were answered; `catalogue` as of `due`."""
    asked = {source.id for source in _seldom(catalogue) if source.check != NOT_DUE}
    if not asked:
        return
    found: dict[str, bool] = {}
    for _, evidence in store.evidence(assessment.id, record.day, record.day):
        if evidence.run_id == record.run_id and evidence.source_id in asked:
            known = found.get(evidence.source_id, True)
            found[evidence.source_id] = known and evidence.gap in _ANSWERED
    document = _document(store, assessment)
    answered = {one: record.day.isoformat() for one, whole in found.items() if whole}
    put = replace(document, body={"days": {**document.body["days"], **answered}})
    try:
        store.documents.act(assessment.tenant, now=record.finished_at, puts=[put])
    except StoreConflictError:
        return


def _seldom(catalogue: Catalogue) -> Iterator[ControlSource]:
    for control in catalogue.framework.controls():
        for source in control.sources:
            if source.type is SourceType.API_CALL and source.frequency in _SELDOM:
                yield source


def _narrowed(control: Control, days: Mapping[str, date], day: date) -> Control:
    return replace(control, sources=tuple(_put_aside(s, days, day) for s in control.sources))


def _put_aside(source: ControlSource, days: Mapping[str, date], day: date) -> ControlSource:
    last = days.get(source.id)
    if source.type is not SourceType.API_CALL or source.check or last is None:
        return source
    again = next_day(last, source.frequency)
    if source.frequency not in _SELDOM or day >= again:
        return source
    age = (day - last).days
    words = (
        f"Collected {source.frequency}: the last result is of {last} ({age} day(s) old); "
        f"due again on {again}."
    )
    return replace(source, check=NOT_DUE, note=words)


def _document(store: Store, assessment: Assessment) -> Document:
    found = store.documents.get(assessment.tenant, KIND, assessment.id)
    empty: dict[str, dict[str, str]] = {"days": {}}
    return found or Document(kind=KIND, id=assessment.id, parent=assessment.id, body=empty)


def _days(document: Document) -> dict[str, date]:
    return {one: date.fromisoformat(day) for one, day in document.body["days"].items()}
