"""Sweeping: objects that no row names, left by a crash between their writing and their commit.

Segments and bodies, uploaded files whose document was never written, reports and exports whose
document is gone.

What was looked at without a lock is looked at again under it: a sweep holds up nobody while it
walks through the objects, and one that was registered meanwhile stays. Whoever is about to register
one that is given up sees that, and brings it again (`registering`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import sqlalchemy as sa

from affidavit.errors import StoreSealedError
from affidavit.model.times import iso
from affidavit.store import todos
from affidavit.store.attachments import names_of
from affidavit.store.database import Database
from affidavit.store.documents import named_digests
from affidavit.store.kept import Kept
from affidavit.store.objects import Objects, is_unfinished
from affidavit.store.places import micros
from affidavit.store.runs import is_worked_on
from affidavit.store.schema import document, result, run, segment

AGE = timedelta(hours=1)
"""Younger objects may belong to work under way."""
EVERY = timedelta(days=1)
"""How often a run sweeps: walking through a year's objects takes seconds."""
MARK = ".swept"
"""Object that says when was last swept."""
_BATCH = 500
_SEGMENTS = "segments"
HOLD: Final = "legal_hold"
"""Kind of the documents that keep a tenant, or an assessment of it, from deletion."""


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
    for some in todos.parts(_nameless(database, kept, _old(kept.objects, now - AGE))):
        _give_up(database, kept, some, now)
        removed += kept.removals.carry_out(some).names
    kept.objects.put({MARK: iso(now).encode()})
    return removed


def _old(objects: Objects, before: datetime) -> Iterator[str]:
    for tenant in objects.tenants():
        for kind in _NAMED_BY:
            for one in objects.every(f"{tenant}/{kind}"):
                if one.micros < micros(before):
                    yield one.name


def _nameless(database: Database, kept: Kept, names: Iterator[str]) -> Iterator[str]:
    while batch := list(islice(names, _BATCH)):
        with database.read() as connection:
            named = _named(connection, kept, batch)
        yield from (name for name in batch if name not in named)


def _named(connection: sa.Connection, kept: Kept, names: Sequence[str]) -> set[str]:
    """Return those of the objects that a row names."""
    by_place: dict[tuple[str, str], list[str]] = {}
    for name in names:
        if not is_unfinished(name):
            account, region, kind, _ = name.split("/", 3)
            by_place.setdefault((f"{account}/{region}", kind), []).append(name)
    return {
        name
        for (tenant, kind), some in by_place.items()
        for name in _NAMED_BY[kind](connection, kept, tenant, some)
    }


def _segments(connection: sa.Connection, _: Kept, __: str, names: Sequence[str]) -> Iterable[str]:
    return connection.scalars(sa.select(segment.c.path).where(segment.c.path.in_(names)).distinct())


def _blobs(connection: sa.Connection, _: Kept, __: str, names: Sequence[str]) -> Iterable[str]:
    addresses = {name.rpartition("/")[2]: name for name in names}
    chosen = sa.select(result.c.blob).where(result.c.blob.in_(addresses)).distinct()
    return [addresses[address] for address in connection.scalars(chosen)]


def _attachments(
    connection: sa.Connection, kept: Kept, tenant: str, names: Sequence[str]
) -> Iterable[str]:
    """Return the files of the digests that documents name; all, where the key cannot be had.

    And all while anything of the tenant is under legal hold: the documents of a deleted assessment
    are gone before its evidence is erased, and a hold that comes between keeps that, files and all.
    """
    held = sa.select(document.c.id).where(document.c.tenant == tenant, document.c.kind == HOLD)
    if connection.scalar(held.limit(1)) is not None:
        return names
    try:
        keys = kept.keyring.current(tenant)
    except StoreSealedError:
        return names
    return {
        name
        for digest in named_digests(connection, tenant)
        for name in names_of(keys, tenant, digest)
    }


def _reports(
    connection: sa.Connection, _: Kept, tenant: str, names: Sequence[str]
) -> Iterable[str]:
    """Return the files of the reports and exports whose document is there, in whatever status."""
    ids = {name.rpartition("/")[2].partition(".")[0]: name for name in names}
    chosen = sa.select(document.c.id).where(document.c.tenant == tenant, document.c.id.in_(ids))
    return {ids[found] for found in connection.scalars(chosen)}


_NAMED_BY: Final = {
    "attachments": _attachments,
    "blobs": _blobs,
    "reports": _reports,
    _SEGMENTS: _segments,
}
"""Kind of objects -> what tells which of them rows name."""


def _give_up(database: Database, kept: Kept, orphans: list[str], now: datetime) -> None:
    """Leave it to be done to remove those that still are orphans: whoever registers sees that."""
    with database.write() as connection:
        database.hold_files(connection, sweeping=True)
        open_runs = connection.execute(sa.select(run).where(run.c.state == "open"))
        busy = any(is_worked_on(row, now) for row in open_runs)
        orphans = [name for name in orphans if not (busy and _is_segment(name))]
        by_tenant: dict[str, list[str]] = {}
        for name in set(orphans) - _named(connection, kept, orphans):
            by_tenant.setdefault("/".join(name.split("/")[:2]), []).append(name)
        for tenant, names in by_tenant.items():
            todos.leave(connection, todos.REMOVE, tenant, names)


def _is_segment(name: str) -> bool:
    return name.split("/")[2] == _SEGMENTS
