"""The store: one object that joins the modules per noun, and owns database, keys and folders."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from affidavit.aws.settings import AwsSettings
from affidavit.errors import StoreError
from affidavit.ledger.keys import KeyFolder, PublicKey, Signer, open_keys
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Result
from affidavit.model.run import Assessment, ControlVerdict, RunRecord, digest_of_answers
from affidavit.model.times import utc_now
from affidavit.settings import Settings
from affidavit.store import (
    catalogues,
    checkpoints,
    commits,
    compacting,
    deleting,
    records,
    sweeping,
    verdict_days,
)
from affidavit.store.assessments import NOTHING, Assessments
from affidavit.store.attachments import Attachments
from affidavit.store.blobs import Blobs
from affidavit.store.checkpoints import StoredCheckpoint
from affidavit.store.commits import Committed
from affidavit.store.compacting import Compacted
from affidavit.store.content_verifying import ContentVerifier, VerifiedContent
from affidavit.store.database import BUSY_SECONDS, Database, refuse_missing
from affidavit.store.documents import Documents, Writes
from affidavit.store.evidence import EvidenceReader
from affidavit.store.evidence_pages import EvidencePages
from affidavit.store.folders import FolderReader
from affidavit.store.kept import open_kept
from affidavit.store.lake import Lake
from affidavit.store.log import Appender, Log, log_size
from affidavit.store.results import Results
from affidavit.store.runs import OpenRun, Runs
from affidavit.store.schema import log as log_table
from affidavit.store.segment_files import Chosen, SegmentFile, SegmentFiles
from affidavit.store.segments import Segment, SegmentWriter
from affidavit.store.verdict_days import VerdictDay, VerdictHistory
from affidavit.store.verifying import LogVerifier, Progress, VerifiedLog


class Store:
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
        self._kept = open_kept(settings, self.documents, self.keys, clock, aws)
        self.keyring, objects, places = self._kept.keyring, self._kept.objects, self._kept.places
        self._blobs = Blobs(objects, self.keyring)
        self._results = Results(self._database, self._blobs)
        self._evidence = EvidenceReader(self._database, places)
        self.evidence_pages = EvidencePages(self._database, places)
        self._segment_files = SegmentFiles(self._database, places)
        self.evidence_folders = FolderReader(self._database, places)
        self.attachments = Attachments(objects, self.keyring)
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

    def delete_evidence(self, tenant: str, assessment_id: str, **given: Any) -> int:
        """Delete an assessment's evidence; return how many files it had.

        `given`: `by`, `why`, `before` and `absent`, as `deleting.delete_evidence` has them.
        """
        given["now"] = self._clock()
        files = deleting.remove(self._database, self._kept, tenant, assessment_id, **given)
        self.lake.follow(tenant)
        return files

    def every_assessment(self, tenant: str) -> Sequence[str]:
        """Return the ids of the tenant's assessments, those included that were deleted."""
        return self._assessments.ids(tenant)

    def append_parameter(  # noqa: PLR0913 - a record of six facts
        self,
        assessment: Assessment,
        *,
        check_id: str,
        name: str,
        value: Any,
        default: Any,
        by: str,
        why: str,
    ) -> int:
        """Log that a user's parameter was set or, with None, taken back; return its leaf."""
        said = {"assessment_id": assessment.id, "check_id": check_id, "name": name, "by": by}
        values = {"value": value, "default": default}
        record = records.parameter(self._clock(), values, **said, why=why)
        return self.append_record(assessment.tenant, record)

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
        rows = self._results.prepare(tenant, run_id, results)
        with self._database.write() as connection:
            self._database.hold_files(connection, sweeping=False)
            self._runs.hold(connection, run_id)
            self._results.put(connection, tenant, rows)

    def result(self, run_id: str, unit_id: str) -> Result | None:
        """Return the run's answer to a question, or None where it has none yet."""
        return self._results.get(run_id, unit_id)

    def results(self, run_id: str) -> Iterator[Result]:
        """Yield every result of the run."""
        return self._results.of_run(run_id)

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
        with self._database.write() as connection:
            done = commits.earlier(connection, run_record.run_id)
            if done is None:
                self._database.hold_files(connection, sweeping=False)
                self._runs.hold(connection, run_record.run_id)
                commits.check_files(self._kept.objects, segments)
                done = commits.commit(connection, run_record, segments, signer, self._clock())
        self._runs.forget(run_record.run_id)
        return replace(done, warnings=self.publish(run_record.tenant))

    def evidence(
        self, assessment_id: str, first_day: date, last_day: date, control: str | None = None
    ) -> Iterator[tuple[int, Evidence]]:
        """Yield (leaf, record) of a period in leaf order, streamed; only `control`'s if given."""
        return self._evidence.between(assessment_id, first_day, last_day, control)

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

    # The ledger

    def tenants(self) -> list[str]:
        """Return the tenants that have a log."""
        with self._database.read() as connection:
            return list(connection.scalars(sa.select(log_table.c.tenant).order_by("tenant")))

    def log(self, tenant: str) -> Log:
        """Return the tenant's log, to read and to prove from."""
        return Log(self._database, tenant)

    def append_record(self, tenant: str, record: Mapping[str, Any]) -> int:
        """Log a record of kind change, parameter or key; return its leaf."""
        records.check_kind(record)
        now = self._clock()
        with self._database.write() as connection:
            appender = Appender(connection, tenant)
            day = records.day_of(record, now)
            return records.add(connection, appender, tenant, record, day)[0]

    def run_records(
        self, tenant: str, first_day: date, last_day: date
    ) -> list[tuple[int, dict[str, Any]]]:
        """Return (leaf, record) of every run of the period, in leaf order."""
        return self._records(records.of_runs(tenant, first_day, last_day))

    def records_between(
        self, tenant: str, first_leaf: int, last_leaf: int
    ) -> list[tuple[int, dict[str, Any]]]:
        """Return (leaf, record) of changes, parameters and keys among these leaves."""
        return self._records(records.between(tenant, first_leaf, last_leaf))

    def checkpoint(self, tenant: str) -> StoredCheckpoint | None:
        """Return the newest signed checkpoint, or None."""
        with self._database.read() as connection:
            return checkpoints.newest(connection, tenant)

    def checkpoints(self, tenant: str) -> list[StoredCheckpoint]:
        """Return all signed checkpoints, the oldest first."""
        with self._database.read() as connection:
            return checkpoints.every(connection, tenant)

    def sign_checkpoint(self, tenant: str, signer: Signer | None = None) -> StoredCheckpoint:
        """Sign the log as it stands now if it has grown; return the newest checkpoint."""
        signer = signer or self.keys.signer()
        with self._database.write() as connection:
            found = checkpoints.newest(connection, tenant)
            size = log_size(connection, tenant)
            if found is None or found.size < size or found.key != signer.public.fingerprint:
                appender = Appender(connection, tenant)
                checkpoints.put(connection, appender, tenant, signer, self._clock())
                found = checkpoints.newest(connection, tenant)
        if found is None:
            raise StoreError(f"The log of {tenant} could not be signed")
        return found

    def publish(self, tenant: str) -> tuple[str, ...]:
        """Publish tiles, checkpoint, lake; ask for a time stamp; return what failed."""
        warnings = [self.lake.warning(tenant)]
        try:
            checkpoints.publish_tiles(self._database, self._kept.objects, tenant)
        except StoreError as error:
            warnings.append(f"The ledger's files were not published: {error.what}. {error.why}")
        if self._timestamp_url:
            warnings.append(checkpoints.stamp_newest(self._database, tenant, self._timestamp_url))
        return tuple(warning for warning in warnings if warning)

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Return the current public key, then the earlier ones."""
        return self.keys.public_keys()

    def verify(
        self,
        progress: Progress = lambda _done, _all: None,
        tenants: Sequence[str] | None = None,
        keys: Sequence[PublicKey] | None = None,
    ) -> list[VerifiedLog]:
        """Verify logs, all or `tenants`'; raise an error that names the first wrong thing."""
        known = self.public_keys() if keys is None else keys
        chosen = self.tenants() if tenants is None else tenants
        return [
            LogVerifier(self._database, self._kept, tenant, known).verify(progress)
            for tenant in chosen
        ]

    def verify_content(
        self,
        progress: Progress = lambda _done, _all: None,
        tenants: Sequence[str] | None = None,
    ) -> list[VerifiedContent]:
        """Read all answers, blobs and attached files again; what is gone or altered is returned."""
        return [
            ContentVerifier(self._database, self._blobs, self.attachments, tenant).verify(progress)
            for tenant in (self.tenants() if tenants is None else tenants)
        ]

    def sweep(self, *, daily: bool = False) -> list[str]:
        """Remove objects of over an hour that no row names (`daily`: once a day); return where."""
        if daily and not sweeping.is_due(self._kept.objects, self._clock()):
            return []
        swept = sweeping.sweep(self._database, self._kept.objects, self._clock())
        return [self._kept.objects.where(name) for name in swept]

    def compact(self, tenant: str, stopping: Callable[[], bool] = lambda: False) -> Compacted:
        """Put the segments of each day before today into one file; no leaf or proof changes."""
        done = compacting.compact(
            self._database, self._kept, tenant, self._clock().date(), stopping
        )
        self.lake.follow(tenant)
        return done

    def _records(self, chosen: sa.Select[Any]) -> list[tuple[int, dict[str, Any]]]:
        with self._database.read() as connection:
            return [(row[0], json.loads(row[1])) for row in connection.execute(chosen)]


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
