"""Exports: rows to CSV, JSON lines or Parquet, with a signed manifest beside the file.

The file is written under another name and appears when all of it is there, after its manifest
(`NAME.manifest.json`, an in-toto statement) and the manifest's signature
(`NAME.manifest.dsse.json`). Rows pass one batch at a time: memory stays flat.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Literal

from affidavit.errors import StoreError
from affidavit.finder.query import Found, Unreadable
from affidavit.ledger.checkpoint import origin_of
from affidavit.ledger.keys import Signer
from affidavit.model.canonical import canonical
from affidavit.report.manifest import envelope
from affidavit.report.verify import csvcheck
from affidavit.report.verify.dsse import STATEMENT
from affidavit.store.files import disk_errors, sync_folder
from affidavit.store.segment_columns import columns_of

Format = Literal["csv", "jsonl", "parquet"]
PREDICATE: Final = "urn:affidavit:evidence-export:v1"
_BATCH: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that is complete under its temporary name."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export in its place."""

    path: Path
    manifest: Path
    signature: Path
    rows: int
    sha256: str
    unreadable: tuple[Unreadable, ...]


class _Hashing:
    """A file that digests what is written; what pyarrow needs of one, and no more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.total = hashlib.sha256()
        self.length = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Write all of it."""
        view = memoryview(data)
        self.total.update(view)
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


def export(  # noqa: PLR0913 - what, where, how, by whom
    path: Path,
    kind: Format,
    rows: Iterable[Found],
    *,
    facts: Mapping[str, Any],
    signer: Signer,
    tenant: str,
    unreadable: list[Unreadable],
) -> Exported:
    """Write `rows` to `path` and say `facts` of them in the manifest.

    `unreadable` is what could not be read, and is complete when `rows` has come to its end.

    Raises `StoreFullError` or `StoreError`; then nothing of it is left.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _aside(path) as temporary:
        written = _write(temporary, kind, rows)
        missing = tuple(unreadable)
        statement = canonical(
            {
                "_type": STATEMENT,
                "subject": [{"name": path.name, "digest": {"sha256": written.sha256}}],
                "predicateType": PREDICATE,
                "predicate": {
                    **facts,
                    "format": kind,
                    "rows": written.rows,
                    "bytes": written.bytes,
                    "unreadable": [_missing(one) for one in missing],
                },
            }
        )
        manifest = path.with_name(f"{path.name}.manifest.json")
        signature = path.with_name(f"{path.name}.manifest.dsse.json")
        _place(manifest, statement)
        _place(signature, envelope(statement, signer, origin_of(tenant)))
        with disk_errors(path):
            temporary.replace(path)
            sync_folder(path.parent.absolute())
    return Exported(
        path=path,
        manifest=manifest,
        signature=signature,
        rows=written.rows,
        sha256=written.sha256,
        unreadable=missing,
    )


def _missing(one: Unreadable) -> dict[str, Any]:
    return {
        "segment": one.path.name,
        "day": one.day,
        "assessment_id": one.assessment_id,
        "rows": one.rows,
        "why": one.why,
    }


def _write(path: Path, kind: Format, rows: Iterable[Found]) -> Written:
    counted = _Counted(rows)
    with disk_errors(path), path.open("xb") as file:
        target = _Hashing(file)
        _WRITERS[kind](target, iter(counted))
        file.flush()
        os.fsync(file.fileno())
    return Written(rows=counted.rows, bytes=target.length, sha256=target.total.hexdigest())


class _Counted:
    """Rows, counted as they pass."""

    def __init__(self, rows: Iterable[Found]) -> None:
        self._rows = rows
        self.rows = 0

    def __iter__(self) -> Iterator[Found]:
        for row in self._rows:
            self.rows += 1
            yield row


def _csv(target: _Hashing, rows: Iterator[Found]) -> None:
    """Write the same table as a report's evidence.csv, safe against formulas."""
    target.write(csvcheck.header())
    while batch := list(islice(rows, _BATCH)):
        target.write(b"".join(csvcheck.row(one.leaf, one.evidence.to_json()) for one in batch))


def _jsonl(target: _Hashing, rows: Iterator[Found]) -> None:
    """Write a line for each row; the record is exactly what was hashed for the ledger."""
    while batch := list(islice(rows, _BATCH)):
        lines = (canonical({"leaf": x.leaf, "record": x.evidence.to_json()}) for x in batch)
        target.write(b"".join(line + b"\n" for line in lines))


def _parquet(target: _Hashing, rows: Iterator[Found]) -> None:
    """Write a segment's columns, and `leaf` before them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, schema = columns_of([])
    schema = pa.schema([pa.field("leaf", pa.int64(), nullable=False), *schema])
    with pq.ParquetWriter(pa.PythonFile(target, mode="w"), schema, compression="zstd") as writer:
        while batch := list(islice(rows, _BATCH)):
            columns, _ = columns_of([one.evidence for one in batch])
            leaves = pa.array([one.leaf for one in batch], pa.int64())
            writer.write_table(pa.Table.from_arrays([leaves, *columns], schema=schema))


_WRITERS: Final[Mapping[str, Callable[[_Hashing, Iterator[Found]], None]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Give a name beside `path`; whatever is left there at the end is removed."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder", todo="Give the name of a file.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _place(path: Path, data: bytes) -> None:
    with _aside(path) as temporary, disk_errors(path):
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
