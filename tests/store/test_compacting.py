"""Compaction: fewer files, and everything that was logged or can be asked is the same."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from affidavit.errors import StoreError, StoreFullError
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Chosen, Store, open_store
from affidavit.store.schema import segment
from affidavit.store.segments import read_segment

AFTER = timedelta(days=1)
RUNS = 3


@pytest.fixture
def later(settings: Settings, sample: Any) -> Any:
    """Give the same store as it is opened on the following day."""
    with open_store(settings, clock=lambda: sample.now + AFTER) as opened:
        yield opened


def _filled(store: Store, assessment: Assessment, sample: Any) -> list[Any]:
    """Commit runs with a record of another kind between them; return (leaf, record)."""
    for number in range(RUNS):
        sample.commit(store, assessment, count=5 + number)
        store.append_record(assessment.tenant, {"kind": "change", "id": str(number)})
    return list(store.evidence(assessment.id, sample.day, sample.day))


def _files(store: Store) -> list[Path]:
    return sorted(store.objects.glob("*/*/segments/*/*"))


def test_nothing_but_the_files_changes(
    store: Store, later: Store, assessment: Assessment, sample: Any
) -> None:
    """Leaves, records, root and folders are the same from one file as from three."""
    held = _filled(store, assessment, sample)
    log = store.log(assessment.tenant)
    root, proofs = log.root(), log.inclusion_proofs([leaf for leaf, _ in held])
    folders = store.evidence_folders.counts(assessment.id, [sample.day])
    done = later.compact(assessment.tenant)
    assert (done.files_before, done.files_after, done.rows) == (RUNS, 1, len(held))
    assert list(later.evidence(assessment.id, sample.day, sample.day)) == held
    assert later.evidence_by_id(held[7][1].id) == held[7]
    chosen = [one for one in held if one[1].control_id == "C01"]
    assert list(later.evidence(assessment.id, sample.day, sample.day, "C01")) == chosen
    assert later.log(assessment.tenant).root() == root
    assert later.log(assessment.tenant).inclusion_proofs([leaf for leaf, _ in held]) == proofs
    assert later.evidence_folders.counts(assessment.id, [sample.day]) == folders
    assert [one.evidence for one in later.verify()] == [len(held)]


def test_a_file_of_several_segments_knows_its_leaves(
    store: Store, later: Store, assessment: Assessment, sample: Any
) -> None:
    """Each row of the compacted file has the leaf that it always had."""
    held = _filled(store, assessment, sample)
    later.compact(assessment.tenant)
    [file] = later.segment_files(Chosen(tenant=assessment.tenant, assessments=(assessment.id,)))
    rows = list(read_segment(file.path, file.digest))
    assert [(file.leaf(at), row.evidence) for at, row in rows] == held
    assert file.rows == len(held)


def test_a_question_of_before_is_asked_again(
    store: Store, later: Store, assessment: Assessment, sample: Any
) -> None:
    """Rows that were logged later never slip into the answer of who began before: he is told."""
    size = sample.commit(store, assessment)[0].tree_size
    sample.commit(store, assessment)
    later.compact(assessment.tenant)
    asked = Chosen(tenant=assessment.tenant, assessments=(assessment.id,), below=size)
    with pytest.raises(StoreError, match="compacted since"):
        later.segment_files(asked)


def test_readers_of_the_old_files_go_on(
    store: Store, later: Store, assessment: Assessment, sample: Any
) -> None:
    """The old files are there for an hour more, however old they are, and are swept then."""
    held = _filled(store, assessment, sample)
    old = _files(store)
    for path in old:
        os.utime(path, (1, 1))
    before = store.segment_files(Chosen(tenant=assessment.tenant, assessments=(assessment.id,)))
    later.compact(assessment.tenant)
    assert len(_files(later)) == RUNS + 1
    read = [row for file in before for row in read_segment(file.path, file.digest)]
    assert len(read) == len(held)
    assert all(time.time() - path.stat().st_mtime < 3000 for path in old)
    for path in _files(later):
        os.utime(path, (1, 1))
    assert sorted(map(Path, later.sweep())) == old
    assert list(later.evidence(assessment.id, sample.day, sample.day)) == held


def test_later_segments_join(
    store: Store, later: Store, assessment: Assessment, sample: Any
) -> None:
    """A day that gets another run is compacted again; a compacted or an open day is left alone."""
    sample.commit(store, assessment)
    sample.commit(store, assessment)
    assert store.compact(assessment.tenant).files_before == 0
    assert later.compact(assessment.tenant).files_before == 2
    assert later.compact(assessment.tenant).files_before == 0
    sample.commit(store, assessment, count=3)
    held = list(store.evidence(assessment.id, sample.day, sample.day))
    assert later.compact(assessment.tenant).rows == 23
    assert list(later.evidence(assessment.id, sample.day, sample.day)) == held
    later.verify()


@pytest.mark.parametrize("how", ["flipped", "truncated", "gone"])
def test_a_damaged_day_is_named_and_the_rest_done(
    store: Store, later: Store, assessment: Assessment, sample: Any, how: str
) -> None:
    """A flipped byte, a cut or a missing file: that day stays, the other is compacted."""
    earlier = sample.day - timedelta(days=1)
    for day in (earlier, earlier, sample.day, sample.day):
        sample.commit(store, assessment, day=day)
    victim = next(path for path in _files(store) if path.parent.name == sample.day.isoformat())
    data = victim.read_bytes()
    if how == "gone":
        victim.unlink()
    else:
        flipped = data[:90] + bytes([data[90] ^ 1]) + data[91:]
        victim.write_bytes(flipped if how == "flipped" else data[:-20])
    done = later.compact(assessment.tenant)
    assert done.files_after == 1
    assert len(done.damaged) == 1
    assert victim.name in done.damaged[0]
    assert not list(later.objects.rglob("*.tmp"))
    assert len(list(later.evidence(assessment.id, earlier, earlier))) == 20


def test_what_is_not_what_was_logged_is_not_compacted(
    store: Store, later: Store, assessment: Assessment, sample: Any
) -> None:
    """A segment whose rows were put in place of others, digest and all, is refused."""
    sample.commit(store, assessment)
    sample.commit(store, assessment)
    rows = sorted(_files(store))
    with store._database.write() as connection:
        changed = segment.update().where(segment.c.file == rows[0].stem)
        path = rows[1].relative_to(store.objects).as_posix()
        connection.execute(changed.values(path=path, file=rows[1].stem))
        connection.execute(
            segment.update()
            .where(segment.c.digest == rows[1].stem)
            .values(path=rows[0].relative_to(store.objects).as_posix(), file=rows[0].stem)
        )
    [said] = later.compact(assessment.tenant).damaged
    assert "does not hold what was logged" in said


def test_a_deletion_meanwhile_wins(
    store: Store, later: Store, assessment: Assessment, sample: Any, monkeypatch: Any
) -> None:
    """Evidence that is deleted while it is copied is not brought back."""
    from affidavit.store import compacting

    _filled(store, assessment, sample)
    groups = compacting.waiting(later._database, assessment.tenant, (sample.now + AFTER).date())
    copied = compacting._compare

    def deleted_meanwhile(*given: Any) -> None:
        copied(*given)
        with later._database.write() as connection:
            connection.execute(sa.delete(segment).where(segment.c.digest == groups[0][0].digest))

    monkeypatch.setattr(compacting, "_compare", deleted_meanwhile)
    assert later.compact(assessment.tenant).files_after == 0
    with later._database.read() as connection:
        assert len(set(connection.scalars(sa.select(segment.c.file)))) == RUNS - 1


def test_a_full_disk_leaves_everything(
    store: Store, later: Store, assessment: Assessment, sample: Any, monkeypatch: Any
) -> None:
    """Where there is no space for the new file, the old ones are what counts."""
    from affidavit.store import compacting

    held = _filled(store, assessment, sample)

    def full(*_: object) -> None:
        raise StoreFullError("No space left for the segment")

    monkeypatch.setattr(compacting, "_write", full)
    with pytest.raises(StoreFullError):
        later.compact(assessment.tenant)
    assert not list(later.objects.rglob("*.tmp"))
    assert list(later.evidence(assessment.id, sample.day, sample.day)) == held
