"""Who may call, what is refused, what fails on purpose, and how requests are counted."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from affidavit import demo
from affidavit.demo import Fault, Simulated

Client = Callable[..., Any]
RESEARCH = "444455556666"


def _code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def _counts(simulated: Simulated, method: str = "GET") -> dict[str, int]:
    url = f"{simulated.endpoint_url}/_affidavit/requests"
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:  # noqa: S310 - loopback
        rows = json.load(answer)
    counts: dict[str, int] = {}
    for service, operation, _, _, count in rows:
        counts[f"{service}:{operation}"] = counts.get(f"{service}:{operation}", 0) + count
    return counts


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("iam", "get_account_summary", "InvalidClientTokenId"),
        ("ec2", "describe_regions", "AuthFailure"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("bedrock", "list_guardrails", "UnrecognizedClientException"),
        ("config", "describe_config_rules", "UnrecognizedClientException"),
    ],
)
def test_unknown_keys_are_refused_in_each_services_words(
    simulated: Simulated, service: str, method: str, code: str
) -> None:
    """Keys that nobody holds are refused with the code that the service uses."""
    import boto3
    from botocore.config import Config

    aws = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=simulated.endpoint_url,
        aws_access_key_id="AKIAUNKNOWN",
        aws_secret_access_key="no",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as refused:
        getattr(aws, method)()
    assert _code(refused) == code


@pytest.mark.parametrize(
    ("role", "external_id"),
    [
        ("AffidavitCollector", "guessed"),
        ("AffidavitCollector", None),
        ("Administrator", "northwind"),
    ],
)
def test_only_the_collectors_role_with_its_external_id_can_be_assumed(
    client: Client, role: str, external_id: str | None
) -> None:
    """Another role, a wrong external id or none is AccessDenied."""
    more = {"ExternalId": external_id} if external_id else {}
    with pytest.raises(ClientError) as refused:
        client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{RESEARCH}:role/{role}", RoleSessionName="tester", **more
        )
    assert _code(refused) == "AccessDenied"


def test_the_assumed_role_acts_in_its_own_account(client: Client) -> None:
    """Keys of the role in another account see that account, and say so."""
    identity = client("sts", account=RESEARCH).get_caller_identity()
    assert identity["Account"] == RESEARCH
    assert identity["Arn"] == f"arn:aws:sts::{RESEARCH}:assumed-role/AffidavitCollector/test"
    own = {b["Name"] for b in client("s3").list_buckets(MaxBuckets=1000)["Buckets"]}
    other = {b["Name"] for b in client("s3", account=RESEARCH).list_buckets()["Buckets"]}
    assert own
    assert other
    assert not own & other


def test_a_region_that_is_not_enabled_is_refused(client: Client) -> None:
    """Calls into a Region that the organization did not enable fail as in AWS."""
    with pytest.raises(ClientError) as refused:
        client("bedrock", "ap-south-2").list_guardrails()
    assert _code(refused) == "UnrecognizedClientException"


def test_regions_tell_which_are_enabled(client: Client) -> None:
    """Only enabled Regions are listed unless all are asked for."""
    ec2 = client("ec2")
    assert {r["RegionName"] for r in ec2.describe_regions()["Regions"]} == {
        "us-east-1",
        "eu-central-1",
    }
    everywhere = {r["RegionName"]: r["OptInStatus"] for r in _all_regions(ec2)}
    assert everywhere["ap-south-2"] == "not-opted-in"
    assert everywhere["us-east-1"] == "opt-in-not-required"


def _all_regions(ec2: Any) -> list[dict[str, Any]]:
    regions: list[dict[str, Any]] = ec2.describe_regions(AllRegions=True)["Regions"]
    return regions


def test_only_the_management_account_lists_accounts(client: Client) -> None:
    """A member account is refused the list, as in Organizations."""
    accounts = client("organizations").list_accounts()["Accounts"]
    assert [each["Id"] for each in accounts] == ["111122223333", RESEARCH]
    with pytest.raises(ClientError) as refused:
        client("organizations", account=RESEARCH).list_accounts()
    assert _code(refused) == "AccessDeniedException"


def test_larger_lists_come_in_pages(client: Client) -> None:
    """Buckets, users, events, alarms and evaluations need more than one page."""
    first = client("s3").list_buckets()
    assert first["ContinuationToken"]
    details = client("iam").get_account_authorization_details()
    assert details["IsTruncated"]
    events = client("cloudtrail").lookup_events()
    assert len(events["Events"]) == 50
    assert events["NextToken"]
    assert client("cloudwatch").describe_alarms()["NextToken"]
    rules = client("config").describe_config_rules()
    assert rules["NextToken"]


def test_a_token_of_another_operation_is_refused(client: Client) -> None:
    """A page token works only where it came from."""
    token = client("config").describe_config_rules()["NextToken"]
    with pytest.raises(ClientError) as refused:
        client("cloudwatch").describe_alarms(NextToken=token)
    assert _code(refused) == "ValidationException"


def test_members_that_nothing_takes_notice_of_are_refused(client: Client) -> None:
    """A filter that the estate does not implement is an error, never ignored."""
    with pytest.raises(ClientError, match="does not take notice of nameContains"):
        client("bedrock").list_custom_models(nameContains="x")


def test_metric_sums_are_the_estates_totals(client: Client, simulated: Simulated) -> None:
    """Daily sums over 30 days add up to the invocations that the estate file says."""
    from datetime import timedelta

    stat = {
        "Metric": {
            "Namespace": "AWS/Bedrock",
            "MetricName": "Invocations",
            "Dimensions": [{"Name": "ModelId", "Value": "us.amazon.nova-pro-v1:0"}],
        },
        "Period": 86400,
        "Stat": "Sum",
    }
    answer = client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "a", "MetricStat": stat}],
        StartTime=simulated.now - timedelta(days=31),
        EndTime=simulated.now,
    )
    result = answer["MetricDataResults"][0]
    assert result["StatusCode"] == "Complete"
    assert sum(result["Values"]) == 440
    assert len(result["Values"]) >= 30


def test_requests_are_counted(simulated: Simulated, client: Client) -> None:
    """The private path tells how often each operation was asked, and forgets on DELETE."""
    aws = client("kms", "eu-central-1")
    _counts(simulated, "DELETE")
    for _ in range(3):
        with pytest.raises(ClientError):
            aws.describe_key(KeyId="none")
    assert _counts(simulated)["kms:DescribeKey"] == 3


def test_what_the_estate_does_not_answer_comes_from_moto(client: Client) -> None:
    """Other services and operations are moto's, with the estate's buckets and users in them."""
    assert client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    users = client("iam").list_users(MaxItems=1000)["Users"]
    assert "platform-engineer-01" in {user["UserName"] for user in users}
    assert client("s3").get_bucket_acl(Bucket="northwind-kb-handbook")["Owner"]


@pytest.mark.parametrize(
    ("fault", "service", "method", "code"),
    [
        (Fault(kind="deny", service="kms"), "kms", "list_keys", None),
        (Fault(kind="deny", service="iam"), "iam", "get_account_summary", "AccessDenied"),
        (Fault(kind="deny", service="ec2"), "ec2", "describe_regions", "UnauthorizedOperation"),
        (Fault(kind="deny"), "bedrock", "list_guardrails", "AccessDeniedException"),
        (Fault(kind="throttle"), "s3", "list_buckets", "SlowDown"),
        (Fault(kind="throttle"), "config", "describe_config_rules", "ThrottlingException"),
        (Fault(kind="expired"), "sts", "get_caller_identity", "ExpiredToken"),
        (Fault(kind="html"), "bedrock", "list_guardrails", "500"),
        (Fault(kind="error", code="Odd"), "backup", "list_backup_plans", "Odd"),
        (Fault(kind="deny", account=RESEARCH), "bedrock", "list_guardrails", None),
        (Fault(kind="deny", region="eu-central-1"), "bedrock", "list_guardrails", None),
    ],
)
def test_faults_strike_what_they_name(
    client: Client, fault: Fault, service: str, method: str, code: str | None
) -> None:
    """Each kind of fault gives the service's own error, and only where it is meant to."""
    with demo.start(faults=[fault]) as running:
        call = getattr(client(service, at=running), method)
        if code is None:
            call()
            return
        with pytest.raises(ClientError) as refused:
            call()
    assert _code(refused) == code


def test_a_fault_strikes_only_the_first_times(client: Client) -> None:
    """A throttle of two requests lets the third through."""
    fault = Fault(kind="throttle", service="bedrock", operation="ListGuardrails", times=2)
    with demo.start(faults=[fault]) as running:
        aws = client("bedrock", at=running)
        for _ in range(2):
            with pytest.raises(ClientError):
                aws.list_guardrails()
        assert aws.list_guardrails()["guardrails"]


def test_a_hanging_operation_hangs_alone(client: Client) -> None:
    """A hanging request keeps no other from being answered, nor the process from ending."""
    import boto3
    from botocore.config import Config

    fault = Fault(kind="hang", service="bedrock", operation="ListGuardrails")
    with demo.start(faults=[fault]) as running:
        impatient = boto3.client(
            "bedrock",
            region_name="us-east-1",
            endpoint_url=running.endpoint_url,
            aws_access_key_id=running.access_key,
            aws_secret_access_key=running.secret_key,
            config=Config(read_timeout=1, retries={"total_max_attempts": 1}),
        )
        with pytest.raises(ReadTimeoutError):
            impatient.list_guardrails()
        assert client("bedrock", at=running).list_custom_models()["modelSummaries"]
