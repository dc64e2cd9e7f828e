"""The door against MiniStack, an emulator that we did not write: same code, no demo, marked."""

from collections.abc import Callable
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.aws.estate import resolve
from affidavit.model.observation import GLOBAL_REGION, Gap, Observation

pytestmark = pytest.mark.slow


@pytest.fixture
def door(ministack: str, make_door: Callable[..., Door], monkeypatch: pytest.MonkeyPatch) -> Door:
    """Return a door to MiniStack, led there by the environment as any AWS tool is."""
    door = make_door("", access_key="test", secret_key="test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack)
    return door


@pytest.mark.parametrize(
    ("service", "name", "parameters"),
    [
        ("bedrock", "ListGuardrails", {}),
        ("bedrock", "ListFoundationModels", {}),
        ("s3", "ListBuckets", {"region": GLOBAL_REGION}),
        ("iam", "GetAccountSummary", {"region": GLOBAL_REGION}),
        ("iam", "GenerateCredentialReport", {"region": GLOBAL_REGION}),
        ("iam", "GetAccountAuthorizationDetails", {"region": GLOBAL_REGION}),
        ("cloudtrail", "LookupEvents", {}),
        ("cloudwatch", "DescribeAlarms", {}),
        ("kms", "ListKeys", {}),
        ("config", "DescribeConfigRules", {}),
        ("backup", "ListProtectedResources", {}),
        ("ec2", "DescribeVpcEndpoints", {}),
    ],
)
def test_answers_are_observations_marked_synthetic(
    service: str, name: str, parameters: dict[str, Any], door: Door, asked: Any
) -> None:
    """What MiniStack answers is an observation, and the mark comes from the endpoint alone."""
    own = door.identity().account_id
    a = asked(service, name, account_id=own, **parameters)
    seen = door.call(a.operation, a.unit)
    assert isinstance(seen, Observation), seen
    assert seen.proof.synthetic
    assert seen.proof.endpoint.startswith("http://127.0.0.1:")


def test_recorded_calls_come_back_as_events(door: Door, asked: Any) -> None:
    """MiniStack records calls: what the door asked is found by LookupEvents."""
    own = door.identity().account_id
    a = asked("kms", "ListKeys", account_id=own)
    door.call(a.operation, a.unit)
    attribute = {"AttributeKey": "EventName", "AttributeValue": "ListKeys"}
    b = asked("cloudtrail", "LookupEvents", account_id=own, LookupAttributes=[attribute])
    seen = door.call(b.operation, b.unit)
    assert isinstance(seen, Observation)
    assert {event["EventName"] for event in seen.body["Events"]} == {"ListKeys"}


def test_what_is_lacking_is_a_gap_with_few_requests(door: Door, asked: Any) -> None:
    """An operation that MiniStack does not know is a gap, not an empty answer."""
    own = door.identity().account_id
    a = asked("s3control", "GetPublicAccessBlock", account_id=own, AccountId=own)
    gap = door.call(a.operation, a.unit)
    assert isinstance(gap, Gap)
    assert gap.proof is not None
    assert gap.proof.attempts <= 2


def test_the_estate_is_found_out(door: Door) -> None:
    """Own account and named Regions, as MiniStack answers them."""
    estate = resolve(door, regions=["us-east-1"])
    assert estate.accounts == (door.identity().account_id,)
    assert estate.regions == ("us-east-1",)
