"""One run: collect an assessment's estate account by account, judge, and commit everything at once.

What makes a run safe to kill at any moment:

- every answer is durable before the next wave is asked, so a resumed run asks only what is open;
- evidence goes to immutable segments that count for nothing until the last step;
- that last step is one SQL transaction in the store: segments, verdicts, leaves and the run record.

One account is in memory at a time: the estate may grow without the process growing.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from affidavit.aws.door import Door
from affidavit.checks import records
from affidavit.checks.facts import Facts
from affidavit.collector import heap, seen_events
from affidavit.collector.alert_proofs import is_proof, proofs
from affidavit.collector.due import put_aside
from affidavit.collector.evidence import EvidenceMaker
from affidavit.collector.execute import Asked, execute
from affidavit.collector.limited import Limited
from affidavit.collector.log_settings import scan_settings
from affidavit.collector.manual import states
from affidavit.collector.plan import Plan, plan
from affidavit.collector.verdicts import Tally
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Gap, GapReason, Result, Unit
from affidavit.model.run import Assessment, RunRecord
from affidavit.model.times import utc_now
from affidavit.prompts.recorded_runs import is_taken_over, taken_over
from affidavit.sources import invocation_log, trail_files
from affidavit.sources.invocation_log import InvocationLogSource
from affidavit.sources.source import Source
from affidavit.sources.trail_files import TrailFileSource, TrailReadings
from affidavit.store import Committed, OpenRun, SegmentWriter, Store

BATCH = 500
"""Evidence records written at once, and results made durable at once, at most."""


@dataclass(slots=True)
class Counts:
    """What a run did, summed over its accounts."""

    operations: int = 0
    naive: int = 0
    calls: int = 0
    resumed: int = 0
    """Answers found from an earlier, interrupted attempt at the same run."""

    def add(self, facts: Facts, the_plan: Plan) -> None:
        """Add one account's results."""
        for result in facts:
            if isinstance(result, Gap) and result.reason is GapReason.NOT_CONFIGURED:
                continue
            if is_taken_over(result.unit) or is_proof(result.unit):
                continue  # asked by a run of prompts, not by this run
            self.operations += 1
            self.calls += result.proof.attempts if result.proof else 0
        self.naive += the_plan.naive(facts)


@dataclass(slots=True)
class Collector:
    """Runs assessments against a store and a door to AWS."""

    catalogue: Catalogue
    store: Store
    door: Door
    not_due: Mapping[str, str] = field(default_factory=dict)
    """Ids of the sources that are not asked this time, each with why (`due.words`)."""
    on_progress: Callable[[Asked], None] = lambda _asked: None
    now: Callable[[], datetime] = utc_now
    counts: Counts = field(default_factory=Counts)

    def run(self, assessment: Assessment) -> Committed:
        """Collect `assessment` for the present UTC day and commit it.

        Resumes what an interrupted run of the same day left. Raises `StoreBusyError` while another
        process works on it, and the store's other errors; what AWS refuses becomes gaps.
        """
        heap.share()
        moment = self.now()
        self.store.sweep(daily=True)
        opened = self.store.begin_run(assessment, moment.date(), self.catalogue.digest, moment)
        self.store.keep_catalogue(assessment.tenant, self.catalogue)
        collected = put_aside(self.catalogue, self.not_due)
        the_plan = plan(collected)
        tally = Tally(collected.framework)
        writer = self.store.segment_writer(
            opened.run_id, assessment.tenant, assessment.id, opened.started_at.date()
        )
        with Limited() as limited:
            maker = EvidenceMaker(
                catalogue=collected,
                assessment=assessment,
                run_id=opened.run_id,
                now=opened.started_at,
                limited=limited,
            )
            self._accounts(opened, the_plan, maker, writer, tally)
        _write(writer, tally, maker.unreached())
        account_id, region = assessment.tenant.split("/")
        manual = states(self.store, self.catalogue.framework, assessment, opened.started_at)
        _write(writer, tally, maker.manual(account_id, region, manual))
        segment = writer.close()
        record = self._record(maker, opened, tally, manual)
        return self.store.commit_run(record, [segment])

    def _accounts(
        self,
        opened: OpenRun,
        the_plan: Plan,
        maker: EvidenceMaker,
        writer: SegmentWriter,
        tally: Tally,
    ) -> None:
        """Ask, judge and write one account after the other."""
        assessment = maker.assessment
        earlier = seen_events.recorded(self.store, assessment, maker.now)
        for account_id in assessment.estate.accounts:
            facts = self._ask(assessment, the_plan, opened, account_id)
            self.counts.add(facts, the_plan)
            account = records.build(maker.catalogue, facts, maker.now, assessment.parameters)
            seen = seen_events.answer(
                maker.catalogue, account_id, account.places, earlier, maker.now
            )
            if seen is not None:  # in place of what an interrupted attempt left out
                facts.add(seen)
                self.store.put_results(opened.run_id, [seen])
            _write(writer, tally, maker.account(facts, account.places))
            del facts, account  # before the next account's answers come
            gc.collect()  # botocore's clients are classes of their own, in cycles
            heap.give_back()

    def _ask(
        self, assessment: Assessment, the_plan: Plan, opened: OpenRun, account_id: str
    ) -> Facts:
        waiting: list[Result] = []
        moment = opened.started_at
        taken: dict[str, Result] = {
            **taken_over(self.store, self.catalogue, assessment, account_id, moment),
            **proofs(self.store, assessment, account_id, moment),
        }

        def flush() -> None:
            if waiting:
                self.store.put_results(opened.run_id, waiting)
                waiting.clear()

        def sink(result: Result) -> None:
            waiting.append(result)
            if len(waiting) >= BATCH:
                flush()

        def known(unit: Unit) -> Result | None:
            if unit.id in taken:
                sink(taken[unit.id])
                return taken[unit.id]
            result = self.store.result(opened.run_id, unit.id) if opened.resumed else None
            self.counts.resumed += result is not None
            return result

        facts = execute(
            the_plan,
            self.door,
            account_id,
            assessment.estate.regions_of(account_id),
            now=opened.started_at,
            params=assessment.parameters,
            sink=sink,
            known=known,
            flush=flush,
            on_progress=self.on_progress,
            recorded=[one.unit for one in taken.values()],
            sources=self._sources(assessment.tenant),
        )
        flush()
        return facts

    def _sources(self, tenant: str) -> Mapping[str, Source]:
        """Return what reads one account's logs, as the tenant has them scanned."""
        readings, settings = TrailReadings(), scan_settings(self.store, tenant)
        return {
            trail_files.FAN_OUT: TrailFileSource(self.door, readings),
            invocation_log.FAN_OUT: InvocationLogSource(self.door, settings, readings),
        }

    def _record(
        self, maker: EvidenceMaker, opened: OpenRun, tally: Tally, manual: Mapping[str, str]
    ) -> RunRecord:
        return replace(
            tally.record(maker, self.catalogue, self.now()),
            sequence=opened.sequence,
            previous=opened.previous,
            operations=self.counts.operations,
            naive_operations=self.counts.naive,
            calls=self.counts.calls,
            controls=tally.results(manual),
        )


def _write(writer: SegmentWriter, tally: Tally, evidence: Iterator[Evidence]) -> None:
    while batch := list(islice(evidence, BATCH)):
        tally.add(batch)
        writer.append(batch)
