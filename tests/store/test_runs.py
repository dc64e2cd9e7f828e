"""One process works on a run; whoever dies is followed, whoever is late is stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from affidavit.errors import StoreBusyError, StoreError
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Store, leases, open_store, record_from_json


def test_begin(store: Store, assessment: Assessment, sample: Any) -> None:
    """The first run of an assessment is its first in sequence, with nothing before it."""
    run = store.begin_run(assessment, sample.day, "c", sample.now)
    assert (run.sequence, run.previous, run.resumed) == (1, "", False)
    assert run.started_at == sample.now


def test_a_closed_store_gives_its_run_back(
    store: Store, assessment: Assessment, sample: Any, reopen: Callable[[], Store]
) -> None:
    """After a clean end without a commit, the next process resumes at once, with the results."""
    with reopen() as first:
        run = first.begin_run(assessment, sample.day, "c", sample.now)
        first.put_results(run.run_id, [sample.observation(1)])
    later = sample.now + timedelta(hours=1)
    again = store.begin_run(assessment, sample.day, "c", later)
    assert (again.run_id, again.resumed) == (run.run_id, True)
    assert again.started_at == sample.now
    unit = sample.observation(1).unit
    assert store.result(again.run_id, unit.id) == sample.observation(1)


def test_a_released_run_is_resumed(store: Store, assessment: Assessment, sample: Any) -> None:
    """A process that gives a failed run back can begin it again itself, and not before."""
    run = store.begin_run(assessment, sample.day, "c", sample.now)
    with pytest.raises(StoreBusyError):
        store.begin_run(assessment, sample.day, "c", sample.now)
    store.release_run(run.run_id)
    store.release_run(run.run_id)
    with pytest.raises(StoreBusyError, match="not ours"):
        store.put_results(run.run_id, [sample.observation(1)])
    assert store.begin_run(assessment, sample.day, "c", sample.now).resumed


def test_a_held_run_is_refused(
    store: Store, assessment: Assessment, sample: Any, reopen: Callable[[], Store]
) -> None:
    """A second process is told who works on the run, since when, and what to do."""
    store.begin_run(assessment, sample.day, "c", sample.now)
    with reopen() as other, pytest.raises(StoreBusyError) as caught:
        other.begin_run(assessment, sample.day, "c", sample.now)
    text = str(caught.value)
    assert f"process {os.getpid()} on " in text
    assert "since 2026-03-01T12:00:00.250000Z" in text
    assert "Wait" in text
    with reopen() as other:
        other.begin_run(assessment, sample.day + timedelta(days=1), "c", sample.now)


def test_a_silent_holder_is_followed_and_stopped(
    settings: Settings, store: Store, assessment: Assessment, sample: Any
) -> None:
    """After a minute of silence another process takes over; the late one's writes are refused."""
    run = store.begin_run(assessment, sample.day, "c", sample.now)
    later = sample.now + timedelta(seconds=61)
    with open_store(settings, clock=lambda: later) as other:
        again = other.begin_run(assessment, sample.day, "c", later)
        assert (again.run_id, again.resumed) == (run.run_id, True)
        with pytest.raises(StoreBusyError, match="taken it over"):
            store.put_results(run.run_id, [sample.observation(1)])
        with pytest.raises(StoreBusyError, match="taken it over"):
            sample.finish(store, assessment, run, 3)
        other.put_results(run.run_id, [sample.observation(1)])


def test_dead_holders_are_known() -> None:
    """A holder on this host whose process is gone is known to be; test_crash.py follows one."""
    code = "from affidavit.store import leases; print(leases.me().text())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    dead = leases.parse(told.stdout)
    assert dead is not None
    assert dead.is_gone()
    assert not leases.me().is_gone()
    assert replace(leases.me(), started=1).is_gone()
    assert not replace(dead, host="elsewhere").is_gone()
    assert leases.parse("") is None


def test_another_catalogue_begins_anew(
    store: Store, assessment: Assessment, sample: Any, reopen: Callable[[], Store]
) -> None:
    """Results that were collected by another catalogue are not mixed in: that run is abandoned."""
    with reopen() as first:
        old = first.begin_run(assessment, sample.day, "c1", sample.now)
    new = store.begin_run(assessment, sample.day, "c2", sample.now)
    assert new.run_id != old.run_id
    assert not new.resumed
    with pytest.raises(StoreError, match="abandoned"):
        store.put_results(old.run_id, [sample.observation(1)])


def test_unknown_runs_and_assessments(store: Store, sample: Any) -> None:
    """A run or an assessment that is not in the store is an error."""
    with pytest.raises(StoreError):
        store.put_results("nothing", [sample.observation(1)])
    with pytest.raises(StoreError):
        store.begin_run(sample.assessment(), sample.day, "c", sample.now)


def test_a_second_run_of_a_day(store: Store, assessment: Assessment, sample: Any) -> None:
    """A day may have several runs; each names the one before it."""
    first, _ = sample.commit(store, assessment)
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    assert run.sequence == 2
    entry = store.log(assessment.tenant).entry(first.tree_size - 1)
    assert run.previous == entry.hex()


def test_run_record_round_trip(sample: Any) -> None:
    """A run record is read from its JSON as it was."""
    assessment = sample.assessment()
    evidence = [sample.evidence("r", assessment.id, n) for n in range(5)]
    record = sample.run_record("r", assessment, evidence)
    assert record_from_json(record.to_json()) == record


def test_the_heart_beats() -> None:
    """A heart beats until it is stopped, and may be stopped before it was started."""
    beats: list[int] = []
    heart = leases.Heart(lambda: beats.append(1), seconds=0.01)
    heart.start()
    heart.start()
    deadline = time.monotonic() + 60
    while len(beats) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    heart.stop()
    count = len(beats)
    time.sleep(0.05)
    assert len(beats) == count >= 2
    leases.Heart(lambda: None).stop()


def test_a_beat_keeps_the_lease(settings: Settings, assessment: Assessment, sample: Any) -> None:
    """A holder that beats is not followed, however long the run takes."""
    moment = [sample.now]
    with open_store(settings, clock=lambda: moment[0]) as holder:
        holder.begin_run(assessment, sample.day, "c", sample.now)
        moment[0] += timedelta(seconds=120)
        holder._runs._beat()
        with (
            open_store(settings, clock=lambda: moment[0]) as other,
            pytest.raises(StoreBusyError),
        ):
            other.begin_run(assessment, sample.day, "c", moment[0])
