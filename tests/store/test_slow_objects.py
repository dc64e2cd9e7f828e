"""A slow S3 holds up nobody but who waits for it, and kill -9 at any step leaves nothing undone.

A proxy before the server holds requests back. On moto's server, and on SeaweedFS in the slow tier.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.store.slow_s3 import SlowS3, in_front_of
from tests.store.test_bucket import PREFIX, Place, moto_s3, place, s3_url

from affidavit.errors import StoreBusyError, StoreDamagedError, StoreError
from affidavit.settings import Settings
from affidavit.store import Store, open_store

__all__ = ["moto_s3", "place", "s3_url"]
SECONDS = 100.0


@pytest.fixture
def slow(place: Place) -> Iterator[SlowS3]:
    """Give the proxy before the bucket's server."""
    with in_front_of(place.url) as made:
        yield made


@pytest.fixture
def given(place: Place, slow: SlowS3, tmp_path: Path) -> Settings:
    """Give settings whose objects lie in the bucket, behind the proxy."""
    return Settings(
        home=tmp_path / "home",
        keys=tmp_path / "keys",
        objects=f"s3://{place.name}/{PREFIX}",
        objects_endpoint=slow.url,
    )


def _another_writes(settings: Settings) -> None:
    """Let another process's store write, which waits for no more than a second."""
    with open_store(settings, busy_seconds=1) as other:
        other.append_record("444455556666/us-east-1", {"kind": "change", "id": "x"})


@contextmanager
def _under_way(act: Callable[[], object]) -> Iterator[list[BaseException | object]]:
    """Do something in a thread; what came of it is in the list afterwards."""
    outcome: list[BaseException | object] = []

    def work() -> None:
        try:
            outcome.append(act())
        except (StoreError, AssertionError) as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(SECONDS)
        assert not thread.is_alive()


def _acts(store: Store, sample: Any) -> dict[str, Callable[[], object]]:
    """Return what asks S3 for something, and what of it is held back: by the method's name."""
    assessment = sample.assessment("Other")
    store.create_assessment(assessment, "auditor")
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(5)]
    segment = sample.segment(store, assessment, run, evidence)
    record = sample.run_record(run.run_id, assessment, evidence)
    old = sample.assessment("Old")
    store.create_assessment(old, "auditor")
    for day in (sample.day - timedelta(days=3), sample.day - timedelta(days=3)):
        sample.commit(store, old, 3, day)
    return {
        "results": lambda: store.put_results(run.run_id, [sample.observation(7)]),
        "commit": lambda: store.commit_run(record, [segment]),
        "compact": lambda: store.compact(old.tenant),
        "delete": lambda: store.delete_evidence(old.tenant, old.id, by="a", why="w"),
        "sweep": store.sweep,
    }


@pytest.mark.parametrize("what", ["results", "commit", "compact", "delete", "sweep"])
def test_others_write_meanwhile(
    given: Settings, slow: SlowS3, place: Place, sample: Any, what: str
) -> None:
    """While S3 does not answer one writer, another commits within a second; the first ends well."""
    soon = datetime.now(UTC) + timedelta(hours=3)
    with open_store(given, clock=lambda: soon) as store:
        act = _acts(store, sample)[what]
        place.write(f"{PREFIX}/{sample.tenant}/blobs/00/{'0' * 64}", b"x")
        with slow.slow("PUT", "HEAD", "GET", "DELETE"), _under_way(act) as outcome:
            assert slow.arrived.wait(SECONDS)
            _another_writes(given)
            assert outcome == []
            slow._free.set()
        assert not isinstance(outcome[0], BaseException), outcome[0]
        assert [log.runs for log in store.verify(tenants=[sample.tenant])]


def test_what_is_brought_again_while_it_is_swept(
    given: Settings, slow: SlowS3, sample: Any
) -> None:
    """Whoever needs an orphan whose removal is under way waits for it, and has it in the end."""
    item = sample.observation(1)
    soon = datetime.now(UTC) + timedelta(hours=3)
    with open_store(given) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        store._results._blobs.put(assessment.tenant, [item.body_bytes()])  # a crash left it
        with open_store(given, clock=lambda: soon) as sweeper, slow.slow("DELETE"):
            with _under_way(sweeper.sweep) as swept:
                assert slow.arrived.wait(SECONDS)
                with _under_way(lambda: store.put_results(run.run_id, [item])) as put:
                    time.sleep(0.5)
                    assert put == []
                    slow._free.set()
            assert len(swept[0]) == 1  # type: ignore[arg-type] # the names
        assert put == [None]
        assert store.observation(item.digest) == item
        assert store.waiting() == []


