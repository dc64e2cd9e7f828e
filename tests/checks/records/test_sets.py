"""What is peculiar to single resource sets: scope, derived members, what makes them unknown."""

from typing import Any

from affidavit.checks.places import Place, Record
from affidavit.model.observation import GLOBAL_REGION, GapReason

HOME = "us-east-1"
OTHER = "eu-west-1"


def records_of(place: Place, name: str) -> tuple[Record, ...]:
    """Return the records of a set."""
    return place.sets[name].records


def test_a_deleted_or_foreign_bucket_is_a_record_with_gaps(account: Any) -> None:
    """A bucket that is named but not the account's is undecided, not left out."""
    account.answers("ListBuckets", {"Buckets": [{"Name": "documents"}]})
    by_name = {r.attributes["name"]: r for r in records_of(account.place(), "bucket")}
    assert not by_name["documents"].gaps
    assert by_name["training-data"].gaps["ListBuckets"].reason is GapReason.UNREACHABLE
    assert "GetBucketPolicy" in by_name["training-data"].gaps


def test_a_malformed_bucket_policy_is_a_gap(account: Any) -> None:
    """From a policy that cannot be read nothing is concluded."""
    account.answers("GetBucketPolicy", {"Policy": "{"})
    bucket = records_of(account.place(), "bucket")[0]
    assert bucket.gaps["GetBucketPolicy"].reason is GapReason.MALFORMED
    assert "policy" not in bucket.values
    assert "GetBucketPolicy" not in bucket.values


def test_guardrails_in_use(account: Any) -> None:
    """Named by an agent: in use; another one named: not in use; a source refused: unknown."""
    guardrail = records_of(account.place(), "guardrail")[0]
    assert guardrail.values["fact"] == {"inUse": True}
    enforced = {"guardrailArn": "arn:aws:bedrock:us-east-1:999900001111:guardrail/elsewhere"}
    account.answers("ListEnforcedGuardrailsConfiguration", {"guardrailsConfig": [enforced]})
    account.answers("ListAgents", {})
    assert records_of(account.place(), "guardrail")[0].values["fact"] == {"inUse": False}
    account.answers("ListEnforcedGuardrailsConfiguration", {})
    assert records_of(account.place(), "guardrail")[0].values["fact"] == {"inUse": True}
    account.refuses("ListAgents")
    guardrail = records_of(account.place(), "guardrail")[0]
    assert guardrail.values["fact"] == {}
    assert guardrail.gaps["ListGuardrails"].unit.key == "ListAgents"


def test_a_trail_is_asked_at_home_and_seen_everywhere(account: Any) -> None:
    """Every Region that shows a trail has its record, with the one answer from its home."""
    facts = account.facts()
    assert len(facts.results("GetTrailStatus", HOME)) == 1
    assert not facts.results("GetTrailStatus", OTHER)
    for place in account.records(facts).places[:2]:
        (trail,) = records_of(place, "trail")
        assert trail.values["GetTrailStatus"]["IsLogging"] is True
        assert not trail.gaps


def test_rotation_that_is_no_question_is_no_gap(account: Any) -> None:
    """An asymmetric key is not asked for rotation, and that is not unknown."""
    metadata = {"Arn": "arn:aws:kms:us-east-1:1:key/k", "KeyManager": "CUSTOMER"}
    account.answers("DescribeKey", {"KeyMetadata": {**metadata, "KeySpec": "RSA_2048"}})
    (key,) = records_of(account.place(), "kms_key")
    assert not key.gaps
    assert "GetKeyRotationStatus" not in key.values


def test_keys_of_aws_are_out_of_scope(account: Any) -> None:
    """Only customer managed keys are records."""
    metadata = {"Arn": "arn:aws:kms:us-east-1:1:key/k", "KeyManager": "AWS"}
    account.answers("DescribeKey", {"KeyMetadata": metadata})
    assert not records_of(account.place(), "kms_key")


def test_a_key_outside_the_estate_is_a_gap(account: Any) -> None:
    """A key of a Region that is not in scope stands where it is named, unknown."""
    key = "arn:aws:kms:ap-south-1:111122223333:key/far"
    account.answers("GetCustomModel", {"modelArn": "m", "modelKmsKeyArn": key})
    found = {r.arn: r for r in records_of(account.place(), "kms_key")}
    assert found[key].gaps["DescribeKey"].reason is GapReason.NOT_CONFIGURED
    assert "ap-south-1" in found[key].gaps["DescribeKey"].message


def test_events_carry_actor_and_keyword(account: Any) -> None:
    """An event's record knows who acted; null members are missing, as has() expects."""
    (event,) = records_of(account.place(), "event")
    assert event.attributes["keyword"] == "bedrock_UpdateGuardrail"
    assert event.values["fact"]["actorArn"].endswith(":user/anna")
    assert "errorCode" not in event.values["event"]


def test_global_events_outside_the_estate_are_a_gap(catalogue: Any, empty: Any) -> None:
    """IAM's events are in us-east-1 only: where that is not in scope, the set says so."""
    empty.regions = (OTHER,)
    gaps = empty.place(OTHER).sets["event"].gaps
    names = {g.unit.parameters["LookupAttributes"][0]["AttributeValue"] for g in gaps}
    assert names == {
        "AttachRolePolicy",
        "CreateAccessKey",
        "CreateServiceSpecificCredential",
        "PutRolePolicy",
    }
    assert catalogue.operations


def test_statements_and_roles(account: Any) -> None:
    """Attached and inline policies give statements; roles know whether they may use Bedrock."""
    place = account.place(GLOBAL_REGION)
    owners = {
        r.values["fact"]["policyName"]: r.values["stmt"]["Action"]
        for r in records_of(place, "policy_statement")
    }
    assert owners["own"] == ["s3:Get*"]
    assert "bedrock:InvokeModel" in owners["invoke"]
    (role,) = records_of(place, "principal")
    assert role.values["fact"] == {"bedrock": True}


def test_a_role_with_an_unknown_policy_is_unknown(account: Any) -> None:
    """A policy whose text is not known leaves fact.bedrock open, unless another one allows it."""
    unknown = {"PolicyName": "x", "PolicyArn": "arn:aws:iam::aws:policy/SomethingNew"}
    role = {"RoleName": "r", "Arn": "arn:r", "Path": "/", "AttachedManagedPolicies": [unknown]}
    account.answers("GetAccountAuthorizationDetails", {"RoleDetailList": [role]})
    (record,) = records_of(account.place(GLOBAL_REGION), "principal")
    assert record.values["fact"] == {}
    assert record.gaps["GetAccountAuthorizationDetails"].reason is GapReason.FAILED
    broad = {"PolicyName": "a", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    role["AttachedManagedPolicies"] = [unknown, broad]
    (record,) = records_of(account.place(GLOBAL_REGION), "principal")
    assert record.values["fact"] == {"bedrock": True}
