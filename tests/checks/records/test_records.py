"""Records are built from answers; what is unknown is a gap, what is absent is missing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affidavit.checks.places import Place, Record
from affidavit.model.observation import GLOBAL_REGION, GapReason, Observation

HOME = "us-east-1"
OTHER = "eu-west-1"
NOT_CONFIGURED = {"prompt_run", "invocation_scan"}


def records_of(place: Place, name: str) -> tuple[Record, ...]:
    """Return the records of a set."""
    return place.sets[name].records


def everywhere(account: Any) -> Iterator[tuple[Place, str]]:
    """Yield every set of every place."""
    for place in account.records().places:
        for name in place.sets:
            yield place, name


def test_every_set_stands_in_its_places(account: Any) -> None:
    """Sets that exist once per account stand in the global place, all others in each Region."""
    places = {place.region: place for place in account.records().places}
    assert list(places) == [HOME, OTHER, GLOBAL_REGION]
    for name, resource_set in account.catalogue.resource_sets.items():
        assert (name in places[GLOBAL_REGION].sets) == resource_set.per_account
        assert (name in places[HOME].sets) != resource_set.per_account


def test_a_complete_account_gives_records_of_every_kind(account: Any) -> None:
    """Each of the 22 sets has its records, with no gap but that of what a person configures."""
    home, glob = account.place(HOME), account.place(GLOBAL_REGION)
    counts = {
        name: len(found.records) for place in (home, glob) for name, found in place.sets.items()
    }
    assert counts == {
        "account": 1,
        "model_in_use": 1,
        "guardrail": 1,
        "agent": 1,
        "custom_model": 1,
        "customization_job": 1,
        "tagged": 3,
        "provisioned": 1,
        "bucket": 4,
        "log_group": 3,
        "alarm": 2,
        "trail": 1,
        "iam_user": 1,
        "policy_statement": 2,
        "principal": 2,
        "bedrock_key": 1,
        "kms_key": 1,
        "data_source": 1,
        "backup_plan": 1,
        "event": 1,
        "prompt_run": 0,
        "invocation_scan": 2,
    }
    for place, name in everywhere(account):
        gaps = place.sets[name].gaps
        used = name in NOT_CONFIGURED and place.region == HOME
        assert bool(gaps) == used, (place.region, name, gaps)
        unread = {"fact"} if name == "invocation_scan" and gaps else set()
        for record in place.sets[name].records:
            assert set(record.gaps) == unread, (name, record.gaps)
            assert record.arn
            assert record.resource_type
            assert record.region == place.region


def test_joins_are_the_items_own_answers(account: Any) -> None:
    """r.<Operation> is the answer asked for this very item, typed by the API's shape."""
    model = records_of(account.place(), "custom_model")[0]
    assert model.values["GetCustomModel"]["modelArn"] == model.arn
    assert model.values["item"]["creationTime"].year == 2026
    guardrail = records_of(account.place(), "guardrail")[0]
    assert guardrail.values["GetGuardrail"]["version"] == "10"
    assert guardrail.values["item"]["version"] == "10"
    model_in_use = records_of(account.place(), "model_in_use")[0]
    assert model_in_use.values["fact"]["modelId"] == "amazon.nova-pro-v1:0"
    assert model_in_use.values["ListFoundationModels"]["modelId"] == "amazon.nova-pro-v1:0"
    assert [job["status"] for job in model_in_use.values["GetEvaluationJob"]] == ["Completed"]


