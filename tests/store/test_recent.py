"""What was read since the last change: never older than the database, and bounded."""

import sqlite3
from pathlib import Path

import pytest

from affidavit.model.times import utc_now
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document
from affidavit.store.recent import MAX_BYTES, MAX_ONE, Recent

TENANT = "111122223333/us-east-1"


class Counted:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self) -> int:
        """Return how often it was read, this time included."""
        self.reads += 1
        return self.reads


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give an SQLite database with a log, as ours is."""
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    return tmp_path / "a.db"


def test_a_second_look_reads_nothing_until_somebody_writes(path: Path) -> None:
    """What was read is kept until any connection commits, and only until then."""
    recent, read = Recent(str(path)), Counted()
    assert [recent.get("key", read, lambda _: 1) for _ in range(3)] == [1, 1, 1]
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES (1)")
    assert recent.get("key", read, lambda _: 1) == 1
    writer.execute("COMMIT")
    assert recent.get("key", read, lambda _: 1) == 2
    writer.close()
    recent.close()
    assert recent.get("key", read, lambda _: 1) == 3


def test_a_database_that_does_not_say_when_it_changed_is_always_read(tmp_path: Path) -> None:
    """Without a path (PostgreSQL), or where SQLite cannot be asked, every look reads."""
    for recent in (Recent(None), Recent(str(tmp_path))):
        read = Counted()
        assert [recent.get("key", read, lambda _: 1) for _ in range(2)] == [1, 2]


def test_what_is_kept_is_bounded(path: Path) -> None:
    """The oldest go first, and one that is too long is not kept."""
    recent = Recent(str(path))
    large = Counted()
    assert [recent.get("large", large, lambda _: MAX_ONE + 1) for _ in range(2)] == [1, 2]
    for number in range(2 * MAX_BYTES // MAX_ONE):
        recent.get(number, Counted(), lambda _: MAX_ONE)
    assert recent._bytes <= MAX_BYTES
    assert recent.get(0, lambda: "again", lambda _: 1) == "again"
    recent.close()


def test_two_stores_see_each_other_at_once(settings: Settings) -> None:
    """A document that another process changed or deleted is never answered as it was."""
    with open_store(settings) as one, open_store(settings) as other:
        now = utc_now()
        one.documents.act(TENANT, now=now, puts=[Document(kind="k", id="a", body={"n": 1})])
        for _ in range(2):
            found = other.documents.get(TENANT, "k", "a")
            assert found is not None
            assert found.body == {"n": 1}
            assert [d.body for d in other.documents.every(TENANT, "k")] == [{"n": 1}]
            assert other.documents.distilled(TENANT, "k", _n) == [1]
        put = Document(kind="k", id="a", body={"n": 2}, version=1)
        one.documents.act(TENANT, now=now, puts=[put])
        changed = other.documents.get(TENANT, "k", "a")
        assert changed is not None
        assert changed.body == {"n": 2}
        changed.body["n"] = 3
        assert [d.body for d in other.documents.every(TENANT, "k")] == [{"n": 2}]
        assert other.documents.distilled(TENANT, "k", _n) == [2]
        one.documents.act(TENANT, now=now, deletes=[Document(kind="k", id="a", body={}, version=2)])
        assert other.documents.get(TENANT, "k", "a") is None
        assert other.documents.distilled(TENANT, "k", _n) == []


def _n(document: Document) -> int:
    return int(document.body["n"])
