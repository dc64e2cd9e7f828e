"""Compaction: the small segments of a closed day are put into one file, row after row.

No leaf and no proof changes: a segment keeps its digest, its leaves and its place in the log, and
says from then on which file holds it and from which row on. The new file is read back and compared
with the log before one transaction moves all segments of a day to it. The old files stay for an
hour, for those who are reading them, and are swept then; a crash leaves only files to sweep.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import file_digest
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from affidavit.errors import StoreDamagedError
from affidavit.ledger.tiles import WIDTH
from affidavit.ledger.tree import HASH_SIZE
from affidavit.store import todos
from affidavit.store.database import Database
from affidavit.store.files import NewFile, disk_errors
from affidavit.store.intact import check_digest, damaged_file
from affidavit.store.kept import Kept
from affidavit.store.log import fetch
from affidavit.store.registering import FRESH_SECONDS, mark_of
from affidavit.store.schema import segment as table
from affidavit.store.segment_columns import writer_of
from affidavit.store.segment_json import entries_of
from affidavit.store.segment_places import SegmentPlaces
from affidavit.store.segment_sink import ROW_GROUP

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS: Final = 1_000_000
"""Rows that a file is filled up to."""
ROWS_AT_ONCE: Final = 16_384
"""Rows of a row group: some 16 MiB while they are written, and fewer to look through later."""
_ACCESS: Final = ("tenant", "assessment_id", "day")
Group = Sequence[sa.Row[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What a compaction did."""

    files_before: int
    files_after: int
    rows: int
    damaged: tuple[str, ...] = ()
    """Days that were left as they are because something of them cannot be read, with the reason."""


def waiting(database: Database, tenant: str, today: date) -> list[Group]:
    """Return the days before `today` that lie in several files, each as its segments in order."""
    chosen = sa.select(table).where(table.c.tenant == tenant, table.c.day < today.isoformat())
    with database.read() as connection:
        rows = list(connection.execute(chosen.order_by(*_ACCESS, "first_leaf")))
    days = groupby(rows, key=lambda row: tuple(getattr(row, name) for name in _ACCESS))
    return [group for _, day in days for group in _filled(list(day))]


def compact(
    database: Database,
    kept: Kept,
    tenant: str,
    today: date,
    stopping: Callable[[], bool] = lambda: False,
) -> Compacted:
    """Compact the closed days of a tenant; a day that is damaged is named, the others are done.

    `stopping` is asked before each day: True leaves the rest for another time. Raises
    `StoreFullError` or `StoreError` where nothing can be written.
    """
    before = after = rows = 0
    damaged: list[str] = []
    for group in waiting(database, tenant, today):
        if stopping():
            break
        try:
            done = _compact(database, kept, group)
        except StoreDamagedError as error:
            damaged.append(f"{group[0].day}: {error.in_a_line}")
            continue
        if done:
            before += len({row.file for row in group})
            after += 1
            rows += sum(row.rows for row in group)
    return Compacted(files_before=before, files_after=after, rows=rows, damaged=tuple(damaged))


def _filled(rows: list[sa.Row[Any]]) -> Iterator[Group]:
    """Yield a day's segments as files of at most `MAX_ROWS`, where that makes fewer files."""
    group: list[sa.Row[Any]] = []
    for row in rows:
        if group and sum(one.rows for one in group) + row.rows > MAX_ROWS:
            if len({one.file for one in group}) > 1:
                yield group
            group = []
        group.append(row)
    if len({one.file for one in group}) > 1:
        yield group


def _compact(database: Database, kept: Kept, group: Group) -> bool:
    places, began, mark = kept.places, time.monotonic(), mark_of(database)
    for name, digest in {(row.path, row.file) for row in group}:
        check_digest(places.local(name, digest), digest)
    new = places.new(group[0].tenant, group[0].day)
    try:
        _copy(new, places, group)
        new.sync()
        _compare(database, new.path, group)
        with disk_errors(new.path), new.path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        name = places.keep(new, group[0].tenant, group[0].day, digest)
    finally:
        new.discard()
    for old in {row.path for row in group} - {name}:
        kept.objects.refresh(old)  # so that sweeping leaves them for whoever reads them
    if time.monotonic() - began > FRESH_SECONDS:
        return False
    return _move(database, kept, group, (name, digest), mark)


def _copy(new: NewFile, places: SegmentPlaces, group: Group) -> None:
    """Write the rows of all segments into one file, in the order of their leaves."""
    schema = _read(places.local(group[0].path, group[0].file)).schema
    writer = writer_of(new.path, schema)
    try:
        for block in _blocks(places, group):
            _write(new, writer, block)
    finally:
        with disk_errors(new.path):
            writer.close()


def _blocks(places: SegmentPlaces, group: Group) -> "Iterator[pa.Table]":
    """Yield the rows of all segments in row groups of a good size."""
    import pyarrow as pa

    held, path, rows = None, "", 0
    waiting: list[Any] = []
    for row in group:
        if held is None or path != row.path:
            held, path = _read(places.local(row.path, row.file)), row.path
        waiting.append(held.slice(row.first_row, row.rows))
        rows += row.rows
        if rows >= ROWS_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _read(path: Path) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, partitioning=None, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged_file(path, str(error)) from error


def _write(new: NewFile, writer: Any, rows: Any) -> None:
    with disk_errors(new.path):
        writer.write_table(rows, row_group_size=ROW_GROUP)


def _compare(database: Database, path: Path, group: Group) -> None:
    """Raise `StoreDamagedError` unless the written records are, one by one, what was logged."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        found = [
            entry
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False)
            for entry in entries_of(dict(zip(batch.schema.names, batch.columns, strict=True)))
        ]
    at = 0
    for row in group:
        if b"".join(found[at : at + row.rows]) != _logged(database, row):
            raise StoreDamagedError(
                f"The segment {row.digest} does not hold what was logged",
                why="Its records have other hashes than the leaves of the log.",
                todo="Run `affidavit ledger verify`.",
            )
        at += row.rows


def _logged(database: Database, row: sa.Row[Any]) -> bytes:
    """Return the log's entries of a segment's leaves."""
    first, last = row.first_leaf, row.first_leaf + row.rows - 1
    numbers = range(first // WIDTH, last // WIDTH + 1)
    with database.read() as connection:
        held = b"".join(fetch(connection, row.tenant, 0, number) for number in numbers)
    start = first % WIDTH * HASH_SIZE
    return held[start : start + row.rows * HASH_SIZE]


def _move(database: Database, kept: Kept, group: Group, to: tuple[str, str], mark: int) -> bool:
    """Let all segments of a group lie in the new file, unless one was deleted or moved meanwhile.

    Or the new file was: `mark` was taken before it was brought.
    """
    name, digest = to
    known = sa.select(table.c.digest, table.c.file).where(
        table.c.digest.in_([row.digest for row in group])
    )
    with database.write() as connection:
        database.hold_files(connection, sweeping=False)
        present = {row.digest: row.file for row in connection.execute(known)}
        if present != {row.digest: row.file for row in group}:
            return False
        if todos.removed_since(connection, [name], mark):
            return False
        first = 0
        for row in group:
            moved = table.update().where(table.c.digest == row.digest)
            connection.execute(moved.values(path=name, file=digest, first_row=first))
            first += row.rows
        if kept.publishes:
            todos.leave(connection, todos.PUBLISH, group[0].tenant, [group[0].tenant])
    return True
