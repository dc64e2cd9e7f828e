"""One control's evidence of one day, in pages and in numbers, from segments that were found whole.

Which rows are a control's is found out once, over one column; and only the row groups with rows of
the page are decoded. What was decoded is kept for the next page, up to a bound.
"""

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from affidavit.store.database import Database
from affidavit.store.intact import Stamp
from affidavit.store.schema import segment as table
from affidavit.store.segment_places import SegmentPlaces
from affidavit.store.segments import damage_named

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_BYTES: Final = 48 << 20
"""Decoded columns that are kept in memory; a row group takes about one MiB."""
_ROW_BYTES: Final = 6144
"""About what a `PageRow` takes with its texts, and with what was made of it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PageRow(NamedTuple):
    """A record of evidence as folders show it: without its inputs and parameters."""

    id: str
    account_id: str
    source_type: str
    keyword: str
    evidence_type: str
    time: datetime
    verdict: str
    reason: str
    gap: str
    region: str
    resource_arn: str
    resource_type: str
    check_id: str
    origin: str
    run_id: str
    synthetic: bool
    attributes: Mapping[str, str]
    entry: bytes
    made: dict[Hashable, Any]
    """What its readers made of it alone, kept with it; empty as read."""


COLUMNS: Final = PageRow._fields[:-1]
"""Of a segment."""


class Told(NamedTuple):
    """What a record of evidence says of its source."""

    source_id: str
    verdict: str
    gap: str
    reason: str


class EvidencePages:
    """Reads pages of folders; safe to share between threads."""

    def __init__(self, database: Database, places: SegmentPlaces) -> None:
        self._database = database
        self._places = places
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._bytes = 0

    def rows(
        self, assessment_id: str, day: date, control: str, after: int, limit: int
    ) -> list[tuple[int, PageRow]]:
        """Return up to `limit` (leaf, record) of a control and day, of leaves behind `after`.

        `StoreDamagedError` names a file that is gone or altered.
        """
        found: list[tuple[int, PageRow]] = []
        for part in self._parts(assessment_id, day):
            if len(found) == limit:
                break
            if part.first_leaf + part.rows - 1 > after:
                known = after - part.first_leaf
                rows = self._of_part(part, control, known, limit - len(found))
                found += [(part.first_leaf + number, row) for number, row in rows]
        return found

    def told(self, assessment_id: str, day: date, control: str) -> Counter[Told]:
        """Return how often a control's evidence of a day says what, in the order of leaves.

        `StoreDamagedError` names a file that is gone or altered.
        """
        found: Counter[Told] = Counter()
        for part in self._parts(assessment_id, day):
            found.update(self._told(part, control))
        return found

    def _parts(self, assessment_id: str, day: date) -> Sequence[sa.Row[Any]]:
        def read() -> Sequence[sa.Row[Any]]:
            chosen = sa.select(table).where(
                table.c.assessment_id == assessment_id, table.c.day == day.isoformat()
            )
            with self._database.read() as connection:
                return connection.execute(chosen.order_by(table.c.first_leaf)).all()

        key = ("segments", assessment_id, day)
        return self._database.recent.get(key, read, lambda rows: 1024 * len(rows))

    def _told(self, part: sa.Row[Any], control: str) -> Counter[Told]:
        path, stamp = self._found(part)

        def read() -> "pa.Table":
            import pyarrow.parquet as pq

            columns = list(Told._fields)
            return pq.read_table(path, columns=columns, read_dictionary=columns)

        with damage_named(path):
            rows = self._once((path, stamp, Told), read).slice(part.first_row, part.rows)
            own = rows.take(self._numbers(path, stamp, part, control))
            return Counter(map(Told, *(own.column(name).to_pylist() for name in Told._fields)))

    def _found(self, part: sa.Row[Any]) -> tuple[Path, Stamp]:
        """Return a part's file, which is what was committed."""
        path = self._places.local(part.path, part.file)
        return path, self._places.intact.check(path, part.file)

    def _of_part(
        self, part: sa.Row[Any], control: str, after: int, limit: int
    ) -> Sequence[tuple[int, PageRow]]:
        """Return (number in the part, record) of rows behind `after`."""
        import pyarrow.compute as pc

        path, stamp = self._found(part)

        def read() -> _Page:
            numbers = self._numbers(path, stamp, part, control)
            wanted = numbers.slice(_first_above(numbers, after), limit)
            if not len(wanted):
                return _Page([])
            rows = self._decoded(path, stamp, pc.add(wanted, part.first_row))
            return _Page(list(zip(wanted.to_pylist(), rows, strict=True)))

        place = (path, stamp, part.first_row, part.rows, control, after, limit)
        with damage_named(path):
            page: _Page = self._once(place, read)
        return page.rows

    def _numbers(self, path: Path, stamp: Stamp, part: sa.Row[Any], control: str) -> "pa.Array":
        """Return the numbers of a control's rows in a part of a file, in order."""

        def read() -> "pa.Array":
            import pyarrow.compute as pc
            import pyarrow.parquet as pq

            column = pq.read_table(path, columns=["control_id"]).column(0)
            column = column.slice(part.first_row, part.rows).combine_chunks()
            return pc.indices_nonzero(pc.equal(column, control))

        return self._once((path, stamp, part.first_row, part.rows, control), read)

    def _decoded(self, path: Path, stamp: Stamp, numbers: "pa.Array") -> list[PageRow]:
        """Return the rows of a file by their numbers, which are in order."""
        import pyarrow.compute as pc

        ends: list[int] = self._once((path, stamp), lambda: _Ends(path)).ends
        rows: list[PageRow] = []
        wanted, at = numbers.to_pylist(), 0
        for group, end in enumerate(ends):
            following = bisect_left(wanted, end, at)
            if following > at:
                own = numbers.slice(at, following - at)
                read = self._once((path, stamp, group), partial(_read, path, group))
                rows += _rows(read.take(pc.subtract(own, ends[group - 1] if group else 0)))
            at = following
        return rows

    def _once(self, key: Hashable, read: Callable[[], Any]) -> Any:
        """Return what `read` gives, or what it gave not long ago."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = read()
        with self._lock:
            if key not in self._kept and found.nbytes < KEPT_BYTES // 4:
                self._kept[key] = found
                self._bytes += found.nbytes
                while self._bytes > KEPT_BYTES:
                    self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return found


class _Page:
    """Rows of a page, for who asks again: one item of a folder after the other, for example."""

    def __init__(self, rows: Sequence[tuple[int, PageRow]]) -> None:
        self.rows = rows
        self.nbytes = _ROW_BYTES * (1 + len(rows))


class _Ends:
    """How far the row groups of a file go."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        metadata = pq.read_metadata(path)
        sizes = (metadata.row_group(n).num_rows for n in range(metadata.num_row_groups))
        self.ends = list(accumulate(sizes))
        self.nbytes = 64 * len(self.ends)


def _read(path: Path, group: int) -> "pa.RecordBatch":
    """Return a row group's `COLUMNS`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        read = file.read_row_group(group, columns=list(COLUMNS), use_threads=False)
    micros = read.column("time").cast(pa.int64())  # as times, they take longer than all the rest
    read = read.set_column(read.column_names.index("time"), "time", micros)
    return read.select(COLUMNS).combine_chunks().to_batches()[0]


def _rows(found: "pa.RecordBatch") -> list[PageRow]:
    columns = dict(zip(COLUMNS, (c.to_pylist() for c in found.columns), strict=True))
    columns["attributes"] = [dict(pairs) for pairs in columns["attributes"]]
    columns["time"] = [_EPOCH + timedelta(microseconds=micros) for micros in columns["time"]]
    made: Iterable[dict[Hashable, Any]] = ({} for _ in range(found.num_rows))
    return list(map(PageRow, *columns.values(), made))


def _first_above(numbers: "pa.Array", after: int) -> int:
    """Return where the numbers greater than `after` begin."""
    import pyarrow.compute as pc

    return int(pc.sum(pc.less_equal(numbers, after)).as_py() or 0) if after >= 0 else 0
