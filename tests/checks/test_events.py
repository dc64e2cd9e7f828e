"""CloudTrail events are read as CloudTrail writes them."""

import json
from typing import Any

import pytest

from affidavit.checks.events import (
    actor_arn,
    cloudtrail_region,
    event_names,
    names_of,
    parse_event,
    resource_arn,
    service_of,
)


def test_event_names_come_from_the_keywords(catalogue: Any) -> None:
    """Every CloudTrail keyword of the controls is one event to ask for, once."""
    names = event_names(catalogue)
    assert ("bedrock", "UpdateGuardrail") in names
    assert ("iam", "AttachRolePolicy") in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("service", "region", "kept_in"),
    [
        ("iam", "eu-west-1", "us-east-1"),
        ("iam", "cn-northwest-1", "cn-north-1"),
        ("iam", "us-gov-east-1", "us-gov-west-1"),
        ("bedrock", "eu-west-1", "eu-west-1"),
        ("cloudfront", "eu-west-1", "us-east-1"),
        ("organizations", "cn-north-1", "cn-northwest-1"),
        ("networkmanager", "eu-west-1", "us-west-2"),
    ],
)
def test_global_events_are_kept_in_one_region(service: str, region: str, kept_in: str) -> None:
    """Each partition has one Region for the events of global services."""
    assert cloudtrail_region(service, region) == kept_in


@pytest.mark.parametrize(
    ("source", "service"),
    [
        ("bedrock.amazonaws.com", "bedrock"),
        ("bedrock-agent.amazonaws.com", "bedrock"),
        ("appsync.amazonaws.com", "appsync"),
        ("", ""),
    ],
)
def test_services(source: str, service: str) -> None:
    """The event source names the service as keywords do."""
    assert service_of({"EventSource": source}) == service


def test_an_event_has_its_own_source_for_a_name_too() -> None:
    """A keyword may name an event of AgentCore by its own source, or as one of bedrock."""
    event = {"EventSource": "bedrock-agentcore.amazonaws.com"}
    assert names_of(event) == {"bedrock", "bedrock-agentcore"}


def test_actor_of_a_role_is_its_issuer() -> None:
    """A session's ARN changes each time; its issuer is the role that rules name."""
    session = {"sessionIssuer": {"arn": "arn:aws:iam::1:role/deploy"}}
    identity = {"arn": "arn:aws:sts::1:assumed-role/deploy/x", "sessionContext": session}
    assert actor_arn({"userIdentity": identity}) == "arn:aws:iam::1:role/deploy"
    assert actor_arn({"userIdentity": {"arn": "arn:aws:iam::1:user/anna"}}).endswith("anna")
    assert not actor_arn({"userIdentity": None})
    assert not actor_arn({})


def test_resources() -> None:
    """The first resource with an ARN is what the event is about."""
    assert resource_arn({"resources": [{"type": "x"}, {"ARN": "arn:a"}]}) == "arn:a"
    assert not resource_arn({"resources": None})


@pytest.mark.parametrize("text", [None, "", "[]", "{", 5])
def test_what_is_no_event_is_refused(text: object) -> None:
    """Nothing is concluded from an event that is no JSON object."""
    with pytest.raises(ValueError, match=r"."):
        parse_event(text)


def test_null_members_are_missing() -> None:
    """CloudTrail writes null for what is not there; has() must say so."""
    assert parse_event(json.dumps({"a": 1, "errorCode": None})) == {"a": 1}
