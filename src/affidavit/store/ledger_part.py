"""The part of the store that is the ledger: logs, records, checkpoints, what proves them.

`Store` is this and more; only it makes one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from affidavit.errors import StoreError
from affidavit.ledger.keys import KeyFolder, PublicKey, Signer
from affidavit.model.run import Assessment, is_whole
from affidavit.store import checkpoints, records
from affidavit.store.attachments import Attachments
from affidavit.store.blobs import Blobs
from affidavit.store.checkpoints import StoredCheckpoint
from affidavit.store.content_verifying import ContentVerifier, VerifiedContent
from affidavit.store.database import Database
from affidavit.store.kept import Kept
from affidavit.store.lake import Lake
from affidavit.store.log import Appender, Log, log_size
from affidavit.store.schema import log as log_table
from affidavit.store.verifying import LogVerifier, Progress, VerifiedLog

Records = list[tuple[int, dict[str, Any]]]


class LedgerPart:
    """Logs of all tenants, in the store's database."""

    keys: KeyFolder
    attachments: Attachments
    lake: Lake
    _clock: Callable[[], datetime]
    _database: Database
    _kept: Kept
    _blobs: Blobs
    _timestamp_url: str

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

    def run_records(self, tenant: str, first_day: date, last_day: date) -> Records:
        """Return (leaf, record) of every run of the period, in leaf order."""
        return self._records(records.of_runs(tenant, first_day, last_day))

    def whole_runs(self, assessment: Assessment, day: date) -> list[dict[str, Any]]:
        """Return the records of the assessment's whole runs of a day; the last one counts."""
        found = (record for _, record in self.run_records(assessment.tenant, day, day))
        return [one for one in found if one["assessment_id"] == assessment.id and is_whole(one)]

    def records_between(self, tenant: str, first_leaf: int, last_leaf: int) -> Records:
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

    def publish(self, tenant: str) -> tuple[str, ...]:
        """Publish tiles, checkpoint, lake; ask for a time stamp; return what failed."""
        warnings = [self.lake.warning(tenant)]
        try:
            checkpoints.publish_tiles(self._database, self._kept.objects, tenant)
        except StoreError as error:
            warnings.append(f"The ledger's files were not published: {error.in_a_line}")
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
        with self._kept.keyring.asked_once():
            return [
                LogVerifier(self._database, self._kept, tenant, known).verify(progress)
                for tenant in (self.tenants() if tenants is None else tenants)
            ]

    def verify_content(
        self,
        progress: Progress = lambda _done, _all: None,
        tenants: Sequence[str] | None = None,
    ) -> list[VerifiedContent]:
        """Read all answers, blobs and attached files again; what is gone or altered is returned."""
        with self._kept.keyring.asked_once():
            return [
                ContentVerifier(self._database, self._blobs, self.attachments, tenant).verify(
                    progress
                )
                for tenant in (self.tenants() if tenants is None else tenants)
            ]

    def _records(self, chosen: sa.Select[Any]) -> Records:
        with self._database.read() as connection:
            return [(row[0], json.loads(row[1])) for row in connection.execute(chosen)]
