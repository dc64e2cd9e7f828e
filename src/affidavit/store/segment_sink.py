"""The Parquet file of a segment while it is written: blocks in, sorted stretches of rows out."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from affidavit.ledger.tree import HASH_SIZE
from affidavit.store.files import NewFile, disk_errors
from affidavit.store.segment_columns import FIELDS, schema, writer_of
from affidavit.store.segment_json import entries_of

if TYPE_CHECKING:
    import pyarrow as pa

STRETCH: Final = 4096
"""Rows that are kept as columns, some 5 MiB, until they are sorted and written together. Writing
takes as much again: whatever a run holds above that of a small estate is due to this number."""
ROW_GROUP: Final = 4096
"""Rows of a row group: few enough that a control's rows or a record are found in a part of a file,
enough for counting over many (`bench/finder.py`)."""
_COUNTED: Final = ("control_set_id", "control_id", "verdict")
_ORDER: Final = [(name, "ascending") for name in ("control_id", "time", "id")]


@dataclass(slots=True)
class Held:
    """What was written."""

    rows: int = 0
    entries: list[bytes] = field(default_factory=list)
    """Ledger entries in the order of the rows, 32 bytes each, a row group after the other."""
    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """(control set id, control id) -> verdict -> number of records."""
    times: list[int] = field(default_factory=list)
    """The first and the last of each row group, in microseconds."""
    ids: list[str] = field(default_factory=list)
    """The first and the last of each row group."""


class SegmentSink:
    """Takes blocks of columns, hashes and sorts them, and writes them in a thread of its own.

    Encoding and compression are one long call of Arrow that leaves the interpreter free, so that
    the next blocks are made meanwhile. The rest is many short ones: in a thread it would wait for
    its turn at each. Two stretches are kept at most: memory stays flat.
    """

    def __init__(self, new: NewFile) -> None:
        self._new = new
        self._writer: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None
        self._stretch: list[pa.Table] = []
        self.held = Held()
        """Complete once the sink is closed."""

    def write(self, columns: "list[pa.Array]", *, last: bool = False) -> None:
        """Take a block in, as `columns_of` gives it; the error of an earlier one comes here.

        Raises `StoreError` or `StoreFullError`; `TypeError` for what has no canonical form.
        """
        import pyarrow as pa

        wanted = schema()
        entries = entries_of(dict(zip(FIELDS, columns, strict=True)))
        beside = pa.array(entries, wanted.field("entry").type)
        self._stretch.append(pa.Table.from_arrays([*columns, beside], schema=wanted))
        if last or sum(block.num_rows for block in self._stretch) < STRETCH:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="segment")
        for group in self._groups():
            self._wait()
            self._under_way = self._pool.submit(self._write_group, group)

    def close(self) -> None:
        """Write the rest and the footer, if there is any row; the file stays open."""
        for group in self._groups():
            self._wait()
            self._write_group(group)
        self._wait()
        if self._writer is not None:
            with disk_errors(self._new.path):
                self._writer.close()
        self._stop()

    def discard(self) -> None:
        """Give up: what is under way is waited for, and its outcome is of no interest."""
        self._stop()
        self._writer = None
        self._stretch = []

    def _groups(self) -> "Iterator[pa.Table]":
        """Yield the stretch, sorted by control, time and id, one row group after the other.

        Rows are put in order one row group at a time, so that no stretch is there twice.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self._stretch:
            return
        rows = pa.concat_tables(self._stretch)
        self._stretch = []
        order = pc.sort_indices(rows, sort_keys=_ORDER)
        for first in range(0, len(order), ROW_GROUP):
            group = rows.take(order.slice(first, ROW_GROUP)).combine_chunks()
            self._note(group.to_batches()[0])
            yield group

    def _write_group(self, group: "pa.Table") -> None:
        with disk_errors(self._new.path):
            if self._writer is None:
                self._writer = writer_of(self._new.path, group.schema)
            self._writer.write_table(group, row_group_size=ROW_GROUP)

    def _note(self, rows: "pa.RecordBatch") -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        held = self.held
        held.rows += rows.num_rows
        held.entries.append(entries_beside(rows))
        held.times += pc.min_max(rows.column("time").cast(pa.int64())).as_py().values()
        held.ids += pc.min_max(rows.column("id")).as_py().values()
        for (control_set, control, verdict), number in counted(rows):
            counts = held.counts.setdefault((control_set, control), Counter())
            counts[verdict] += number

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def _stop(self) -> None:
        self._under_way = None
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def entries_beside(rows: "pa.RecordBatch") -> bytes:
    """Return the ledger entries that stand beside the records, 32 bytes each."""
    entries = rows.column("entry")
    first = entries.offset * HASH_SIZE
    return bytes(entries.buffers()[1][first : first + rows.num_rows * HASH_SIZE])


def counted(rows: "pa.RecordBatch") -> Iterator[tuple[list[str], int]]:
    """Yield each combination of control set, control and verdict, with its number of rows.

    Each combination is counted as one number, made of its values' places in their columns'
    dictionaries: `Table.group_by` would load Arrow's query engine, 4 MiB and more.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [rows.column(name).dictionary_encode() for name in _COUNTED]
    codes = pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)
    for column in columns:
        codes = pc.add(pc.multiply(codes, len(column.dictionary)), column.indices.cast(pa.int64()))
    for told in pc.value_counts(codes).to_pylist():
        code, values = told["values"], []
        for column in reversed(columns):
            code, place = divmod(code, len(column.dictionary))
            values.append(column.dictionary[place].as_py())
        yield values[::-1], told["counts"]
