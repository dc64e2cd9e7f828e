"""A full disk is a clear error that leaves nothing half-registered; the run resumes after it."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import StoreError, StoreFullError
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.files import NewFile, disk_errors, write_all


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of four megabytes; only root can mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill a file system but for `leave` bytes."""
    stuffing = folder / "stuffing"
    free = os.statvfs(folder)
    size = max(free.f_bavail * free.f_frsize - leave, 0)
    stuffing.write_bytes(b"\0" * size)
    return stuffing


@pytest.mark.parametrize("leave", [0, 30_000, 100_000])
def test_a_full_disk(small_disk: Path, tmp_path: Path, sample: Any, leave: int) -> None:
    """At any step the run ends with where and what to do; once there is space, it resumes."""
    settings = Settings(home=small_disk / "home", keys=tmp_path / "keys")
    with open_store(settings) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        store.put_results(run.run_id, [sample.observation(0)])
        stuffing = fill(small_disk, leave)
        with pytest.raises(StoreFullError) as caught:
            put_noise(store, run.run_id, sample)
        assert str(small_disk) in str(caught.value)
        assert "Free space" in caught.value.todo
        stuffing.unlink()
        stuffing = fill(small_disk, leave)
        evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(5000)]
        with pytest.raises(StoreFullError):
            sample.segment(store, assessment, run, evidence)
        assert store.log(assessment.tenant).size == 1
        stuffing.unlink()
        assert store.result(run.run_id, sample.observation(0).unit.id) is not None
        sample.finish(store, assessment, run, 50)
        assert store.verify()[0].evidence == 50
    assert not list((settings.object_folder).rglob("*.tmp"))


def put_noise(store: Store, run_id: str, sample: Any) -> None:
    """Store more than fits: bodies of ten kilobytes that cannot be compressed."""
    for number in range(200):
        body = {"noise": os.urandom(10_000).hex()}
        store.put_results(run_id, [sample.observation(number, body)])


def test_a_full_disk_at_commit(small_disk: Path, tmp_path: Path, sample: Any) -> None:
    """A database without space commits nothing of a run; the same commit goes through later."""
    settings = Settings(
        home=small_disk / "home", keys=tmp_path / "keys", objects=str(tmp_path / "objects")
    )
    with open_store(settings) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(9000)]
        segment = sample.segment(store, assessment, run, evidence)
        record = sample.run_record(run.run_id, assessment, evidence)
        stuffing = fill(small_disk, 40_000)
        with pytest.raises(StoreFullError, match=r"affidavit\.db"):
            store.commit_run(record, [segment])
        assert store.log(assessment.tenant).size == 1
        assert list(store.evidence(assessment.id, sample.day, sample.day)) == []
        assert store.folders(assessment.id, sample.day) == {}
        stuffing.unlink()
        store.commit_run(record, [segment])
        assert store.verify()[0].evidence == 9000


def test_a_full_folder_for_opened_segments(small_disk: Path, tmp_path: Path, sample: Any) -> None:
    """Sealed segments need space to be opened in: without, the error names the setting."""
    settings = Settings(
        home=tmp_path / "home",
        keys=tmp_path / "keys",
        cache=str(small_disk / "cache"),
        seal_segments=True,
    )
    with open_store(settings) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        sample.commit(store, assessment, 2000)
        for copy in (small_disk / "cache" / "opened").glob("*.parquet"):
            copy.unlink()
        stuffing = fill(small_disk, 20_000)
        with pytest.raises(StoreFullError, match="AFFIDAVIT_CACHE"):
            list(store.evidence(assessment.id, sample.day, sample.day))
        assert not list(small_disk.rglob("*.tmp"))
        stuffing.unlink()
        assert len(list(store.evidence(assessment.id, sample.day, sample.day))) == 2000
        assert store.verify()[0].evidence == 2000


def test_a_segment_on_a_full_disk(store: Store, assessment: Assessment, sample: Any) -> None:
    """A segment that cannot be written is an error, and its temporary file is gone."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    writer = store.segment_writer(run.run_id, assessment.tenant, assessment.id, sample.day)
    writer._new.path.unlink()
    writer._new.path.symlink_to("/dev/full")
    writer.append([sample.evidence(run.run_id, assessment.id, 1)])
    with pytest.raises(StoreFullError, match="No space left"):
        writer.close()
    writer.discard()
    assert [p for p in store.objects.rglob("segments/*/*") if p.is_file()] == []


def test_errors_of_the_disk_are_told_apart(tmp_path: Path) -> None:
    """No space, a quota and a size limit are 'full'; anything else says what it is."""
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        with pytest.raises(StoreFullError), disk_errors(tmp_path):
            raise OSError(code, os.strerror(code))
    with pytest.raises(StoreError, match="Read-only") as caught, disk_errors(tmp_path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    assert not isinstance(caught.value, StoreFullError)


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    """A file that cannot take its name leaves no temporary one behind."""
    (tmp_path / "name").mkdir()
    (tmp_path / "name" / "x").write_text("")
    with pytest.raises(StoreError):
        write_all({tmp_path / "name": b"data"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["name"]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        NewFile(tmp_path / "file" / "folder")
