"""Fan-outs ask the smallest set of questions, the same ones for the same facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affidavit.checks.bucket_tags import BY_ROLE
from affidavit.checks.facts import Facts
from affidavit.checks.fanout import EACH, FAN_OUTS, PER_ITEM, FanOutContext
from affidavit.checks.own_rules import check_of, derived
from affidavit.model.framework import Rule
from affidavit.model.observation import GLOBAL_REGION

HOME = "us-east-1"
OTHER = "eu-west-1"
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


def parameters(account: Any, facts: Facts, key: str, region: str = HOME) -> list[dict[str, Any]]:
    """Return the parameters of what is asked."""
    return [unit.parameters for unit in account.units(facts, key, region)]


def test_every_operation_has_its_fan_out(catalogue: Any) -> None:
    """The catalogue and the code name the same fan-outs, but for those of custom controls."""
    custom = {EACH, "security_hub_findings"}
    named = {operation.fan_out for operation in catalogue.operations.values()}
    assert named | custom == set(FAN_OUTS)
    assert not named & custom
    assert set(FAN_OUTS) > PER_ITEM


def test_nothing_is_asked_twice(account: Any) -> None:
    """A question is asked once, however many waves and checks need it."""
    account.facts()
    identifiers = [unit.id for unit in account.asked]
    assert len(identifiers) == len(set(identifiers))


def test_an_empty_account_is_asked_only_what_lists(empty: Any) -> None:
    """Where there is nothing, no question per item is asked."""
    empty.facts()
    per_item = {
        key
        for key, operation in empty.catalogue.operations.items()
        if operation.fan_out in PER_ITEM
    }
    anyway = {"LookupEvents", "GetMetricData", "MetricsOfOtherDoors"}
    assert {unit.key for unit in empty.asked} & per_item == anyway


def test_guardrails_in_two_steps(account: Any) -> None:
    """First the drafts, then the versions of each, then the highest version, by number."""
    facts = Facts("111122223333", (HOME, OTHER))
    assert parameters(account, facts, "ListGuardrails") == [{}]
    whole = account.facts()
    assert parameters(account, whole, "ListGuardrails") == [
        {},
        {"guardrailIdentifier": "gr1234567890"},
    ]
    arn = "arn:aws:bedrock:us-east-1:111122223333:guardrail/gr1234567890"
    assert parameters(account, whole, "GetGuardrail") == [
        {"guardrailIdentifier": arn, "guardrailVersion": "10"}
    ]


def test_a_guardrail_whose_versions_are_unknown_is_not_guessed(account: Any) -> None:
    """The draft is not asked in place of a version that could not be listed."""
    facts = Facts("111122223333", (HOME, OTHER))
    listing = account.catalogue.operations["ListGuardrails"]
    (first,) = account.units(facts, "ListGuardrails")
    facts.add(account.call(listing, first))
    account.refuses("ListGuardrails")
    for unit in account.units(facts, "ListGuardrails")[1:]:
        facts.add(account.call(listing, unit))
    assert not account.units(facts, "GetGuardrail")


def test_only_buckets_that_something_names_are_asked(account: Any) -> None:
    """Four of the five buckets are named; each is asked once, in the account's one place."""
    units = account.units(account.facts(), "GetBucketPolicy")
    assert [unit.parameters["Bucket"] for unit in units] == [
        "documents",
        "evaluations",
        "invocation-logs",
        "training-data",
    ]
    assert {unit.region for unit in units} == {GLOBAL_REGION}


def test_extra_buckets_are_asked(account: Any) -> None:
    """A bucket that the user adds is asked, if it is the account's."""
    account.params = {"bucket-tls": {"extra_buckets": ["nobody-names-me", "not-ours"]}}
    names = [unit["Bucket"] for unit in parameters(account, account.facts(), "GetBucketPolicy")]
    assert "nobody-names-me" in names
    assert "not-ours" not in names


def test_tags_are_asked_of_buckets_that_are_judged_by_them(account: Any) -> None:
    """Of roles that bucket-tags judges, the user's included; of all where a rule has no roles."""
    key, check = "GetBucketTagging", account.catalogue.checks["bucket-tags"]
    assert check.applies == BY_ROLE
    facts = account.facts()
    assert parameters(account, facts, key) == [{"Bucket": "documents"}, {"Bucket": "training-data"}]
    account.params = {"bucket-tags": {"roles": ["evaluation"]}}
    assert parameters(account, facts, key) == [{"Bucket": "evaluations"}]
    of_all = "acct.set.bucket.all(b, has(b.GetBucketTagging))"
    rule = Rule(resource_set="log_group", compliant=of_all)
    of_set = check_of(derived(account.catalogue, rule), "rule-of-an-owner")
    for own in (replace(check, id="rule-of-an-owner", applies="true"), of_set):
        account.catalogue = replace(account.catalogue, checks={check.id: check, own.id: own})
        assert parameters(account, facts, key) == parameters(account, facts, "GetBucketPolicy")


