"""What AWS really answered gives sensible records (recorded answers, where they lie beside us)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from affidavit.aws.shapes import plain
from affidavit.model.observation import GLOBAL_REGION, Unit

RECORDED = Path(__file__).parents[4] / "shared" / "recorded-aws"
HOME = "us-east-1"
ACCOUNT = "644160558196"

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers of AWS are not beside the repository"
)


def _revive(value: Any) -> Any:
    """Return placebo's JSON as boto3 gave it."""
    if isinstance(value, list):
        return [_revive(element) for element in value]
    if not isinstance(value, dict):
        return value
    if value.get("__class__") == "datetime":
        parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return datetime(**{part: value.get(part, 0) for part in parts}, tzinfo=UTC)
    return {name: _revive(member) for name, member in value.items()}


def recorded(name: str) -> Mapping[str, Any]:
    """Return a recorded answer as it would be stored."""
    data = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["data"]
    if "Content" in data and isinstance(data["Content"], str):
        data["Content"] = data["Content"].encode()
    return plain(_revive(data))


def names_of(service: str, operation: str) -> list[str]:
    """Return the recorded, successful answers of an operation."""
    paths = sorted(RECORDED.glob(f"{service}.{operation}.*.json"))
    codes = {p.stem: json.loads(p.read_text(encoding="utf-8"))["status_code"] for p in paths}
    return [name for name, code in codes.items() if code < 300]


@pytest.fixture
def real(empty: Any) -> Any:
    """Return an account of one Region that answers as AWS did."""
    empty.regions = (HOME,)
    return empty


def test_guardrails(real: Any) -> None:
    """Guardrails of a real list are records at a version, in use because nothing names any."""
    body = recorded("bedrock.ListGuardrails.1")
    real.answers("ListGuardrails", body)
    real.answers("GetGuardrail", recorded("bedrock.GetGuardrail.1"))
    records = real.place().sets["guardrail"].records
    assert len(records) == len(body["guardrails"])
    for record in records:
        assert record.arn.startswith("arn:aws:bedrock:")
        assert record.values["item"]["createdAt"].tzinfo is not None
        assert record.values["GetGuardrail"]["contentPolicy"]["filters"]
        assert record.values["fact"] == {"inUse": record.values["item"]["status"] == "READY"}
        assert not record.gaps


def test_custom_models_and_jobs(real: Any) -> None:
    """A real custom model is joined with its details and tags; a running job is out of scope."""
    real.answers("ListCustomModels", recorded("bedrock.ListCustomModels.1"))
    real.answers("GetCustomModel", recorded("bedrock.GetCustomModel.1"))
    real.answers("ListTagsForResource", recorded("bedrock.ListTagsForResource.1"))
    jobs = recorded("bedrock.ListModelCustomizationJobs.1")
    real.answers("ListModelCustomizationJobs", jobs)
    place = real.place()
    (model,) = place.sets["custom_model"].records
    assert model.values["GetCustomModel"]["modelArn"]
    assert [r.values["fact"]["kind"] for r in place.sets["tagged"].records] == ["custom_model"]
    assert not place.sets["customization_job"].records
    assert place.acct["fact"]["bedrockInUse"] is True


def test_agents_and_knowledge_bases(real: Any) -> None:
    """Agents of a real list are records with an ARN of their own."""
    real.answers("ListAgents", recorded("bedrock-agent.ListAgents.1"))
    real.answers("ListKnowledgeBases", recorded("bedrock-agent.ListKnowledgeBases.1"))
    records = real.place().sets["agent"].records
    assert records
    assert all(record.arn.split(":")[5].startswith("agent/") for record in records)


@pytest.mark.parametrize("number", [1, 2])
def test_evaluation_jobs_name_their_bucket(real: Any, number: int) -> None:
    """The bucket that a real evaluation job writes to is in scope."""
    body = recorded(f"bedrock.GetEvaluationJob.{number}")
    real.answers("ListEvaluationJobs", recorded("bedrock.ListEvaluationJobs.1"))
    real.answers("GetEvaluationJob", body)
    name = body["outputDataConfig"]["s3Uri"].split("/")[2]
    real.answers("ListBuckets", {"Buckets": [{"Name": name}]})
    bucket = next(r for r in real.place().sets["bucket"].records if r.arn.endswith(name))
    assert bucket.values["fact"]["roles"] == ["evaluation"]