def test_absent_is_missing_and_no_gap(account: Any) -> None:
    """An error code that means 'there is none' leaves the join out, without a gap."""
    bucket = records_of(account.place(), "bucket")[0]
    assert "GetBucketTagging" not in bucket.values
    assert "GetBucketLifecycleConfiguration" not in bucket.values
    assert not bucket.gaps
    account.absent("GetBucketPolicy", "NoSuchBucketPolicy")
    bucket = records_of(account.place(), "bucket")[0]
    assert bucket.values["policy"] == []
    assert "GetBucketPolicy" not in bucket.values


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("GetCustomModel", "custom_model"),
        ("GetModelCustomizationJob", "customization_job"),
        ("GetGuardrail", "guardrail"),
        ("ListTagsForResource", "tagged"),
        ("GetBucketPolicy", "bucket"),
        ("GetBucketEncryption", "bucket"),
        ("ListRecoveryPointsByResource", "bucket"),
        ("GetTrailStatus", "trail"),
        ("GetEventSelectors", "trail"),
        ("GetDataSource", "data_source"),
        ("ListIngestionJobs", "data_source"),
        ("GetBackupPlan", "backup_plan"),
        ("DescribeKey", "kms_key"),
        ("GetKeyRotationStatus", "kms_key"),
        ("ListFoundationModels", "model_in_use"),
        ("GetEvaluationJob", "model_in_use"),
    ],
)
def test_a_refused_join_is_a_gap_of_the_record(account: Any, key: str, name: str) -> None:
    """What was refused for an item is in the record's gaps, and not in its values."""
    account.refuses(key)
    found = records_of(account.place(), name)
    assert found
    for record in found:
        assert record.gaps[key].reason is GapReason.DENIED
        assert key not in record.values
        assert record.gaps[key].digest in {cited.digest for cited in record.inputs}


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("ListMetrics", ("model_in_use",)),
        ("ListGuardrails", ("guardrail", "tagged")),
        ("ListAgents", ("agent",)),
        ("ListCustomModels", ("custom_model", "tagged", "kms_key")),
        ("ListModelCustomizationJobs", ("customization_job", "tagged", "bucket")),
        ("ListProvisionedModelThroughputs", ("provisioned",)),
        ("ListBuckets", ("bucket", "backup_plan", "kms_key")),
        ("GetModelCustomizationJob", ("bucket", "kms_key")),
        ("GetModelInvocationLoggingConfiguration", ("bucket", "log_group", "alarm")),
        ("GetDataSource", ("bucket", "kms_key")),
        ("GetEvaluationJob", ("bucket",)),
        ("ListEvaluationJobs", ("bucket",)),
        ("DescribeLogGroups", ("log_group", "alarm", "kms_key")),
        ("DescribeMetricFilters", ("alarm",)),
        ("DescribeAlarms", ("alarm",)),
        ("DescribeTrails", ("trail", "kms_key")),
        ("ListKnowledgeBases", ("data_source", "bucket", "kms_key")),
        ("ListDataSources", ("data_source", "bucket", "kms_key")),
        ("GetCustomModel", ("kms_key",)),
        ("GetGuardrail", ("kms_key",)),
        ("GetBucketEncryption", ("kms_key",)),
        ("ListBackupPlans", ("backup_plan",)),
        ("ListRecoveryPointsByResource", ("backup_plan",)),
        ("LookupEvents", ("event",)),
    ],
)
def test_a_refused_list_is_a_gap_of_the_set(account: Any, key: str, names: tuple[str, ...]) -> None:
    """A set whose items or scope were refused is never simply empty: it says why."""
    account.refuses(key)
    place = account.place()
    for name in names:
        assert place.sets[name].gaps, name


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("GenerateCredentialReport", ("iam_user",)),
        ("GetCredentialReport", ("iam_user",)),
        ("GetAccountAuthorizationDetails", ("policy_statement", "principal")),
        ("ListServiceSpecificCredentials", ("bedrock_key",)),
    ],
)
def test_a_refused_list_of_iam_is_a_gap_of_the_set(
    account: Any, key: str, names: tuple[str, ...]
) -> None:
    """Sets of the account say why they are incomplete, too."""
    account.refuses(key)
    place = account.place(GLOBAL_REGION)
    for name in names:
        assert place.sets[name].gaps, name


