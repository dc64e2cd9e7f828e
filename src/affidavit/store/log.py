"""A tenant's log in the database: appended in the caller's transaction, proved from rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from affidavit.errors import LedgerError, StoreDamagedError
from affidavit.ledger import tree
from affidavit.ledger.tiles import WIDTH, TileNodes, extend
from affidavit.ledger.tree import HASH_SIZE
from affidavit.store.database import Database, Prepared
from affidavit.store.places import check_tenant
from affidavit.store.schema import log, log_tile

_AHEAD = 256
"""Rows read at once by `ahead`: two MiB."""


_LOCKED = Prepared(
    sa.select(log.c.size).where(log.c.tenant == sa.bindparam("of")).with_for_update()
)
_GROWN = Prepared(
    log.update().where(log.c.tenant == sa.bindparam("of")).values(size=sa.bindparam("new"))
)
"""Statements of every append."""


@cache
def _tiles(count: int) -> Prepared:
    """Return the statement that reads so many rows by (level, number), built once.

    Not an IN of whatever length: SQLAlchemy would write that anew each time.
    """
    places = (
        sa.and_(
            log_tile.c.level == sa.bindparam(f"level{n}"),
            log_tile.c.number == sa.bindparam(f"number{n}"),
        )
        for n in range(count)
    )
    chosen = sa.select(log_tile.c.level, log_tile.c.hashes)
    return Prepared(chosen.where(log_tile.c.tenant == sa.bindparam("of"), sa.or_(*places)))


def _upsert(insert: sqlite.Insert | postgresql.Insert) -> sa.Executable:
    return insert.on_conflict_do_update(
        index_elements=["tenant", "level", "number"],
        set_={"hashes": insert.excluded.hashes},
    )


_UPSERT = Prepared(_upsert(sqlite.insert(log_tile)), _upsert(postgresql.insert(log_tile)))


class Log:
    """A tenant's log for readers. Sizes: any up to `size`; leaves count from 0."""

    def __init__(self, database: Database, tenant: str) -> None:
        self.tenant = tenant
        self._database = database

    @property
    def size(self) -> int:
        """Return the number of leaves now."""
        with self._database.read() as connection:
            return log_size(connection, self.tenant)

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves, or of all."""
        with self._nodes(size) as (nodes, known):
            return tree.root(nodes, known)

    def entry(self, index: int) -> bytes:
        """Return the 32 bytes of leaf `index`."""
        with self._database.read() as connection:
            row = fetch(connection, self.tenant, 0, index // WIDTH)
        at = index % WIDTH * HASH_SIZE
        if index < 0 or len(row) < at + HASH_SIZE:
            raise LedgerError(f"The log of {self.tenant} has no leaf {index}")
        return row[at : at + HASH_SIZE]

    def entries(self, first: int, number: int) -> bytes:
        """Return the 32 bytes of each of `number` leaves from `first` on, one after the other."""
        last = first + number - 1
        with self._database.read() as connection:
            read = ahead(connection, self.tenant)
            rows = b"".join(read(0, at) for at in range(first // WIDTH, last // WIDTH + 1))
        start = first % WIDTH * HASH_SIZE
        found = rows[start : start + number * HASH_SIZE]
        if len(found) < number * HASH_SIZE:
            raise LedgerError(f"The log of {self.tenant} has no leaf {last}")
        return found

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of leaf `index` in the tree of `size` leaves."""
        return self.inclusion_proofs([index], size)[0]

    def inclusion_proofs(
        self, indices: Sequence[int], size: int | None = None
    ) -> list[list[bytes]]:
        """Return the audit paths of many leaves, as ordered; neighbours share the reading."""
        found: dict[int, list[bytes]] = {}
        with self._nodes(size) as (nodes, known):
            for index in sorted(set(indices)):
                found[index] = tree.inclusion_proof(nodes, index, known)
        return [found[index] for index in indices]

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """Return the proof that the tree of `first` leaves is a prefix of that of `second`."""
        with self._nodes(second) as (nodes, known):
            return tree.consistency_proof(nodes, first, known)

    @contextmanager
    def _nodes(self, size: int | None) -> Iterator[tuple[TileNodes, int]]:
        with self._database.read() as connection:
            present = log_size(connection, self.tenant)
            if size is not None and not 0 <= size <= present:
                raise LedgerError(f"The log of {self.tenant} has {present} leaves, not {size}")
            yield nodes_of(connection, self.tenant), present if size is None else size


