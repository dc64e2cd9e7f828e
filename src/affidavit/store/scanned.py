"""Objects of watched logs: listed once, scanned once, counted once, whatever ends in between.

An object is a row from when it was listed. What a scan of it gave is written in one transaction
with the alerts that follow from it, and only while the row still waits: a server that was killed in
the midst leaves it waiting, and two servers that scan the same count it once. Totals are sums over
the rows, so there is no counter that could drift. Old rows are folded into one for each day.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from affidavit.model.canonical import plain_json
from affidavit.model.times import iso
from affidavit.store.database import Database
from affidavit.store.schema import scanned_object as table

LISTED, SCANNED, FAILED, FOLDED = "listed", "scanned", "failed", "folded"
_DAY: Final = len("2026-11-30")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An object that is to be scanned."""

    uri: str
    size: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What was made of an object, or of a day's."""

    uri: str
    state: str
    done_at: str
    body: Mapping[str, Any]


class ScannedObjects:
    """The objects of all watches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listed(
        self,
        tenant: str,
        watch: str,
        found: Iterable[tuple[str, int]],
        now: datetime,
        along: Callable[[sa.Connection], None] = lambda _connection: None,
    ) -> int:
        """Note objects that a listing names; return how many were new.

        `along` writes more in the same transaction: the cursor, so that both move or neither.
        """
        given = dict(found)
        with self._database.write() as connection:
            along(connection)
            known = set(self._known(connection, tenant, watch, list(given)))
            rows = [
                _row(tenant, watch, uri, size, now)
                for uri, size in given.items()
                if uri not in known
            ]
            if rows:
                connection.execute(table.insert(), rows)
        return len(rows)

    def _known(
        self, connection: sa.Connection, tenant: str, watch: str, uris: Sequence[str]
    ) -> Iterable[str]:
        for start in range(0, len(uris), _PARAMETERS):
            part = uris[start : start + _PARAMETERS]
            chosen = sa.select(table.c.uri).where(*_of(tenant, watch), table.c.uri.in_(part))
            yield from connection.scalars(chosen)

    def waiting(self, tenant: str, watch: str, limit: int) -> list[Waiting]:
        """Return objects that are to be scanned, the first listed first."""
        chosen = sa.select(table.c.uri, table.c.size, table.c.attempts)
        chosen = chosen.where(*_of(tenant, watch), table.c.state == LISTED)
        chosen = chosen.order_by(table.c.listed_at, table.c.uri).limit(limit)
        with self._database.read() as connection:
            return [
                Waiting(uri=row.uri, size=row.size, attempts=row.attempts)
                for row in connection.execute(chosen)
            ]

    def finish(  # noqa: PLR0913 - what is noted, given by name
        self,
        tenant: str,
        watch: str,
        uri: str,
        *,
        state: str,
        body: Mapping[str, Any],
        now: datetime,
        along: Callable[[sa.Connection], None] = lambda _connection: None,
    ) -> bool:
        """Note what a scan gave, with what follows from it; False where it was noted before.

        `along` writes more in the same transaction; what it raises leaves nothing noted.
        """
        values = {"state": state, "done_at": iso(now), "body": plain_json(dict(body)).decode()}
        with self._database.write() as connection:
            mine = table.update().where(
                *_of(tenant, watch), table.c.uri == uri, table.c.state == LISTED
            )
            if connection.execute(mine.values(**values)).rowcount != 1:
                return False
            along(connection)
        return True

    def failed(self, tenant: str, watch: str, uri: str) -> None:
        """Count an attempt that failed; the object goes on waiting."""
        mine = table.update().where(
            *_of(tenant, watch), table.c.uri == uri, table.c.state == LISTED
        )
        with self._database.write() as connection:
            connection.execute(mine.values(attempts=table.c.attempts + 1))

    def since(self, tenant: str, watch: str, moment: datetime) -> list[Scan]:
        """Return the scans that were finished since a time, in order."""
        chosen = sa.select(table).where(
            *_of(tenant, watch), table.c.state == SCANNED, table.c.done_at >= iso(moment)
        )
        with self._database.read() as connection:
            return [_scan(row) for row in connection.execute(chosen.order_by(table.c.done_at))]

    def unread(self, tenant: str, watch: str, limit: int) -> list[Scan]:
        """Return the objects that could not be read, the last one first."""
        chosen = sa.select(table).where(*_of(tenant, watch), table.c.state == FAILED)
        chosen = chosen.order_by(table.c.done_at.desc(), table.c.uri).limit(limit)
        with self._database.read() as connection:
            return [_scan(row) for row in connection.execute(chosen)]

    def totals(self, tenant: str, watch: str) -> dict[str, int]:
        """Return how many objects were listed, scanned, failed and wait, and what they held."""
        sums: Counter[str] = Counter()
        chosen = sa.select(table).where(*_of(tenant, watch))
        with self._database.read() as connection:
            for row in connection.execute(chosen):
                body = json.loads(row.body)
                if row.state == FOLDED:
                    sums.update(body)
                    continue
                sums.update(["listed", "waiting" if row.state == LISTED else row.state])
                sums.update(numbers(body))
        return {"listed": 0, "scanned": 0, "failed": 0, "waiting": 0, **sums}

    def fold(self, tenant: str, watch: str, before: datetime) -> int:
        """Fold what was done before a time into a row for each day; return how many rows went.

        The names of the objects are forgotten by that: nothing that old is listed any more.
        """
        old = sa.select(table).where(
            *_of(tenant, watch),
            table.c.state.in_([SCANNED, FAILED]),
            table.c.done_at < iso(before),
        )
        with self._database.write() as connection:
            rows = connection.execute(old.limit(_FOLDED)).all()
            days: dict[str, Counter[str]] = {}
            for row in rows:
                day = days.setdefault(row.done_at[:_DAY], Counter())
                day.update(["listed", row.state])
                day.update(numbers(json.loads(row.body)))
            for name, sums in days.items():
                self._add(connection, (tenant, watch, f"day:{name}"), sums, name)
            for row in rows:
                gone = table.delete().where(*_of(tenant, watch), table.c.uri == row.uri)
                connection.execute(gone)
        return len(rows)

    def _add(
        self, connection: sa.Connection, key: tuple[str, str, str], sums: Counter[str], day: str
    ) -> None:
        tenant, watch, uri = key
        mine = (*_of(tenant, watch), table.c.uri == uri)
        known = connection.execute(sa.select(table.c.body).where(*mine)).scalar()
        body = plain_json(dict(Counter(json.loads(known or "{}")) + sums)).decode()
        if known is not None:
            connection.execute(table.update().where(*mine).values(body=body))
            return
        row = {"state": FOLDED, "done_at": day, "body": body, "size": 0, "attempts": 0}
        name = {"tenant": tenant, "watch": watch, "uri": uri, "listed_at": day}
        connection.execute(table.insert().values(**row, **name))

    def forget(self, tenant: str, watch: str) -> None:
        """Forget a watch that is no more."""
        with self._database.write() as connection:
            connection.execute(table.delete().where(*_of(tenant, watch)))


_PARAMETERS: Final = 500
"""Names in one question to the database."""
_FOLDED: Final = 5000


def numbers(body: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a scan that add up."""
    return {name: value for name, value in body.items() if isinstance(value, int)}


def _of(tenant: str, watch: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.tenant == tenant, table.c.watch == watch)


def _row(tenant: str, watch: str, uri: str, size: int, now: datetime) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "watch": watch,
        "uri": uri,
        "size": size,
        "state": LISTED,
        "attempts": 0,
        "listed_at": iso(now),
        "done_at": "",
        "body": "{}",
    }


def _scan(row: Any) -> Scan:
    return Scan(uri=row.uri, state=row.state, done_at=row.done_at, body=json.loads(row.body))