def test_what_was_never_asked_is_a_gap(account: Any) -> None:
    """With no facts at all, no set is known to be empty, and nothing of the account is known."""
    from affidavit.checks.facts import Facts

    nothing = account.records(Facts("111122223333", (HOME,)))
    for place in nothing.places:
        for name, found in place.sets.items():
            assert found.gaps or name == "account", name
        assert "bedrockInUse" not in place.acct["fact"]
        assert not set(place.acct) - {"fact", "metric", "set"}


def test_an_empty_account_is_known_to_be_empty(empty: Any, metric_sums: Any) -> None:
    """Where everything was answered and nothing is there, sets are empty without gaps."""
    empty.answers("GetModelInvocationLoggingConfiguration", {})
    empty.answers("GetModelInvocationLoggingConfiguration", {}, "eu-west-1")
    empty.answers("GetMetricData", metric_sums({}))
    place = empty.place()
    assert place.acct["fact"] == {
        "bedrockInUse": False,
        "invocationLogGroups": [],
        "bucketsHere": [],
    }
    for name in set(place.sets) - NOT_CONFIGURED - {"account"}:
        assert not place.sets[name].records, name
        assert not place.sets[name].gaps, name


def test_use_of_bedrock_is_unknown_while_an_answer_is_missing(empty: Any) -> None:
    """Nothing seen and something refused: neither in use nor not in use."""
    empty.answers("GetModelInvocationLoggingConfiguration", {}).refuses("ListAgents")
    place = empty.place()
    assert "bedrockInUse" not in place.acct["fact"]
    assert [gap.unit.key for gap in place.acct_gaps["fact.bedrockInUse"]] == ["ListAgents"]


def test_use_of_bedrock_is_known_by_any_sign(empty: Any) -> None:
    """One agent is enough, whatever else was refused."""
    empty.refuses("ListMetrics")
    agent = {"agentId": "A", "agentName": "a", "agentStatus": "PREPARED"}
    empty.answers("ListAgents", {"agentSummaries": [agent]})
    assert empty.place().acct["fact"]["bedrockInUse"] is True


def test_a_service_that_the_region_lacks_is_no_sign(empty: Any) -> None:
    """Where agents do not exist, Bedrock may still be known as not in use."""
    empty.answers("GetModelInvocationLoggingConfiguration", {})
    empty.refuses("ListAgents", reason=GapReason.UNSUPPORTED_IN_REGION)
    assert empty.place().acct["fact"]["bedrockInUse"] is False


def test_a_list_of_buckets_that_is_not_known_is_never_empty(account: Any) -> None:
    """Every Region has S3: who says that it has no buckets to list has said nothing of them."""
    account.refuses("ListBuckets", reason=GapReason.UNSUPPORTED_IN_REGION)
    place = account.place()
    assert [gap.unit.key for gap in place.acct_gaps["fact.bucketsHere"]] == ["ListBuckets"]
    assert "ListBuckets" in {gap.unit.key for gap in place.sets["kms_key"].gaps}


def test_a_page_left_unread_is_a_gap(account: Any) -> None:
    """An answer that says there is more keeps what it has, and the set says it is incomplete."""
    agent = {"agentId": "A", "agentName": "a", "agentStatus": "PREPARED"}
    account.answers("ListAgents", {"agentSummaries": [agent], "nextToken": "more"})
    found = account.place().sets["agent"]
    assert len(found.records) == 1
    assert found.gaps[0].reason is GapReason.MALFORMED


def test_an_item_without_identifier_is_a_gap(account: Any) -> None:
    """An item that cannot be told apart is not judged, and not dropped silently."""
    account.answers("ListAgents", {"agentSummaries": [{"agentName": "a"}]})
    found = account.place().sets["agent"]
    assert not found.records
    assert "without identifier" in found.gaps[0].message


