"""Sweeping removes what a crash left, and nothing else."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.files import NewFile


def age(path: Path, sample: Any, hours: float) -> Path:
    """Make a file look as old as that."""
    moment = (sample.now - timedelta(hours=hours)).timestamp()
    os.utime(path, (moment, moment))
    return path


def files(store: Store) -> set[Path]:
    """Return every blob and segment."""
    kinds = ("blobs", "segments")
    return {p for kind in kinds for p in store.objects.rglob(f"{kind}/*/*") if p.is_file()}


def test_orphans_are_removed(store: Store, assessment: Assessment, sample: Any) -> None:
    """Old files that no row names go; young ones, and all that a row names, stay."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    store.put_results(run.run_id, [sample.observation(1)])
    sample.finish(store, assessment, run, 5)
    named = files(store)
    for path in named:
        age(path, sample, 9)
    (blob,) = [p for p in named if p.parent.parent.name == "blobs"]
    (segment,) = named - {blob}
    orphans = set()
    for path in (blob.with_name("0" * 64), segment.with_name("0" * 64 + ".parquet")):
        path.write_bytes(b"x")
        orphans.add(age(path, sample, 2))
    torn = NewFile(segment.parent)
    torn.sync()
    orphans.add(age(torn.path, sample, 2))
    young = segment.with_name("1" * 64 + ".parquet")
    young.write_bytes(b"x")
    age(young, sample, 0.5)
    assert set(map(Path, store.sweep())) == orphans
    assert files(store) == named | {young}
    assert store.verify()
    assert store.sweep() == []


def test_a_reused_orphan_is_kept(store: Store, assessment: Assessment, sample: Any) -> None:
    """A blob that a crash left and that is needed again is not swept any more, nor doubled."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    item = sample.observation(1)
    (address,) = store._results._blobs.put(assessment.tenant, [item.body_bytes()])
    (path,) = [age(p, sample, 5) for p in files(store)]
    assert path.name == address
    store.put_results(run.run_id, [item])
    store.sweep()
    assert files(store) == {path}
    assert store.observation(item.digest) == item


def test_nothing_to_sweep(store: Store) -> None:
    """A new store has nothing to sweep."""
    assert store.sweep() == []


def test_segments_stay_while_somebody_works(
    store: Store, assessment: Assessment, sample: Any, settings: Settings
) -> None:
    """A slow run's segment, older than an hour and not registered yet, outlives another's sweep."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    writer = store.segment_writer(run.run_id, assessment.tenant, assessment.id, sample.day)
    (torn,) = files(store)
    age(torn, sample, 3)
    with open_store(settings, clock=lambda: sample.now) as other:
        assert other.sweep() == []
        store.release_run(run.run_id)
        assert other.sweep() == [str(torn)]
    writer.discard()


def test_once_a_day(store: Store, sample: Any) -> None:
    """With `daily` a second sweep within a day does nothing, and one a day later sweeps."""
    folder = store.objects / "1" / "us-east-1" / "segments" / "2026-03-01"
    store.sweep(daily=True)
    torn = NewFile(folder)
    torn.sync()
    age(torn.path, sample, 2)
    assert store.sweep(daily=True) == []
    age(store.objects / ".swept", sample, 24)
    assert store.sweep(daily=True) == [str(torn.path)]


def test_nobody_else_may_read(store: Store, assessment: Assessment, sample: Any) -> None:
    """Whatever the process's mask, every file of the store is readable by its owner only."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    store.put_results(run.run_id, [sample.observation(1)])
    sample.finish(store, assessment, run, 5)
    store.sweep()
    found = [p for p in store.objects.parent.rglob("*") if p.is_file()]
    assert len(found) > 4
    assert [p.name for p in found if p.stat().st_mode & 0o777 != 0o600] == []
