"""Documents: the nouns of Audit Manager's API that people make and change.

Settings, controls, frameworks, assessments, delegations, reports, notifications: each is one JSON
document of a tenant. Writes are checked against the version that was read, so that two callers
never overwrite each other unseen, and come in one transaction with the change-log leaves that tell
of them.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sa

from affidavit.errors import StoreConflictError
from affidavit.model.canonical import quick_json
from affidavit.store import records, todos
from affidavit.store.database import Database, Lookup, Prepared
from affidavit.store.log import Appender
from affidavit.store.scanned import ScannedObjects
from affidavit.store.schema import document as table

Distilled = TypeVar("Distilled")
Rule = Callable[[sa.Connection], None]
"""Looks at the documents as they stand in a transaction, and raises where it must not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document."""

    kind: str
    """Noun of the API in snake_case, for example assessment_report."""
    id: str
    body: dict[str, Any]
    """JSON values; member names as the API has them."""
    parent: str = ""
    """Id of what it belongs to, for example a delegation's assessment."""
    sort: str = ""
    """What lists are ordered by (a time as RFC 3339, a name); ties by id."""
    version: int = 0
    """As read; 0 for a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """Objects that are removed after a transaction."""

    names: Sequence[str]
    digest: str = ""
    """Only if, after it, no document of the kinds `NAMING` names this SHA-256; empty: always."""


NAMING: Final = ("manual_evidence", "prompt_suite", "upload")
"""Kinds of documents that name attached files, by the member `sha256`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """What is written and deleted in one transaction, with the changes that tell of it."""

    puts: Sequence[Document] = ()
    """One with version 0 must be new; any other must be of the version read."""
    deletes: Sequence[Document] = ()
    """Each must be of the version read."""
    changes: Sequence[Mapping[str, Any]] = ()
    """Records of kind change (see `records.KINDS`), appended to the tenant's log."""
    absent: Sequence[tuple[str, str | None]] = ()
    """(kind, id) of documents that must not be there, None: of any id; see `legal_hold`."""
    brought: Sequence[tuple[str, int]] = ()
    """(name, mark before it was brought) of objects that a document names from now on."""
    given_up: Sequence[GivenUp] = ()
    """Objects that it is left to be done to remove."""
    rules: Sequence[Rule] = ()
    """Made by `Documents.rule` and `Documents.counted`: asked before anything is written, with all
    who write with rules kept out of the tenant until this is committed."""


_ONE = Lookup(
    sa.select(table).where(
        *(table.c[name] == sa.bindparam(name) for name in ("tenant", "kind", "id"))
    )
)
"""Built once: every request of the API reads several."""


_OF_KIND = (
    table.c.tenant == sa.bindparam("tenant"),
    table.c.kind == sa.bindparam("kind"),
)
_VERSIONS = Prepared(sa.select(table.c.id, table.c.version).where(*_OF_KIND))
_BODIES = sa.select(table).where(*_OF_KIND, table.c.id.in_(sa.bindparam("ids", expanding=True)))
_AT_ONCE = 500
"""Documents that are read together: SQLite takes some thousand parameters at most."""


def _bodies(
    connection: sa.Connection, of: Mapping[str, str], identifiers: Sequence[str]
) -> Iterator[Any]:
    """Yield the rows of these documents; one alone, as after each write, by the cheaper query."""
    if len(identifiers) == 1:
        yield from map(_ONE.row, _ONE.run(connection, {**of, "id": identifiers[0]}))
        return
    for at in range(0, len(identifiers), _AT_ONCE):
        yield from connection.execute(_BODIES, {**of, "ids": identifiers[at : at + _AT_ONCE]})


