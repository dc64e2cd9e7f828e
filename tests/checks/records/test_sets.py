"""What is peculiar to single resource sets: scope, derived members, what makes them unknown."""

from typing import Any

import pytest

from affidavit.checks.judge import judge
from affidavit.checks.places import Place, Record
from affidavit.collector.custom import with_records
from affidavit.model.observation import GLOBAL_REGION, GapReason
from affidavit.model.times import utc_now

HOME = "us-east-1"
OTHER = "eu-west-1"


def records_of(place: Place, name: str) -> tuple[Record, ...]:
    """Return the records of a set."""
    return place.sets[name].records


def test_a_deleted_or_foreign_bucket_is_a_record_with_gaps(account: Any) -> None:
    """A bucket that is named but not the account's is undecided, not left out."""
    buckets = [{"Name": "documents", "BucketRegion": "us-east-1"}]
    account.answers("ListBuckets", {"Buckets": buckets})
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
    user, role = records_of(place, "principal")
    assert role.values["fact"] == {"kind": "role", "bedrock": True}
    assert user.values["fact"] == {"kind": "user", "bedrock": False}


def test_a_role_with_an_unknown_policy_is_unknown(account: Any) -> None:
    """A policy whose text is not known leaves fact.bedrock open, unless another one allows it."""
    unknown = {"PolicyName": "x", "PolicyArn": "arn:aws:iam::aws:policy/SomethingNew"}
    role = {"RoleName": "r", "Arn": "arn:r", "Path": "/", "AttachedManagedPolicies": [unknown]}
    account.answers("GetAccountAuthorizationDetails", {"RoleDetailList": [role]})
    (record,) = records_of(account.place(GLOBAL_REGION), "principal")
    assert record.values["fact"] == {"kind": "role"}
    assert record.gaps["GetAccountAuthorizationDetails"].reason is GapReason.FAILED
    broad = {"PolicyName": "a", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    role["AttachedManagedPolicies"] = [unknown, broad]
    (record,) = records_of(account.place(GLOBAL_REGION), "principal")
    assert record.values["fact"] == {"kind": "role", "bedrock": True}


@pytest.mark.parametrize("kind", ["User", "Group", "Role"])
def test_a_broad_policy_of_aws_fails_whoever_has_it(
    catalogue: Any, account: Any, kind: str
) -> None:
    """AdministratorAccess on a user or a group is as broad as on a role; only roles age."""
    broad = {"PolicyName": "a", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    arn = f"arn:aws:iam::111122223333:{kind.lower()}/x"
    owner = {f"{kind}Name": "x", "Arn": arn, "Path": "/", "AttachedManagedPolicies": [broad]}
    account.answers("GetAccountAuthorizationDetails", {f"{kind}DetailList": [owner]})
    place = account.place(GLOBAL_REGION)
    (record,) = records_of(place, "principal")
    assert (record.arn, record.resource_type) == (arn, f"AWS::IAM::{kind}")
    verdicts = {
        name: [one.standing.value, one.verdict.value]
        for name in ("no-broad-managed", "bedrock-role-used")
        for one in judge(catalogue, place, name, catalogue.checks[name].params, utc_now())
    }
    assert verdicts["no-broad-managed"] == ["judged", "NON_COMPLIANT"]
    assert (verdicts["bedrock-role-used"][0] == "out_of_scope") == (kind != "Role")


def test_a_malformed_event_is_a_gap(account: Any) -> None:
    """An event whose text cannot be read is undecided and still known by its resource."""
    source = {"EventSource": "bedrock.amazonaws.com", "EventName": "UpdateGuardrail"}
    named = [{"ResourceName": "arn:aws:bedrock:us-east-1:1:guardrail/x"}]
    event = {**source, "EventId": "7", "CloudTrailEvent": "{", "Resources": named}
    other = {**event, "EventSource": "appsync.amazonaws.com"}
    account.answers("LookupEvents", {"Events": [event, other]})
    records = records_of(account.place(), "event")
    assert {record.arn for record in records} == {"arn:aws:bedrock:us-east-1:1:guardrail/x"}
    for record in records:
        assert record.gaps["LookupEvents"].reason is GapReason.MALFORMED
        assert "event" not in record.values


def test_a_malformed_policy_is_a_record_with_a_gap(account: Any) -> None:
    """A policy of the account that cannot be read is undecided, not left out."""
    policy = {"PolicyName": "p", "Arn": "arn:aws:iam::1:policy/p", "PolicyVersionList": []}
    unused = {**policy, "Arn": "arn:aws:iam::1:policy/unused", "AttachmentCount": 0}
    account.answers("GetAccountAuthorizationDetails", {"Policies": [policy, unused]})
    (record,) = records_of(account.place(GLOBAL_REGION), "policy_statement")
    assert record.arn == policy["Arn"]
    assert record.gaps["GetAccountAuthorizationDetails"].reason is GapReason.MALFORMED
    assert "stmt" not in record.values


def test_service_linked_roles_and_policies_of_aws_are_left_out(account: Any) -> None:
    """What AWS itself manages is neither a principal nor a statement."""
    broad = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    path = "/aws-service-role/bedrock.amazonaws.com/"
    inline = [{"PolicyName": "p", "PolicyDocument": broad}]
    role = {"RoleName": "r", "Arn": "arn:r", "Path": path, "RolePolicyList": inline}
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": broad}
    managed = {"PolicyName": "ReadOnlyAccess", "Arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    policy = {**managed, "AttachmentCount": 1, "PolicyVersionList": [version]}
    details = {"RoleDetailList": [role], "Policies": [policy]}
    account.answers("GetAccountAuthorizationDetails", details)
    place = account.place(GLOBAL_REGION)
    assert not records_of(place, "policy_statement")
    assert not records_of(place, "principal")


@pytest.mark.parametrize("kind", ["User", "Group"])
def test_no_user_hides_behind_the_path_of_services(account: Any, kind: str) -> None:
    """Only roles are linked to services: a user or a group of that path is one like any other."""
    broad = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    inline = [{"PolicyName": "p", "PolicyDocument": broad}]
    path = "/aws-service-role/a.amazonaws.com/"
    owner: dict[str, Any] = {f"{kind}Name": "x", "Arn": "arn:x", "Path": path}
    owner |= {f"{kind}PolicyList": inline}
    account.answers("GetAccountAuthorizationDetails", {f"{kind}DetailList": [owner]})
    place = account.place(GLOBAL_REGION)
    assert records_of(place, "policy_statement")
    assert records_of(place, "principal")


def test_a_broken_credential_report_is_a_gap(account: Any) -> None:
    """Content that is no report makes the set incomplete, not empty."""
    account.answers("GetCredentialReport", {"Content": "bm9uc2Vuc2U="})
    found = account.place(GLOBAL_REGION).sets["iam_user"]
    assert not found.records
    assert found.gaps[0].reason is GapReason.MALFORMED


def test_an_alias_and_an_arn_of_one_key_are_one_record(account: Any) -> None:
    """Whatever a key is called, it is judged once, under its own ARN."""
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/ours"}
    rules = [{"ApplyServerSideEncryptionByDefault": rule}]
    account.answers("GetBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}})
    facts = account.facts()
    assert len(facts.results("DescribeKey", HOME)) == 2
    (record,) = records_of(account.records(facts).places[0], "kms_key")
    assert record.arn.endswith("key/11111111-2222-3333-4444-555555555555")


def test_a_refused_alias_is_a_record_under_its_name(account: Any) -> None:
    """A key that cannot be described stands under what it was called, undecided."""
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/ours"}
    rules = [{"ApplyServerSideEncryptionByDefault": rule}]
    account.answers("GetBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}})
    account.refuses("DescribeKey")
    arns = {r.arn for r in records_of(account.place(), "kms_key")}
    assert "arn:aws:kms:us-east-1:111122223333:alias/ours" in arns


def listed_models(*names: str) -> dict[str, Any]:
    """Return a list of metrics for these values of ModelId."""
    metric = {"Namespace": "AWS/Bedrock", "MetricName": "Invocations"}
    return {"Metrics": [{**metric, "Dimensions": [{"Name": "ModelId", "Value": n}]} for n in names]}


def test_an_application_profile_is_resolved_or_unknown(account: Any) -> None:
    """A profile of the account stands for its model where that is listed, else for an unknown."""
    arn = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/p1"
    account.answers("ListMetrics", listed_models(arn))
    (record,) = records_of(account.place(), "model_in_use")
    assert record.gaps["ListFoundationModels"].reason is GapReason.FAILED
    assert arn in record.gaps["fact"].message
    member = {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"}
    profile = {"inferenceProfileArn": arn, "models": [member], "status": "ACTIVE"}
    account.answers("ListInferenceProfiles", {"inferenceProfileSummaries": [profile]})
    (record,) = records_of(account.place(), "model_in_use")
    assert not record.gaps
    assert record.values["fact"] == {"modelId": "amazon.nova-pro-v1:0", "provisioned": False}
    assert record.arn == arn


def test_a_model_outside_the_list_has_no_entry(account: Any) -> None:
    """A model that the list of foundation models lacks has no entry: absent, and known so."""
    account.answers("ListMetrics", listed_models("custom.thing", "amazon.nova-pro-v1:0"))
    by_name = {r.attributes["ModelId"]: r for r in records_of(account.place(), "model_in_use")}
    assert "ListFoundationModels" not in by_name["custom.thing"].values
    assert not by_name["custom.thing"].gaps
    assert by_name["custom.thing"].values["GetEvaluationJob"] == []
    assert "ListFoundationModels" in by_name["amazon.nova-pro-v1:0"].values


def test_a_throughput_out_of_service_is_no_record(account: Any) -> None:
    """Only throughputs in service are judged on their use."""
    failed = {"provisionedModelArn": "arn:p", "status": "Failed", "provisionedModelName": "p"}
    account.answers("ListProvisionedModelThroughputs", {"provisionedModelSummaries": [failed]})
    assert not records_of(account.place(), "provisioned")


def test_a_bucket_outside_the_estate_has_unknown_backups(account: Any) -> None:
    """Backups of a bucket in a Region out of scope are unknown; all else of it is known."""
    buckets = [{"Name": "documents", "BucketRegion": "ap-south-1"}]
    account.answers("ListBuckets", {"Buckets": buckets})
    record = next(r for r in records_of(account.place(), "bucket") if r.arn.endswith("documents"))
    assert set(record.gaps) == {"ListRecoveryPointsByResource", "ListProtectedResources"}
    assert all("ap-south-1" in gap.message for gap in record.gaps.values())


def test_a_guardrail_with_unknown_versions_is_unknown(account: Any) -> None:
    """Where only the drafts could be listed, no version is judged in place of the one in force."""
    whole = account.facts()
    for result in list(whole):
        if result.unit.key == "ListGuardrails" and result.unit.parameters:
            whole.add(account._gap(_operation(account), result.unit, GapReason.THROTTLED, "slow"))
    place = account.records(whole).places[0]
    newest, in_use = records_of(place, "guardrail")
    assert newest.gaps["GetGuardrail"].reason is GapReason.THROTTLED
    assert in_use.values["GetGuardrail"]["version"] == "10"
    assert not place.sets["guardrail"].gaps
    assert not place.sets["tagged"].gaps


def _operation(account: Any) -> Any:
    return account.catalogue.operations["ListGuardrails"]


def test_metric_math_alarms_count(account: Any) -> None:
    """An alarm that watches a metric of Bedrock inside an expression is in scope."""
    metric = {"Namespace": "AWS/Bedrock", "MetricName": "InvocationThrottles"}
    query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    alarm = {"AlarmArn": "arn:alarm", "Metrics": [query, {"Id": "e1", "Expression": "m1*2"}]}
    account.answers("DescribeAlarms", {"MetricAlarms": [alarm]})
    (record,) = records_of(account.place(), "alarm")
    assert record.attributes["metric"] == "InvocationThrottles"


def test_a_whole_answer_that_was_cut_off_is_not_judged(empty: Any) -> None:
    """What an API call answers of one thing is unknown where there is more of it."""
    call = "iam_GetAccountSummary"
    empty.catalogue = with_records(empty.catalogue, call)
    empty.answers("GetAccountSummary", {"SummaryMap": {"Users": 1}, "IsTruncated": True})
    (record,) = records_of(empty.place(GLOBAL_REGION), call)
    assert "item" not in record.values
    assert "item" in record.gaps
