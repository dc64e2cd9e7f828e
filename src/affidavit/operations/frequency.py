"""DAILY, WEEKLY, MONTHLY: when each source of an assessment was last answered (`collector.due`).

Since when it counts is a document of the assessment (kind source_runs), written after a run's
commit: a kill in between asks once more, never once less. A call that could not be made is asked
again the next day.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from affidavit.collector import due
from affidavit.errors import StoreConflictError
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import GapReason
from affidavit.model.run import Assessment, RunRecord
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "source_runs"
_ANSWERED: Final = frozenset({"", GapReason.NOTHING_TO_COLLECT.value})


def not_due(
    store: Store, catalogue: Catalogue, assessment: Assessment, day: date
) -> Mapping[str, str]:
    """Return the ids of the sources that are not due on `day`, each with why."""
    sources = {source.id: source for source in due.seldom(catalogue)}
    if not sources:
        return {}
    days = _days(_document(store, assessment))
    words = {
        one: due.words(sources[one], last, day) for one, last in days.items() if one in sources
    }
    return {one: why for one, why in words.items() if why}


def note(
    store: Store,
    catalogue: Catalogue,
    not_asked: Mapping[str, str],
    assessment: Assessment,
    record: RunRecord,
) -> None:
    """Keep on which day the sources that a run asked were answered; `not_asked`: `not_due`."""
    asked = {source.id for source in due.seldom(catalogue)} - not_asked.keys()
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


def _document(store: Store, assessment: Assessment) -> Document:
    found = store.documents.get(assessment.tenant, KIND, assessment.id)
    empty: dict[str, dict[str, str]] = {"days": {}}
    return found or Document(kind=KIND, id=assessment.id, parent=assessment.id, body=empty)


def _days(document: Document) -> dict[str, date]:
    return {one: date.fromisoformat(day) for one, day in document.body["days"].items()}
