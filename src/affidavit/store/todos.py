"""To-dos: what a transaction leaves to be done outside the database once it is committed.

An object to remove, an Iceberg table to publish anew. Each is a row that is written in the very
transaction it follows from, so that a process that is killed, or an S3 that does not answer, leaves
it to be done later. A row stays for a while after it was done: who brought an object at the same
time sees that it was removed, and brings it again (`registering`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from affidavit.model.times import utc_now
from affidavit.store import leases
from affidavit.store.database import Database
from affidavit.store.log import insert_into
from affidavit.store.places import from_micros, micros
from affidavit.store.schema import todo as table

REMOVE: Final = "remove"
PUBLISH: Final = "publish"
LEASE: Final = timedelta(minutes=10)
"""So long a to-do is its holder's, unless he is known to be dead; he works for half of it only."""
REMEMBERED: Final = timedelta(hours=2)
"""How long what was done is remembered."""
_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_NAMES: Final = 500
"""Names in one question to the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A to-do that is not done."""

    kind: str
    """`REMOVE` or `PUBLISH`."""
    name: str
    """The object, or the tenant."""
    tenant: str
    since: datetime
    attempts: int
    """That failed."""
    why: str
    """Why the last one failed; empty: nobody has tried, or somebody is at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which to-dos are taken."""

    names: Sequence[str] | None
    """Only these, one of `parts`; None: any."""
    before: datetime
    """Those that nobody tried since."""
    patient: bool
    """Not those that failed a short time ago: each failure makes it longer."""


def leave(connection: sa.Connection, kind: str, tenant: str, names: Iterable[str]) -> None:
    """Leave to-dos in the caller's transaction.

    Who leaves removals must have held the files since the transaction began (`hold_files` with
    sweeping): so their marks grow in the order of their commits.
    """
    told = sorted(set(names))
    if not told:
        return
    now = max(micros(utc_now()), latest(connection, kind) + 1)
    rows = [_row(kind, name, tenant, now) for name in told]
    new = insert_into(connection, table)
    again = {"since": new.excluded.since, "attempts": 0, "why": "", "done_at": 0}
    connection.execute(new.on_conflict_do_update(index_elements=["kind", "name"], set_=again), rows)


def latest(connection: sa.Connection, kind: str = REMOVE) -> int:
    """Return the mark of the newest to-do of a kind: what is left later has a greater one."""
    newest = sa.select(sa.func.max(table.c.since)).where(table.c.kind == kind)
    return int(connection.scalar(newest) or 0)


def mark_of(database: Database, kind: str, name: str) -> int:
    """Return the mark of a to-do that is not done, or 0."""
    chosen = sa.select(table.c.since).where(*_one(kind, name), table.c.done_at == 0)
    with database.read() as connection:
        return int(connection.scalar(chosen) or 0)


def removed_since(connection: sa.Connection, names: Sequence[str], mark: int) -> bool:
    """Return whether any of these objects is to be removed, or was since `latest` gave `mark`."""
    counts = sa.or_(table.c.done_at == 0, table.c.since > mark)
    return any(
        connection.execute(
            sa.select(table.c.name)
            .where(table.c.kind == REMOVE, table.c.name.in_(some), counts)
            .limit(1)
        ).first()
        for some in parts(names)
    )


def still_waiting(database: Database, tenant: str | None = None) -> list[Waiting]:
    """Return what is not done yet, of a tenant or of all, the oldest first."""
    chosen = sa.select(table).where(table.c.done_at == 0)
    if tenant is not None:
        chosen = chosen.where(table.c.tenant == tenant)
    with database.read() as connection:
        rows = connection.execute(chosen.order_by(table.c.since, table.c.name)).all()
    return [
        Waiting(
            kind=row.kind,
            name=row.name,
            tenant=row.tenant,
            since=from_micros(row.since),
            attempts=row.attempts,
            why=row.why,
        )
        for row in rows
    ]


def take(database: Database, kind: str, limit: int, asked: Asked) -> list[tuple[str, int]]:
    """Take to-dos that nobody is at: (name, mark) of each."""
    names, patient = asked.names, asked.patient
    now = utc_now()
    chosen = sa.select(table).where(
        table.c.kind == kind, table.c.done_at == 0, table.c.tried_at < micros(asked.before)
    )
    if names is not None:
        chosen = chosen.where(table.c.name.in_(names))
    chosen = chosen.order_by(table.c.attempts, table.c.since, table.c.name)
    with database.read() as connection:
        if connection.execute(chosen.limit(1)).first() is None:
            return []  # nothing to do is the rule: no writer is held up by asking
    with database.write() as connection:
        rows = connection.execute(chosen.limit(limit).with_for_update(skip_locked=True)).all()
        mine = [row for row in rows if _is_free(row, now) and not (patient and _rests(row, now))]
        _mark(connection, kind, mine, holder=leases.me().text(), tried_at=micros(now))
    return [(row.name, row.since) for row in mine]


def finish(
    database: Database,
    kind: str,
    done: Sequence[tuple[str, int]],
    failed: Sequence[tuple[str, int, str]] = (),
) -> None:
    """Note what was done, and of what failed, why; what was left anew meanwhile stays to be done.

    A failure without words was not tried, and is given back.
    """
    now = micros(utc_now())
    with database.write() as connection:
        for name, mark in done:
            mine = _one(kind, name)
            closed = table.update().where(*mine, table.c.since == mark)
            connection.execute(closed.values(done_at=now, holder="", why=""))
            connection.execute(table.update().where(*mine).values(holder=""))
        for name, _, why in failed:
            tries = table.c.attempts + (1 if why else 0)
            given_back = table.update().where(*_one(kind, name))
            connection.execute(given_back.values(holder="", attempts=tries, why=why[:1000]))
        old = now - REMEMBERED // timedelta(microseconds=1)
        connection.execute(table.delete().where(table.c.done_at.between(1, old)))


def _mark(connection: sa.Connection, kind: str, rows: Sequence[Any], **values: Any) -> None:
    for some in parts([row.name for row in rows]):
        chosen = table.update().where(table.c.kind == kind, table.c.name.in_(some))
        connection.execute(chosen.values(**values))


def _is_free(row: sa.Row[Any], now: datetime) -> bool:
    holder = leases.parse(row.holder)
    return holder is None or holder.is_gone() or row.tried_at < micros(now - LEASE)


def _rests(row: sa.Row[Any], now: datetime) -> bool:
    """Tell whether the last failure was so short ago that it is not tried again yet."""
    if not row.attempts:
        return False
    pause = min(_PAUSE * 2 ** min(row.attempts - 1, 10), _LONGEST_PAUSE)
    return bool(row.tried_at > micros(now - pause))


def _one(kind: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.kind == kind, table.c.name == name)


def parts(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield names in groups that fit in one question to the database."""
    source = iter(names)
    while some := list(islice(source, _NAMES)):
        yield some


def _row(kind: str, name: str, tenant: str, since: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "tenant": tenant,
        "since": since,
        "holder": "",
        "tried_at": 0,
        "attempts": 0,
        "why": "",
        "done_at": 0,
    }
