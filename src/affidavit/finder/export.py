"""Exports: rows to CSV, JSON lines or Parquet, with a signed manifest beside the file.

Rows pass a batch at a time, so memory stays flat; they are gathered in parts (`export_parts`), so
that an export which was killed is gone on with by asking for it again. The file appears under its
name when all of it is there, after its manifest (`NAME.manifest.json`, an in-toto statement) and
the manifest's signature (`NAME.manifest.dsse.json`): there is never half a file of that name.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from affidavit.errors import StoreError
from affidavit.finder.export_formats import Format, Hashing, join, write_part
from affidavit.finder.export_parts import Parts
from affidavit.finder.query import Found, Unreadable
from affidavit.ledger.checkpoint import origin_of
from affidavit.ledger.keys import Signer
from affidavit.model.canonical import canonical
from affidavit.report.manifest import envelope
from affidavit.report.verify.dsse import STATEMENT
from affidavit.report.verify.exports import PREDICATE
from affidavit.store.files import disk_errors, sync_folder

PART_ROWS: Final = 32_768
"""Rows of a part: what a killed export loses at most."""
_TOLD: Final = 1024


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the order in which they are exported."""

    found: Iterator[Found]
    unreadable: list[Unreadable]
    """What could not be read; complete when `found` has come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is exported, and where to."""

    path: Path
    kind: Format
    tenant: str
    request: Mapping[str, Any]
    """What tells this export from another one to the same file."""
    facts: Callable[[], Mapping[str, Any]]
    """Says, when the export begins, what its manifest tells of the rows."""
    rows: Callable[[Mapping[str, Any], int], Rows]
    """Gives the rows that these facts speak of, behind a leaf."""
    resumable: bool = True
    """False: rows come in another order than that of leaves; an export always begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export in its place."""

    path: Path
    manifest: Path
    signature: Path
    rows: int
    sha256: str
    resumed: int
    """Rows that an earlier, killed export had written already."""
    unreadable: tuple[Mapping[str, Any], ...]


def export(
    wanted: Wanted, signer: Signer, progress: Callable[[int], None] = lambda _rows: None
) -> Exported:
    """Write rows to their file and say in the manifest what they are; `progress` hears how many.

    Raises `StoreFullError` or `StoreError`; what is complete of it then waits for the next try.
    """
    path = wanted.path
    if path.is_dir():
        raise StoreError(f"{path} is a folder", todo="Give the name of a file.")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with Parts(path, {**wanted.request, "format": wanted.kind}) as parts:
        if not wanted.resumable or not parts.facts:
            parts.begin(wanted.facts())
        resumed = parts.rows
        try:
            _gather(wanted, parts, progress)
            done = _placed(wanted, parts, signer, resumed)
        except BaseException:
            if not parts.parts or not wanted.resumable:
                parts.remove()
            raise
        parts.remove()
    return done


def _gather(wanted: Wanted, parts: Parts, progress: Callable[[int], None]) -> None:
    """Write the parts that are missing."""
    before = parts.unreadable
    rows = wanted.rows(parts.facts, parts.last_leaf)
    told = _Told(rows.found, parts.rows, progress)
    for first in told:
        had, part = told.count - 1, chain((first,), islice(told, PART_ROWS - 1), told.same())
        with parts.new() as file:
            write_part(wanted.kind, file, part)
        unreadable = [*before, *map(_missing, rows.unreadable)]
        parts.add(told.count - had, told.leaf, unreadable)
    unreadable = [*before, *map(_missing, rows.unreadable)]
    if not parts.parts or unreadable != parts.unreadable:
        with parts.new() as file:
            write_part(wanted.kind, file, ())
        parts.add(0, parts.last_leaf, unreadable)
    progress(parts.rows)


class _Told:
    """Rows that are counted and told of as they pass; remembers the last leaf."""

    def __init__(self, rows: Iterator[Found], count: int, progress: Callable[[int], None]) -> None:
        self._rows = rows
        self._progress = progress
        self.count = count
        self.leaf = -1
        self._ahead: list[Found] = []

    def __iter__(self) -> Iterator[Found]:
        return self

    def same(self) -> Iterator[Found]:
        """Yield what follows with the same leaf: one import of several items has one."""
        while True:
            following = next(self._rows, None)
            if following is None:
                return
            self._ahead.append(following)
            if following.leaf != self.leaf:
                return
            yield next(self)

    def __next__(self) -> Found:
        row = self._ahead.pop() if self._ahead else next(self._rows)
        self.count += 1
        self.leaf = row.leaf
        if self.count % _TOLD == 0:
            self._progress(self.count)
        return row


def _placed(wanted: Wanted, parts: Parts, signer: Signer, resumed: int) -> Exported:
    """Join the parts, sign the manifest, and give all three files their names."""
    path, whole = wanted.path, parts.folder / "whole.tmp"
    with disk_errors(path), whole.open("wb") as file:
        target = Hashing(file)
        join(wanted.kind, target, [part.path for part in parts.parts])
        file.flush()
        os.fsync(file.fileno())
    statement = canonical(
        {
            "_type": STATEMENT,
            "subject": [{"name": path.name, "digest": {"sha256": target.sha256}}],
            "predicateType": PREDICATE,
            "predicate": {
                **parts.facts,
                "format": wanted.kind,
                "rows": parts.rows,
                "bytes": target.length,
                "unreadable": parts.unreadable,
            },
        }
    )
    manifest = path.with_name(f"{path.name}.manifest.json")
    signature = path.with_name(f"{path.name}.manifest.dsse.json")
    _place(manifest, statement, parts.folder)
    _place(signature, envelope(statement, signer, origin_of(wanted.tenant)), parts.folder)
    with disk_errors(path):
        whole.replace(path)
        sync_folder(path.parent.absolute())
    return Exported(
        path=path,
        manifest=manifest,
        signature=signature,
        rows=parts.rows,
        sha256=target.sha256,
        resumed=resumed,
        unreadable=tuple(parts.unreadable),
    )


def _missing(one: Unreadable) -> dict[str, Any]:
    return {
        "segment": one.segment.rpartition("/")[2],
        "day": one.day,
        "assessment_id": one.assessment_id,
        "rows": one.rows,
        "why": one.why,
    }


def _place(path: Path, data: bytes, folder: Path) -> None:
    temporary = folder / f"{path.name}.tmp"
    with disk_errors(path):
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
