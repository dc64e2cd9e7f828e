"""Sample values for the crash test: an assessment, its answers, evidence and run records."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from tests import samples

from affidavit.model.evidence import Evidence, Input
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.observation import Observation
from affidavit.model.run import Assessment, RunRecord
from affidavit.model.times import utc_now

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = 24


def assessment_of(name: str) -> Assessment:
    """Return a new assessment."""
    return replace(
        samples.ASSESSMENT, id=new_id(utc_now()), name=name, created_at=NOW, created_by="crash test"
    )


def observation_of(day: date, number: int) -> Observation:
    """Return an answer; equal ones of two days have one body."""
    body = {"Policy": f"{number % 3} {day.day % 2}" * 200}
    return samples.bucket_policy(f"b{number}", body)


def evidence_of(run_id: str, assessment: Assessment, number: int) -> Evidence:
    """Return a record of one of four controls."""
    return replace(
        samples.EVIDENCE,
        id=new_id(utc_now()),
        assessment_id=assessment.id,
        run_id=run_id,
        control_set_id="S",
        control_id=f"C{number % 4}",
        time=NOW,
        resource_arn=f"arn:aws:s3:::b{number}",
        inputs=(Input(digest="1" * 64, pointer=""),),
        attributes={"name": f"b{number}"},
        salt=new_salt(),
    )


def run_record_of(
    run_id: str, assessment: Assessment, day: date, evidence: Sequence[Evidence]
) -> RunRecord:
    """Return the run record that counts the evidence as it is."""
    made = samples.run_record(run_id, assessment, day, samples.counted(evidence), NOW)
    return replace(made, operations=UNITS, naive_operations=UNITS, calls=UNITS)
