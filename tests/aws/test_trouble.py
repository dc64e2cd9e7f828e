"""The door against a server that misbehaves in every way that we could think of."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.model.observation import Gap, GapReason, Observation


def _gap(result: Any) -> Gap:
    assert isinstance(result, Gap)
    return result


def _observation(result: Any) -> Observation:
    assert isinstance(result, Observation), result
    return result


DENIALS = {
    "json": (
        "kms",
        {"KeyId": "k"},
        "DescribeKey",
        '{"__type":"AccessDeniedException","message":"no kms:DescribeKey"}',
        400,
    ),
    "rest-json": ("bedrock", {}, "ListGuardrails", '{"message":"not authorized"}', 403),
    "rest-xml": (
        "s3",
        {"Bucket": "b"},
        "GetBucketPolicy",
        "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
        403,
    ),
    "query": (
        "iam",
        {},
        "GetAccountSummary",
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        403,
    ),
    "ec2": (
        "ec2",
        {},
        "DescribeVpcEndpoints",
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>",
        403,
    ),
    "query-compatible json": (
        "cloudwatch",
        {},
        "DescribeAlarms",
        '{"__type":"com.amazonaws.cloudwatch#AccessDenied","message":"no"}',
        403,
    ),
}


@pytest.mark.parametrize("protocol", DENIALS)
def test_a_denial_names_the_action_to_allow(
    protocol: str, nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """In each protocol's own form a denial is the gap denied, after one request."""
    service, parameters, operation, body, status = DENIALS[protocol]
    headers = {}
    if protocol == "rest-json":
        headers["x-amzn-errortype"] = "AccessDeniedException:http://internal/"
    nasty.replies(reply(body, status, headers=headers))
    a = asked(service, operation, **parameters)
    gap = _gap(door.call(a.operation, a.unit))
    assert gap.reason is GapReason.DENIED, gap.message
    assert f"{service}:{operation}" in gap.message
    assert len(nasty.requests) == 1
    assert gap.proof is not None
    assert gap.proof.attempts == 1


def test_throttling_is_waited_out(nasty: Any, door: Door, asked: Any, reply: Any) -> None:
    """Two throttled attempts and then an answer are one observation of three attempts."""
    slow = reply({"__type": "ThrottlingException", "message": "Rate exceeded"}, 400)
    nasty.replies(slow, slow, reply({"logGroups": []}))
    a = asked("logs", "DescribeLogGroups")
    seen = _observation(door.call(a.operation, a.unit))
    assert seen.proof.attempts == 3
    assert len(nasty.requests) == 3


