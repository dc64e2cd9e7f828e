"""Evidence as Arrow columns, and the Parquet file that takes them while the next ones are made."""

import os
from collections.abc import Callable, Mapping, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from datetime import datetime
from enum import Enum
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from affidavit.model.evidence import Evidence, Input
from affidavit.store.files import NewFile, disk_errors
from affidavit.store.segment_json import entries_of

if TYPE_CHECKING:
    import pyarrow as pa

# Arrow's own allocator keeps some 20 MB that a run never needs again; set before its import.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

FIELDS: Final = tuple(f.name for f in fields(Evidence))
_members: Final = attrgetter(*FIELDS)
REPETITIVE: Final = [
    "assessment_id",
    "run_id",
    "control_set_id",
    "control_id",
    "source_id",
    "source_type",
    "keyword",
    "evidence_type",
    "account_id",
    "region",
    "resource_arn",
    "resource_type",
    "verdict",
    "standing",
    "reason",
    "gap",
    "check_id",
    "check_digest",
    "parameters",
    "origin",
]
"""Columns that a dictionary makes small."""


class SegmentSink:
    """A Parquet file being written, a block at a time, by a thread of its own.

    Canonical JSON, encoding and compression are Arrow's and leave the interpreter free, so that the
    next block is taken in meanwhile. At most one block waits: memory stays flat.
    """

    def __init__(self, new: NewFile) -> None:
        self._new = new
        self._writer: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None
        self.entries: list[bytes] = []
        """The ledger entries of the blocks that were written."""

    def write(self, columns: "list[pa.Array]", *, last: bool = False) -> None:
        """Take a block in, as `columns_of` gives it; the error of an earlier one comes here.

        Raises `StoreError` or `StoreFullError`; `TypeError` for what has no canonical form.
        """
        self._wait()
        if last and self._pool is None:
            self._write(columns)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="segment")
        self._under_way = self._pool.submit(self._write, columns)

    def close(self) -> None:
        """Write the rest and the footer; the file stays open."""
        self._wait()
        with disk_errors(self._new.path):
            self._writer.close()
        self._stop()

    def discard(self) -> None:
        """Give up: what is under way is waited for, and its outcome is of no interest."""
        self._stop()
        self._writer = None

    def _write(self, columns: "list[pa.Array]") -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        entries = entries_of(dict(zip(FIELDS, columns, strict=True)))
        wanted = schema()
        last = pa.array(entries, wanted.field("entry").type)
        with disk_errors(self._new.path):
            if self._writer is None:
                self._writer = pq.ParquetWriter(
                    self._new.file, wanted, compression="zstd", use_dictionary=REPETITIVE
                )
            self._writer.write_table(pa.Table.from_arrays([*columns, last], schema=wanted))
        self.entries += entries

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def _stop(self) -> None:
        self._under_way = None
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def schema() -> "pa.Schema":
    """Return the columns of a segment: a record's members, and its ledger entry."""
    import pyarrow as pa

    special = {
        "time": pa.timestamp("us", tz="UTC"),
        "inputs": pa.list_(pa.struct([("digest", pa.string()), ("pointer", pa.string())])),
        "attributes": pa.map_(pa.string(), pa.string()),
        "synthetic": pa.bool_(),
    }
    columns = [pa.field(name, special.get(name, pa.string()), nullable=False) for name in FIELDS]
    return pa.schema([*columns, pa.field("entry", pa.binary(32), nullable=False)])


def columns_of(rows: Sequence[Evidence]) -> "tuple[list[pa.Array], pa.Schema]":
    """Return records as columns, one for each member, with their schema; no ledger entries.

    `TypeError` names the member that is not of its type.
    """
    wanted = schema()
    wanted = wanted.remove(wanted.get_field_index("entry"))
    members = list(zip(*map(_members, rows), strict=True)) or [()] * len(FIELDS)
    found = [
        _SHAPES.get(name, _plain)(values, wanted.field(name))
        for name, values in zip(FIELDS, members, strict=True)
    ]
    return found, wanted


def _plain(values: Sequence[Any], field: "pa.Field") -> "pa.Array":
    import pyarrow as pa

    _require(values, _KINDS.get(field.name, str), field.name)
    return pa.array(values, field.type)


def _values(values: Sequence[Enum], field: "pa.Field") -> "pa.Array":
    import pyarrow as pa

    texts = {one: one.value for one in set(values)}
    return pa.array([texts[one] for one in values], field.type)


def _inputs(values: Sequence[Sequence[Input]], field: "pa.Field") -> "pa.Array":
    """Return the citations, laid out by offsets: structures one by one are slow."""
    import pyarrow as pa

    parts = [
        _texts([getattr(one, name) for row in values for one in row], field.name)
        for name in ("digest", "pointer")
    ]
    structs = pa.StructArray.from_arrays(parts, names=["digest", "pointer"])
    return pa.ListArray.from_arrays(_offsets(values), structs).cast(field.type)


def _attributes(values: Sequence[Mapping[str, str]], field: "pa.Field") -> "pa.Array":
    """Return the facts in the order of their names, as canonical JSON has them."""
    import pyarrow as pa

    pairs = [pair for row in values for pair in (sorted(row.items()) if row else ())]
    names = _texts([name for name, _ in pairs], field.name)
    texts = _texts([text for _, text in pairs], field.name)
    return pa.MapArray.from_arrays(_offsets(values), names, texts).cast(field.type)


def _texts(values: Sequence[Any], name: str) -> "pa.Array":
    import pyarrow as pa

    _require(values, str, name)
    return pa.array(values, pa.string())


def _offsets(values: Sequence[Sized]) -> "pa.Array":
    import pyarrow as pa

    return pa.array([0, *accumulate(map(len, values))], pa.int32())


def _require(values: Sequence[Any], kind: type, name: str) -> None:
    """Raise `TypeError` unless all are exactly of a type, which is what canonical JSON asks for."""
    wrong = set(map(type, values)) - {kind}
    if wrong:
        found = ", ".join(sorted(one.__name__ for one in wrong))
        raise TypeError(f"$.{name}: {found} where {kind.__name__} belongs")


_KINDS: Final[Mapping[str, type]] = {"time": datetime, "synthetic": bool}
_SHAPES: Final[Mapping[str, Callable[[Sequence[Any], Any], Any]]] = {
    "verdict": _values,
    "standing": _values,
    "inputs": _inputs,
    "attributes": _attributes,
}