def test_backups_are_asked_where_the_bucket_lies(account: Any) -> None:
    """S3 says where a bucket lies: its recovery points are asked there, not where it is named."""
    buckets = [
        {"Name": "training-data", "BucketRegion": OTHER},
        {"Name": "documents", "BucketRegion": HOME},
        {"Name": "evaluations"},
    ]
    account.answers("ListBuckets", {"Buckets": buckets})
    facts = account.facts()
    key = "ListRecoveryPointsByResource"
    assert parameters(account, facts, key) == [{"ResourceArn": "arn:aws:s3:::documents"}]
    assert parameters(account, facts, key, OTHER) == [{"ResourceArn": "arn:aws:s3:::training-data"}]


def test_keys_are_asked_in_their_own_region_once(account: Any) -> None:
    """One key named by a model, a guardrail and four buckets is one question."""
    facts = account.facts()
    assert len(parameters(account, facts, "DescribeKey")) == 1
    assert not parameters(account, facts, "DescribeKey", OTHER)
    far = "arn:aws:kms:eu-west-1:111122223333:key/far"
    account.answers("GetCustomModel", {"modelArn": "m", "modelKmsKeyArn": far})
    assert parameters(account, account.facts(), "DescribeKey", OTHER) == [{"KeyId": far}]


def test_keys_of_aws_are_not_asked(account: Any) -> None:
    """An alias that belongs to AWS names no customer managed key."""
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/aws/s3"}
    rules = [{"ApplyServerSideEncryptionByDefault": rule}]
    account.answers("GetBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}})
    account.answers("GetCustomModel", {"modelArn": "m"})
    account.answers("GetGuardrail", {"version": "1"})
    assert not parameters(account, account.facts(), "DescribeKey")


def test_a_trail_out_of_home_is_asked_where_it_is_seen(account: Any) -> None:
    """A trail whose home is not in scope is asked once, in the first Region that shows it."""
    trail = {"TrailARN": "arn:aws:cloudtrail:ap-south-1:9:trail/org", "HomeRegion": "ap-south-1"}
    account.answers("DescribeTrails", {"trailList": []})
    account.answers("DescribeTrails", {"trailList": [trail]}, OTHER)
    facts = account.facts()
    assert not parameters(account, facts, "GetTrailStatus")
    assert parameters(account, facts, "GetTrailStatus", OTHER) == [{"Name": trail["TrailARN"]}]
    assert parameters(account, facts, "GetEventSelectors", OTHER) == [
        {"TrailName": trail["TrailARN"]}
    ]


def test_only_completed_jobs_of_the_last_year_are_asked(account: Any) -> None:
    """A job that runs, failed or is too old is not asked."""
    job = {"baseModelArn": "b", "jobName": "j", "status": "Completed"}
    jobs = [
        {**job, "jobArn": "new", "creationTime": "2025-03-16T00:00:00Z"},
        {**job, "jobArn": "old", "creationTime": "2025-03-14T00:00:00Z"},
        {**job, "jobArn": "failed", "creationTime": "2026-03-01T00:00:00Z", "status": "Failed"},
    ]
    account.answers("ListModelCustomizationJobs", {"modelCustomizationJobSummaries": jobs})
    assert parameters(account, account.facts(), "GetModelCustomizationJob") == [
        {"jobIdentifier": "new"}
    ]


def test_models_of_other_accounts_are_not_asked(account: Any) -> None:
    """A custom model that another account shares is not ours to judge."""
    shared = {"modelArn": "x", "ownerAccountId": "999900001111", "modelName": "m"}
    account.answers("ListCustomModels", {"modelSummaries": [shared]})
    assert not parameters(account, account.facts(), "GetCustomModel")


def test_only_active_rules_of_the_catalogue_are_asked(account: Any) -> None:
    """Rules of others, and rules being deleted, are not asked for evaluations."""

    def rule(name: str, identifier: str, state: str = "ACTIVE") -> dict[str, Any]:
        source = {"Owner": "AWS", "SourceIdentifier": identifier}
        return {"ConfigRuleName": name, "ConfigRuleState": state, "Source": source}

    rules = [
        rule("mine", "ACCESS_KEYS_ROTATED"),
        rule("gone", "IAM_PASSWORD_POLICY", "DELETING"),
        rule("other", "EC2_EBS_ENCRYPTION_BY_DEFAULT"),
    ]
    account.answers("DescribeConfigRules", {"ConfigRules": rules})
    asked = parameters(account, account.facts(), "GetComplianceDetailsByConfigRule")
    assert asked == [{"ConfigRuleName": "mine"}]


def test_plans_are_asked_only_where_a_bucket_is_backed_up(account: Any) -> None:
    """Without a recovery point no plan can be in scope."""
    assert len(parameters(account, account.facts(), "GetBackupPlan")) == 2
    account.answers("ListRecoveryPointsByResource", {"RecoveryPoints": []})
    assert not parameters(account, account.facts(), "GetBackupPlan")


def test_events_of_global_services_are_asked_in_one_region(account: Any) -> None:
    """IAM's events are in us-east-1 only; all others are asked in every Region."""
    facts = account.facts()

    def names(region: str) -> set[str]:
        return {
            p["LookupAttributes"][0]["AttributeValue"]
            for p in parameters(account, facts, "LookupEvents", region)
        }

    assert "AttachRolePolicy" in names(HOME)
    assert "AttachRolePolicy" not in names(OTHER)
    assert "UpdateGuardrail" in names(HOME) & names(OTHER)


def test_events_are_asked_since_the_cursor(account: Any) -> None:
    """Without a cursor since the day before; with one, from there."""
    facts = account.facts()
    assert parameters(account, facts, "LookupEvents")[0]["StartTime"] == "2026-03-14T00:00:00Z"
    account.params = {"LookupEvents": {"StartTime": "2026-03-01T05:00:00Z"}}
    assert parameters(account, facts, "LookupEvents")[0]["StartTime"] == "2026-03-01T05:00:00Z"


@pytest.mark.parametrize(
    ("key", "member", "start"),
    [
        ("ListEvaluationJobs", "creationTimeAfter", "2025-09-16T00:00:00Z"),
        ("ListRestoreJobs", "ByCreatedAfter", "2025-09-16T00:00:00Z"),
    ],
)
def test_lookbacks_follow_the_longest_parameter(
    account: Any, key: str, member: str, start: str
) -> None:
    """How far back is asked is what the most patient check allows."""
    facts = Facts("111122223333", (HOME,))
    assert parameters(account, facts, key) == [{member: start}]


def test_a_run_resumed_on_the_same_day_asks_the_same(account: Any) -> None:
    """Questions depend on the UTC day, not on the hour."""
    facts = account.facts()
    for operation in account.catalogue.operations.values():
        asked = []
        for hours in (0, 11):
            context = FanOutContext(
                catalogue=account.catalogue,
                operation=operation,
                facts=facts,
                region=GLOBAL_REGION if operation.per_account else HOME,
                now=NOON + timedelta(hours=hours),
                params={},
            )
            asked.append([unit.id for unit in FAN_OUTS[operation.fan_out](context)])
        assert asked[0] == asked[1], operation.key


def test_unconfigured_sources_ask_nothing(account: Any) -> None:
    """Prompts wait until a person configures them."""
    facts = account.facts()
    for key in ("Converse", "InvokeModel"):
        assert not account.units(facts, key)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_more_facts_never_take_a_question_back(account: Any, data: st.DataObject) -> None:
    """Every fan-out is monotone: what is asked on a part is asked on the whole."""
    whole = account.facts()
    results = list(whole)
    count = data.draw(st.integers(0, len(results)))
    part = Facts(whole.account_id, whole.regions)
    for result in results[:count]:
        part.add(result)
    for operation in account.catalogue.operations.values():
        for region in (GLOBAL_REGION,) if operation.per_account else whole.regions:
            few = {unit.id for unit in account.units(part, operation.key, region)}
            many = {unit.id for unit in account.units(whole, operation.key, region)}
            assert few <= many, operation.key


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    refused=st.sets(
        st.sampled_from(
            [
                "ListBuckets",
                "ListMetrics",
                "ListGuardrails",
                "ListKnowledgeBases",
                "ListDataSources",
                "DescribeTrails",
                "ListCustomModels",
                "DescribeConfigRules",
                "ListEvaluationJobs",
                "ListModelCustomizationJobs",
            ]
        ),
        min_size=1,
    )
)
def test_a_refused_parent_asks_nothing_and_fails_nothing(account: Any, refused: set[str]) -> None:
    """A gap gives no questions below it, and never an exception."""
    for key in refused:
        account.refuses(key)
    facts = account.facts()
    if "ListBuckets" in refused:
        assert not account.units(facts, "GetBucketPolicy")
    if "ListGuardrails" in refused:
        assert not account.units(facts, "GetGuardrail")
    account._refused.clear()
