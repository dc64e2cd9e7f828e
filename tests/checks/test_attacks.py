"""Configurations that look right and are not: none of them is COMPLIANT.

Each case takes the passing example of a check and changes one thing that a real account may have.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from affidavit.catalogue.fixtures import FIXTURE_NOW, Fixture, load_fixtures
from affidavit.checks.judge import judge
from affidavit.checks.places import Place
from affidavit.checks.rules import effective_parameters
from affidavit.model.catalogue import Catalogue
from affidavit.model.verdict import Standing, Verdict

PlaceOf = Callable[..., Place]
FIXTURES = load_fixtures()
MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}
DATA = {"Field": "eventCategory", "Equals": ["Data"]}
TYPES = ["AWS::Bedrock::Guardrail", "AWS::Bedrock::KnowledgeBase", "AWS::Bedrock::AgentAlias"]
OLD = datetime(2025, 6, 1, tzinfo=UTC)


def verdict(
    catalogue: Catalogue, place_of: PlaceOf, name: str, **given: Any
) -> tuple[Verdict, Standing]:
    """Return verdict and standing of a check on its passing example with parts replaced."""
    check, good = catalogue.checks[name], copy.deepcopy(FIXTURES[name]["good"])
    example = Fixture(
        r={**good.r, **given.get("r", {})}, acct={**good.acct, **given.get("acct", {})}, p=good.p
    )
    place = place_of(check, replace(example))
    params = effective_parameters(check, {}, {**example.p, **given.get("p", {})})
    (found,) = judge(catalogue, place, name, params, FIXTURE_NOW)
    return found.verdict, found.standing


def trail(*fields: dict[str, Any], **status: Any) -> dict[str, Any]:
    """Return an account with one multi-Region trail with one advanced selector."""
    return {
        "fact": {"bedrockInUse": True},
        "set": {
            "trail": [
                {
                    "item": {"IsMultiRegionTrail": True},
                    "GetTrailStatus": {"IsLogging": True, **status},
                    "GetEventSelectors": {"AdvancedEventSelectors": [{"FieldSelectors": fields}]},
                }
            ]
        },
    }


def data_trail(*fields: dict[str, Any], **status: Any) -> dict[str, Any]:
    """Return a trail of Bedrock's data events, narrowed by `fields`."""
    return trail(DATA, {"Field": "resources.type", "Equals": TYPES}, *fields, **status)


NARROWED = [
    {"Field": "readOnly", "Equals": ["true"]},
    {"Field": "readOnly", "Equals": ["false"]},
    {"Field": "eventName", "Equals": ["UpdateGuardrail"]},
    {"Field": "eventName", "NotEquals": ["InvokeModel"]},
    {"Field": "eventName", "NotStartsWith": ["Invoke"]},
    {"Field": "eventName", "NotEndsWith": ["Stream"]},
    {"Field": "resources.ARN", "StartsWith": ["arn:aws:bedrock:us-east-1:1:guardrail/a"]},
    {"Field": "resources.ARN", "NotStartsWith": ["arn:aws:bedrock:us-east-1:1:guardrail/a"]},
    {"Field": "userIdentity.arn", "NotEquals": ["arn:aws:iam::1:role/app"]},
    {"Field": "sessionCredentialFromConsole", "Equals": ["true"]},
    {"Field": "eventType", "NotEquals": ["AwsServiceEvent"]},
]
SOURCES: list[dict[str, Any]] = [
    {"NotEquals": ["bedrock.amazonaws.com"]},
    {"NotEquals": ["kms.amazonaws.com", "bedrock.amazonaws.com"]},
    {"NotStartsWith": ["bedrock"]},
    {"NotEndsWith": [".amazonaws.com"]},
    {"Equals": ["kms.amazonaws.com"]},
    {"StartsWith": ["kms"]},
    {"EndsWith": ["amazonaws.com"]},
    {"NotEquals": ["kms.amazonaws.com"], "NotStartsWith": ["bedrock"]},
    {"NotEquals": ["kms.amazonaws.com"], "NotEndsWith": ["rock.amazonaws.com"]},
    {"NotEquals": ["kms.amazonaws.com"], "Equals": ["iam.amazonaws.com"]},
    {"NotEquals": ["kms.amazonaws.com"], "StartsWith": ["iam"]},
    {"NotEquals": ["kms.amazonaws.com"], "EndsWith": ["iam.amazonaws.com"]},
]


