"""The door against a server that misbehaves in every way that we could think of."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.errors import CollectError, CredentialsError, EstateError
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Observation

JSON = {"Content-Type": "application/json", "x-amzn-requestid": "rid"}
HTML = "<!doctype html>\n<html lang=en><title>500</title><h1>Internal Server Error</h1></html>"


@pytest.fixture
def door(nasty: Any, make_door: Callable[..., Door]) -> Door:
    """Return a door to the misbehaving server."""
    return make_door(nasty.url)


@pytest.fixture
def reply() -> Callable[..., Any]:
    """Return a maker of replies."""

    class Reply:
        def __init__(self, body: Any = b"", status: int = 200, **more: Any) -> None:
            self.body = json.dumps(body) if isinstance(body, dict) else body
            self.status = status
            self.headers = more.get("headers", JSON)
            self.hang = more.get("hang", 0.0)
            self.cut = more.get("cut", False)

    return Reply


def _gap(result: Any) -> Gap:
    assert isinstance(result, Gap)
    return result


def _observation(result: Any) -> Observation:
    assert isinstance(result, Observation), result
    return result


def test_an_answer_becomes_an_observation_with_its_proof(
    nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """Body, endpoint, request id, attempts, caller and the synthetic mark are written down."""
    nasty.replies(reply({"tags": [{"key": "owner", "value": "x"}]}))
    a = asked(
        "bedrock",
        "ListTagsForResource",
        resourceARN="arn:aws:bedrock:us-east-1:123456789012:guardrail/x",
    )
    seen = _observation(door.call(a.operation, a.unit))
    assert seen.body == {"tags": [{"key": "owner", "value": "x"}]}
    proof = seen.proof
    assert (proof.endpoint, proof.synthetic, proof.attempts, proof.pages) == (nasty.url, True, 1, 1)
    assert proof.request_ids == ("rid",)
    assert proof.caller_arn == "arn:aws:iam::123456789012:user/auditor"
    assert proof.tool.startswith("affidavit ")
    assert proof.started_at <= proof.finished_at
    assert "affidavit/" in nasty.requests[0].headers["user-agent"]


def test_all_pages_are_read_and_joined(nasty: Any, door: Door, asked: Any, reply: Any) -> None:
    """Lists of all pages are joined in order, and no token stays in the body."""
    nasty.replies(
        reply({"guardrails": [_guardrail("a")], "nextToken": "t1"}),
        reply({"guardrails": [], "nextToken": "t2"}),
        reply({"guardrails": [_guardrail("b")]}),
    )
    a = asked("bedrock", "ListGuardrails")
    seen = _observation(door.call(a.operation, a.unit))
    assert [g["id"] for g in seen.body["guardrails"]] == ["a", "b"]
    assert "nextToken" not in seen.body
    assert (seen.proof.pages, seen.proof.attempts) == (3, 3)
    assert [r.path for r in nasty.requests] == [
        "/guardrails",
        "/guardrails?nextToken=t1",
        "/guardrails?nextToken=t2",
    ]


def _guardrail(name: str) -> dict[str, Any]:
    return {"id": name, "arn": f"arn:{name}", "status": "READY", "name": name, "version": "DRAFT"}


def test_a_repeated_token_is_malformed(nasty: Any, door: Door, asked: Any, reply: Any) -> None:
    """A list without end is a gap after two requests, not a loop."""
    nasty.replies(reply({"guardrails": [], "nextToken": "same"}))
    a = asked("bedrock", "ListGuardrails")
    gap = _gap(door.call(a.operation, a.unit))
    assert gap.reason is GapReason.MALFORMED
    assert "repeats the token" in gap.message
    assert len(nasty.requests) == 2


def test_truncated_without_marker_is_malformed(
    nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """IAM's IsTruncated without Marker is a gap, never a shortened list; also without paginator."""
    body = (
        "<ListServiceSpecificCredentialsResponse><ListServiceSpecificCredentialsResult>"
        "<ServiceSpecificCredentials/><IsTruncated>true</IsTruncated>"
        "</ListServiceSpecificCredentialsResult></ListServiceSpecificCredentialsResponse>"
    )
    nasty.replies(reply(body, headers={"Content-Type": "text/xml"}))
    a = asked("iam", "ListServiceSpecificCredentials", AllUsers=True)
    gap = _gap(door.call(a.operation, a.unit))
    assert gap.reason is GapReason.MALFORMED
    assert "no token" in gap.message


