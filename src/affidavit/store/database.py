"""The database: SQLite (WAL, synchronous FULL) or PostgreSQL, migrated when it is opened.

`read` gives a consistent view, `write` a transaction that either commits or leaves nothing. Writers
take turns: SQLite has one at a time, on PostgreSQL the rows of a tenant's log are locked. Errors of
the drivers become `StoreBusyError`, `StoreFullError`, `StoreDamagedError` or `StoreError`.
"""

import sqlite3
import threading
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from affidavit.errors import (
    SettingsError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
)
from affidavit.store.files import PRIVATE, disk_errors, full, make_folder
from affidavit.store.recent import Recent
from affidavit.store.schema import REVISION

BUSY_SECONDS = 30.0
"""How long a writer waits for another before it gives up."""
_MIGRATION_LOCK = 0x0AFF1DA7
_SWEEP_LOCK = 0x0AFF1DA8
"""Keys of PostgreSQL's advisory locks: any two numbers that nobody else in the database uses."""
_WRITE = "affidavit_write"
_PG_BUSY = frozenset({"55P03", "40P01", "40001", "57014"})
"""lock_not_available, deadlock_detected, serialization_failure, query_canceled."""
_PG_FULL = frozenset({"53100", "58030"})
"""disk_full, io_error."""
_OLDEST_POSTGRES = (15,)


