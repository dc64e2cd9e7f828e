"""Sweeping: objects that no row names, left by a crash between their writing and their commit.

What was looked at without a lock is looked at again under it: a sweep holds up nobody while it
walks through the objects, and one that was registered meanwhile stays. Whoever is about to register
one that is given up sees that, and brings it again (`registering`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from affidavit.model.times import iso
from affidavit.store import todos
from affidavit.store.database import Database
from affidavit.store.kept import Kept
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


def sweep(database: Database, kept: Kept, now: datetime) -> list[str]:
    """Remove orphans older than an hour; return the names of those that are gone.

    What cannot be removed now stays a to-do (`todos`). While any process works on a run, segments
    are left alone: a slow run's own, not yet named by any row, may be older than that.
    """
    removed: list[str] = []
    for some in todos.parts(_nameless(database, _old(kept.objects, now - AGE))):
        _give_up(database, some, now)
        removed += kept.removals.carry_out(some).names
    kept.objects.put({MARK: iso(now).encode()})
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


def _give_up(database: Database, orphans: list[str], now: datetime) -> None:
    """Leave it to be done to remove those that still are orphans: whoever registers sees that."""
    with database.write() as connection:
        database.hold_files(connection, sweeping=True)
        open_runs = connection.execute(sa.select(run).where(run.c.state == "open"))
        busy = any(is_worked_on(row, now) for row in open_runs)
        orphans = [name for name in orphans if not (busy and _is_segment(name))]
        by_tenant: dict[str, list[str]] = {}
        for name in set(orphans) - _named(connection, orphans):
            by_tenant.setdefault("/".join(name.split("/")[:2]), []).append(name)
        for tenant, names in by_tenant.items():
            todos.leave(connection, todos.REMOVE, tenant, names)


def _is_segment(name: str) -> bool:
    return name.split("/")[2] == _SEGMENTS
