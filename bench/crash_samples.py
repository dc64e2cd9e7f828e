"""Sample values for the crash test: an assessment, its answers, evidence and run records."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from affidavit.model.evidence import Evidence, Input
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.model.run import Assessment, ControlVerdict, Estate, RunRecord
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict

TENANT = "111122223333/us-east-1"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = 24


def assessment_of(name: str) -> Assessment:
    """Return a new assessment."""
    return Assessment(
        id=new_id(utc_now()),
        name=name,
        tenant=TENANT,
        framework_id="genai-v1",
        estate=Estate(accounts=("111122223333",), regions=("us-east-1",)),
        created_at=NOW,
        created_by="crash test",
        parameters={},
    )


def observation_of(day: date, number: int) -> Observation:
    """Return an answer; equal ones of two days have one body."""
    return Observation(
        unit=Unit(
            key="GetBucketPolicy",
            account_id="111122223333",
            region="us-east-1",
            parameters={"Bucket": f"b{number}"},
        ),
        service="s3",
        operation="GetBucketPolicy",
        absent="",
        body={"Policy": f"{number % 3} {day.day % 2}" * 200},
        proof=Proof(
            endpoint="http://127.0.0.1",
            synthetic=True,
            caller_arn="arn:aws:iam::111122223333:root",
            request_ids=("R",),
            pages=1,
            attempts=1,
            started_at=NOW,
            finished_at=NOW,
            tool="affidavit",
        ),
    )


def evidence_of(run_id: str, assessment: Assessment, number: int) -> Evidence:
    """Return a record of one of four controls."""
    return Evidence(
        id=new_id(utc_now()),
        assessment_id=assessment.id,
        run_id=run_id,
        control_set_id="S",
        control_id=f"C{number % 4}",
        source_id="s",
        source_type="AWS_API_Call",
        keyword="s3_GetBucketPolicy",
        evidence_type="Compliance check",
        time=NOW,
        account_id="111122223333",
        region="us-east-1",
        resource_arn=f"arn:aws:s3:::b{number}",
        resource_type="AWS::S3::Bucket",
        verdict=Verdict.COMPLIANT,
        standing=Standing.JUDGED,
        reason="as it should be",
        gap="",
        check_id="X",
        check_digest="0" * 64,
        parameters="{}",
        origin="direct",
        inputs=(Input(digest="1" * 64, pointer=""),),
        attributes={"name": f"b{number}"},
        synthetic=True,
        salt=new_salt(),
    )


def run_record_of(
    run_id: str, assessment: Assessment, day: date, evidence: Sequence[Evidence]
) -> RunRecord:
    """Return the run record that counts the evidence as it is."""
    return RunRecord(
        run_id=run_id,
        assessment_id=assessment.id,
        assessment_name=assessment.name,
        tenant=TENANT,
        sequence=0,
        previous="",
        framework_id="genai-v1",
        framework_version="1",
        catalogue_digest="c" * 64,
        day=day,
        started_at=NOW,
        finished_at=NOW,
        tool="affidavit",
        synthetic=True,
        estate=assessment.estate,
        operations=UNITS,
        naive_operations=UNITS,
        calls=UNITS,
        gaps={},
        controls=dict(_control_verdicts(evidence)),
        evidence=len(evidence),
        first_leaf=-1,
        parameters={},
    )


def _control_verdicts(evidence: Sequence[Evidence]) -> Iterator[tuple[str, ControlVerdict]]:
    for control, count in Counter(item.control_id for item in evidence).items():
        yield (
            control,
            ControlVerdict(
                control_id=control,
                control_set_id="S",
                verdict=Verdict.COMPLIANT,
                counts={"COMPLIANT": count},
                judged=count,
                expected=count,
                accounts=1,
                regions=1,
                gaps={},
                manual="",
            ),
        )