def test_buckets(real: Any) -> None:
    """Every recorded answer on a bucket goes into a record of a bucket that is in scope."""
    real.params = {"bucket-tls": {"extra_buckets": ["b"]}, "bucket-tags": {"roles": ["extra"]}}
    real.answers("ListBuckets", {"Buckets": [{"Name": "b"}]})
    seen = 0
    for key in (
        "GetBucketVersioning",
        "GetBucketEncryption",
        "GetPublicAccessBlock",
        "GetBucketLogging",
        "GetBucketLifecycleConfiguration",
        "GetBucketTagging",
        "GetBucketPolicy",
    ):
        for name in names_of("s3", key):
            real.answers(key, recorded(name))
            (record,) = real.place().sets["bucket"].records
            assert key in record.values, name
            assert key not in record.gaps, name
            seen += 1
    assert seen > 10


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_trails(real: Any, number: int) -> None:
    """Real trails are joined with their status and event selectors."""
    real.answers("DescribeTrails", recorded(f"cloudtrail.DescribeTrails.{number}"))
    real.answers("GetTrailStatus", recorded(f"cloudtrail.GetTrailStatus.{number}"))
    real.answers("GetEventSelectors", recorded(f"cloudtrail.GetEventSelectors.{number}"))
    found = real.place().sets["trail"]
    assert not found.gaps
    for record in found.records:
        assert isinstance(record.values["GetTrailStatus"]["IsLogging"], bool)
        assert record.attributes["name"]
        assert not record.gaps


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_credential_reports(real: Any, number: int) -> None:
    """Rows of a real report are users, the root account left out."""
    real.answers("GenerateCredentialReport", recorded("iam.GenerateCredentialReport.1"))
    body = recorded(f"iam.GetCredentialReport.{number}")
    real.answers("GetCredentialReport", body)
    found = real.place(GLOBAL_REGION).sets["iam_user"]
    assert not found.gaps
    for record in found.records:
        assert record.values["row"]["user"] != "<root_account>"
        assert record.arn == record.values["row"]["arn"]
        assert record.values["row"]["mfa_active"] in {"true", "false"}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_keys(real: Any, number: int) -> None:
    """A real key that a log group names is a record, unless it is AWS's own."""
    described = recorded(f"kms.DescribeKey.{number}")
    metadata = described["KeyMetadata"]
    key = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/{metadata['KeyId']}"
    group = {"logGroupName": "aws/spans", "kmsKeyId": key, "arn": "arn:x:*"}
    real.answers("DescribeLogGroups", {"logGroups": [group]})
    real.answers("DescribeKey", described)
    real.answers("GetKeyRotationStatus", recorded(names_of("kms", "GetKeyRotationStatus")[0]))
    records = real.place().sets["kms_key"].records
    assert len(records) == (metadata["KeyManager"] == "CUSTOMER")
    for record in records:
        assert record.attributes["state"] == metadata["KeyState"]
        assert not record.gaps


def test_recovery_points_and_plans(real: Any) -> None:
    """Recorded recovery points are joined to their bucket."""
    real.params = {"bucket-tls": {"extra_buckets": ["b"]}}
    real.answers("ListBuckets", {"Buckets": [{"Name": "b", "BucketRegion": "us-east-1"}]})
    for name in names_of("backup", "ListRecoveryPointsByResource"):
        real.answers("ListRecoveryPointsByResource", recorded(name))
        (record,) = real.place().sets["bucket"].records
        assert record.values["ListRecoveryPointsByResource"]["RecoveryPoints"]


def test_log_groups_and_filters(real: Any) -> None:
    """Log groups of a real account that have nothing to do with Bedrock are out of scope."""
    for name in names_of("logs", "DescribeLogGroups"):
        real.answers("DescribeLogGroups", recorded(name))
        real.answers("GetModelInvocationLoggingConfiguration", {})
        found = real.place().sets["log_group"]
        assert not found.gaps
        assert all("bedrock" in r.attributes["name"] for r in found.records)


def test_bedrock_keys(real: Any) -> None:
    """Only long-term keys of Bedrock are records, whatever else a real answer lists."""
    for name in names_of("iam", "ListServiceSpecificCredentials"):
        body = recorded(name)
        real.answers("ListServiceSpecificCredentials", body)
        listed = body["ServiceSpecificCredentials"]
        wanted = [c for c in listed if c["ServiceName"] == "bedrock.amazonaws.com"]
        found = real.place(GLOBAL_REGION).sets["bedrock_key"]
        assert not found.gaps
        assert len(found.records) == len(wanted)


def test_config_rules(real: Any) -> None:
    """Of real rules only those that are active and ours are asked for evaluations."""
    for name in names_of("config", "DescribeConfigRules"):
        body = recorded(name)
        real.answers("DescribeConfigRules", body)
        expected = {
            rule["ConfigRuleName"]
            for rule in body["ConfigRules"]
            if rule["ConfigRuleState"] == "ACTIVE"
            and rule["Source"]["SourceIdentifier"] in real.catalogue.config_rules
        }
        units: list[Unit] = real.units(real.facts(), "GetComplianceDetailsByConfigRule")
        assert {unit.parameters["ConfigRuleName"] for unit in units} == expected
