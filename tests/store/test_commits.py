"""A commit registers everything at once, once, and only what is true."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from affidavit.errors import SigningKeyError, StoreDamagedError, StoreError
from affidavit.ledger.checkpoint import open_note
from affidavit.ledger.keys import KeyFolder
from affidavit.ledger.tiles import published_size
from affidavit.ledger.tree import verify_consistency, verify_inclusion
from affidavit.model.run import Assessment
from affidavit.model.verdict import ControlState, Verdict
from affidavit.settings import Settings
from affidavit.store import Store, open_store


def test_what_a_commit_writes(store: Store, assessment: Assessment, sample: Any) -> None:
    """Evidence, run record, folders, verdicts and a signed checkpoint are there, and agree."""
    committed, evidence = sample.commit(store, assessment, 30)
    record = committed.run_record
    assert (committed.first_leaf, committed.tree_size, committed.warnings) == (1, 32, ())
    assert (record.first_leaf, record.sequence, record.previous) == (1, 1, "")
    found = list(store.evidence(assessment.id, sample.day, sample.day))
    assert [leaf for leaf, _ in found] == list(range(1, 31))
    assert {e.id: e for _, e in found} == {e.id: e for e in evidence}
    assert store.run_records(assessment.tenant, sample.day, sample.day) == [(31, record.to_json())]
    assert store.verdicts(assessment.id, sample.day) == record.controls
    folders = store.folders(assessment.id, sample.day)
    assert folders["C00"] == {"COMPLIANT": 3, "NON_COMPLIANT": 3, "NOT_APPLICABLE": 2}
    assert sum(sum(c.values()) for c in folders.values()) == 30
    signed = store.checkpoint(assessment.tenant)
    assert signed is not None
    assert signed.note == committed.checkpoint
    keys = [key.verifier(assessment.tenant) for key in store.public_keys()]
    checkpoint = open_note(committed.checkpoint, keys)
    log = store.log(assessment.tenant)
    assert (checkpoint.size, checkpoint.root) == (32, log.root())
    for leaf, item in found:
        proof = log.inclusion_proof(leaf, 32)
        verify_inclusion(bytes.fromhex(item.entry), leaf, 32, proof, checkpoint.root)


def test_totals_keep_partial_controls_apart(
    store: Store, assessment: Assessment, sample: Any
) -> None:
    """Compliant controls are counted by how their manual part stands, of each day's last run."""
    told = {"C00": "", "C01": "missing", "C02": "expired", "C03": "present"}
    for manual in (dict.fromkeys(told, ""), told):
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(4)]
        record = sample.run_record(run.run_id, assessment, evidence)
        controls = {
            name: replace(said, verdict=Verdict.COMPLIANT, manual=manual[name])
            for name, said in record.controls.items()
        }
        segment = sample.segment(store, assessment, run, evidence)
        store.commit_run(replace(record, controls=controls), [segment])
    before = sample.day - timedelta(days=1)
    assert store.verdict_history.totals(assessment, before, sample.day) == {
        sample.day: {
            ControlState.COMPLIANT: 1,
            ControlState.AUTOMATED_MISSING: 1,
            ControlState.AUTOMATED_EXPIRED: 1,
            ControlState.AUTOMATED_PRESENT: 1,
        }
    }


def test_reading_evidence(store: Store, assessment: Assessment, sample: Any) -> None:
    """Evidence is found by id, by control, and within days only."""
    _, evidence = sample.commit(store, assessment, 9)
    next_day = sample.day + timedelta(days=1)
    committed, later = sample.commit(store, assessment, 4, next_day)
    found = store.evidence_by_id(evidence[4].id)
    assert found is not None
    assert found[1] == evidence[4]
    assert store.evidence_by_id("nothing") is None
    one = [e for _, e in store.evidence(assessment.id, sample.day, next_day, "C01")]
    assert {e.id for e in one} == {e.id for e in [*evidence, *later] if e.control_id == "C01"}
    assert [leaf for leaf, _ in store.evidence(assessment.id, next_day, next_day)] == list(
        range(committed.first_leaf, committed.first_leaf + 4)
    )
    assert list(store.evidence("other", sample.day, next_day)) == []