class Documents:
    """The documents of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._distilled: dict[tuple[Any, ...], dict[str, tuple[int, Any]]] = {}
        self.scanned = ScannedObjects(database)
        """Objects of watched logs: written together with documents."""

    def get(self, tenant: str, kind: str, identifier: str) -> Document | None:
        """Return a document of the tenant, or None."""
        named = {"tenant": tenant, "kind": kind, "id": identifier}

        def read() -> Any:
            return self._database.one(_ONE, named)

        key = (tenant, kind, identifier)
        row = self._database.recent.get(key, read, lambda found: len(found.body) if found else 0)
        return _document(row) if row else None

    def find(self, kind: str, identifier: str) -> list[tuple[str, Document]]:
        """Return (tenant, document) of this kind and id in whatever tenant; for shares only."""
        wanted = (table.c.kind == kind, table.c.id == identifier)
        with self._database.read() as connection:
            rows = connection.execute(sa.select(table).where(*wanted)).all()
        return [(row.tenant, _document(row)) for row in rows]

    def of_all_tenants(self, kind: str) -> list[tuple[str, Document]]:
        """Return (tenant, document) of a kind, the oldest first; for the server's own work only."""
        chosen = sa.select(table).where(table.c.kind == kind)
        chosen = chosen.order_by(table.c.sort, table.c.tenant, table.c.id)
        with self._database.read() as connection:
            return [(row.tenant, _document(row)) for row in connection.execute(chosen)]

    def every(
        self,
        tenant: str,
        kind: str,
        *,
        parent: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Document]:
        """Return the tenant's documents of a kind in order of (sort, id), a page at a time.

        `after` is the (sort, id) of the last one of the page before.
        """

        def read() -> Sequence[sa.Row[Any]]:
            key = sa.tuple_(table.c.sort, table.c.id)
            chosen = sa.select(table).where(table.c.tenant == tenant, table.c.kind == kind)
            if parent is not None:
                chosen = chosen.where(table.c.parent == parent)
            if after is not None:
                mark = sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
                chosen = chosen.where(key < mark if newest_first else key > mark)
            order = (table.c.sort, table.c.id)
            chosen = chosen.order_by(*(c.desc() if newest_first else c for c in order))
            with self._database.read() as connection:
                return connection.execute(chosen.limit(limit)).all()

        place = ("every", tenant, kind, parent, after, limit, newest_first)
        rows = self._database.recent.get(place, read, lambda rows: sum(len(r.body) for r in rows))
        return [_document(row) for row in rows]

    def distilled(
        self, tenant: str, kind: str, distil: Callable[[Document], Distilled]
    ) -> list[Distilled]:
        """Return what `distil` takes from each document of a kind, in whatever order.

        Each version of a document is read once a process: only what was written since is read. The
        function must give the same for the same document, and always be the same function; whoever
        gets its answers must not change them.
        """
        with self._database.read() as connection:
            return self._distilled_in(connection, tenant, kind, distil)

    def rule(
        self,
        tenant: str,
        kind: str,
        distil: Callable[[Document], Distilled],
        check: Callable[[list[Distilled]], None],
    ) -> Rule:
        """Return a rule on what `distil` takes from each document of a kind; see `distilled`."""
        return lambda connection: check(self._distilled_in(connection, tenant, kind, distil))

    def counted(
        self,
        tenant: str,
        kind: str,
        check: Callable[[int], None],
        *,
        parent: str | None = None,
        since: str = "",
    ) -> Rule:
        """Return a rule on how many documents of a kind there are.

        `since`: only those whose `sort` is this or later.
        """
        chosen = sa.select(sa.func.count()).where(
            table.c.tenant == tenant, table.c.kind == kind, table.c.sort >= since
        )
        if parent is not None:
            chosen = chosen.where(table.c.parent == parent)
        return lambda connection: check(int(connection.execute(chosen).scalar_one()))

    def ask(self, rule: Rule, refusal: type[Exception]) -> bool:
        """Tell whether a rule holds now, outside of any write: it may not a moment later."""
        with self._database.read() as connection:
            try:
                rule(connection)
            except refusal:
                return False
        return True

    def _distilled_in(
        self,
        connection: sa.Connection,
        tenant: str,
        kind: str,
        distil: Callable[[Document], Distilled],
    ) -> list[Distilled]:
        named = {"tenant": tenant, "kind": kind}
        now = {row[0]: row[1] for row in _VERSIONS.run(connection, named)}
        before = self._distilled.get((distil, tenant, kind), {})
        known = {i: before[i] for i, v in now.items() if i in before and before[i][0] == v}
        missing = [identifier for identifier in now if identifier not in known]
        for row in _bodies(connection, named, missing):
            known[row.id] = (row.version, distil(_document(row)))
        found = {identifier: known[identifier] for identifier in now if identifier in known}
        self._distilled[distil, tenant, kind] = found
        return [value for _, value in found.values()]

    def act(self, tenant: str, *, now: datetime, **written: Any) -> None:
        """Write and delete documents and append change-log records, all or nothing.

        `written`: the members of `Writes`. Raises `StoreConflictError` where one is not as `Writes`
        wants it: read again and decide again.
        """
        writes = Writes(**written)
        with self._database.write() as connection:
            if writes.brought or writes.given_up:
                self._database.hold_files(connection, sweeping=bool(writes.given_up))
            write(connection, tenant, writes, now)


_INSERT = Prepared(table.insert())


def with_writes(tenant: str, writes: Writes, now: datetime) -> Callable[[sa.Connection], None]:
    """Return what does `writes` within somebody else's transaction."""
    return lambda connection: write(connection, tenant, writes, now)


