"""Results are durable, verified when read, and equal bodies are stored once."""

from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import StoreDamagedError
from affidavit.model.run import Assessment
from affidavit.store import Store


@pytest.fixture
def run_id(store: Store, assessment: Assessment, sample: Any) -> str:
    """Give an open run."""
    return str(store.begin_run(assessment, sample.day, "c", sample.now).run_id)


def blobs(store: Store) -> list[Path]:
    """Return every blob's file."""
    return sorted(p for p in store.objects.rglob("blobs/*/*") if p.is_file())


def test_round_trip(store: Store, run_id: str, sample: Any) -> None:
    """Observations and gaps come back equal, by unit, by digest and all together."""
    results = [sample.observation(1), sample.gap(2), sample.observation(3, {}), sample.gap(4)]
    store.put_results(run_id, results)
    for item in results:
        assert store.result(run_id, item.unit.id) == item
        assert store.observation(item.digest) == item
    assert {r.digest for r in store.results(run_id)} == {r.digest for r in results}
    assert store.result(run_id, "nothing") is None


def test_many_results_are_paged(store: Store, run_id: str, sample: Any) -> None:
    """More results than a page holds all come, each once."""
    results = [sample.observation(n, {}) for n in range(450)]
    store.put_results(run_id, results)
    found = [r.unit.id for r in store.results(run_id)]
    assert sorted(found) == sorted(r.unit.id for r in results)
    assert len(blobs(store)) == 1


def test_a_second_answer_replaces_the_first(store: Store, run_id: str, sample: Any) -> None:
    """The same question asked again keeps its last answer, within a batch and across."""
    first, second, third = (sample.observation(1, {"v": n}) for n in range(3))
    store.put_results(run_id, [first, second])
    assert store.result(run_id, first.unit.id) == second
    store.put_results(run_id, [third])
    assert store.result(run_id, first.unit.id) == third
    store.put_results(run_id, [])


def test_equal_bodies_are_stored_once(store: Store, run_id: str, sample: Any) -> None:
    """Two questions with the same answer share a blob; its name is no plain hash of it."""
    one, two = sample.observation(1, {"a": "x" * 1000}), sample.observation(2, {"a": "x" * 1000})
    store.put_results(run_id, [one, two])
    (blob,) = blobs(store)
    assert blob.name != one.to_json()["body_digest"]
    assert b"xxx" not in blob.read_bytes()
    assert blob.stat().st_size < 200


def test_tenants_do_not_share_blobs(store: Store, sample: Any) -> None:
    """The same answer has another address for another tenant: nobody can probe."""
    names = []
    for tenant in ("111122223333/us-east-1", "444455556666/us-east-1"):
        assessment = sample.assessment(tenant=tenant)
        store.create_assessment(assessment, "auditor")
        run = store.begin_run(assessment, sample.day, "c", sample.now)
        store.put_results(run.run_id, [sample.observation(1)])
        names = [blob.name for blob in blobs(store)]
    assert len(set(names)) == 2


@pytest.mark.parametrize("damage", ["gone", "flipped", "cut", "foreign", "other key"])
def test_a_damaged_blob_is_named(store: Store, run_id: str, sample: Any, damage: str) -> None:
    """A blob that is gone or altered in any way is an error with its path, never an answer."""
    item = sample.observation(1)
    store.put_results(run_id, [item])
    (blob,) = blobs(store)
    data = blob.read_bytes()
    changed = {
        "flipped": data[:-1] + bytes([data[-1] ^ 1]),
        "cut": data[:30],
        "foreign": b"PK" + data,
        "other key": data[:4] + b"otherkey" + data[12:],
    }
    blob.unlink()
    if damage in changed:
        blob.write_bytes(changed[damage])
    with pytest.raises(StoreDamagedError, match=blob.name):
        store.observation(item.digest)
    with pytest.raises(StoreDamagedError, match=blob.name):
        store.result(run_id, item.unit.id)


def test_swapped_blobs_are_refused(store: Store, run_id: str, sample: Any) -> None:
    """A sound blob in another one's place is refused."""
    one, two = sample.observation(1), sample.observation(2)
    store.put_results(run_id, [one, two])
    first, second = blobs(store)
    first.write_bytes(second.read_bytes())
    found = 0
    for item in (one, two):
        try:
            assert store.observation(item.digest) == item
        except StoreDamagedError:
            found += 1
    assert found == 1


def test_a_changed_row_is_refused(store: Store, run_id: str, sample: Any) -> None:
    """A row of the database that was changed is refused by its digest."""
    item = sample.gap(1)
    store.put_results(run_id, [item])
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE result SET body = replace(body, 'denied', 'failed')")
    with pytest.raises(StoreDamagedError, match=item.digest):
        store.observation(item.digest)
    with pytest.raises(StoreDamagedError, match="no observation"):
        store.observation("0" * 64)
