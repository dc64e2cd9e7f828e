"""Sweeping: objects that no row names, left by a crash between their writing and their commit.

What was looked at without a lock is looked at again under it before anything is removed: a sweep
holds up nobody while it walks through the objects, and one taken into use meanwhile stays.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from affidavit.model.times import iso
from affidavit.store.database import Database
from affidavit.store.objects import DiskObjects, Objects, is_unfinished
from affidavit.store.places import micros
from affidavit.store.runs import is_worked_on
from affidavit.store.schema import result, run, segment

AGE = timedelta(hours=1)
"""Younger objects may belong to work under way."""
EVERY = timedelta(days=1)
"""How often a run sweeps: walking through a year's objects takes seconds."""
MARK = ".swept"
"""Object that says when was last swept."""
_BATCH = 500
_SEGMENTS = "segments"
_SWEPT = ("blobs", _SEGMENTS)
_UNFINISHED = ("attachments", "reports")
"""Kinds whose objects no row of ours names one by one: only unfinished files are swept."""


def is_due(objects: Objects, now: datetime) -> bool:
    """Return whether the last sweep is a day ago, or there was none."""
    swept = objects.stat(MARK)
    return swept is None or swept.micros <= micros(now - EVERY)


def sweep(database: Database, objects: Objects, now: datetime) -> list[str]:
    """Remove orphans older than an hour; return their names. Registering waits for the end of it.

    While any process works on a run, segments are left alone: a slow run's own, not yet named by
    any row, may be older than that. Raises `StoreError` where an object cannot be removed.
    """
    orphans = list(_nameless(database, _old(objects, now - AGE)))
    removed = _remove(database, objects, orphans, now) if orphans else []
    objects.put({MARK: iso(now).encode()})
    return removed


def _old(objects: Objects, before: datetime) -> Iterator[str]:
    for tenant in objects.tenants():
        for kind in (*_SWEPT, *(_UNFINISHED if isinstance(objects, DiskObjects) else ())):
            for one in objects.every(f"{tenant}/{kind}"):
                left = kind in _SWEPT or is_unfinished(one.name)
                if left and one.micros < micros(before):
                    yield one.name


def _nameless(database: Database, names: Iterator[str]) -> Iterator[str]:
    while batch := list(islice(names, _BATCH)):
        with database.read() as connection:
            named = _named(connection, batch)
        yield from (name for name in batch if name not in named)


def _named(connection: sa.Connection, names: list[str]) -> set[str]:
    """Return those of the objects that a row names."""
    kept = [name for name in names if not is_unfinished(name)]
    segments = [name for name in kept if _is_segment(name)]
    blobs = {name.rpartition("/")[2]: name for name in kept if not _is_segment(name)}
    by_path = sa.select(segment.c.path).where(segment.c.path.in_(segments)).distinct()
    by_address = sa.select(result.c.blob).where(result.c.blob.in_(blobs)).distinct()
    known = set(connection.scalars(by_path))
    return known | {blobs[address] for address in connection.scalars(by_address)}


def _remove(database: Database, objects: Objects, orphans: list[str], now: datetime) -> list[str]:
    removed: list[str] = []
    with database.write() as connection:
        database.hold_files(connection, sweeping=True)
        open_runs = connection.execute(sa.select(run).where(run.c.state == "open"))
        busy = any(is_worked_on(row, now) for row in open_runs)
        orphans = [name for name in orphans if not (busy and _is_segment(name))]
        for name in sorted(set(orphans) - _named(connection, orphans)):
            found = objects.stat(name)
            if found is not None and found.micros < micros(now - AGE):
                objects.remove(name)
                removed.append(name)
    return removed


def _is_segment(name: str) -> bool:
    return name.split("/")[2] == _SEGMENTS
