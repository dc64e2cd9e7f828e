"""Sweeping: files that no row names, left by a crash between their writing and their commit.

What was looked at without a lock is looked at again under it before anything is removed: a sweep
holds up nobody while it walks through the files, and a file taken into use meanwhile stays.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from affidavit.store.database import Database
from affidavit.store.files import PRIVATE, TEMPORARY, disk_errors, make_folder
from affidavit.store.places import micros
from affidavit.store.runs import is_worked_on
from affidavit.store.schema import result, run, segment

AGE = timedelta(hours=1)
"""Younger files may belong to work under way."""
EVERY = timedelta(days=1)
"""How often a run sweeps: walking through a year's files takes seconds."""
MARK = ".swept"
"""File of the object folder whose time says when it was last swept."""
_BATCH = 500
_SEGMENT = ".parquet"


def is_due(objects: Path, now: datetime) -> bool:
    """Return whether the last sweep is a day ago, or there was none."""
    try:
        swept = (objects / MARK).stat().st_mtime_ns // 1000
    except FileNotFoundError:
        return True
    return swept <= micros(now - EVERY)


def sweep(database: Database, objects: Path, now: datetime) -> list[Path]:
    """Remove orphans older than an hour; return them. Registering files waits for the end of it.

    While any process works on a run, segments are left alone: a slow run's own, not yet named by
    any row, may be older than that. Raises `StoreError` where a file cannot be removed.
    """
    orphans = list(_nameless(database, _old(objects, now - AGE)))
    removed = _remove(database, orphans, now) if orphans else []
    _mark(objects, now)
    return removed


def _old(objects: Path, before: datetime) -> Iterator[Path]:
    for kind in ("blobs", "segments"):
        for path in objects.glob(f"*/*/{kind}/*/*"):
            if _is_old(path, before):
                yield path


def _is_old(path: Path, before: datetime) -> bool:
    """Return whether a file was written before; False where it is gone by now."""
    try:
        return path.stat().st_mtime_ns // 1000 < micros(before)
    except FileNotFoundError:
        return False


def _nameless(database: Database, paths: Iterator[Path]) -> Iterator[Path]:
    while batch := list(islice(paths, _BATCH)):
        with database.read() as connection:
            named = _named(connection, batch)
        yield from (path for path in batch if path not in named)


def _named(connection: sa.Connection, paths: list[Path]) -> set[Path]:
    """Return those of the files that a row names."""
    kept = {p for p in paths if not p.name.endswith(TEMPORARY)}
    digests = [p.stem for p in kept if p.suffix == _SEGMENT]
    blobs = [p.name for p in kept if p.suffix != _SEGMENT]
    by_digest = sa.select(segment.c.file).where(segment.c.file.in_(digests))
    by_address = sa.select(result.c.blob).where(result.c.blob.in_(blobs)).distinct()
    known = {f"{digest}{_SEGMENT}" for digest in connection.scalars(by_digest)}
    known |= set(connection.scalars(by_address))
    return {path for path in kept if path.name in known}


def _remove(database: Database, orphans: list[Path], now: datetime) -> list[Path]:
    removed: list[Path] = []
    with database.write() as connection:
        database.hold_files(connection, sweeping=True)
        open_runs = connection.execute(sa.select(run).where(run.c.state == "open"))
        busy = any(is_worked_on(row, now) for row in open_runs)
        orphans = [p for p in orphans if not (busy and p.parent.parent.name == "segments")]
        for path in sorted(set(orphans) - _named(connection, orphans)):
            if _is_old(path, now - AGE):
                with disk_errors(path):
                    path.unlink(missing_ok=True)
                removed.append(path)
    return removed


def _mark(objects: Path, now: datetime) -> None:
    mark = objects / MARK
    with disk_errors(mark):
        make_folder(objects)
        mark.touch(mode=PRIVATE)
        os.utime(mark, (now.timestamp(), now.timestamp()))