@pytest.mark.parametrize("field", NARROWED, ids=str)
def test_a_narrowed_selector_is_no_full_logging(
    catalogue: Catalogue, place_of: PlaceOf, field: dict[str, Any]
) -> None:
    """A selector with any further field leaves events out, of data and of management."""
    acct = data_trail(field)
    assert verdict(catalogue, place_of, "trail-bedrock-data-events", acct=acct)[0] is (
        Verdict.NON_COMPLIANT
    )
    acct = trail(MANAGEMENT, field)
    assert verdict(catalogue, place_of, "trail-multi-region", acct=acct)[0] is (
        Verdict.NON_COMPLIANT
    )


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_a_selector_that_leaves_services_out_is_no_full_logging(
    catalogue: Catalogue, place_of: PlaceOf, source: dict[str, Any]
) -> None:
    """Only KMS and the RDS Data API may be left out, and only by their whole names."""
    acct = trail(MANAGEMENT, {"Field": "eventSource", **source})
    assert verdict(catalogue, place_of, "trail-multi-region", acct=acct)[0] is (
        Verdict.NON_COMPLIANT
    )


def test_whole_selectors_pass(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """The right configurations still pass, with empty operators too."""
    acct = trail(
        MANAGEMENT,
        {
            "Field": "eventSource",
            "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"],
            "NotStartsWith": [],
        },
    )
    assert verdict(catalogue, place_of, "trail-multi-region", acct=acct)[0] is Verdict.COMPLIANT
    found = verdict(catalogue, place_of, "trail-bedrock-data-events", acct=data_trail())
    assert found[0] is Verdict.COMPLIANT


@pytest.mark.parametrize("name", ["trail-multi-region", "trail-bedrock-data-events"])
@pytest.mark.parametrize("status", [{"IsLogging": False}, {"LatestDeliveryError": "AccessDenied"}])
def test_a_trail_that_delivers_nothing_does_not_count(
    catalogue: Catalogue, place_of: PlaceOf, name: str, status: dict[str, Any]
) -> None:
    """A stopped trail, or one whose bucket refuses it, keeps no events."""
    acct = data_trail(**status) if "data" in name else trail(MANAGEMENT, **status)
    assert verdict(catalogue, place_of, name, acct=acct)[0] is Verdict.NON_COMPLIANT