def test_throttling_for_ever_is_a_gap(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """After the bounded number of attempts it is the gap throttled."""
    nasty.replies(reply({"__type": "ThrottlingException", "message": "Rate exceeded"}, 400))
    a = asked("logs", "DescribeLogGroups")
    gap = _gap(make_door(nasty.url, max_attempts=2).call(a.operation, a.unit))
    assert gap.reason is GapReason.THROTTLED
    assert gap.code == "ThrottlingException"
    assert len(nasty.requests) == 2


@pytest.mark.parametrize("status", [200, 404, 500, 501])
@pytest.mark.parametrize(
    "question",
    [
        ("bedrock", "GetModelInvocationLoggingConfiguration"),
        ("config", "DescribeConfigRules"),
        ("iam", "GetAccountSummary"),
        ("ec2", "DescribeVpcEndpoints"),
        ("s3", "ListBuckets"),
        ("cloudwatch", "DescribeAlarms"),
    ],
)
def test_a_web_page_is_recognised_at_once(
    question: tuple[str, str], status: int, door: Door, asked: Any, nasty: Any
) -> None:
    """A web page, with whatever status and protocol, is the gap malformed after one request."""
    nasty.replies(nasty.page(status))
    a = asked(*question)
    gap = _gap(door.call(a.operation, a.unit))
    assert gap.reason is GapReason.MALFORMED
    assert len(nasty.requests) == 1


def test_a_balancers_page_is_tried_again(
    nasty: Any, door: Door, asked: Any, reply: Any, web_page: str
) -> None:
    """503 with a web page is what AWS's own balancers send for a moment: it is retried."""
    nasty.replies(reply(web_page, 503), reply({"logGroups": []}))
    a = asked("logs", "DescribeLogGroups")
    assert _observation(door.call(a.operation, a.unit)).proof.attempts == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"logGroups": [', b"[]", b"null", b"\x00\xff\xfe", b'{"logGroups": "x"}', b"{}"],
)
@pytest.mark.parametrize("protocol", ["json", "rest-json", "query", "ec2", "rest-xml"])
def test_garbage_with_success_is_malformed(
    body: bytes, protocol: str, nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """No protocol reads garbage as an empty answer."""
    service, operation = {
        "json": ("logs", "DescribeLogGroups"),
        "rest-json": ("bedrock", "ListGuardrails"),
        "query": ("iam", "GetAccountSummary"),
        "ec2": ("ec2", "DescribeVpcEndpoints"),
        "rest-xml": ("s3", "ListBuckets"),
    }[protocol]
    nasty.replies(reply(body))
    a = asked(service, operation)
    gap = _gap(door.call(a.operation, a.unit))
    assert (gap.reason, len(nasty.requests)) == (GapReason.MALFORMED, 1)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"loggingConfig": 3}'])
def test_a_single_answer_that_is_garbage_is_malformed(
    body: bytes, nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """Only a whole empty object says that no logging is configured."""
    a = asked("bedrock", "GetModelInvocationLoggingConfiguration")
    nasty.replies(reply(body))
    assert _gap(door.call(a.operation, a.unit)).reason is GapReason.MALFORMED
    nasty.replies(reply({}))
    assert _observation(door.call(a.operation, a.unit)).body == {}


def test_a_cut_connection_is_a_gap(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """An answer that breaks off is not read as what came."""
    nasty.replies(reply(b'{"logGroups": []}', cut=True))
    a = asked("logs", "DescribeLogGroups")
    gap = _gap(make_door(nasty.url, max_attempts=1).call(a.operation, a.unit))
    assert gap.reason is GapReason.MALFORMED


def test_a_hanging_endpoint_costs_one_timeout_each_and_is_then_left_alone(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """One request per question, no retry; after three in a row nothing is sent for a while."""
    door = make_door(nasty.url, call_timeout=1)
    nasty.replies(reply({"logGroups": []}, hang=30))
    a = asked("logs", "DescribeLogGroups")
    started = time.monotonic()
    gaps = [_gap(door.call(a.operation, a.unit)) for _ in range(5)]
    assert time.monotonic() - started < 20
    assert [g.reason for g in gaps[:3]] == [GapReason.TIMED_OUT] * 3
    assert [g.reason for g in gaps[3:]] == [GapReason.UNREACHABLE] * 2
    assert gaps[4].proof is None
    assert "did not answer in time" in gaps[4].message
    assert len(nasty.requests) == 3


def test_another_service_is_not_left_alone(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """Only the endpoint that hangs is given up, not the others of the account."""
    door = make_door(nasty.url, call_timeout=1)
    nasty.replies(reply({}, hang=30))
    a = asked("logs", "DescribeLogGroups")
    for _ in range(3):
        door.call(a.operation, a.unit)
    nasty.replies(reply({"guardrails": []}))
    b = asked("bedrock", "ListGuardrails")
    _observation(door.call(b.operation, b.unit))


def test_a_refused_connection_is_unreachable(
    nasty: Any, make_door: Callable[..., Door], asked: Any
) -> None:
    """Where nobody listens the gap is unreachable, with the endpoint's name."""
    door = make_door(nasty.url)
    door.identity()
    nasty.stop()
    a = asked("logs", "DescribeLogGroups")
    gap = _gap(door.call(a.operation, a.unit))
    assert gap.reason is GapReason.UNREACHABLE
    assert nasty.url in gap.message
    nasty.stop = lambda: None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("NoAvailableConfigurationRecorderException", GapReason.NOT_ENABLED),
        ("OptInRequired", GapReason.NOT_ENABLED),
        ("SubscriptionRequiredException", GapReason.NOT_ENABLED),
        ("UnknownOperationException", GapReason.UNSUPPORTED_IN_REGION),
        ("ExpiredTokenException", GapReason.DENIED),
        ("UnrecognizedClientException", GapReason.DENIED),
        ("RequestTimeTooSkewed", GapReason.DENIED),
        ("InternalServerError", GapReason.FAILED),
        ("ResourceNotFoundException", GapReason.FAILED),
    ],
)
def test_error_codes_have_their_reason(
    code: str, reason: GapReason, nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """Each known error code is the gap that it means; the code and AWS's words stay."""
    nasty.replies(reply({"__type": code, "message": "because"}, 400))
    a = asked("logs", "DescribeLogGroups")
    gap = _gap(make_door(nasty.url, max_attempts=1).call(a.operation, a.unit))
    assert (gap.reason, gap.code) == (reason, code)
    assert "because" in gap.message


def test_words_about_the_region_mean_unsupported(
    nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """A ValidationException that says so means that the Region lacks the operation."""
    said = "This operation is not supported in this region"
    nasty.replies(reply({"__type": "ValidationException", "message": said}, 400))
    a = asked("logs", "DescribeLogGroups")
    assert _gap(door.call(a.operation, a.unit)).reason is GapReason.UNSUPPORTED_IN_REGION
