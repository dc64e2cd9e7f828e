"""The database is durable, tells who is in the way, and never hides damage."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from affidavit.errors import SettingsError, StoreBusyError, StoreDamagedError, StoreError
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.database import Database
from affidavit.store.schema import log


def test_sqlite_is_durable(sqlite_settings: Settings) -> None:
    """SQLite runs with a write-ahead log, full sync and foreign keys on every connection."""
    database = Database(sqlite_settings.database)
    with database.read() as one, database.read() as two:
        for connection in (one, two):
            for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
                assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    database.close()
    assert (sqlite_settings.home.stat().st_mode & 0o777) == 0o700


def raise_after(connection: sa.Connection) -> None:
    """Write a row, then fail."""
    connection.execute(log.insert().values(tenant="t", size=1))
    raise ZeroDivisionError


def test_a_write_is_all_or_nothing(settings: Settings) -> None:
    """What is written before an exception is gone."""
    database = Database(settings.database)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        raise_after(connection)
    with database.read() as connection:
        assert connection.execute(sa.select(log)).all() == []
    database.close()


def test_what_is_held_at_the_end_is_closed_when_it_comes_back(settings: Settings) -> None:
    """A connection that outlives the database, as one behind a paused generator does, is closed."""
    database = Database(settings.database)
    with database.read() as connection:
        held, driver = connection.connection.dbapi_connection, connection.dialect.dbapi
        assert held is not None
        assert driver is not None
        database.close()
        assert connection.scalar(sa.select(sa.literal(1))) == 1
    with pytest.raises(driver.Error, match="closed"):
        held.cursor().execute("SELECT 1")


def test_two_openers_migrate_once(settings: Settings) -> None:
    """Processes that open a new database at once both get a whole one."""
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            Database(settings.database).close()
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_locked_database(settings: Settings) -> None:
    """A writer who waits in vain gets an error that says so, after the time he was given."""
    holder, waiter = Database(settings.database), Database(settings.database, busy_seconds=0.2)
    with holder.write() as connection:
        connection.execute(log.insert().values(tenant="t", size=1))
        with pytest.raises(StoreBusyError, match="locked"), waiter.write() as other:
            other.execute(log.insert().values(tenant="t", size=2))
    with waiter.write() as other:
        other.execute(log.update().values(size=3))
    holder.close()
    waiter.close()


def test_a_thread_that_does_not_finish(sqlite_settings: Settings) -> None:
    """Within one process too, a writer waits for a bounded time only."""
    database = Database(sqlite_settings.database, busy_seconds=0.1)
    with database.write(), pytest.raises(StoreBusyError, match="thread"), database.write():
        pass
    database.close()


def test_a_damaged_file(sqlite_settings: Settings) -> None:
    """A file that is not a database is named as damaged, not overwritten."""
    path = Path(sqlite_settings.database.removeprefix("sqlite:///"))
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreDamagedError, match="damaged"):
        Database(sqlite_settings.database)
    assert path.read_bytes() == b"not a database" * 100


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """A PostgreSQL server that does not answer gives an error without the password."""
    url = f"postgresql://user:secret@/x?host={tmp_path}"
    with pytest.raises(StoreError, match="AFFIDAVIT_DATABASE_URL") as caught:
        Database(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_odd_urls(url: str) -> None:
    """A URL that is none, of another database, or in memory is a settings error."""
    with pytest.raises(SettingsError, match="AFFIDAVIT_DATABASE_URL"):
        Database(url)


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    """Where the home folder cannot be, the error names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="AFFIDAVIT_HOME"):
        Database(f"sqlite:///{tmp_path}/file/x/a.db")


def test_readers_make_no_store(sqlite_settings: Settings) -> None:
    """Opening for reading only refuses a home without a database, and makes none."""
    with pytest.raises(StoreError, match="There is no database"):
        open_store(sqlite_settings, create=False)
    assert not sqlite_settings.home.exists()
    open_store(sqlite_settings).close()
    open_store(sqlite_settings, create=False).close()