def test_basic_selectors_may_leave_out_kms_only(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """Basic selectors know a list of services left out as well."""
    for left_out, expected in (
        (["kms.amazonaws.com"], Verdict.COMPLIANT),
        (["bedrock.amazonaws.com"], Verdict.NON_COMPLIANT),
    ):
        selector = {
            "IncludeManagementEvents": True,
            "ReadWriteType": "All",
            "ExcludeManagementEventSources": left_out,
        }
        acct = trail()
        acct["set"]["trail"][0]["GetEventSelectors"] = {"EventSelectors": [selector]}
        assert verdict(catalogue, place_of, "trail-multi-region", acct=acct)[0] is expected


@pytest.mark.parametrize(
    ("entry", "model", "standing"),
    [
        ({"outputModalities": ["EMBEDDING"]}, "amazon.titan-embed-text-v2:0", "out_of_scope"),
        ({"outputModalities": ["IMAGE"]}, "amazon.nova-canvas-v1:0", "out_of_scope"),
        ({"outputModalities": ["TEXT"]}, "cohere.rerank-v3-5:0", "out_of_scope"),
        ({"outputModalities": ["TEXT"]}, "amazon.nova-pro-v1:0", "judged"),
        ({"outputModalities": ["TEXT", "IMAGE"]}, "x.y", "judged"),
        ({}, "x.y", "undecided"),
    ],
)
def test_only_models_that_write_text_are_evaluated(
    catalogue: Catalogue, place_of: PlaceOf, entry: dict[str, Any], model: str, standing: str
) -> None:
    """Embeddings, images and rerankers are out of scope; an unknown kind is undecided."""
    record = {"ListFoundationModels": entry, "fact": {"modelId": model}, "GetEvaluationJob": []}
    found, stands = verdict(catalogue, place_of, "model-evaluated", r=record)
    assert stands.value == standing
    assert found is not Verdict.COMPLIANT


RESTORED = FIXTURES["restore-tested"]["good"].acct["ListRestoreJobs"]["RestoreJobs"][0]


def backup_plan(lifecycle: dict[str, Any], first: int = 1) -> dict[str, Any]:
    """Return a daily plan whose first run is due in `first` days."""
    return {
        "ScheduledRunsPreview": [
            {"ExecutionTime": FIXTURE_NOW + timedelta(days=first + n)} for n in range(10)
        ],
        "BackupPlan": {"Rules": [{"TargetBackupVaultName": "v", "Lifecycle": lifecycle}]},
    }


def unevaluated(namespace: str, metric: str) -> dict[str, Any]:
    """Return an alarm with actions of which CloudWatch says that it is set up wrongly."""
    return {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": "GuardrailArn", "Value": "g"}],
        "ActionsEnabled": True,
        "AlarmActions": ["t"],
        "EvaluationState": "EVALUATION_ERROR",
    }


def allowing_all(key: str, value: str) -> dict[str, Any]:
    """Return a statement that allows everybody under one condition."""
    return {"Effect": "Allow", "Principal": ["*"], "Condition": {"StringEquals": {key: [value]}}}


CASES: list[tuple[str, dict[str, Any]]] = [
    ("model-fallback", {"r": {"fact": {"modelId": "m", "provisioned": True}}}),
    (
        "model-fallback",
        {
            "acct": {
                "ListInferenceProfiles": {
                    "inferenceProfileSummaries": [
                        {"status": "ACTIVE", "models": [{"modelArn": "a/m"}, {"modelArn": "a/m"}]}
                    ]
                }
            }
        },
    ),
    ("trail-to-logs", {"r": {"GetTrailStatus": {"IsLogging": False}}}),
    (
        "bucket-in-backup",
        {"r": {"ListProtectedResources": {"ResourceType": "S3", "LastBackupTime": OLD}}},
    ),
    (
        "logging-delivers",
        {"acct": {"metric": {"logFailures": 0.0, "logDeliveries": 0.0}}},
    ),
    (
        "alarms-enabled",
        {"acct": {"DescribeAlarms": {"MetricAlarms": [{"ActionsEnabled": True}]}}},
    ),
    ("key-live", {"r": {"DescribeKey": {"KeyMetadata": {"KeyState": "Disabled"}}}}),
    ("key-live", {"r": {"DescribeKey": {"KeyMetadata": {"KeyState": "PendingDeletion"}}}}),
    ("key-live", {"r": {"DescribeKey": {"KeyMetadata": {"KeyState": "PendingReplicaDeletion"}}}}),
    ("bucket-versioned", {"r": {"GetBucketVersioning": {"Status": "Suspended"}}}),
    ("log-group-retention", {"r": {"item": {"retentionInDays": 0}}}),
    ("log-group-masking", {"r": {"item": {"dataProtectionStatus": "DISABLED"}}}),
    ("no-admin-statement", {"r": {"stmt": {"Action": ["*"], "Resource": ["arn:*"]}}}),
    ("no-admin-statement", {"r": {"stmt": {"Action": ["*"], "Resource": ["arn*"]}}}),
    ("no-admin-statement", {"r": {"stmt": {"Action": ["*"], "Resource": ["arn:aws:?*:*:*:*"]}}}),
    *(
        (
            "no-bedrock-wildcard",
            {"r": {"stmt": {"Action": ["bedrock:InvokeModel"], "Resource": [resource]}}},
        )
        for resource in (
            "arn:aws:bedrock:*::foundation-model/*",
            "arn:aws:bedrock:us-east-1::foundation-model/*",
            "arn:aws:bedrock:us-east-1:111122223333:*",
            "arn:aws:bedrock:us-east-1:*",
            "arn:aws:bed*:*:*:*",
            "arn:aws:b*:*:*:*",
            "arn:*",
        )
    ),
    (
        "no-broad-managed",
        {
            "r": {
                "item": {
                    "AttachedManagedPolicies": [
                        {"PolicyArn": "arn:aws:iam::aws:policy/AmazonBedrockMantleFullAccess"}
                    ]
                }
            }
        },
    ),
    (
        "backup-plan-frequency",
        {"r": {"fact": {"vaults": ["another"]}}},
    ),
    *(
        ("backup-plan-frequency", {"r": {"GetBackupPlan": plan}})
        for plan in (
            backup_plan({"DeleteAfterDays": 35, "DeleteAfterEvent": "DELETE_AFTER_COPY"}),
            backup_plan({"DeleteAfterDays": 35}, first=20),
        )
    ),
    *(
        (name, {"acct": {"set": {"alarm": [{"item": alarm}]}}})
        for name, alarm in (
            ("bias-alarm", unevaluated("AWS/Bedrock/Guardrails", "InvocationsIntervened")),
            ("pii-alarm", unevaluated("AWS/Bedrock/Guardrails", "InvocationsIntervened")),
        )
    ),
    (
        "alarms-enabled",
        {"acct": {"DescribeAlarms": {"MetricAlarms": [unevaluated("AWS/Bedrock", "Invocations")]}}},
    ),
    (
        "restore-tested",
        {
            "acct": {
                "ListRestoreJobs": {"RestoreJobs": [{**RESTORED, "ValidationStatus": "FAILED"}]}
            }
        },
    ),
    (
        "guardrail-topics",
        {"r": {"GetGuardrail": {"topicPolicy": {"topics": [{"type": "ALLOW"}]}}}},
    ),
    *(
        ("bucket-policy-closed", {"r": {"policy": [allowing_all(key, value)]}})
        for key, value in (
            ("aws:PrincipalAccount", "${aws:PrincipalAccount}"),
            ("aws:SourceVpce", "${aws:SourceVpce}"),
            ("aws:PrincipalOrgID", "${aws:PrincipalOrgID}"),
        )
    ),
]


@pytest.mark.parametrize(("name", "given"), CASES, ids=str)
def test_what_only_looks_right_does_not_pass(
    catalogue: Catalogue, place_of: PlaceOf, name: str, given: dict[str, Any]
) -> None:
    """Disabled, expired, paused, narrowed or somewhere else: not COMPLIANT."""
    assert verdict(catalogue, place_of, name, **given)[0] is not Verdict.COMPLIANT


def test_what_looks_odd_and_is_right_passes(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """What the cases above change passes where it is as it should be."""
    for name, given in (
        ("backup-plan-frequency", {"r": {"GetBackupPlan": backup_plan({"DeleteAfterDays": 35})}}),
        (
            "bucket-policy-closed",
            {"r": {"policy": [allowing_all("aws:PrincipalOrgID", "${aws:ResourceOrgID}")]}},
        ),
        (
            "restore-tested",
            {
                "acct": {
                    "ListRestoreJobs": {
                        "RestoreJobs": [{**RESTORED, "ValidationStatus": "SUCCESSFUL"}]
                    }
                }
            },
        ),
    ):
        assert verdict(catalogue, place_of, name, **given)[0] is Verdict.COMPLIANT, name


def test_narrow_permissions_pass(catalogue: Catalogue, place_of: PlaceOf) -> None:
    """One provider's models, or one profile, are no wildcard."""
    for resource in (
        "arn:aws:bedrock:*::foundation-model/anthropic.*",
        "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-pro-v1:0",
        "arn:*:s3:::bucket/*",
    ):
        record = {"stmt": {"Action": ["bedrock:InvokeModel"], "Resource": [resource]}}
        found, _ = verdict(catalogue, place_of, "no-bedrock-wildcard", r=record)
        assert found is Verdict.COMPLIANT, resource


@pytest.mark.parametrize("name", ["guardrail-content-filters", "guardrail-prompt-attack"])
def test_a_filter_for_images_only_does_not_guard_text(
    catalogue: Catalogue, place_of: PlaceOf, name: str
) -> None:
    """A content filter counts where it looks at text."""
    good = copy.deepcopy(FIXTURES[name]["good"].r["GetGuardrail"])
    for one in good["contentPolicy"]["filters"]:
        one["inputModalities"] = ["IMAGE"]
    record = {"GetGuardrail": good}
    assert verdict(catalogue, place_of, name, r=record)[0] is Verdict.NON_COMPLIANT


def test_an_alarm_on_another_accounts_metric_does_not_count(
    catalogue: Catalogue, place_of: PlaceOf
) -> None:
    """A monitoring account's alarm on a member's metric says nothing of the account's own."""
    for account, expected in (("2", Verdict.NON_COMPLIANT), ("1", Verdict.COMPLIANT)):
        metric = {"MetricName": "InvocationLatency", "Namespace": "AWS/Bedrock"}
        query = {"AccountId": account, "MetricStat": {"Metric": metric}}
        item = {
            "AlarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:a",
            "ActionsEnabled": True,
            "AlarmActions": ["t"],
            "Metrics": [query],
        }
        acct = {"set": {"alarm": [{"item": item}]}}
        found = verdict(
            catalogue, place_of, "runtime-alarms", acct=acct, p={"metrics": ["InvocationLatency"]}
        )
        assert found[0] is expected
