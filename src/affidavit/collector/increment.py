"""A run of activity alone: CloudTrail's new events, between the runs that collect everything.

It asks nothing but `LookupEvents`, and keeps of the answers those that hold something new: an event
that no run has recorded, or a gap whose reason no run of the day has said. Where nothing is new
there is no run. It claims nothing of controls, nor that it asked everything: what it could not ask,
the day's whole run asks again, since the midnight before. So an increment that is lost loses no
event; it comes later.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final

from affidavit.aws.door import Door
from affidavit.checks.events import lookup_start
from affidavit.checks.facts import Facts
from affidavit.checks.places import Place
from affidavit.collector import seen_events
from affidavit.collector.activity import EVENT_ID, events_of
from affidavit.collector.event_sources import of_activity, places_of, shown_sources
from affidavit.collector.evidence import EvidenceMaker
from affidavit.collector.execute import Asked, execute
from affidavit.collector.plan import EVENT_OPERATION, plan
from affidavit.collector.verdicts import Tally
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.identifiers import new_id
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Result
from affidavit.model.run import ACTIVITY, Assessment, LeftOut, RunRecord
from affidavit.model.times import iso, parse, utc_now
from affidavit.store import Committed, Store

OVERLAP: Final = timedelta(minutes=20)
"""CloudTrail delivers within some 5 minutes on average, and promises 15 for nothing: a little more.

What comes later still, the day's whole run finds.
"""

ACCOUNTS_AT_ONCE: Final = 8
"""Accounts asked at the same time: CloudTrail's two questions a second are each account's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an increment did."""

    committed: Committed | None
    """None where nothing was new."""
    cursors: Mapping[str, datetime]
    """By account: up to when everything was asked without a gap."""


@dataclass(slots=True)
class Increment:
    """Asks an assessment's accounts for new events; `run` is called once."""

    catalogue: Catalogue
    store: Store
    door: Door
    on_progress: Callable[[Asked], None] = lambda _asked: None
    now: Callable[[], datetime] = utc_now
    _operations: int = 0
    _calls: int = 0
    _results: list[Result] = field(default_factory=list)

    def run(self, assessment: Assessment, cursors: Mapping[str, datetime]) -> Done:
        """Ask each account since its cursor, and commit what is new as a run of its own.

        Raises `StoreBusyError` where another run of the assessment is under way.
        """
        started = self.now()
        sequence = self.store.next_sequence(assessment.id)
        known = seen_events.recorded(self.store, assessment, started)
        narrowed = of_activity(self.catalogue)
        moved, kept = dict(cursors), list[_Account]()
        ask = partial(self._ask, narrowed, assessment, cursors, started)
        with ThreadPoolExecutor(ACCOUNTS_AT_ONCE, thread_name_prefix="account") as pool:
            for facts in pool.map(ask, assessment.estate.accounts):
                if not any(isinstance(result, Gap) for result in facts):
                    moved[facts.account_id] = started
                kept.append(self._new(narrowed, assessment, facts, known, started))
        assessment = _unsaid(narrowed, assessment, known)
        maker = EvidenceMaker(
            catalogue=narrowed,
            assessment=assessment,
            run_id=new_id(started),
            now=started,
            only_new=True,
        )
        made = (maker.account(facts, places) for facts, places in kept)
        evidence = [*chain.from_iterable(made), *maker.unreached()]
        if not evidence:
            return Done(committed=None, cursors=moved)
        return Done(committed=self._commit(maker, sequence, evidence), cursors=moved)

    def _ask(
        self,
        catalogue: Catalogue,
        assessment: Assessment,
        cursors: Mapping[str, datetime],
        started: datetime,
        account_id: str,
    ) -> Facts:
        """Ask since the cursor, less the overlap; the whole runs' period at the most."""
        cursor = cursors.get(account_id)
        since = parse(lookup_start(started, assessment.parameters))
        since = max(since, cursor - OVERLAP) if cursor is not None else since
        asked = {EVENT_OPERATION: {"StartTime": iso(since)}}
        return execute(
            plan(catalogue),
            self.door,
            account_id,
            assessment.estate.regions_of(account_id),
            now=started,
            params={**assessment.parameters, **asked},
            sink=lambda _result: None,
            known=lambda _unit: None,
            on_progress=self.on_progress,
        )

    def _new(
        self,
        catalogue: Catalogue,
        assessment: Assessment,
        facts: Facts,
        known: seen_events.Recorded,
        started: datetime,
    ) -> "_Account":
        """Return the facts that hold something new, with the events of theirs that are left out."""
        account_id, params = facts.account_id, assessment.parameters
        places = places_of(catalogue, facts, started, params)
        new = {digest for place in places for digest in _answers(catalogue, facts, place, known)}
        kept = Facts(account_id, facts.regions)
        for result in facts:
            if result.digest in new:
                kept.add(result)
                self._operations += 1
                self._calls += result.proof.attempts if result.proof else 0
        places = places_of(catalogue, kept, started, params)
        seen = seen_events.answer(catalogue, account_id, places, known, started)
        if seen is not None:
            kept.add(seen)
        self._results += kept
        return kept, places

    def _commit(
        self, maker: EvidenceMaker, sequence: int, evidence: Sequence[Evidence]
    ) -> Committed:
        """Write the evidence and commit it with a record that counts it."""
        assessment, day = maker.assessment, maker.now.date()
        tally = Tally(maker.catalogue.framework)
        tally.add(evidence)
        self.store.keep_catalogue(assessment.tenant, self.catalogue)
        with self.store.segment_writer(
            maker.run_id, assessment.tenant, assessment.id, day
        ) as writer:
            writer.append(evidence)
            segment = writer.close()
        record = self._record(maker, sequence, tally)
        return self.store.commit_increment(record, segment, self._results)

    def _record(self, maker: EvidenceMaker, sequence: int, tally: Tally) -> RunRecord:
        said = tally.results({})
        return replace(
            tally.record(maker, self.catalogue, self.now()),
            sequence=sequence,
            operations=self._operations,
            naive_operations=self._operations,
            calls=self._calls,
            controls={name: one for name, one in said.items() if any(one.counts.values())},
            scope=ACTIVITY,
        )


_Account = tuple[Facts, tuple[Place, ...]]


def _answers(
    catalogue: Catalogue, facts: Facts, place: Place, known: seen_events.Recorded
) -> Iterator[str]:
    """Yield the digests of a place's answers with an event or a gap that no run has recorded."""
    account_id = facts.account_id
    if place.region == GLOBAL_REGION:
        return
    for source in shown_sources(catalogue.framework):
        found = events_of(place, source.keyword)
        for record in found.records:
            if (account_id, source.id, record.attributes[EVENT_ID]) not in known.events:
                yield from (one.digest for one in record.inputs)
        for gap in found.gaps:
            if (account_id, place.region, source.id, gap.reason.value) not in known.gaps:
                yield gap.digest


def _unsaid(
    catalogue: Catalogue, assessment: Assessment, known: seen_events.Recorded
) -> Assessment:
    """Return the assessment without the accounts of which the day's runs said why not."""
    firsts = [control.sources[0].id for control in catalogue.framework.controls()]
    denied = GapReason.DENIED.value

    def is_news(left: LeftOut) -> bool:
        said = ((left.account_id, GLOBAL_REGION, first, denied) in known.gaps for first in firsts)
        return not left.unreached or not all(said)

    left_out = tuple(filter(is_news, assessment.estate.left_out))
    return replace(assessment, estate=replace(assessment.estate, left_out=left_out))
