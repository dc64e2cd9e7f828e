"""Evidence as Arrow columns, one for each member of the record."""

import os
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import fields
from datetime import datetime
from enum import Enum
from functools import cache
from itertools import accumulate, chain
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from affidavit.model.evidence import Evidence, Input

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Arrow's own allocator keeps some 20 MB that a run never needs again; set before its import.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

FIELDS: Final = tuple(f.name for f in fields(Evidence))
_MEMBERS: Final = {name: attrgetter(name) for name in FIELDS}
_REPETITIVE: Final = [
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
_NOT_SOUGHT: Final = frozenset({"reason", "parameters", "inputs", "attributes", "salt"})


def writer_of(path: Path, columns: "pa.Schema") -> "pq.ParquetWriter":
    """Return the writer of a segment's file, which is there already.

    Arrow opens it by itself: through a file of Python's, each of a hundred pages would wait for its
    turn of the interpreter. Least and greatest values are kept only of columns by which rows are
    chosen: they cost time.
    """
    import pyarrow.parquet as pq
    from pyarrow.fs import LocalFileSystem

    return pq.ParquetWriter(
        str(path),
        columns,
        filesystem=LocalFileSystem(),
        compression="zstd",
        use_dictionary=_REPETITIVE,
        write_statistics=[name for name in FIELDS if name not in _NOT_SOUGHT],
    )


@cache
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
    wanted = _record_schema()
    found = [
        _SHAPES.get(name, _plain)(list(map(member, rows)), wanted.field(name))
        for name, member in _MEMBERS.items()
    ]
    return found, wanted


@cache
def _record_schema() -> "pa.Schema":
    return schema().remove(schema().get_field_index("entry"))


def _plain(values: Sequence[Any], field: "pa.Field") -> "pa.Array":
    import pyarrow as pa

    _require(values, _KINDS.get(field.name, str), field.name)
    # Two looks spare comparing all: a column is either the same throughout, or differs at once.
    same = values and values[0] == values[-1] == values[len(values) // 2]
    if same and values.count(values[0]) == len(values):
        return pa.repeat(pa.scalar(values[0], field.type), len(values))
    return pa.array(values, field.type)


def _values(values: Sequence[Enum], field: "pa.Field") -> "pa.Array":
    import pyarrow as pa

    texts = {one: one.value for one in set(values)}
    return pa.array([texts[one] for one in values], field.type)


def _inputs(values: Sequence[Sequence[Input]], field: "pa.Field") -> "pa.Array":
    """Return the citations, laid out by offsets: structures one by one are slow."""
    import pyarrow as pa

    flat = list(chain.from_iterable(values))
    parts = [_texts(list(map(attrgetter(part.name), flat)), field.name) for part in _parts(field)]
    structs = pa.StructArray.from_arrays(parts, fields=_parts(field))
    return pa.ListArray.from_arrays(_offsets(values), structs, type=field.type)


def _parts(field: "pa.Field") -> "list[pa.Field]":
    return list(field.type.value_type)


def _attributes(values: Sequence[Mapping[str, str]], field: "pa.Field") -> "pa.Array":
    """Return the facts in the order of their names, as canonical JSON has them."""
    import pyarrow as pa

    # No pairs: every small object costs, and so does the collector of garbage that they wake.
    sorted_names = [sorted(row) if len(row) > 1 else row for row in values]
    names = list(chain.from_iterable(sorted_names))
    texts = [row[name] for row, among in zip(values, sorted_names, strict=True) for name in among]
    parts = [_texts(part, field.name) for part in (names, texts)]
    return pa.MapArray.from_arrays(_offsets(values), *parts, type=field.type)


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
