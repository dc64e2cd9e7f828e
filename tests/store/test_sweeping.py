"""Sweeping removes what a crash left, and nothing else."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from affidavit.model.run import Assessment
from affidavit.store import Store
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
    assert set(store.sweep()) == orphans
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
