"""Accounting of watched logs: listed once, scanned once, counted once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from affidavit.errors import StoreConflictError
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document, Writes, with_writes
from affidavit.store.scanned import FAILED, SCANNED, ScannedObjects

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
T, W = "111122223333/eu-central-1", "111122223333/us-east-1"


@pytest.fixture
def scanned(tmp_path: Path) -> Iterator[ScannedObjects]:
    """Return the accounting of a new store."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings) as store:
        yield store.documents.scanned


def test_an_object_is_listed_once(scanned: ScannedObjects) -> None:
    """What a listing names again is not new, in whatever state it is."""
    assert scanned.listed(T, W, [("a", 1), ("b", 2)], NOW) == 2
    assert scanned.listed(T, W, [("a", 1), ("b", 2), ("c", 3)], NOW) == 1
    assert scanned.finish(T, W, "a", state=SCANNED, body={"records": 5}, now=NOW)
    assert scanned.listed(T, W, [("a", 1)], NOW) == 0
    assert [one.uri for one in scanned.waiting(T, W, 9)] == ["b", "c"]


def test_a_scan_is_counted_once(scanned: ScannedObjects) -> None:
    """Who comes second counts nothing."""
    scanned.listed(T, W, [("a", 1)], NOW)
    assert scanned.finish(T, W, "a", state=SCANNED, body={"records": 5}, now=NOW)
    assert not scanned.finish(T, W, "a", state=SCANNED, body={"records": 5}, now=NOW)
    assert not scanned.finish(T, W, "never listed", state=SCANNED, body={}, now=NOW)
    assert scanned.totals(T, W)["records"] == 5


def test_what_cannot_be_written_along_leaves_it_waiting(scanned: ScannedObjects) -> None:
    """An alert that was changed meanwhile undoes the count: both or neither."""
    scanned.listed(T, W, [("a", 1)], NOW)
    stale = Document(kind="alert", id="x", body={}, version=7)
    along = with_writes(T, Writes(puts=[stale]), NOW)
    with pytest.raises(StoreConflictError):
        scanned.finish(T, W, "a", state=SCANNED, body={"records": 5}, now=NOW, along=along)
    assert len(scanned.waiting(T, W, 9)) == 1
    assert "records" not in scanned.totals(T, W)


def test_folding_keeps_the_totals(scanned: ScannedObjects) -> None:
    """Old rows go, their sums stay; failed ones stay counted as failed."""
    scanned.listed(T, W, [("a", 1), ("b", 1), ("c", 1)], NOW)
    scanned.finish(T, W, "a", state=SCANNED, body={"records": 5, "types": {"EMAIL": 1}}, now=NOW)
    scanned.finish(T, W, "b", state=FAILED, body={"why": "denied"}, now=NOW)
    before = scanned.totals(T, W)
    assert before == {"listed": 3, "scanned": 1, "failed": 1, "waiting": 1, "records": 5}
    assert scanned.fold(T, W, NOW + timedelta(seconds=1)) == 2
    assert scanned.totals(T, W) == before
    scanned.finish(T, W, "c", state=SCANNED, body={"records": 2}, now=NOW)
    assert scanned.fold(T, W, NOW + timedelta(seconds=1)) == 1
    assert scanned.totals(T, W)["records"] == 7
    assert scanned.totals(T, W)["listed"] == 3
