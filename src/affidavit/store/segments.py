"""Segments: evidence as immutable Parquet files, named by their SHA-256.

One column per member of the record, and the ledger entry beside, so that any tool reads them and
the canonical JSON can be made again exactly. Rows stand in leaf order. A segment counts once the
database names it; a file that it does not name is an orphan.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from affidavit.errors import StoreError
from affidavit.model.evidence import Evidence, Input
from affidavit.model.verdict import Standing, Verdict
from affidavit.store.files import disk_errors
from affidavit.store.intact import check_digest, damaged_file
from affidavit.store.places import from_micros
from affidavit.store.segment_columns import columns_of
from affidavit.store.segment_places import SegmentPlaces
from affidavit.store.segment_sink import STRETCH, SegmentSink

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BLOCK = 1024
"""Rows that are made into columns at once: some MiB, and twice that as records. Of records that
come together, and are in memory anyway, as many as are sorted and written together."""
READ_ROWS = 1024
"""Rows decoded at once when reading."""
Counts = Mapping[tuple[str, str], Mapping[str, int]]
"""(control set id, control id) -> verdict -> number of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A written segment: what the commit registers."""

    run_id: str
    tenant: str
    assessment_id: str
    day: str
    path: str
    """Below the object folder, with forward slashes."""
    rows: int
    digest: str
    """SHA-256 of the file, hexadecimal; also its name."""
    entries: bytes
    """Ledger entries of its rows, in order, 32 bytes each."""
    counts: Counts
    min_time: datetime
    max_time: datetime
    min_id: str
    max_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read: the record, and the entry that stands beside it."""

    evidence: Evidence
    entry: bytes


class SegmentWriter:
    """Streams evidence into one segment; memory stays flat. Close it, or nothing is kept."""

    def __init__(
        self, places: SegmentPlaces, run_id: str, tenant: str, assessment_id: str, day: str
    ) -> None:
        self._places = places
        self._ids = {"run_id": run_id, "assessment_id": assessment_id}
        self._tenant = tenant
        self._day = day
        self._new = places.new(tenant, day)
        self._sink = SegmentSink(self._new)
        self._waiting: list[Evidence] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()

    def append(self, evidence: Sequence[Evidence]) -> None:
        """Take records in; stretches of some thousands are sorted by control and time."""
        size = BLOCK if len(evidence) < STRETCH else STRETCH
        for first in range(0, len(evidence), size):
            part = evidence[first : first + size]
            self._refuse_strange(part)
            self._waiting += part
            if len(self._waiting) >= BLOCK:
                self._flush()

    def close(self) -> Segment:
        """Write the rest, sync, give the file its name; return what the commit needs."""
        self._flush(last=True)
        self._sink.close()
        held = self._sink.held
        if not held.rows:
            self.discard()
            raise StoreError("A segment without evidence", why="Every control has a record a day.")
        self._new.sync()
        with disk_errors(self._new.path), self._new.path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        path = self._places.keep(self._new, self._tenant, self._day, digest)
        return Segment(
            **self._ids,
            tenant=self._tenant,
            day=self._day,
            path=path,
            rows=held.rows,
            digest=digest,
            entries=b"".join(held.entries),
            counts={control: dict(counts) for control, counts in held.counts.items()},
            min_time=from_micros(min(held.times)),
            max_time=from_micros(max(held.times)),
            min_id=min(held.ids),
            max_id=max(held.ids),
        )

    def discard(self) -> None:
        """Remove what was written so far."""
        self._sink.discard()
        self._new.discard()

    def _refuse_strange(self, evidence: Sequence[Evidence]) -> None:
        run_id, assessment_id = self._ids["run_id"], self._ids["assessment_id"]
        if all(
            list(map(attrgetter(name), evidence)).count(one) == len(evidence)
            for name, one in self._ids.items()
        ):
            return
        for item in evidence:
            if item.run_id != run_id:
                raise StoreError(f"Evidence {item.id} belongs to another run", why=item.run_id)
            if item.assessment_id != assessment_id:
                raise StoreError(f"Evidence {item.id} belongs to another assessment")

    def _flush(self, *, last: bool = False) -> None:
        if self._waiting:
            rows, self._waiting = self._waiting, []
            self._sink.write(columns_of(rows)[0], last=last)


def read_segment(
    path: Path,
    digest: str,
    where: tuple[str, str] | None = None,
    *,
    part: tuple[int, int] | None = None,
    check: bool = True,
) -> Iterator[tuple[int, Row]]:
    """Yield (row number, row) in leaf order; only those with a value in a column (`where`).

    `part`: the first row and the number of rows, where a file holds several segments; rows are then
    numbered from the part's first. The file's digest is checked first, unless `check` is False.
    `StoreDamagedError` names the file where it is gone or altered.
    """
    if check:
        check_digest(path, digest)
    for start, batch in read_columns(path, part):
        with damage_named(path):
            rows = list(_rows(batch, where))
        for at, row in rows:
            yield start + at, row


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Raise `StoreDamagedError` that names the file whose content cannot be what was written."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise damaged_file(path, str(error)) from error


def read_columns(
    path: Path, part: tuple[int, int] | None = None, rows: int = READ_ROWS
) -> "Iterator[tuple[int, pa.RecordBatch]]":
    """Yield (number of the first row, rows) as `read_segment` does, by the column; no digest.

    `rows`: how many are decoded at once, at most.
    """
    import pyarrow.parquet as pq

    with damage_named(path), pq.ParquetFile(path) as file:
        yield from _batches(file, part or (0, file.metadata.num_rows), rows)


def _batches(
    file: "pq.ParquetFile", part: tuple[int, int], rows: int
) -> "Iterator[tuple[int, pa.RecordBatch]]":
    """Yield (number of the first row in the part, rows); only row groups of the part are read."""
    first, end = part[0], part[0] + part[1]
    groups: list[int] = []
    begin = at = 0
    for number in range(file.num_row_groups):
        following = at + file.metadata.row_group(number).num_rows
        if following > first and at < end:
            begin = begin if groups else at
            groups.append(number)
        at = following
    for batch in file.iter_batches(batch_size=rows, row_groups=groups, use_threads=False):
        low, high = max(first, begin), min(end, begin + batch.num_rows)
        if low < high:
            yield low - first, batch.slice(low - begin, high - low)
        begin += batch.num_rows


def _rows(batch: "pa.RecordBatch", where: tuple[str, str] | None) -> Iterator[tuple[int, Row]]:
    """Yield the rows whose column has a value, all where it is None, with their numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if where is None:
        numbers = list(range(batch.num_rows))
    else:
        mask = pc.equal(batch.column(where[0]), where[1])
        numbers = pc.indices_nonzero(mask).to_pylist()
        batch = batch.take(pa.array(numbers, pa.int64()))
    for number, values in zip(numbers, batch.to_pylist(), strict=True):
        yield number, row_of(values)


def row_of(values: dict[str, Any]) -> Row:
    """Return the row of a segment's columns, by name, as Arrow gives them; `values` is used up."""
    entry = values.pop("entry")
    values["verdict"] = Verdict(values["verdict"])
    values["standing"] = Standing(values["standing"])
    values["inputs"] = tuple(
        Input(digest=i["digest"], pointer=i["pointer"]) for i in values["inputs"]
    )
    values["attributes"] = dict(values["attributes"])
    return Row(Evidence(**values), entry)