def test_a_segment_that_is_given_up_is_not_registered(given: Settings, sample: Any) -> None:
    """A segment that was swept between its writing and its commit is an error, not evidence."""
    soon = datetime.now(UTC) + timedelta(hours=3)
    with open_store(given) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(5)]
        segment = sample.segment(store, assessment, run, evidence)
        store.release_run(run.run_id)
        with open_store(given, clock=lambda: soon) as sweeper:
            assert len(sweeper.sweep()) == 1
        again = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        record = sample.run_record(again.run_id, assessment, evidence)
        with pytest.raises(StoreDamagedError, match="is gone"):
            store.commit_run(record, [segment])
        sample.finish(store, assessment, again, 5)
        assert store.verify()[0].evidence == 5


CHILD = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from affidavit.settings import Settings
from affidavit.store import open_store
home, objects, endpoint, tenant, assessment, what = sys.argv[1:]
settings = Settings(home=Path(home), keys=Path(home).parent / "keys", objects=objects,
                    objects_endpoint=endpoint)
soon = datetime.now(UTC) + timedelta(hours=3)
with open_store(settings, clock=lambda: soon) as store:
    if what == "delete":
        store.delete_evidence(tenant, assessment, by="a", why="w")
    elif what == "sweep":
        store.sweep()
    else:
        store.compact(tenant)
"""


@pytest.mark.parametrize(
    ("what", "method"),
    [("delete", "DELETE"), ("sweep", "DELETE"), ("compact", "PUT")],
)
def test_killed_while_s3_does_not_answer(
    given: Settings, slow: SlowS3, place: Place, sample: Any, what: str, method: str
) -> None:
    """Killed in the midst of removing or compacting: whoever comes next does the rest."""
    with open_store(given) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        for _ in range(2):
            sample.commit(store, assessment, 4, sample.day)
    orphan = f"{PREFIX}/{sample.tenant}/blobs/00/{'0' * 64}"
    place.write(orphan, b"x")
    with slow.slow(method):
        child = subprocess.Popen(
            [
                *(sys.executable, "-c", CHILD, str(given.home), given.objects, slow.url),
                *(sample.tenant, assessment.id, what),
            ],
            env=os.environ.copy(),
        )
        assert slow.arrived.wait(SECONDS)
        child.kill()
        child.wait()
        _another_writes(given)
    soon = datetime.now(UTC) + timedelta(hours=3)
    with open_store(given, clock=lambda: soon) as store:
        assert len(store.waiting()) == {"delete": 2, "sweep": 1, "compact": 0}[what]
        store.resume()
        assert store.waiting() == []
        if what == "compact":
            store.compact(sample.tenant)
        store.sweep()
        assert len(place.keys("segments")) == {"delete": 0, "sweep": 2}.get(what, 1)
        assert place.keys("blobs") == []
        (log, _) = store.verify()
        assert (log.evidence, log.deleted) == ((0, 8) if what == "delete" else (8, 0))


def test_what_cannot_be_removed_is_told_and_tried_again(
    given: Settings, place: Place, sample: Any
) -> None:
    """A deletion whose files cannot be removed is done, and says which file waits and why."""
    with open_store(given) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        sample.commit(store, assessment, 4)
    dead = replace(given, objects_endpoint="http://127.0.0.1:9", call_timeout=1)
    with open_store(dead) as store:
        assert store.delete_evidence(assessment.tenant, assessment.id, by="a", why="w") == 1
        (left,) = store.waiting(assessment.tenant)
        assert (left.kind, left.attempts) == ("remove", 1)
        assert left.name.endswith(".parquet")
        assert "cannot be deleted" in left.why
        assert store.resume() == []  # not again at once
    with open_store(given) as store:
        assert store.verify()[0].deleted == 4
        store._kept.removals.carry_out()
        assert store.waiting() == []
        assert place.keys("segments") == []


def test_a_holder_that_lives_is_waited_for(given: Settings, sample: Any) -> None:
    """An object that somebody else removes at the moment is not registered before he is done."""
    from affidavit.store import todos

    item = sample.observation(1)
    with open_store(given, busy_seconds=0.5) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        blobs = store._results._blobs
        (address,) = blobs.put(assessment.tenant, [item.body_bytes()])
        name = blobs.name(assessment.tenant, address)
        database = store._database
        with database.write() as connection:
            database.hold_files(connection, sweeping=True)
            todos.leave(connection, todos.REMOVE, assessment.tenant, [name])
        asked = todos.Asked(names=None, before=datetime.now(UTC), patient=False)
        assert [one for one, _ in todos.take(database, todos.REMOVE, 9, asked)] == [name]
        with pytest.raises(StoreBusyError, match="still being removed"):
            store.put_results(run.run_id, [item])
        assert store.result(run.run_id, item.unit.id) is None