class Prepared:
    """A statement of every write, by named values; compiled once for SQLite.

    SQLAlchemy takes more time for such a statement than SQLite does.
    """

    def __init__(self, statement: sa.Executable, postgres: sa.Executable | None = None) -> None:
        """Take the statement for SQLite, and PostgreSQL's where that is another one."""
        self.statement = postgres if postgres is not None else statement
        compiled = statement.compile(dialect=sqlite.dialect())  # type: ignore[attr-defined] # every statement that is run here
        self.sql = str(compiled)
        self._order: Sequence[str] = compiled.positiontup or ()

    def values(self, named: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values in the order of the question marks."""
        return tuple([named[name] for name in self._order])

    def run(
        self, connection: sa.Connection, named: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> Sequence[Sequence[Any]]:
        """Run the statement in a transaction and return its rows.

        Once for each of `named` where those are several, without rows then.
        """
        if connection.dialect.name != "sqlite":
            done = connection.execute(self.statement, named)
            return done.all() if done.returns_rows else []
        driver = _driver(connection)
        if isinstance(named, Mapping):
            return driver.execute(self.sql, self.values(named)).fetchall()
        driver.executemany(self.sql, [self.values(one) for one in named])
        return []


class Lookup(Prepared):
    """A query for at most one row."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        super().__init__(statement)
        self._row = namedtuple("_row", [column.name for column in statement.selected_columns])  # type: ignore[misc] # noqa: PYI024

    def row(self, found: Sequence[Any]) -> Any:
        """Return a row with its columns by name."""
        return self._row(*found)


class Database:
    """An open, migrated database."""

    def __init__(self, url: str, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url, self.where = _parsed(url)
        self.busy_seconds = busy_seconds
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._turn = threading.Lock()
        self._closed = False
        if self.is_sqlite and self.url.database:
            with disk_errors(Path(self.url.database).parent):
                file = Path(self.url.database).absolute()
                make_folder(file.parent)
                if not file.exists():
                    # SQLite gives its log and index the mode that it finds here.
                    file.touch(mode=PRIVATE)
        self.recent = Recent(self.url.database if self.is_sqlite else None)
        """What was read since the database last changed."""
        self._engine = self._make_engine()
        event.listen(self._engine, "checkin", self._returned)
        self._writer = self._engine.execution_options(**{_WRITE: True})
        try:
            self._migrate()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection; those that somebody still holds, when they come back."""
        self._closed = True
        self.recent.close()
        self._engine.dispose()

    def _returned(self, _: object, record: ConnectionPoolEntry) -> None:
        if self._closed:  # the pool that it goes to is nobody's any more
            record.invalidate()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection whose queries see one state of the database."""
        with self._errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a transaction, committed at the end unless something was raised."""
        if self.is_sqlite and not self._turn.acquire(timeout=self.busy_seconds):
            raise self._busy("another thread of this process is writing")
        try:
            with self._errors(), self._writer.begin() as connection:
                yield connection
        finally:
            if self.is_sqlite:
                self._turn.release()

    def one(self, lookup: Lookup, named: Mapping[str, Any]) -> Any:
        """Return the row that a lookup finds, or None.

        On SQLite without SQLAlchemy, which takes ten times as long as the query; where that fails,
        with it, for its errors.
        """
        with suppress(sqlite3.Error):
            found = self.recent.rows(lookup.sql, lookup.values(named))
            if found is not None:
                return lookup.row(found[0]) if found else None
        with self.read() as connection:
            return connection.execute(lookup.statement, dict(named)).one_or_none()

    def hold_files(self, connection: sa.Connection, *, sweeping: bool) -> None:
        """Keep sweepers and those who register files apart for the rest of the transaction.

        SQLite's single writer does so by itself.
        """
        if not self.is_sqlite:
            lock = "pg_advisory_xact_lock" + ("" if sweeping else "_shared")
            connection.execute(sa.text(f"SELECT {lock}({_SWEEP_LOCK})"))

    def _make_engine(self) -> sa.Engine:
        if not self.is_sqlite:
            return self._make_postgres()
        engine = sa.create_engine(
            self.url, connect_args={"timeout": self.busy_seconds, "check_same_thread": False}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _make_postgres(self) -> sa.Engine:
        wait = int(self.busy_seconds * 1000)
        try:
            return sa.create_engine(
                self.url,
                isolation_level="READ COMMITTED",
                connect_args={"options": f"-c lock_timeout={wait} -c timezone=UTC"},
            )
        except ModuleNotFoundError as error:
            raise SettingsError(
                "PostgreSQL needs the package psycopg",
                why=str(error),
                todo="Install Affidavit with its `postgres` extra.",
            ) from error

    def _migrate(self) -> None:
        """Bring the schema to this version's, under a lock; a newer one is refused."""
        with self._errors(), self._engine.connect() as connection:
            if _revision(connection) == REVISION:
                return
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                self._refuse_old_postgres(connection)
            if _revision(connection) != REVISION:
                from affidavit.store.migrations import upgrade

                upgrade(connection, self.where)

    def _refuse_old_postgres(self, connection: sa.Connection) -> None:
        version = connection.dialect.server_version_info or ()
        if version < _OLDEST_POSTGRES:
            raise StoreError(
                f"PostgreSQL {'.'.join(map(str, version))} is too old",
                why="Affidavit is tested with version 15 and later.",
                todo="Upgrade the server.",
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._translated(error.orig) from error
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _translated(self, original: BaseException | None) -> StoreError:
        if isinstance(original, sqlite3.Error):
            return self._from_sqlite(original)
        code = getattr(original, "sqlstate", None) or ""
        words = " ".join(str(original).split())
        if code in _PG_BUSY:
            return self._busy(words)
        if code in _PG_FULL:
            return full(self.where, words)
        return StoreError(
            f"The database {self.where} refused",
            why=words,
            todo="Check that the server runs and that AFFIDAVIT_DATABASE_URL is right.",
        )

    def _from_sqlite(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return self._busy(str(error))
        if code == sqlite3.SQLITE_FULL:
            return full(self.where, str(error))
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return StoreDamagedError(
                f"The database {self.where} is damaged",
                why=str(error),
                todo="Restore it from a backup, then run `affidavit ledger verify`.",
            )
        return StoreError(
            f"The database {self.where} cannot be used",
            why=str(error),
            todo="Check the disk, the folder and its permissions (AFFIDAVIT_HOME).",
        )

    def _busy(self, why: str) -> StoreBusyError:
        return StoreBusyError(
            f"The database {self.where} is locked",
            why=f"Somebody else was writing for {self.busy_seconds:g} s ({why}).",
            todo="Wait until the other process has finished, or end it; then run this again.",
        )


def is_missing(text: str) -> bool:
    """Tell whether the URL names an SQLite file that is not there."""
    url, where = _parsed(text)
    return url.get_backend_name() == "sqlite" and not Path(where).is_file()


def refuse_missing(text: str) -> None:
    """Raise `StoreError` where the URL names an SQLite file that is not there."""
    if is_missing(text):
        raise StoreError(
            f"There is no database {_parsed(text)[1]}",
            why="Nothing was collected with this home folder yet, or it is another one.",
            todo="Give the right one with --home or AFFIDAVIT_HOME.",
        )


def _parsed(text: str) -> tuple[sa.URL, str]:
    """Return the URL with our driver, and the words for messages (never a password)."""
    try:
        url = sa.make_url(text)
        name = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise _bad_url(str(error)) from error
    if name == "sqlite":
        if not url.database or url.database == ":memory:":
            raise _bad_url("A database in memory loses everything.")
        return url, url.database
    if name in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg"), url.render_as_string(hide_password=True)
    raise _bad_url(f"{name} is neither sqlite nor postgresql.")


def _bad_url(why: str) -> SettingsError:
    return SettingsError(
        "AFFIDAVIT_DATABASE_URL cannot be used",
        why=why,
        todo="Set it to sqlite:///path or postgresql://user@host/name, or unset it.",
    )


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """Set up each connection: our own BEGIN, a log that survives a crash, keys that are checked."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """Take the writer's lock at once: a reader that turns writer could not wait for it."""
    write = connection.get_execution_options().get(_WRITE, False)
    _driver(connection).execute("BEGIN IMMEDIATE" if write else "BEGIN").close()


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    """Return the driver's own connection: its errors are the driver's, which `_errors` knows."""
    found: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment] # of this dialect
    return found


def _revision(connection: sa.Connection) -> str:
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "")