def write(
    connection: sa.Connection,
    tenant: str,
    writes: Writes,
    now: datetime,
    appender: Appender | None = None,
) -> None:
    """Do `writes` within a transaction; `StoreConflictError` where one is not as it was read.

    `appender`: of the transaction and tenant, where there is one already.
    """
    for change in writes.changes:
        records.check_kind(change)
    if writes.absent or writes.rules or writes.changes:
        # On PostgreSQL the tenant's log is locked first: who puts such a document locks it too.
        appender = appender or Appender(connection, tenant)
    require_absent(connection, tenant, writes.absent)
    _require_there(connection, writes.brought)
    for rule in writes.rules:
        rule(connection)
    _insert(connection, tenant, [put for put in writes.puts if not put.version])
    for put in writes.puts:
        if put.version:
            _update(connection, tenant, put)
    for gone in writes.deletes:
        _delete(connection, tenant, gone)
    if writes.changes and appender is not None:
        records.add_changes(connection, appender, tenant, writes.changes, now.date())
    _give_up(connection, tenant, writes.given_up)


def _require_there(connection: sa.Connection, brought: Sequence[tuple[str, int]]) -> None:
    for name, mark in brought:
        if todos.removed_since(connection, [name], mark):
            raise StoreConflictError(
                "The file was removed as it came",
                why="The same file was deleted from elsewhere at this moment.",
                todo="Send it again.",
            )


def _give_up(connection: sa.Connection, tenant: str, given_up: Sequence[GivenUp]) -> None:
    """Leave it to be done to remove objects, but files that a document still names."""
    told = any(one.digest for one in given_up)
    named = named_digests(connection, tenant) if told else set()
    names = [name for one in given_up if one.digest not in named for name in one.names]
    todos.leave(connection, todos.REMOVE, tenant, names)


def named_digests(connection: sa.Connection, tenant: str) -> set[str]:
    """Return the SHA-256 of every attached file that a document names."""
    chosen = sa.select(table.c.body).where(table.c.tenant == tenant, table.c.kind.in_(NAMING))
    bodies = (msgspec.json.decode(body) for body in connection.scalars(chosen))
    return {str(body["sha256"]) for body in bodies if "sha256" in body}


def _values(put: Document) -> dict[str, Any]:
    return {
        "parent": put.parent,
        "sort": put.sort,
        "version": put.version + 1,
        "body": quick_json(put.body).decode(),
    }


def _insert(connection: sa.Connection, tenant: str, new: Sequence[Document]) -> None:
    """Write new documents; `StoreConflictError` where one is there already."""
    if not new:
        return
    rows = [{"tenant": tenant, "kind": one.kind, "id": one.id, **_values(one)} for one in new]
    try:
        _INSERT.run(connection, rows)
    except (sa.exc.IntegrityError, sqlite3.IntegrityError) as error:
        raise _conflict(*new) from error


def _update(connection: sa.Connection, tenant: str, put: Document) -> None:
    statement = table.update().where(*_as_read(tenant, put)).values(**_values(put))
    if connection.execute(statement).rowcount != 1:
        raise _conflict(put)


def _delete(connection: sa.Connection, tenant: str, gone: Document) -> None:
    if connection.execute(table.delete().where(*_as_read(tenant, gone))).rowcount != 1:
        raise _conflict(gone)


def require_absent(
    connection: sa.Connection, tenant: str, absent: Sequence[tuple[str, str | None]]
) -> None:
    """Raise `StoreConflictError` where a document of a kind (and id) is there, in a transaction.

    The tenant's log must be locked (`Appender`).
    """
    for kind, identifier in absent:
        found = sa.select(table.c.id).where(table.c.tenant == tenant, table.c.kind == kind)
        if identifier is not None:
            found = found.where(table.c.id == identifier)
        if connection.execute(found.limit(1)).first():
            raise StoreConflictError(f"A {kind.replace('_', ' ')} was set meanwhile")


def _as_read(tenant: str, document: Document) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.tenant == tenant,
        table.c.kind == document.kind,
        table.c.id == document.id,
        table.c.version == document.version,
    )


def _conflict(*documents: Document) -> StoreConflictError:
    """Return the error of documents of which one is not as it was read."""
    named = " or ".join(f"{one.kind.replace('_', ' ')} {one.id}" for one in documents)
    return StoreConflictError(
        f"The {named} was changed by somebody else",
        todo="Read it again, and repeat the change if it is still right.",
    )


def _document(row: Any) -> Document:
    return Document(
        kind=row.kind,
        id=row.id,
        body=msgspec.json.decode(row.body),
        parent=row.parent,
        sort=row.sort,
        version=row.version,
    )
