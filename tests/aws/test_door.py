"""The door: pages, proof, absence, redaction, polling, and endpoints."""

from collections.abc import Callable
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Observation


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
        "/guardrails?maxResults=1000",
        "/guardrails?maxResults=1000&nextToken=t1",
        "/guardrails?maxResults=1000&nextToken=t2",
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
