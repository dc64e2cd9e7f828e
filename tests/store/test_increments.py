"""Runs of activity in the store: whole or not there, beside no other run, and no day's last run."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.samples import NOW
from tests.store.conftest import DAY, Sample

from affidavit.errors import StoreBusyError, StoreError
from affidavit.model.evidence import Evidence
from affidavit.model.identifiers import new_id
from affidavit.model.run import ACTIVITY, Assessment, is_whole
from affidavit.model.verdict import Standing, Verdict
from affidavit.store import Committed, Store


def _commit(
    store: Store, sample: Sample, assessment: Assessment, sequence: int
) -> tuple[Committed, list[Evidence]]:
    """Commit a run of activity with two records and two answers."""
    run_id = new_id(NOW)
    made = [
        replace(
            sample.evidence(run_id, assessment.id, number),
            control_id="C00",
            control_set_id="SET0",
            source_type="AWS_Cloudtrail",
            verdict=Verdict.NOT_APPLICABLE,
            standing=Standing.ACTIVITY,
            attributes={"eventId": f"event-{number}"},
            gap="",
        )
        for number in range(2)
    ]
    record = sample.run_record(run_id, assessment, made)
    record = replace(record, scope=ACTIVITY, sequence=sequence)
    with store.segment_writer(run_id, assessment.tenant, assessment.id, DAY) as writer:
        writer.append(made)
        segment = writer.close()
    answers = (sample.observation(1), sample.gap(2))
    return store.commit_increment(record, segment, answers), made


def test_it_is_committed_whole(store: Store, sample: Sample, assessment: Assessment) -> None:
    """Its evidence, answers, folder and record are there; the day's verdicts are as before."""
    sample.commit(store, assessment)
    verdicts, folders = store.verdicts(assessment.id, DAY), store.folders(assessment.id, DAY)
    done, made = _commit(store, sample, assessment, store.next_sequence(assessment.id))
    record = done.run_record
    assert (record.sequence, record.scope, record.answers) == (2, ACTIVITY, 2)
    assert store.answers(record.run_id) == sorted(
        [sample.observation(1).digest, sample.gap(2).digest]
    )
    held = store.evidence_of_type(assessment.id, DAY, DAY, "AWS_Cloudtrail")
    assert [(number, one.id) for number, one in held] == [(2, one.id) for one in made]
    assert store.verdicts(assessment.id, DAY) == verdicts
    assert (
        store.folders(assessment.id, DAY)["C00"]["NOT_APPLICABLE"]
        == folders["C00"]["NOT_APPLICABLE"] + 2
    )
    (whole,) = store.whole_runs(assessment, DAY)
    assert whole["sequence"] == 1
    runs = [one for _, one in store.run_records(assessment.tenant, DAY, DAY)]
    assert [is_whole(one) for one in runs] == [True, False]
    sample.commit(store, assessment)
    (*_, last) = [one for _, one in store.run_records(assessment.tenant, DAY, DAY)]
    assert last["sequence"] == 3


def test_it_is_no_day_with_a_run(store: Store, sample: Sample, assessment: Assessment) -> None:
    """An assessment with nothing but activity was never collected."""
    _commit(store, sample, assessment, 1)
    assert store.last_day(assessment.id) is None
    assert store.verdicts(assessment.id, DAY) == {}
    assert store.verdict_days(assessment, DAY, DAY) == []
    assert store.verdict_history.totals(assessment, DAY, DAY) == {}


def test_it_is_refused_beside_another_run(
    store: Store, sample: Sample, assessment: Assessment
) -> None:
    """While a run is under way, or after one that it does not know of, nothing is written."""
    opened = store.begin_run(assessment, DAY - timedelta(days=1), "c" * 64, NOW)
    with pytest.raises(StoreBusyError):
        _commit(store, sample, assessment, 1)
    store.release_run(opened.run_id)
    with pytest.raises(StoreBusyError):
        _commit(store, sample, assessment, 2)
    size = store.log(assessment.tenant).size
    assert [*store.evidence_of_type(assessment.id, DAY, DAY, "AWS_Cloudtrail")] == []
    _commit(store, sample, assessment, 1)
    assert store.log(assessment.tenant).size == size + 3


def test_an_assessment_that_is_deleted_meanwhile_gets_no_more_evidence(
    store: Store, sample: Sample, assessment: Assessment
) -> None:
    """Erased is erased: what was asked before is not kept after, by an increment or a whole run."""
    sequence = store.next_sequence(assessment.id)
    store.delete_assessment(assessment, by="somebody")
    with pytest.raises(StoreError, match="no assessment"):
        _commit(store, sample, assessment, sequence)
    with pytest.raises(StoreError, match="no assessment"):
        store.begin_run(assessment, DAY, "c" * 64, NOW)
    assert list(store.evidence_of_type(assessment.id, DAY, DAY, "AWS_Cloudtrail")) == []
    assert list(store.run_records(assessment.tenant, DAY, DAY)) == []


def test_an_interrupted_commit_leaves_nothing(
    store: Store, sample: Sample, assessment: Assessment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails at the end of the transaction leaves neither row nor answer nor leaf."""

    def fails(*_: Any) -> None:
        raise KeyboardInterrupt

    size = store.log(assessment.tenant).size
    with monkeypatch.context() as patched:
        patched.setattr(store.lake, "leave", fails)
        with pytest.raises(KeyboardInterrupt):
            _commit(store, sample, assessment, 1)
    assert store.log(assessment.tenant).size == size
    assert store.next_sequence(assessment.id) == 1
    assert store.run_records(assessment.tenant, DAY, DAY) == []
    done, _ = _commit(store, sample, assessment, 1)
    assert done.run_record.sequence == 1


def test_a_whole_run_that_was_overtaken_is_refused(
    store: Store, sample: Sample, assessment: Assessment
) -> None:
    """A run that knows its number is committed under it, or resumed under the next."""
    opened = store.begin_run(assessment, DAY, "c" * 64, NOW)
    store.release_run(opened.run_id)
    _commit(store, sample, assessment, 1)
    again = store.begin_run(assessment, DAY, "c" * 64, NOW)
    assert (again.run_id, again.sequence) == (opened.run_id, 2)
    made = [sample.evidence(again.run_id, assessment.id, 0)]
    segment = sample.segment(store, assessment, again, made)
    record = replace(sample.run_record(again.run_id, assessment, made), sequence=1)
    with pytest.raises(StoreBusyError, match="overtaken"):
        store.commit_run(record, [segment])
    assert store.commit_run(replace(record, sequence=2), [segment]).run_record.sequence == 2