def test_a_body_of_another_shape_is_a_gap(account: Any) -> None:
    """An answer that is not what the API promises is malformed, not empty."""
    facts = account.facts()
    for result in list(facts):
        if result.unit.key == "ListAgents" and isinstance(result, Observation):
            facts.add(replace(result, body={"agentSummaries": [{"agentId": 5}]}))
    place = account.records(facts).places[0]
    assert place.sets["agent"].gaps[0].reason is GapReason.MALFORMED
    assert not place.sets["agent"].records


def test_evidence_can_be_traced_to_its_place(account: Any) -> None:
    """Every pointer of every record leads to something in the answer it cites."""
    facts = account.facts()
    bodies = {result.digest: result for result in facts}
    pointers = 0
    for place in account.records(facts).places:
        for found in place.sets.values():
            for record in found.records:
                for cited in record.inputs:
                    value: Any = bodies[cited.digest].body
                    for token in cited.pointer.split("/")[1:]:
                        name = token.replace("~1", "/").replace("~0", "~")
                        value = value[int(name)] if isinstance(value, list) else value[name]
                        pointers += 1
    assert pointers > 50


def test_what_scoped_a_bucket_is_cited(account: Any) -> None:
    """A bucket's record cites the list element, its joins and the job that names it."""
    facts = account.facts()
    place = account.records(facts).places[0]
    bucket = next(r for r in records_of(place, "bucket") if r.arn.endswith(":training-data"))
    assert bucket.values["fact"]["roles"] == ["training", "output"]
    cited = {(i.digest, i.pointer) for i in bucket.inputs}
    (job,) = facts.results("GetModelCustomizationJob", HOME)
    (buckets,) = facts.results("ListBuckets", GLOBAL_REGION)
    assert (job.digest, "/trainingDataConfig/s3Uri") in cited
    assert (buckets.digest, "/Buckets/0") in cited


def test_synthetic_answers_mark_their_records(account: Any) -> None:
    """A record built from anything but AWS itself says so."""
    assert not records_of(account.place(), "agent")[0].synthetic
    account.synthetic = True
    for place, name in everywhere(account):
        for record in place.sets[name].records:
            assert record.synthetic == bool(record.inputs), name
        assert place.synthetic


def test_sets_that_expressions_read_hold_the_records_values(account: Any) -> None:
    """acct.set.<name> is the list of r of another set's records in the same place."""
    place = account.place()
    assert set(place.acct["set"]) == {"alarm", "data_source", "trail"}
    for name, values in place.acct["set"].items():
        assert values == [record.values for record in records_of(place, name)]


PARENTS = [
    "ListMetrics",
    "ListGuardrails",
    "ListCustomModels",
    "ListModelCustomizationJobs",
    "GetModelCustomizationJob",
    "ListProvisionedModelThroughputs",
    "ListEvaluationJobs",
    "GetEvaluationJob",
    "ListKnowledgeBases",
    "ListDataSources",
    "GetDataSource",
    "GetModelInvocationLoggingConfiguration",
    "ListBuckets",
    "ListBackupPlans",
    "DescribeTrails",
    "DescribeLogGroups",
    "DescribeMetricFilters",
    "DescribeAlarms",
    "LookupEvents",
    "GetCredentialReport",
    "GetAccountAuthorizationDetails",
    "ListServiceSpecificCredentials",
    "ListAgents",
]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(lost=st.sets(st.sampled_from(PARENTS), min_size=1, max_size=4))
def test_losing_any_answers_never_makes_a_set_look_complete(account: Any, lost: set[str]) -> None:
    """Whatever answers are lost after collection, a set that shrinks has gaps."""
    facts = account.facts()
    full = {
        (place.region, name): len(found.records)
        for place in account.records(facts).places
        for name, found in place.sets.items()
    }
    from affidavit.checks.facts import Facts

    fewer = Facts(facts.account_id, facts.regions)
    for result in facts:
        if result.unit.key not in lost:
            fewer.add(result)
    for place in account.records(fewer).places:
        for name, found in place.sets.items():
            if len(found.records) < full[place.region, name]:
                assert found.gaps, (place.region, name, lost)
