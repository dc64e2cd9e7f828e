"""Verification of what the ledger names by digest: answers with their bodies, and attached files.

Every blob is decrypted and hashed again, every answer's digest computed from its row, each run's
answers compared with what its record in the ledger committed to, and every file and text that was
added as manual evidence hashed. Nothing stops at the first damage: all of it is named.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from affidavit.errors import StoreError, StoreSealedError
from affidavit.model.canonical import digest_of
from affidavit.model.run import digest_of_answers
from affidavit.store.attachments import Attachments
from affidavit.store.blobs import Blobs
from affidavit.store.database import Database
from affidavit.store.schema import document as document_table
from affidavit.store.schema import record as record_table
from affidavit.store.schema import result as result_table
from affidavit.store.schema import run as run_table
from affidavit.store.told_deleted import ToldDeleted, added_by

Progress = Callable[[int, int], None]
"""Called with answers and files done, and how many there are in all."""
_PAGE = 200
_MANUAL = "manual_evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One thing that is gone or is not what its digest says."""

    what: str
    """The file, row or document."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedContent:
    """What was read again of one tenant."""

    tenant: str
    answers: int
    """Rows of observations and gaps."""
    blobs: int
    """Different bodies among them."""
    attachments: int
    """Files and texts of manual evidence."""
    deleted: int
    """Runs without their answers, and items: the ledger says that they were deleted."""
    damages: tuple[Damage, ...]
    """Empty where all holds."""
    unopened: int = 0
    """Bodies and files whose key cannot be used, so that they were not compared."""
    why_unopened: str = ""


class ContentVerifier:
    """Reads everything of one tenant that digests in the ledger stand for."""

    def __init__(
        self, database: Database, blobs: Blobs, attachments: Attachments, tenant: str
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._attachments = attachments
        self._tenant = tenant
        self._damages: list[Damage] = []
        self._unopened, self._why_unopened = 0, ""
        self._body = ("", "")
        """The last blob and its digest: rows come in the order of their blobs."""
        self._read = 0
        self._told = ToldDeleted(self._records("change"))
        self._deleted = 0

    def verify(self, progress: Progress) -> VerifiedContent:
        """Return what was read and all that is damaged."""
        added, gone = dict(self._added()), 0
        total, done = self._count() + len(added), 0
        for row in self._rows():
            self._answer(row)
            done += 1
            if done % _PAGE == 0:
                progress(done, total)
        for run in self._run_records():
            self._answers_of(run)
        for identifier, (digest, is_file, assessment_id) in added.items():
            if self._told.item(identifier, assessment_id) and self._is_gone(digest):
                gone += 1
            elif is_file:
                self._file(identifier, digest)
            else:
                self._text(identifier, digest)
        progress(total, total)
        return VerifiedContent(
            tenant=self._tenant,
            answers=done,
            blobs=self._read,
            attachments=len(added) - gone,
            deleted=self._deleted + gone,
            damages=tuple(self._damages),
            unopened=self._unopened,
            why_unopened=self._why_unopened,
        )

    def _unread(self, what: str, error: StoreError) -> None:
        """Tell what could not be read; of what a key keeps closed, how much, and why once."""
        if isinstance(error, StoreSealedError):
            self._unopened += 1
            self._why_unopened = self._why_unopened or error.with_todo
        else:
            self._damaged(what, error.in_a_line)

    def _damaged(self, what: str, why: str) -> None:
        self._damages.append(Damage(what=what, why=why))

    def _chosen(self, *columns: Any) -> sa.Select[Any]:
        joined = sa.select(*columns).join(run_table, run_table.c.id == result_table.c.run_id)
        return joined.where(run_table.c.tenant == self._tenant)

    def _count(self) -> int:
        counted = self._chosen(sa.func.count()).select_from(result_table)
        with self._database.read() as connection:
            return int(connection.scalar(counted) or 0)

    def _rows(self) -> Iterator[sa.Row[Any]]:
        """Yield every answer's row, those with one blob together; a page at a time."""
        key = (result_table.c.blob, result_table.c.run_id, result_table.c.unit_id)
        last: tuple[str, str, str] | None = None
        while True:
            chosen = self._chosen(result_table).order_by(*key).limit(_PAGE)
            if last is not None:
                chosen = chosen.where(sa.tuple_(*key) > last)
            with self._database.read() as connection:
                rows = list(connection.execute(chosen))
            yield from rows
            if len(rows) < _PAGE:
                return
            last = (rows[-1].blob, rows[-1].run_id, rows[-1].unit_id)

    def _answer(self, row: sa.Row[Any]) -> None:
        what = f"The answer {row.digest} of run {row.run_id}"
        value = json.loads(row.body)
        if digest_of(value) != row.digest:
            self._damaged(what, f"Its digest is now {digest_of(value)}.")
        if value.get("kind") != "observation" or not self._digest_of_blob(row, what):
            return
        if self._body[1] != value.get("body_digest"):
            path = self._blobs.where(self._tenant, row.blob)
            self._damaged(what, f"Its body, the blob {path}, is not the one observed.")

    def _digest_of_blob(self, row: sa.Row[Any], what: str) -> bool:
        """Read a blob once; return whether there is a digest to compare with."""
        if self._body[0] == row.blob:
            return bool(self._body[1])
        try:
            self._body = (row.blob, sha256(self._blobs.get(self._tenant, row.blob)).hexdigest())
        except StoreError as error:
            self._body = (row.blob, "")
            self._unread(what, error)
        self._read += 1
        return bool(self._body[1])

    def _run_records(self) -> list[dict[str, Any]]:
        return self._records("run")

    def _records(self, kind: str) -> list[dict[str, Any]]:
        chosen = (
            sa.select(record_table.c.body)
            .where(record_table.c.tenant == self._tenant, record_table.c.kind == kind)
            .order_by(record_table.c.leaf)
        )
        with self._database.read() as connection:
            return [json.loads(body) for body in connection.scalars(chosen)]

    def _answers_of(self, run: dict[str, Any]) -> None:
        chosen = sa.select(result_table.c.digest).where(result_table.c.run_id == run["run_id"])
        with self._database.read() as connection:
            digests = sorted(connection.scalars(chosen.distinct()))
        if run["answers"] and not digests and self._told.run(run):
            self._deleted += 1
            return
        if (len(digests), digest_of_answers(digests)) != (run["answers"], run["answers_digest"]):
            self._damaged(
                f"The answers of run {run['run_id']}",
                f"The ledger committed to {run['answers']}; {len(digests)} are there, or others.",
            )

    def _added(self) -> Iterator[tuple[str, tuple[str, bool, str]]]:
        """Yield (id, (SHA-256, is a file, assessment)) of manual evidence that the ledger names."""
        for change in self._records("change"):
            of = str(change.get("assessment_id", ""))
            for item in added_by(change):
                yield item["id"], (item["sha256"], item.get("isFile") or "fileName" in item, of)

    def _is_gone(self, digest: str) -> bool:
        """Tell whether a file that was deleted is not there; without its key nobody can find it."""
        try:
            return not self._attachments.is_there(self._tenant, digest)
        except StoreSealedError:
            return True

    def _file(self, identifier: str, digest: str) -> None:
        what = f"The file of manual evidence {identifier}"
        try:
            path = self._attachments.where(self._tenant, digest)
            total = sha256()
            for part in self._attachments.parts(self._tenant, digest):
                total.update(part)
        except StoreError as error:
            self._unread(what, error)
            return
        if total.hexdigest() != digest:
            self._damaged(what, f"{path} was altered: its SHA-256 is not the ledger's.")

    def _text(self, identifier: str, digest: str) -> None:
        """Check a text response, of which nothing says that it was deleted."""
        chosen = sa.select(document_table.c.body).where(
            document_table.c.tenant == self._tenant,
            document_table.c.kind == _MANUAL,
            document_table.c.id == identifier,
        )
        with self._database.read() as connection:
            body = connection.scalar(chosen)
        what = f"The text of manual evidence {identifier}"
        text = json.loads(body).get("textResponse") if body else None
        if not body:
            self._damaged(what, "It is gone, and the ledger tells of no deletion.")
        elif sha256(str(text).encode()).hexdigest() != digest:
            self._damaged(what, "Its SHA-256 is not the ledger's.")
