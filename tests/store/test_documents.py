"""Documents: written with their change-log leaves, never over somebody else's change."""

from datetime import UTC, datetime

import pytest

from affidavit.errors import StoreConflictError, StoreError
from affidavit.store import Document, Store

TENANT = "111122223333/us-east-1"
OTHER = "444455556666/us-east-1"
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CHANGE = {"kind": "change", "id": "c", "action": "CREATE"}


def _control(identifier: str) -> Document:
    return Document(kind="control", id=identifier, sort=identifier, body={"name": identifier})


def test_written_read_changed_deleted(store: Store) -> None:
    """A document is read as written, with a version that counts its writes."""
    store.documents.act(TENANT, now=NOW, puts=[_control("a")], changes=[CHANGE])
    first = store.documents.get(TENANT, "control", "a")
    assert first is not None
    assert first.body == {"name": "a"}
    changed = Document(kind="control", id="a", body={"name": "b"}, version=first.version)
    store.documents.act(TENANT, now=NOW, puts=[changed])
    second = store.documents.get(TENANT, "control", "a")
    assert second is not None
    assert (second.version, second.body) == (2, {"name": "b"})
    store.documents.act(TENANT, now=NOW, deletes=[second])
    assert store.documents.get(TENANT, "control", "a") is None
    assert store.log(TENANT).size == 1


def test_a_stale_write_changes_nothing(store: Store) -> None:
    """A put or delete of an old version, or a second new one, fails whole with its leaves."""
    store.documents.act(TENANT, now=NOW, puts=[_control("a")])
    stale = Document(kind="control", id="a", body={}, version=7)
    for act in ({"puts": [stale]}, {"deletes": [stale]}, {"puts": [_control("a")]}):
        with pytest.raises(StoreConflictError, match="somebody else"):
            store.documents.act(
                TENANT,
                now=NOW,
                puts=[_control("b"), *act.get("puts", [])],
                deletes=act.get("deletes", []),
                changes=[CHANGE],
            )
    assert store.documents.get(TENANT, "control", "b") is None
    assert store.documents.every(TENANT, "control")[0].body == {"name": "a"}


def test_pages_in_order_both_ways(store: Store) -> None:
    """Pages continue after the last one, ties are broken by id, either way round."""
    documents = [
        Document(kind="report", id=str(i), parent="p", sort=str(i // 2), body={}) for i in range(6)
    ]
    store.documents.act(TENANT, now=NOW, puts=documents)
    page = store.documents.every(TENANT, "report", parent="p", limit=3)
    assert [d.id for d in page] == ["0", "1", "2"]
    rest = store.documents.every(TENANT, "report", after=(page[-1].sort, page[-1].id))
    assert [d.id for d in rest] == ["3", "4", "5"]
    newest = store.documents.every(TENANT, "report", newest_first=True, limit=2)
    assert [d.id for d in newest] == ["5", "4"]
    after = store.documents.every(TENANT, "report", newest_first=True, after=("2", "4"))
    assert [d.id for d in after] == ["3", "2", "1", "0"]
    assert store.documents.every(TENANT, "report", parent="other") == []


def test_tenants_are_apart(store: Store) -> None:
    """No tenant reads another's documents; only `find` looks across."""
    store.documents.act(TENANT, now=NOW, puts=[_control("a")])
    assert store.documents.get(OTHER, "control", "a") is None
    assert store.documents.every(OTHER, "control") == []
    assert [tenant for tenant, _ in store.documents.find("control", "a")] == [TENANT]


def test_only_records_of_the_log_are_appended(store: Store) -> None:
    """A change-log record of another kind is refused before anything is written."""
    with pytest.raises(StoreError, match="kind"):
        store.documents.act(TENANT, now=NOW, puts=[_control("a")], changes=[{"kind": "run"}])
    assert store.documents.get(TENANT, "control", "a") is None
