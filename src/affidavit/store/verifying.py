"""Verification of a tenant's ledger from what is stored, naming what is wrong.

Every leaf is computed again from its segment row or its record, compared with the log's entry, and
appended to a fresh tree, whose root must be that of every signed checkpoint on the way. Evidence is
hashed by the column, thousands at once; where that differs, by the record, to say what. Of evidence
that was deleted, and is named so by a record of the log, the entries are taken as logged. Beside:
the cached hashes, the key records' signatures, what each run record says of its own evidence, the
chain of the runs, and the checkpoint published as a file (a database set back shows there).
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import sqlalchemy as sa

from affidavit.errors import LedgerError, StoreDamagedError, StoreSealedError
from affidavit.ledger import tree
from affidavit.ledger.checkpoint import Checkpoint, open_note
from affidavit.ledger.keys import PublicKey, verify_statement
from affidavit.ledger.tiles import FULL, WIDTH, TileNodes, extend
from affidavit.ledger.tree import HASH_SIZE
from affidavit.model.canonical import canonical
from affidavit.store import checkpoints, deleting
from affidavit.store.damage import BACKUP, laid_out_otherwise, together, what_changed
from affidavit.store.database import Database
from affidavit.store.intact import check_digest
from affidavit.store.kept import Kept
from affidavit.store.log import Log, fetch, log_size
from affidavit.store.schema import record as record_table
from affidavit.store.schema import segment as segment_table
from affidavit.store.segment_columns import schema
from affidavit.store.segment_json import entries_of
from affidavit.store.segment_sink import ROW_GROUP, counted, entries_beside
from affidavit.store.segments import damage_named, read_columns, row_of

if TYPE_CHECKING:
    import pyarrow as pa

_T = TypeVar("_T")
Progress = Callable[[int, int], None]
"""Called with leaves done and leaves in all."""
_AT_ONCE = 2**16
"""Leaves whose entries are read from the log together: two MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLog:
    """A log in which everything held."""

    tenant: str
    leaves: int
    evidence: int
    runs: int
    checkpoints: int
    """Signed checkpoints whose root and signature hold."""
    unsigned: int
    """Leaves after the newest checkpoint."""
    deleted: int = 0
    """Leaves whose evidence was deleted, as the log itself says; their hashes hold."""
    sealed: int = 0
    """Leaves whose evidence could not be opened, so was not compared; their hashes hold."""
    why_sealed: str = ""


@dataclass(frozen=True, slots=True)
class _Leaves:
    """Leaves in a row, of one kind, as recomputed from what is stored."""

    first: int
    entries: bytes
    """32 bytes each."""
    counts: Mapping[tuple[str, str], int] | None = None
    """Of evidence: (control id, verdict) -> number of records."""
    record: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.entries) // HASH_SIZE


