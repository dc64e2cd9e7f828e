"""The door against moto: an emulator of AWS with its own server code, over HTTP."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from affidavit.aws.door import Door
from affidavit.aws.shapes import typed
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Observation


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Yield the URL of a moto server with a few resources."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with _client(url, "s3") as s3:
        s3.create_bucket(Bucket="models")
        s3.put_bucket_policy(Bucket="models", Policy='{"Version":"2012-10-17","Statement":[]}')
        s3.create_bucket(Bucket="bare")
    with _client(url, "iam") as iam:
        for number in range(3):
            iam.create_user(UserName=f"user-{number}")
    with _client(url, "kms") as kms:
        kms.create_key(Description="for models")
    with _client(url, "config") as config:
        role = "arn:aws:iam::123456789012:role/config"
        config.put_configuration_recorder(
            ConfigurationRecorder={
                "name": "default",
                "roleARN": role,
                "recordingGroup": {"allSupported": True},
            }
        )
        for number in range(60):
            config.put_config_rule(
                ConfigRule={
                    "ConfigRuleName": f"rule-{number:03}",
                    "Source": {"Owner": "AWS", "SourceIdentifier": "IAM_USER_MFA_ENABLED"},
                    "MaximumExecutionFrequency": "TwentyFour_Hours",
                }
            )
    yield url
    server.stop()


@contextmanager
def _client(url: str, service: str) -> Iterator[Any]:
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    name: Any = service
    client: Any = session.create_client(name, region_name="us-east-1", endpoint_url=url)
    yield client
    client.close()


@pytest.fixture
def call(moto: str, make_door: Callable[..., Door], asked: Any) -> Callable[..., Any]:
    """Return a function that asks moto one question through a door."""
    door = make_door(moto)

    def ask(service: str, name: str, /, **parameters: Any) -> Any:
        a = asked(service, name, **parameters)
        return door.call(a.operation, a.unit)

    return ask


def test_answers_of_each_protocol_come_as_observations(call: Callable[..., Any]) -> None:
    """S3, IAM, KMS, EC2, CloudWatch, Bedrock, Config: each body is of its shape, all synthetic."""
    questions = [
        ("s3", "ListBuckets", {"region": GLOBAL_REGION}),
        ("iam", "GetAccountSummary", {"region": GLOBAL_REGION}),
        ("iam", "GetAccountAuthorizationDetails", {"region": GLOBAL_REGION}),
        ("kms", "ListKeys", {}),
        ("ec2", "DescribeVpcEndpoints", {}),
        ("cloudwatch", "DescribeAlarms", {}),
        ("bedrock", "ListCustomModels", {}),
        ("bedrock-agent", "ListKnowledgeBases", {}),
        ("config", "DescribeConfigRules", {}),
        ("logs", "DescribeLogGroups", {}),
        ("cloudtrail", "DescribeTrails", {}),
        ("backup", "ListBackupPlans", {}),
    ]
    for service, name, parameters in questions:
        seen = call(service, name, **parameters)
        assert isinstance(seen, Observation), seen
        assert typed(service, name, seen.body)
        assert seen.proof.synthetic
        assert seen.proof.attempts >= 1
        assert len(seen.digest) == 64


def test_all_pages_of_rules_are_read(call: Callable[..., Any]) -> None:
    """More rules than a page holds are all there, each once."""
    seen = call("config", "DescribeConfigRules")
    assert isinstance(seen, Observation)
    names = [rule["ConfigRuleName"] for rule in seen.body["ConfigRules"]]
    assert sorted(names) == [f"rule-{number:03}" for number in range(60)]
    assert seen.proof.pages == 3


def test_the_trap_of_listed_buckets(call: Callable[..., Any]) -> None:
    """Moto cuts the list at MaxBuckets and gives no token: a gap, not a shorter list."""
    gap = call("s3", "ListBuckets", MaxBuckets=1, region=GLOBAL_REGION)
    assert isinstance(gap, Gap)
    assert gap.reason is GapReason.MALFORMED


def test_bucket_questions_have_answers_and_absences(call: Callable[..., Any]) -> None:
    """A policy is a policy; none is an absence by the declared code, otherwise a gap."""
    asked: dict[str, Any] = {"region": GLOBAL_REGION, "absent_on": ["NoSuchBucketPolicy"]}
    policy = call("s3", "GetBucketPolicy", Bucket="models", **asked)
    assert policy.body["Policy"].startswith("{")
    assert call("s3", "GetBucketPolicy", Bucket="bare", **asked).absent == "NoSuchBucketPolicy"
    gone = call("s3", "GetBucketPolicy", Bucket="gone", **asked)
    assert (gone.reason, gone.code) == (GapReason.FAILED, "NoSuchBucket")


def test_the_credential_report_comes_after_it_was_made(call: Callable[..., Any]) -> None:
    """The report is waited for, then read; its content is base64 of the CSV."""
    assert call("iam", "GenerateCredentialReport").body["State"] == "COMPLETE"
    report = call("iam", "GetCredentialReport")
    assert base64.b64decode(report.body["Content"]).startswith(b"user,arn,")


@pytest.mark.parametrize(
    ("service", "name"),
    [("bedrock", "ListGuardrails"), ("cloudtrail", "LookupEvents")],
)
def test_what_moto_lacks_is_a_gap_after_one_request(
    service: str, name: str, call: Callable[..., Any]
) -> None:
    """An operation that is not implemented is recognised at once and not retried."""
    gap = call(service, name)
    assert isinstance(gap, Gap)
    assert gap.reason in {GapReason.MALFORMED, GapReason.FAILED}
    assert gap.proof is None or gap.proof.attempts == 1