class Appender:
    """Appends leaves within a transaction, whose end is the commit. One at a time per tenant."""

    def __init__(self, connection: sa.Connection, tenant: str) -> None:
        check_tenant(tenant)
        self._connection = connection
        self._tenant = tenant
        self.size = self._lock()
        self._edge = self._read_edge()

    def append(self, entries: bytes) -> int:
        """Append entries of 32 bytes each; return the index of the first."""
        first = self.size
        changed = extend(first, self._edge, entries)
        rows = [
            {"tenant": self._tenant, "level": r.level, "number": r.number, "hashes": r.hashes}
            for r in changed
        ]
        if rows:
            _UPSERT.run(self._connection, rows)
        self.size += len(entries) // HASH_SIZE
        _GROWN.run(self._connection, {"of": self._tenant, "new": self.size})
        return first

    def root(self) -> bytes:
        """Return the root of the log as it now stands in the transaction."""
        return tree.root(nodes_of(self._connection, self._tenant), self.size)

    def _lock(self) -> int:
        named = {"of": self._tenant}
        rows = _LOCKED.run(self._connection, named)
        if not rows:
            insert = insert_into(self._connection, log)
            self._connection.execute(
                insert.values(tenant=self._tenant, size=0).on_conflict_do_nothing()
            )
            rows = _LOCKED.run(self._connection, named)
        return int(rows[0][0])

    def _read_edge(self) -> dict[int, bytes]:
        """Return the partial row of each level, all read at once."""
        places: list[tuple[int, int]] = []
        level, count = 0, self.size
        while count:
            if count % WIDTH:
                places.append((level, count // WIDTH))
            level, count = level + 1, count // WIDTH
        if not places:
            return {}
        named: dict[str, str | int] = {"of": self._tenant}
        for n, (at, number) in enumerate(places):
            named |= {f"level{n}": at, f"number{n}": number}
        found = _tiles(len(places)).run(self._connection, named)
        edge = {level: bytes(hashes) for level, hashes in found}
        for level, number in places:
            if level not in edge:
                raise _no_row(self._tenant, level, number)
        return edge


def log_size(connection: sa.Connection, tenant: str) -> int:
    """Return the number of leaves of the tenant's log; 0 where it has none yet."""
    found = connection.execute(sa.select(log.c.size).where(log.c.tenant == tenant)).scalar()
    return int(found or 0)


def fetch(connection: sa.Connection, tenant: str, level: int, number: int) -> bytes:
    """Return a row of hashes; `StoreDamagedError` where it is gone."""
    found = connection.execute(
        sa.select(log_tile.c.hashes).where(
            log_tile.c.tenant == tenant, log_tile.c.level == level, log_tile.c.number == number
        )
    ).scalar()
    if found is None:
        raise _no_row(tenant, level, number)
    return bytes(found)


def _no_row(tenant: str, level: int, number: int) -> StoreDamagedError:
    return StoreDamagedError(
        f"The log of {tenant} has no row {number} at level {level}",
        why="It is not in the table log_tile.",
        todo="Restore the database from a backup, then run `affidavit ledger verify`.",
    )


def nodes_of(connection: sa.Connection, tenant: str) -> TileNodes:
    """Return the tree's nodes as this connection sees them."""
    return TileNodes(lambda level, number: fetch(connection, tenant, level, number))


def ahead(connection: sa.Connection, tenant: str) -> Callable[[int, int], bytes]:
    """Return a `fetch` for who reads row after row: it reads many at once and keeps those."""
    kept: dict[tuple[int, int], bytes] = {}

    def read(level: int, number: int) -> bytes:
        if (level, number) not in kept:
            kept.clear()
            chosen = sa.select(log_tile.c.number, log_tile.c.hashes).where(
                log_tile.c.tenant == tenant,
                log_tile.c.level == level,
                log_tile.c.number.between(number, number + _AHEAD - 1),
            )
            kept.update({(level, n): bytes(data) for n, data in connection.execute(chosen)})
        return kept.get((level, number)) or fetch(connection, tenant, level, number)

    return read


def insert_into(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insertion that can say what to do where the row is there already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
