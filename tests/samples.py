"""Sample values of the model, which tests and benches vary with `dataclasses.replace`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from affidavit.model.evidence import Evidence
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.model.run import Assessment, ControlVerdict, Estate, RunRecord
from affidavit.model.verdict import Standing, Verdict

ACCOUNT = "111122223333"
TENANT = f"{ACCOUNT}/us-east-1"
NOW = datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=UTC)

ASSESSMENT = Assessment(
    id="a",
    name="Northwind",
    tenant=TENANT,
    framework_id="genai-v1",
    estate=Estate(accounts=(ACCOUNT,), regions=("us-east-1",)),
    created_at=NOW,
    created_by="test",
    parameters={},
)
PROOF = Proof(
    endpoint="http://127.0.0.1",
    synthetic=True,
    caller_arn=f"arn:aws:iam::{ACCOUNT}:root",
    request_ids=("R",),
    pages=1,
    attempts=1,
    started_at=NOW,
    finished_at=NOW,
    tool="affidavit",
)
EVIDENCE = Evidence(
    id="e",
    assessment_id="a",
    run_id="r",
    control_set_id="RESP",
    control_id="GENAI-RESP-01",
    source_id="s",
    source_type="AWS_API_Call",
    keyword="s3_GetBucketPolicy",
    evidence_type="Configuration data",
    time=NOW,
    account_id=ACCOUNT,
    region="us-east-1",
    resource_arn="arn:aws:s3:::b",
    resource_type="AWS::S3::Bucket",
    verdict=Verdict.COMPLIANT,
    standing=Standing.JUDGED,
    reason="because",
    gap="",
    check_id="c",
    check_digest="0" * 64,
    parameters="{}",
    origin="direct",
    inputs=(),
    attributes={},
    synthetic=True,
    salt="0" * 32,
)


def bucket_policy(bucket: str, body: dict[str, Any], proof: Proof = PROOF) -> Observation:
    """Return the answer to a question for a bucket's policy."""
    return Observation(
        unit=Unit(
            key="GetBucketPolicy",
            account_id=ACCOUNT,
            region="us-east-1",
            parameters={"Bucket": bucket},
        ),
        service="s3",
        operation="GetBucketPolicy",
        absent="",
        body=body,
        proof=proof,
    )


def run_record(
    run_id: str,
    assessment: Assessment,
    day: date,
    controls: Mapping[str, ControlVerdict],
    began: datetime = NOW,
) -> RunRecord:
    """Return the record of a run with these verdicts."""
    return RunRecord(
        run_id=run_id,
        assessment_id=assessment.id,
        assessment_name=assessment.name,
        tenant=assessment.tenant,
        sequence=0,
        previous="",
        framework_id="genai-v1",
        framework_version="1",
        catalogue_digest="c" * 64,
        day=day,
        started_at=began,
        finished_at=began,
        tool="affidavit",
        synthetic=True,
        estate=assessment.estate,
        operations=1,
        naive_operations=2,
        calls=3,
        gaps={},
        controls=dict(controls),
        evidence=sum(sum(one.counts.values()) for one in controls.values()),
        first_leaf=-1,
        parameters=assessment.parameters,
    )


def counted(evidence: Iterable[Evidence]) -> dict[str, ControlVerdict]:
    """Return each control's verdict of the records: what is judged worst, with their counts."""
    held: dict[tuple[str, str], Counter[str]] = {}
    gaps: dict[str, Counter[str]] = {}
    for one in evidence:
        held.setdefault((one.control_set_id, one.control_id), Counter())[one.verdict.value] += 1
        if one.gap:
            gaps.setdefault(one.control_id, Counter())[one.gap] += 1
    return verdicts(held, gaps)


def verdicts(
    counts: Mapping[tuple[str, str], Counter[str]],
    gaps: Mapping[str, Counter[str]] | None = None,
) -> dict[str, ControlVerdict]:
    """Return verdicts of what was counted by control set and control."""
    return {
        control: ControlVerdict(
            control_id=control,
            control_set_id=control_set,
            verdict=_worst(count),
            counts=dict(count),
            judged=count["COMPLIANT"] + count["NON_COMPLIANT"],
            expected=count.total(),
            accounts=1,
            regions=1,
            gaps=dict((gaps or {}).get(control, {})),
            manual="",
        )
        for (control_set, control), count in counts.items()
    }


def _worst(counts: Counter[str]) -> Verdict:
    judged = (Verdict.NON_COMPLIANT, Verdict.COMPLIANT)
    return next((one for one in judged if counts[one.value]), Verdict.NOT_APPLICABLE)