class LogVerifier:
    """Reads one tenant's log from end to end."""

    def __init__(
        self,
        database: Database,
        kept: Kept,
        tenant: str,
        keys: Sequence[PublicKey],
    ) -> None:
        self._database = database
        self._objects, self._places = kept.objects, kept.places
        self._tenant = tenant
        self._keys = keys
        self._signed: dict[int, list[Checkpoint]] = {}
        self._read_published()  # first: files are published after their commit
        with database.read() as connection:
            self.size = log_size(connection, tenant)
            stored = checkpoints.every(connection, tenant)
        for item in stored:
            self._open(item.note)
        self._stored = len(stored)
        self._runs: dict[str, tuple[int, str]] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._evidence = 0
        self._deleted = self._gone = self._sealed = 0
        self._why_sealed = ""
        self._wrong: list[LedgerError | StoreDamagedError] = []
        self._held = (0, b"")
        self._checked: set[str] = set()

    def verify(self, progress: Progress) -> VerifiedLog:
        """Return the summary when everything holds; else raise what names what is wrong.

        Of segments all that are wrong, as each stands for itself; of the rest the first.
        """
        try:
            self._read(progress)
        except LedgerError as error:
            raise together([*self._wrong, error]) from error
        if self._wrong:
            raise together(self._wrong)
        return VerifiedLog(
            tenant=self._tenant,
            leaves=self.size,
            evidence=self._evidence,
            runs=sum(sequence for sequence, _ in self._runs.values()),
            checkpoints=self._stored,
            unsigned=self.size - max(self._signed, default=0),
            deleted=self._deleted - self._sealed,
            sealed=self._sealed,
            why_sealed=self._why_sealed,
        )

    def _read(self, progress: Progress) -> None:
        size, edge = 0, dict[int, bytes]()
        self._compare_root(size, edge)
        for leaves in self._leaves():
            self._judge(leaves)
            for entries in self._up_to_checkpoints(leaves):
                self._compare_cached(size, edge, entries)
                size += len(entries) // HASH_SIZE
                self._compare_root(size, edge)
            progress(size, self.size)
        for level, hashes in edge.items():
            self._compare_row(level, size // WIDTH ** (level + 1), hashes)
        self._refuse_rollback(size)

    def _open(self, note: str) -> None:
        checkpoint = open_note(note, [key.verifier(self._tenant) for key in self._keys])
        self._signed.setdefault(checkpoint.size, []).append(checkpoint)

    def _read_published(self) -> None:
        note = checkpoints.published_checkpoint(self._objects, self._tenant)
        if note:
            self._open(note)

    def _refuse_rollback(self, size: int) -> None:
        beyond = [signed for signed in self._signed if signed > size]
        if beyond or size != self.size:
            raise LedgerError(
                f"The ledger of {self._tenant} was set back",
                why=f"It has {size} leaves, but {max([*beyond, self.size])} were logged.",
                todo=BACKUP,
            )

    def _up_to_checkpoints(self, leaves: _Leaves) -> Iterator[bytes]:
        """Yield the entries, cut where a checkpoint was signed."""
        end = leaves.first + len(leaves)
        cuts = [leaves.first, *(n for n in sorted(self._signed) if leaves.first < n < end), end]
        for start, stop in itertools.pairwise(at - leaves.first for at in cuts):
            yield leaves.entries[start * HASH_SIZE : stop * HASH_SIZE]

    def _leaves(self) -> Iterator[_Leaves]:
        """Yield every leaf in order; a leaf that nothing explains is named."""
        expected = 0
        for start, produce in sorted(self._sources(), key=lambda source: source[0]):
            if start != expected:
                break
            for leaves in produce():
                yield leaves
                expected += len(leaves)
        if expected != self.size:
            raise LedgerError(
                f"Leaf {expected} of {self._tenant} has neither a segment nor a record",
                why="The row that named it is gone, or two rows claim the same leaves.",
                todo=BACKUP,
            )

    def _sources(self) -> Iterator[tuple[int, Callable[[], Iterator[_Leaves]]]]:
        tenant, size = self._tenant, self.size
        with self._database.read() as connection:
            segments = list(
                connection.execute(
                    sa.select(segment_table).where(
                        segment_table.c.tenant == tenant, segment_table.c.first_leaf < size
                    )
                )
            )
            known = (record_table.c.tenant == tenant, record_table.c.leaf < size)
            leaves = list(connection.scalars(sa.select(record_table.c.leaf).where(*known)))
            named = record_table.c.body.contains(deleting.OBJECT_TYPE)
            chosen = sa.select(record_table).where(*known, record_table.c.kind == "change", named)
            changes = list(connection.execute(chosen))
        for row in segments:
            yield row.first_leaf, partial(self._of_segment, row)
        for change in changes:
            for first, count in deleting.deleted_leaves(change.leaf, json.loads(change.body)):
                yield first, partial(self._of_deleted, first, count)
        for number in leaves:
            yield number, partial(self._of_record, number)

    def _of_deleted(self, first: int, count: int) -> Iterator[_Leaves]:
        """Yield leaves whose evidence was deleted: only the log's entries are left of them."""
        for start in range(first, first + count, _AT_ONCE):
            yield _Leaves(start, self._logged(start, min(_AT_ONCE, first + count - start)))

    def _of_record(self, number: int) -> Iterator[_Leaves]:
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(record_table).where(
                    record_table.c.tenant == self._tenant, record_table.c.leaf == number
                )
            ).one()
        where = f"the {row.kind} record at leaf {number}"
        record = json.loads(row.body)
        if record.get("kind") != row.kind:
            raise LedgerError(f"In {where}, kind is {record.get('kind')!r}", todo=BACKUP)
        entry = sha256(canonical(record)).digest()
        if entry != self._logged(number, 1):
            raise LedgerError(
                f"Not what was logged: {where}",
                why="Its SHA-256 is not the entry of its leaf.",
                todo=BACKUP,
            )
        yield _Leaves(number, entry, record=record)

    def _of_segment(self, row: sa.Row[Any]) -> Iterator[_Leaves]:
        """Yield a segment's leaves; what is wrong with it is told at the end, with all the rest."""
        done = 0
        try:
            for leaves in self._of_rows(row):
                yield leaves
                done += len(leaves)
        except (LedgerError, StoreDamagedError) as error:
            self._wrong.append(error)
            yield from self._of_deleted(row.first_leaf + done, row.rows - done)

    def _of_rows(self, row: sa.Row[Any]) -> Iterator[_Leaves]:
        try:
            path = self._places.local(row.path, row.file)
        except StoreSealedError as error:
            self._sealed += row.rows
            self._why_sealed = self._why_sealed or error.with_todo
            yield from self._of_deleted(row.first_leaf, row.rows)
            return
        count = 0
        for number, rows in _ahead(read_columns(path, (row.first_row, row.rows), ROW_GROUP)):
            with damage_named(path):
                leaves = self._recomputed(path, row.first_leaf + number, number, rows)
            yield leaves
            count += rows.num_rows
        if row.file not in self._checked:
            check_digest(path, row.file)
            self._checked.add(row.file)
        if count != row.rows:
            raise LedgerError(f"The segment {path} has {count} rows, not {row.rows}", todo=BACKUP)

    def _recomputed(self, path: Path, first: int, number: int, rows: "pa.RecordBatch") -> _Leaves:
        """Return the leaves from `first` on, of the file's rows from `number` on."""
        if not rows.schema.equals(schema()):  # what is hashed would be read as something else
            raise laid_out_otherwise(path)
        columns = dict(zip(rows.schema.names, rows.columns, strict=True))
        logged = self._logged(first, rows.num_rows)
        try:
            entries = b"".join(entries_of(columns))
        except (KeyError, TypeError, ValueError):
            entries = b""
        if entries != logged or entries_beside(rows) != logged:
            self._name_wrong(path, first, number, rows)
        counts = Counter[tuple[str, str]]()
        for (_, control, verdict), many in counted(rows):
            counts[control, verdict] += many
        return _Leaves(first, logged, counts)

    def _name_wrong(self, path: Path, first: int, number: int, rows: "pa.RecordBatch") -> NoReturn:
        """Raise the error that names the first row that is not what was logged, and its field."""
        for at, values in enumerate(rows.to_pylist()):
            found = row_of(values)
            entry = sha256(canonical(found.evidence.to_json())).digest()
            where = f"the segment {path}, row {number + at} (evidence {found.evidence.id})"
            logged = self._logged(first + at, 1)
            if entry != logged:
                raise LedgerError(
                    f"Not what was logged: {where}",
                    why=what_changed(found.evidence, logged),
                    todo=BACKUP,
                )
            if found.entry != entry:
                raise LedgerError(f"Field entry is wrong in {where}", todo=BACKUP)
        raise laid_out_otherwise(path)

    def _logged(self, first: int, count: int) -> bytes:
        """Return the log's entries of leaves; the last ones read are kept, leaves come in order."""
        begin, held = self._held
        at = (first - begin) * HASH_SIZE
        if at < 0 or at + count * HASH_SIZE > len(held):
            many = max(count, min(_AT_ONCE, self.size - first))
            held, at = Log(self._database, self._tenant).entries(first, many), 0
            self._held = first, held
        return held[at : at + count * HASH_SIZE]

    def _compare_cached(self, size: int, edge: dict[int, bytes], entries: bytes) -> None:
        """Compare the stored rows of hashes above the entries with freshly computed ones."""
        for row in extend(size, edge, entries):
            if len(row.hashes) == FULL:
                self._compare_row(row.level, row.number, row.hashes)

    def _compare_row(self, level: int, number: int, hashes: bytes) -> None:
        if level == 0 or not hashes:
            return
        with self._database.read() as connection:
            stored = fetch(connection, self._tenant, level, number)
        if stored[: len(hashes)] != hashes:
            raise LedgerError(
                f"Row {number} at level {level} of the log of {self._tenant} is wrong",
                why="Its hashes are not those of the entries below.",
                todo=BACKUP,
            )

    def _compare_root(self, size: int, edge: Mapping[int, bytes]) -> None:
        """Compare the root of the leaves so far, made of the partial rows, with the signed ones."""
        for checkpoint in self._signed.get(size, ()):
            if checkpoint.root != tree.root(TileNodes(lambda level, _: edge[level]), size):
                raise LedgerError(
                    f"The checkpoint of {self._tenant} at {size} leaves has another root",
                    why="Entries were changed together with the log's rows.",
                    todo=BACKUP,
                )

    def _judge(self, leaves: _Leaves) -> None:
        if leaves.counts is not None:
            for (control, verdict), many in leaves.counts.items():
                self._counts.setdefault(control, Counter())[verdict] += many
            self._evidence += len(leaves)
        elif leaves.record is None:
            self._deleted += len(leaves)
            self._gone += len(leaves)
        elif leaves.record["kind"] == "run":
            self._judge_run(leaves, leaves.record)
        elif leaves.record["kind"] == "key":
            old = next((k for k in self._keys if k.fingerprint == leaves.record["old"]), None)
            verify_statement(leaves.record, old)

    def _judge_run(self, leaf: _Leaves, record: dict[str, Any]) -> None:
        sequence, entry = self._runs.get(record["assessment_id"], (0, ""))
        expected = {"sequence": sequence + 1, "previous": entry}
        rows = sum(c.total() for c in self._counts.values()) + self._gone
        expected |= {"first_leaf": leaf.first - rows, "evidence": rows}
        for field, value in expected.items():
            if record[field] != value:
                raise LedgerError(
                    f"Run record at leaf {leaf.first}: {field} is {record[field]!r}, not {value!r}",
                    why="A run is missing, or its record was not written by this store.",
                )
        controls = () if self._gone else sorted(self._counts.keys() | record["controls"].keys())
        for control in controls:
            said = record["controls"].get(control, {}).get("records", {})
            held = dict(self._counts.get(control, {}))
            if {k: v for k, v in said.items() if v} != held:
                raise LedgerError(
                    f"In the run record at leaf {leaf.first}, {control} counts {said}, not {held}"
                )
        self._counts, self._gone = {}, 0
        self._runs[record["assessment_id"]] = (sequence + 1, leaf.entries.hex())


def _ahead(made: Iterator[_T]) -> Iterator[_T]:
    """Yield what is made, the next one of it meanwhile in a thread: Parquet is decoded beside."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as beside:
        coming = beside.submit(next, made, None)
        while (found := coming.result()) is not None:
            coming = beside.submit(next, made, None)
            yield found
