"""Sweeping removes what a crash left, and nothing else."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from affidavit.errors import StoreConflictError, StoreSealedError
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.documents import Document
from affidavit.store.files import NewFile
from affidavit.store.tenant_keys import TenantKeyring


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


def _attached(store: Store, tenant: str, data: bytes) -> tuple[str, Path]:
    """Attach a file; return its digest, and where it lies."""
    with store.attachments.new(tenant) as new:
        new.write(data)
        digest = new.close()
    return digest, Path(store.attachments.where(tenant, digest))


def test_files_whose_document_was_never_written_are_removed(
    store: Store, assessment: Assessment, sample: Any, tmp_path: Path
) -> None:
    """Of old uploads and reports those go that no document names, and the young ones stay."""
    tenant, report = assessment.tenant, tmp_path / "r.zip"
    report.write_bytes(b"PK")
    kept, named = _attached(store, tenant, b"named")
    orphan, young = (_attached(store, tenant, text)[1] for text in (b"orphan", b"young"))
    for identifier in ("known", "unknown"):
        store.attachments.keep_report(tenant, identifier, report)
    known, unknown = (
        store.objects / tenant / "reports" / f"{one}.sealed" for one in ("known", "unknown")
    )
    documents = [
        Document(kind="upload", id="u", body={"sha256": kept}),
        Document(kind="evidence_export", id="known", body={}),
    ]
    store.documents.act(tenant, now=sample.now, puts=documents)
    for path in (named, orphan, known, unknown):
        age(path, sample, 2)
    age(young, sample, 0.5)
    assert set(map(Path, store.sweep())) == {orphan, unknown}
    assert all(path.exists() for path in (named, young, known))
    assert b"".join(store.attachments.parts(tenant, kept)) == b"named"


def test_an_upload_that_is_swept_as_it_is_noted_is_refused(
    store: Store, assessment: Assessment, sample: Any
) -> None:
    """Its document is not written: the client sends the file again."""
    tenant = assessment.tenant
    with store.attachments.new(tenant) as new:
        new.write(b"slow")
        new.close()
        age(Path(store.attachments.where(tenant, new.digest)), sample, 2)
        assert store.sweep()
        put = Document(kind="upload", id="u", body={"sha256": new.digest})
        with pytest.raises(StoreConflictError, match="removed as it came"):
            store.documents.act(tenant, now=sample.now, puts=[put], brought=[new.brought])


def test_files_stay_while_their_tenants_key_cannot_be_had(
    store: Store, assessment: Assessment, sample: Any
) -> None:
    """Which file a document names cannot be told then: none goes."""
    _, path = _attached(store, assessment.tenant, b"x")
    age(path, sample, 2)
    with mock.patch.object(TenantKeyring, "current", side_effect=StoreSealedError("disabled")):
        assert store.sweep() == []
    assert path.exists()


def test_files_stay_while_anything_of_their_tenant_is_held(
    store: Store, assessment: Assessment, sample: Any
) -> None:
    """The hold may be on an assessment whose documents are deleted, and whose erasure waits."""
    _, path = _attached(store, assessment.tenant, b"x")
    age(path, sample, 2)
    hold = Document(kind="legal_hold", id="tenant", body={})
    store.documents.act(assessment.tenant, now=sample.now, puts=[hold])
    assert store.sweep() == []
    held = store.documents.get(assessment.tenant, "legal_hold", "tenant")
    assert held is not None
    store.documents.act(assessment.tenant, now=sample.now, deletes=[held])
    assert list(map(Path, store.sweep())) == [path]


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
