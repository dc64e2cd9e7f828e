"""The store: one object that joins the modules per noun, and owns database, keys and folders."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from affidavit.aws.settings import AwsSettings
from affidavit.errors import StoreError
from affidavit.ledger.keys import KeyFolder, Signer, open_keys
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Result
from affidavit.model.run import Assessment, ControlVerdict, RunRecord, digest_of_answers
from affidavit.model.times import utc_now
from affidavit.settings import Settings
from affidavit.store import (
    catalogues,
    commits,
    compacting,
    deleting,
    erasing,
    increments,
    sweeping,
    todos,
    verdict_days,
)
from affidavit.store.assessments import NOTHING, Assessments
from affidavit.store.attachments import Attachments
from affidavit.store.blobs import Blobs
from affidavit.store.commits import Committed
from affidavit.store.compacting import Compacted
from affidavit.store.database import BUSY_SECONDS, Database, refuse_missing
from affidavit.store.documents import Documents, Writes
from affidavit.store.erasing import Staying
from affidavit.store.evidence import EvidenceReader
from affidavit.store.evidence_pages import EvidencePages
from affidavit.store.folders import FolderReader
from affidavit.store.kept import open_kept
from affidavit.store.lake import Lake
from affidavit.store.ledger_part import LedgerPart
from affidavit.store.registering import register
from affidavit.store.results import Results
from affidavit.store.runs import OpenRun, Runs
from affidavit.store.segment_files import Chosen, SegmentFile, SegmentFiles
from affidavit.store.segments import Segment, SegmentWriter
from affidavit.store.todos import Waiting
from affidavit.store.verdict_days import VerdictDay, VerdictHistory


class Store(LedgerPart):
    """Everything that is kept. Open it with `open_store`; close it, or use it in a `with`."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        busy_seconds: float = BUSY_SECONDS,
        aws: AwsSettings | None = None,
    ) -> None:
        self.keys: KeyFolder = open_keys(settings)
        self.objects = settings.object_folder
        self._timestamp_url = settings.timestamp_url
        self._clock = clock
        self._database = Database(settings.database, busy_seconds)
        self.documents = Documents(self._database)
        self._assessments = Assessments(self._database)
        self._runs = Runs(self._database, clock)
        with ExitStack() as undo:
            undo.callback(self._database.close)
            self._kept = open_kept(settings, self._database, self.documents, self.keys, clock, aws)
            undo.pop_all()
        self.keyring, objects, places = self._kept.keyring, self._kept.objects, self._kept.places
        self.places = places
        self._blobs = Blobs(objects, self.keyring)
        self._results = Results(self._database, self._blobs)
        self._evidence = EvidenceReader(self._database, places)
        self.evidence_pages = EvidencePages(self._database, places)
        self._segment_files = SegmentFiles(self._database, places)
        self.evidence_folders = FolderReader(self._database, places)
        self.attachments = Attachments(self._database, self._kept)
        self.verdict_history = VerdictHistory(self._database)
        self.lake = Lake(self._database, objects, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StoreError:
            if kind is None:
                raise

    def close(self) -> None:
        """Give the leases back and close the database."""
        try:
            self._runs.close()
        finally:
            self._kept.objects.close()
            self._database.close()

    def create_assessment(self, assessment: Assessment, by: str, along: Writes = NOTHING) -> None:
        """Keep a new assessment and log the change; `UsageError` where the name is taken."""
        self._assessments.create(assessment, by, self._clock(), along)

    def update_assessment(self, assessment: Assessment, by: str, along: Writes = NOTHING) -> None:
        """Keep the assessment's new estate and parameters and log the change."""
        self._assessments.update(assessment, by, self._clock(), along)

    def delete_assessment(self, assessment: Assessment, by: str, along: Writes = NOTHING) -> None:
        """Forget an assessment and log the change; its leaves stay in the log."""
        self._assessments.delete(assessment, by, self._clock(), along)

    def delete_evidence(
        self,
        tenant: str,
        assessment_id: str,
        *,
        by: str,
        why: str,
        before: date | None = None,
        absent: Sequence[tuple[str, str | None]] = (),
    ) -> int:
        """Delete its evidence (of days before), unless one of `absent` is there; return files."""
        given = {"by": by, "why": why, "now": self._clock(), "before": before, "absent": absent}
        files = deleting.remove(self._database, self._kept, tenant, assessment_id, **given)
        self.lake.follow(tenant)
        return files

    def erase(self, tenant: str, staying: Staying) -> None:
        """Erase what is left of a tenant once its evidence is deleted (`store.erasing`)."""
        erasing.erase(self._database, self._kept, tenant, staying, self._clock())
        self.lake.follow(tenant)

    def waiting(self, tenant: str | None = None) -> list[Waiting]:
        """Return what is still to be removed or published, of a tenant or of all."""
        return todos.still_waiting(self._database, tenant)

    def resume(self) -> list[str]:
        """Do what is left to be removed or published; return why some cannot be done yet.

        What failed is tried again after a pause that grows; `waiting` has all of it.
        """
        problems = self._kept.removals.carry_out(patient=True).problems
        return [*problems, *self.lake.resume()]

    def every_assessment(self, tenant: str) -> Sequence[str]:
        """Return the ids of the tenant's assessments, those included that were deleted."""
        return self._assessments.ids(tenant)

    def assessment(self, assessment_id: str) -> Assessment:
        """Return an assessment; `StoreError` where there is none."""
        return self._assessments.get(assessment_id)

    def known_assessment(self, tenant: str, assessment_id: str) -> Assessment | None:
        """Return an assessment of the tenant, or None."""
        found = self._assessments.known(assessment_id)
        return found if found is not None and found.tenant == tenant else None

    def find_assessment(self, tenant: str, name: str) -> Assessment | None:
        """Return the tenant's assessment of this name, or None."""
        return self._assessments.find(tenant, name)

    def assessments(self, tenant: str | None = None) -> Sequence[Assessment]:
        """Return the tenant's assessments, or all, by tenant and name."""
        return self._assessments.every(tenant)

    def begin_run(
        self, assessment: Assessment, day: date, catalogue_digest: str, now: datetime
    ) -> OpenRun:
        """Begin a run or resume an unfinished one; `StoreBusyError` where somebody works on it."""
        return self._runs.begin(assessment, day, catalogue_digest, now)

    def release_run(self, run_id: str) -> None:
        """Give an unfinished run back: whoever begins it next resumes it. `close` does so too."""
        self._runs.release(run_id)

    def last_day(self, assessment_id: str) -> date | None:
        """Return the newest day that has a committed run, or None."""
        return self._runs.last_day(assessment_id)

    def put_results(self, run_id: str, results: Sequence[Result]) -> None:
        """Keep results; they are durable when this returns."""
        if not results:
            return
        tenant = self._runs.tenant(run_id)
        rows: list[dict[str, Any]] = []

        def bring() -> list[str]:
            rows[:] = self._results.prepare(tenant, run_id, results)
            return self._results.names(tenant, rows)

        def write(connection: sa.Connection) -> None:
            self._runs.hold(connection, run_id)
            self._results.put(connection, rows)

        register(self._database, self._kept.removals, bring, write)

    def result(self, run_id: str, unit_id: str) -> Result | None:
        """Return the run's answer to a question, or None where it has none yet."""
        return self._results.get(run_id, unit_id)

    def results(self, run_id: str) -> Iterator[Result]:
        """Yield every result of the run."""
        return self._results.of_run(run_id)

    def results_of(self, run_id: str, operation: str) -> Iterator[Result]:
        """Yield the run's results of one operation."""
        return self._results.of_operation(run_id, operation)

    def answers(self, run_id: str) -> list[str]:
        """Return the digests of all results of the run, sorted."""
        return self._results.digests(run_id)

    def observation(self, digest: str) -> Result:
        """Return the observation or gap that evidence cites, verified against its digest."""
        return self._results.by_digest(digest)

    def keep_catalogue(self, tenant: str, catalogue: Catalogue) -> None:
        """Keep a version of the catalogue, once: reports show the rules that each run used."""
        catalogues.keep(self.documents, tenant, catalogue, self._clock())

    def catalogue(self, tenant: str, digest: str) -> bytes | None:
        """Return the content (`model.catalogue.content`) of a version, None if it is not kept."""
        return catalogues.content_of(self.documents, tenant, digest)

    def segment_writer(
        self, run_id: str, tenant: str, assessment_id: str, day: date
    ) -> SegmentWriter:
        """Return a writer for the run's evidence; what it writes counts from the commit on."""
        return SegmentWriter(self._kept.places, run_id, tenant, assessment_id, day.isoformat())

    def commit_run(
        self, run_record: RunRecord, segments: Sequence[Segment], signer: Signer | None = None
    ) -> Committed:
        """Commit a run in one transaction; what was committed before is returned unchanged.

        Its sequence, links, leaves and answers are filled in. Signed by `signer` or our own key.
        """
        signer = signer or self.keys.signer()
        answers = self.answers(run_record.run_id)
        run_record = replace(
            run_record, answers=len(answers), answers_digest=digest_of_answers(answers)
        )
        with self._database.read() as connection:
            done = commits.earlier(connection, run_record.run_id)
        if done is None:
            done = self._commit(run_record, segments, signer)
        self._runs.forget(run_record.run_id)
        return replace(done, warnings=self.publish(run_record.tenant))

    def next_sequence(self, assessment_id: str) -> int:
        """Return the number that the assessment's next run will have."""
        return increments.next_sequence(self._database, assessment_id)

    def commit_increment(
        self, run_record: RunRecord, segment: Segment, results: Sequence[Result]
    ) -> Committed:
        """Commit a run of activity with its answers, of which nothing is in the store yet.

        `StoreBusyError` where another run of the assessment is under way or came first.
        """
        signer, rows, run_id = self.keys.signer(), list[dict[str, Any]](), run_record.run_id
        digests = [result.digest for result in results]
        run_record = replace(
            run_record, answers=len(digests), answers_digest=digest_of_answers(digests)
        )

        def bring() -> list[str]:
            rows[:] = self._results.prepare(run_record.tenant, run_id, results)
            held = commits.held_files(self._kept.objects, [segment])
            return [*held, *self._results.names(run_record.tenant, rows)]

        def write(connection: sa.Connection) -> Committed:
            self._runs.lock_assessment(connection, run_record.assessment_id)
            increments.begin(connection, run_record, self._clock())
            self._results.put(connection, rows)
            done = commits.commit(connection, run_record, [segment], signer, self._clock())
            self.lake.leave(connection, run_record.tenant)
            return done

        done = register(self._database, self._kept.removals, bring, write)
        return replace(done, warnings=self.publish(run_record.tenant))

    def _commit(
        self, run_record: RunRecord, segments: Sequence[Segment], signer: Signer
    ) -> Committed:
        def write(connection: sa.Connection) -> Committed:
            done = commits.earlier(connection, run_record.run_id)
            if done is None:
                self._runs.hold(connection, run_record.run_id)
                done = commits.commit(connection, run_record, segments, signer, self._clock())
                self.lake.leave(connection, run_record.tenant)
            return done

        def bring() -> list[str]:
            return commits.held_files(self._kept.objects, segments)

        return register(self._database, self._kept.removals, bring, write)

    def evidence(
        self, assessment_id: str, first_day: date, last_day: date, control: str | None = None
    ) -> Iterator[tuple[int, Evidence]]:
        """Yield (leaf, record) of a period in leaf order, streamed; only `control`'s if given."""
        return self._evidence.between(assessment_id, first_day, last_day, control)

    def evidence_of_type(
        self, assessment_id: str, first_day: date, last_day: date, source_type: str
    ) -> Iterator[tuple[int, Evidence]]:
        """Yield (number of its run, record) of a period's evidence of one type of source."""
        return self._evidence.of_type(assessment_id, first_day, last_day, source_type)

    def evidence_by_id(self, evidence_id: str) -> tuple[int, Evidence] | None:
        """Return (leaf, record), or None."""
        return self._evidence.by_id(evidence_id)

    def segment_files(self, chosen: Chosen) -> list[SegmentFile]:
        """Return the committed segments that may hold the chosen evidence of one tenant."""
        return self._segment_files.of(chosen)

    def folders(self, assessment_id: str, day: date) -> dict[str, dict[str, int]]:
        """Return the day's evidence folders: control -> verdict -> number of records."""
        return self._evidence.folders(assessment_id, day)

    def verdicts(self, assessment_id: str, day: date) -> dict[str, ControlVerdict]:
        """Return what the day's last committed run says of each control; empty for no run."""
        return verdict_days.of_day(self._database, assessment_id, day)

    def verdict_days(self, assessment: Assessment, first: date, last: date) -> list[VerdictDay]:
        """Return what the last committed run of each day says, day by day; no run, no entry."""
        return verdict_days.between(self._database, assessment, first, last)

    def probe(self) -> None:
        """Ask the place of the objects something; raise `StoreError` where it does not answer."""
        self._kept.objects.stat("doctor")

    def sweep(self, *, daily: bool = False) -> list[str]:
        """Remove objects of over an hour that no row names (`daily`: once a day); return where."""
        self.resume()
        if daily and not sweeping.is_due(self._kept.objects, self._clock()):
            return []
        swept = sweeping.sweep(self._database, self._kept, self._clock())
        return [self._kept.objects.where(name) for name in swept]

    def compact(self, tenant: str, stopping: Callable[[], bool] = lambda: False) -> Compacted:
        """Put the segments of each day before today into one file; no leaf or proof changes."""
        day = self._clock().date()
        done = compacting.compact(self._database, self._kept, tenant, day, stopping)
        self.lake.follow(tenant)
        return done


def open_store(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    busy_seconds: float = BUSY_SECONDS,
    create: bool = True,
    aws: AwsSettings | None = None,
) -> Store:
    """Open the store that the settings name, made (unless `create` is False) or migrated.

    `aws`: how KMS is reached for tenants whose data keys it wraps. Raises `SettingsError` for a
    wrong database URL, `StoreBusyError`, `StoreFullError`, `StoreDamagedError` or `StoreError`.
    """
    if not create:
        refuse_missing(settings.database)
    return Store(settings, clock=clock, busy_seconds=busy_seconds, aws=aws)
