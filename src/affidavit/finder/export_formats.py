"""The formats of exports: how rows become a part, and parts a file."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from affidavit.finder.manual import is_manual
from affidavit.finder.query import Found
from affidavit.model.canonical import canonical
from affidavit.report.verify import csvcheck
from affidavit.store.segment_columns import columns_of

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "jsonl", "parquet"]
_BATCH: Final = 4096
_COPIED: Final = 2**20


class Hashing:
    """A file that digests what is written; what pyarrow needs of one, and no more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._total = hashlib.sha256()
        self.length = 0
        self.closed = False

    @property
    def sha256(self) -> str:
        """Return the digest of all that was written."""
        return self._total.hexdigest()

    def write(self, data: Any) -> int:
        """Write all of it."""
        view = memoryview(data)
        self._total.update(view)
        self.length += view.nbytes
        self._file.write(view)
        return view.nbytes

    def flush(self) -> None:
        """Leave it to the file's own buffer."""

    def close(self) -> None:
        """Leave the file open: it is synced before it is closed."""

    def tell(self) -> int:
        """Return how much was written."""
        return self.length


def write_part(kind: Format, file: IO[bytes], rows: Iterable[Found]) -> None:
    """Write some rows as a part, a batch at a time."""
    rest = iter(rows)
    if kind == "parquet":
        _parquet_part(file, rest)
        return
    lines = _ROWS[kind]
    while batch := list(islice(rest, _BATCH)):
        file.write(lines(batch))


def join(kind: Format, target: Hashing, parts: Sequence[Path]) -> None:
    """Write the whole file from its parts."""
    if kind == "parquet":
        _parquet_file(target, parts)
        return
    if kind == "csv":
        target.write(csvcheck.header())
    for part in parts:
        with part.open("rb") as file:
            while chunk := file.read(_COPIED):
                target.write(chunk)


def _csv(batch: Sequence[Found]) -> bytes:
    """Return rows of the same table as a report's evidence.csv, safe against formulas."""
    return b"".join(csvcheck.row(one.leaf, one.evidence.to_json()) for one in batch)


def _jsonl(batch: Sequence[Found]) -> bytes:
    """Return a line for each row; the record is exactly what was hashed for the ledger.

    What a person added is told as `manual`: its leaf is that of the change that tells of it.
    """
    lines = (
        canonical(
            {
                "leaf": one.leaf,
                "manual" if is_manual(one.evidence) else "record": one.evidence.to_json(),
            }
        )
        for one in batch
    )
    return b"".join(line + b"\n" for line in lines)


_ROWS: Final[Mapping[str, Callable[[Sequence[Found]], bytes]]] = {"csv": _csv, "jsonl": _jsonl}


def _schema() -> "pa.Schema":
    """Return a segment's columns, and `leaf` before them."""
    import pyarrow as pa

    _, schema = columns_of([])
    return pa.schema([pa.field("leaf", pa.int64(), nullable=False), *schema])


def _parquet_part(file: IO[bytes], rows: Iterable[Found]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, rest = _schema(), iter(rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(islice(rest, _BATCH)):
            columns, _ = columns_of([one.evidence for one in batch])
            leaves = pa.array([one.leaf for one in batch], pa.int64())
            writer.write_table(pa.Table.from_arrays([leaves, *columns], schema=schema))


def _parquet_file(target: Hashing, parts: Sequence[Path]) -> None:
    """Make one row group of each part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(pa.PythonFile(target, mode="w"), _schema(), compression="zstd") as writer:
        for part in parts:
            writer.write_table(pq.read_table(part, schema=_schema()))
