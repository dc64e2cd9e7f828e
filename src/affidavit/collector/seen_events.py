"""No event twice: which of CloudTrail's events earlier runs have recorded, and are left out.

Runs ask for periods that overlap, because CloudTrail delivers late. What is left out of a run's
evidence for that reason becomes an answer of the run (`SeenEvents`): each event with the number of
the run that holds it. So the evidence still follows from the answers alone, and whoever verifies a
report looks the events up in the runs that are named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from affidavit import __version__
from affidavit.checks.events import lookup_start
from affidavit.checks.facts import Facts
from affidavit.checks.places import Place
from affidavit.collector.activity import EVENT_ID, events_of
from affidavit.collector.event_sources import shown_sources
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.framework import SourceType
from affidavit.model.observation import GLOBAL_REGION, Observation, Proof, Unit
from affidavit.model.run import Assessment
from affidavit.model.times import parse
from affidavit.store import Store

KEY: Final = "SeenEvents"
_SERVICE: Final = "affidavit"
Event = tuple[str, str]
"""Id of a control source, and of an event: it is recorded once for each source that names it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the runs of some days have recorded of CloudTrail."""

    events: dict[tuple[str, str, str], int]
    """By account, source and event: the number of the first run that holds it."""
    gaps: frozenset[tuple[str, str, str, str]]
    """Account, Region, source and reason of what could not be asked on the last of these days."""


def recorded(store: Store, assessment: Assessment, now: datetime) -> Recorded:
    """Return what earlier runs have recorded of the period that a run at `now` asks for.

    An event is recorded on its own day or later: no earlier day can hold one of that period.
    """
    events: dict[tuple[str, str, str], int] = {}
    gaps: set[tuple[str, str, str, str]] = set()
    first = parse(lookup_start(now, assessment.parameters)).date()
    kind = SourceType.CLOUDTRAIL.value
    for sequence, one in store.evidence_of_type(assessment.id, first, now.date(), kind):
        event = one.attributes.get(EVENT_ID)
        if event and not one.check_id:
            events.setdefault((one.account_id, one.source_id, event), sequence)
        elif one.gap and one.time.date() == now.date():
            gaps.add(gap_key(one))
    return Recorded(events, frozenset(gaps))


def gap_key(evidence: Evidence) -> tuple[str, str, str, str]:
    """Return what makes two records of the same day say the same gap."""
    return evidence.account_id, evidence.region, evidence.source_id, evidence.gap


def left_out(facts: Facts) -> Mapping[str, set[str]]:
    """Return what an account's `SeenEvents` says: the events by source."""
    found = facts.result(KEY, GLOBAL_REGION, {})
    events: dict[str, set[str]] = {}
    for source, event, _ in found.body["events"] if isinstance(found, Observation) else ():
        events.setdefault(source, set()).add(event)
    return events


def answer(
    catalogue: Catalogue, account_id: str, places: Iterable[Place], known: Recorded, at: datetime
) -> Observation | None:
    """Return which of an account's events are left out; None where none are."""
    found = {(source, event) for place in places for source, event in events_in(catalogue, place)}
    listed: list[list[str | int]] = [
        [source, event, known.events[account_id, source, event]]
        for source, event in sorted(found)
        if (account_id, source, event) in known.events
    ]
    return _observation(account_id, listed, at) if listed else None


def events_in(catalogue: Catalogue, place: Place) -> Iterable[Event]:
    """Yield the events of a place that are shown, by source."""
    if place.region == GLOBAL_REGION:
        return
    for source in shown_sources(catalogue.framework):
        for record in events_of(place, source.keyword).records:
            yield source.id, record.attributes[EVENT_ID]


def _observation(account_id: str, listed: list[list[str | int]], at: datetime) -> Observation:
    """Return the answer; its proof says that AWS was not asked: there is no endpoint."""
    return Observation(
        unit=Unit(key=KEY, account_id=account_id, region=GLOBAL_REGION, parameters={}),
        service=_SERVICE,
        operation=KEY,
        absent="",
        body={"events": listed},
        proof=Proof(
            endpoint="",
            synthetic=False,
            caller_arn="",
            request_ids=(),
            pages=0,
            attempts=0,
            started_at=at,
            finished_at=at,
            tool=f"affidavit {__version__}",
        ),
    )