def test_several_segments_and_runs(store: Store, assessment: Assessment, sample: Any) -> None:
    """Segments follow one another in the log; a second run of the day adds to the folders."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(20)]
    segments = [
        sample.segment(store, assessment, run, evidence[:7]),
        sample.segment(store, assessment, run, evidence[7:]),
    ]
    record = sample.run_record(run.run_id, assessment, evidence)
    store.commit_run(record, segments)
    found = [e.id for _, e in store.evidence(assessment.id, sample.day, sample.day)]
    assert set(found[:7]) == {e.id for e in evidence[:7]}
    second, _ = sample.commit(store, assessment, 12)
    assert (second.run_record.sequence, second.first_leaf) == (2, 22)
    folders = store.folders(assessment.id, sample.day)
    assert sum(sum(c.values()) for c in folders.values()) == 32
    assert sum(log.evidence for log in store.verify()) == 32
    old, new = store.checkpoints(assessment.tenant)
    log = store.log(assessment.tenant)
    proof = log.consistency_proof(old.size, new.size)
    verify_consistency(old.size, new.size, proof, log.root(old.size), log.root(new.size))


def test_committing_again_changes_nothing(
    store: Store, assessment: Assessment, sample: Any, reopen: Callable[[], Store]
) -> None:
    """A second commit of the same run returns what the first wrote, whoever asks."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(5)]
    segment = sample.segment(store, assessment, run, evidence)
    record = sample.run_record(run.run_id, assessment, evidence)
    first = store.commit_run(record, [segment], store.keys.signer())
    assert store.commit_run(record, [segment]) == first
    with reopen() as other:
        assert other.commit_run(replace(record, calls=99), []) == first
    assert store.log(assessment.tenant).size == first.tree_size


def test_a_record_that_counts_wrong_is_refused(
    store: Store, assessment: Assessment, sample: Any
) -> None:
    """A run record that does not say what its segments hold leaves nothing behind."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(6)]
    segment = sample.segment(store, assessment, run, evidence)
    record = sample.run_record(run.run_id, assessment, evidence)
    fewer = sample.run_record(run.run_id, assessment, evidence[:5])
    hidden = {name: said for name, said in record.controls.items() if name != "C01"}
    for wrong, segments in (
        (replace(record, evidence=5), [segment]),
        (replace(fewer, evidence=6), [segment]),
        (replace(record, controls=hidden), [segment]),
        (replace(record, tenant="444455556666/us-east-1"), [segment]),
        (record, []),
        (replace(record, run_id="other"), [segment]),
    ):
        with pytest.raises(StoreError):
            store.commit_run(wrong, segments)
    assert store.log(assessment.tenant).size == 1
    assert list(store.evidence(assessment.id, sample.day, sample.day)) == []
    assert store.folders(assessment.id, sample.day) == {}
    store.commit_run(record, [segment])


def test_a_segment_that_is_gone(store: Store, assessment: Assessment, sample: Any) -> None:
    """A segment whose file vanished before the commit is not registered."""
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    evidence = [sample.evidence(run.run_id, assessment.id, n) for n in range(6)]
    segment = sample.segment(store, assessment, run, evidence)
    (store.objects / segment.path).unlink()
    record = sample.run_record(run.run_id, assessment, evidence)
    with pytest.raises(StoreDamagedError, match=segment.digest):
        store.commit_run(record, [segment])
    assert store.log(assessment.tenant).size == 1


def test_a_strange_key_does_not_sign(
    settings: Settings, store: Store, assessment: Assessment, sample: Any
) -> None:
    """A key that nobody announced cannot sign on in an old ledger, and the run is not lost."""
    sample.commit(store, assessment)
    store.close()
    other = replace(settings, keys=settings.keys.with_name("other"))
    with open_store(other, clock=lambda: sample.now) as strange:
        with pytest.raises(SigningKeyError, match="no key record"):
            sample.commit(strange, assessment)
        assert strange.log(assessment.tenant).size == 12
    with open_store(settings, clock=lambda: sample.now) as again:
        run = again.begin_run(assessment, sample.day, "c" * 64, sample.now)
        assert run.resumed
        sample.finish(again, assessment, run, 3)


def test_tiles_are_published(store: Store, assessment: Assessment, sample: Any) -> None:
    """After a commit the log lies as files that anybody can read; they can be made again."""
    sample.commit(store, assessment, 300)
    folder = store.objects / "111122223333/us-east-1/log"
    assert published_size(folder) == 302
    before = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert {str(p) for p in before} == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/46",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/46",
    }
    for path in before:
        (folder / path).unlink()
    assert store.publish(assessment.tenant) == ()
    assert {p: (folder / p).read_bytes() for p in before} == before


def test_a_missing_time_stamp_is_a_warning(
    settings: Settings, store: Store, assessment: Assessment, sample: Any
) -> None:
    """A time-stamping service that does not answer never fails a commit; the reason is kept."""
    store.close()
    there = replace(settings, timestamp_url="http://127.0.0.1:9/tsa")
    with open_store(there, clock=lambda: sample.now) as stamped:
        committed, _ = sample.commit(stamped, assessment)
        (warning,) = committed.warnings
        found = stamped.checkpoint(assessment.tenant)
    assert "did not answer" in warning
    assert found is not None
    assert (found.stamp, found.stamp_warning) == (None, warning)


def test_keys_of_a_new_folder(settings: Settings, store: Store) -> None:
    """The store's public keys are those of the key folder."""
    assert store.public_keys() == ()
    assert store.keys.signer().public == KeyFolder(settings.keys).signer().public
    assert len(store.public_keys()) == 1