def test_a_full_page_without_token_is_malformed(
    nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """ListBuckets with MaxBuckets that gives as many and no token may be cut off: a gap."""
    one = "<Bucket><Name>a</Name></Bucket>"
    body = f"<ListAllMyBucketsResult><Buckets>{one}{one}</Buckets></ListAllMyBucketsResult>"
    nasty.replies(reply(body, headers={"Content-Type": "application/xml"}))
    a = asked("s3", "ListBuckets", MaxBuckets=2, region=GLOBAL_REGION)
    assert _gap(door.call(a.operation, a.unit)).reason is GapReason.MALFORMED
    b = asked("s3", "ListBuckets", region=GLOBAL_REGION)
    assert len(_observation(door.call(b.operation, b.unit)).body["Buckets"]) == 2


def test_a_page_without_its_list_is_malformed(
    nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """A paged answer without the list is not an empty list."""
    nasty.replies(reply({}))
    a = asked("bedrock", "ListGuardrails")
    gap = _gap(door.call(a.operation, a.unit))
    assert (gap.reason, len(nasty.requests)) == (GapReason.MALFORMED, 1)


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
    headers = dict(JSON)
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
    question: tuple[str, str], status: int, nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """A web page, with whatever status and protocol, is the gap malformed after one request."""
    nasty.replies(reply(HTML, status, headers={"Content-Type": "text/html"}))
    a = asked(*question)
    gap = _gap(door.call(a.operation, a.unit))
    assert gap.reason is GapReason.MALFORMED
    assert len(nasty.requests) == 1


def test_a_balancers_page_is_tried_again(nasty: Any, door: Door, asked: Any, reply: Any) -> None:
    """503 with a web page is what AWS's own balancers send for a moment: it is retried."""
    nasty.replies(reply(HTML, 503), reply({"logGroups": []}))
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
    door = make_door(nasty.url, call_timeout=0.2)
    nasty.replies(reply({"logGroups": []}, hang=30))
    a = asked("logs", "DescribeLogGroups")
    started = time.monotonic()
    gaps = [_gap(door.call(a.operation, a.unit)) for _ in range(5)]
    assert time.monotonic() - started < 3
    assert [g.reason for g in gaps[:3]] == [GapReason.TIMED_OUT] * 3
    assert [g.reason for g in gaps[3:]] == [GapReason.UNREACHABLE] * 2
    assert gaps[4].proof is None
    assert "did not answer in time" in gaps[4].message
    assert len(nasty.requests) == 3


def test_another_service_is_not_left_alone(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """Only the endpoint that hangs is given up, not the others of the account."""
    door = make_door(nasty.url, call_timeout=0.2)
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


def test_an_absent_code_is_an_observation(nasty: Any, door: Door, asked: Any, reply: Any) -> None:
    """What the operation declares as 'there is none' is an answer; its body is the error."""
    error = "<Error><Code>NoSuchBucketPolicy</Code><Message>none</Message></Error>"
    nasty.replies(reply(error, 404, headers={"x-amz-request-id": "S3RID"}))
    a = asked("s3", "GetBucketPolicy", Bucket="b", absent_on=["NoSuchBucketPolicy"])
    seen = _observation(door.call(a.operation, a.unit))
    assert seen.absent == "NoSuchBucketPolicy"
    assert seen.body == {"Error": {"Code": "NoSuchBucketPolicy", "Message": "none"}}
    assert seen.proof.request_ids == ("S3RID",)
    b = asked("s3", "GetBucketPolicy", Bucket="b")
    assert _gap(door.call(b.operation, b.unit)).code == "NoSuchBucketPolicy"


def test_secrets_never_leave_the_door(nasty: Any, door: Door, asked: Any, reply: Any) -> None:
    """Declared paths and detected secrets are replaced in the body, and their places noted."""
    tags = [{"key": "db_password", "value": "hunter2"}, {"key": "owner", "value": "me"}]
    nasty.replies(reply({"tags": tags}))
    a = asked(
        "bedrock",
        "ListTagsForResource",
        resourceARN="arn:aws:bedrock:us-east-1:1:guardrail/x",
        redact=["tags[].key"],
    )
    seen = _observation(door.call(a.operation, a.unit))
    assert b"hunter2" not in seen.body_bytes()
    assert seen.proof.redacted == ("/tags/0/key", "/tags/0/value", "/tags/1/key")


def test_an_invalid_question_is_not_sent(nasty: Any, door: Door, asked: Any) -> None:
    """A question that botocore refuses is a gap without proof: nothing was sent."""
    a = asked("kms", "DescribeKey", Wrong="x")
    gap = _gap(door.call(a.operation, a.unit))
    assert (gap.reason, gap.proof) == (GapReason.FAILED, None)
    assert not nasty.requests


def test_the_credential_report_is_waited_for(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """GenerateCredentialReport is asked until it is COMPLETE, and a bounded number of times."""

    def state(word: str) -> Any:
        name = "GenerateCredentialReport"
        return reply(
            f"<{name}Response><{name}Result><State>{word}</State></{name}Result></{name}Response>"
        )

    slept: list[float] = []
    door = make_door(nasty.url, sleep=slept.append)
    nasty.replies(state("STARTED"), state("INPROGRESS"), state("COMPLETE"))
    a = asked("iam", "GenerateCredentialReport", region=GLOBAL_REGION)
    seen = _observation(door.call(a.operation, a.unit))
    assert (seen.body["State"], seen.proof.attempts, len(slept)) == ("COMPLETE", 3, 2)
    nasty.replies(state("STARTED"))
    gap = _gap(door.call(a.operation, a.unit))
    assert gap.reason is GapReason.FAILED
    assert "STARTED" in gap.message


def test_s3_control_keeps_the_endpoints_host(
    nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """The account that botocore puts before the host is removed for a loopback endpoint."""
    nasty.replies(reply("<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>", 404))
    a = asked(
        "s3control",
        "GetPublicAccessBlock",
        AccountId="123456789012",
        absent_on=["NoSuchPublicAccessBlockConfiguration"],
    )
    _observation(door.call(a.operation, a.unit))
    assert nasty.requests[0].headers["host"] == nasty.url.removeprefix("http://")


def test_the_environments_endpoint_is_honoured(
    nasty: Any,
    make_door: Callable[..., Door],
    asked: Any,
    reply: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE> lead where they say, and the mark follows."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", nasty.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", nasty.url)
    nasty.replies(reply({"guardrails": []}))
    a = asked("bedrock", "ListGuardrails")
    seen = _observation(make_door("").call(a.operation, a.unit))
    assert (seen.proof.endpoint, seen.proof.synthetic) == (nasty.url, True)


def test_a_closed_door_lets_nothing_out(nasty: Any, door: Door, asked: Any) -> None:
    """After close a waiting question ends with an exception of its own kind, unsent."""
    door.identity()
    door.close()
    a = asked("logs", "DescribeLogGroups")
    with pytest.raises(RuntimeError):
        door.call(a.operation, a.unit)
    assert not nasty.requests


def test_identity_tells_expired_credentials(
    nasty: Any, make_door: Callable[..., Door], reply: Any
) -> None:
    """Credentials that AWS does not accept are an error that says to renew them."""
    body = (
        "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in "
        "the request is expired</Message></Error></ErrorResponse>"
    )
    nasty.identity = lambda _: reply(body, 403)
    with pytest.raises(CredentialsError, match="not accept") as caught:
        make_door(nasty.url).identity()
    assert "ExpiredToken" in caught.value.why
    assert "Renew" in caught.value.todo


def test_identity_tells_missing_credentials(
    nasty: Any, make_door: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials the error says how to get some, and that there is a demo."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CredentialsError, match="--demo"):
        make_door(nasty.url, access_key="").identity()
    with pytest.raises(CredentialsError):
        make_door(nasty.url, profile="nobody", access_key="").identity()


@pytest.mark.parametrize("body", [HTML, "", "<GetCallerIdentityResponse/>", "{}"])
def test_identity_refuses_garbage(
    body: str, nasty: Any, make_door: Callable[..., Door], reply: Any
) -> None:
    """An endpoint that does not say who we are ends the run with a clear error."""
    nasty.identity = lambda _: reply(body)
    with pytest.raises(CollectError):
        make_door(nasty.url).identity()


def test_an_account_without_role_cannot_be_entered(door: Door, asked: Any) -> None:
    """Another account than the caller's needs a role name; without one it is an error and a gap."""
    with pytest.raises(EstateError, match="111122223333"):
        door.enter("111122223333")
    a = asked("logs", "DescribeLogGroups")
    gap = _gap(door.call(a.operation, replace(a.unit, account_id="111122223333")))
    assert (gap.reason, gap.proof) == (GapReason.DENIED, None)
    assert "role" in gap.message


def test_a_role_that_leads_elsewhere_is_refused(
    nasty: Any, make_door: Callable[..., Door], reply: Any
) -> None:
    """The account's id is what its own credentials answer; a mismatch names both accounts."""
    identity = nasty.identity
    credentials = (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
        "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
        "</AssumeRoleResponse>"
    )
    bodies: list[bytes] = []

    def answer(request: Any) -> Any:
        bodies.append(request.body)
        return reply(credentials) if b"Action=AssumeRole" in request.body else identity(request)

    nasty.identity = answer
    door = make_door(
        nasty.url, role_name="audit/Reader", external_id="xyz", session_tags={"run": "1"}
    )
    with pytest.raises(EstateError, match="leads into account 123456789012, not 111122223333"):
        door.enter("111122223333")
    sent = next(b for b in bodies if b"Action=AssumeRole" in b)
    for part in (b"111122223333%3Arole%2Faudit%2FReader", b"ExternalId=xyz", b"Tags.member.1.Key"):
        assert part in sent
