"""Roles: entered once, renewed before they expire, asserted by their own credentials."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.aws.identity import CallerIdentity, global_region
from affidavit.errors import CollectError, CredentialsError, EstateError
from affidavit.model.observation import Gap, GapReason, Observation

MEMBER = "111122223333"


def _credentials(key: str, expires: datetime) -> str:
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        f"<SessionToken>t</SessionToken><Expiration>{expires:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )


def _identity(account: str) -> str:
    return (
        f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::{account}:x</Arn>"
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )


class _Sts:
    """Answers as STS would: own keys are the home account's, a role's keys the member's."""

    def __init__(self, reply: Any, lifetime: timedelta) -> None:
        self.assumed = 0
        self._reply = reply
        self._lifetime = lifetime

    def __call__(self, request: Any) -> Any:
        if b"Action=AssumeRole" in request.body:
            self.assumed += 1
            expires = datetime.now(UTC) + self._lifetime
            return self._reply(_credentials(f"ROLE{self.assumed}", expires))
        own = "Credential=AKIDEXAMPLE/" in request.headers["authorization"]
        return self._reply(_identity("123456789012" if own else MEMBER))


def test_a_role_is_assumed_once_while_it_lasts(
    nasty: Any, make_door: Callable[..., Door], asked: Any
) -> None:
    """Many questions in a member account share one role session; the proof names the role."""
    sts = nasty.identity = _Sts(nasty.reply, timedelta(hours=1))
    nasty.replies(nasty.reply('{"guardrails": []}'))
    door = make_door(nasty.url, role_name="Reader")
    a = asked("bedrock", "ListGuardrails", account_id=MEMBER)
    for _ in range(3):
        seen = door.call(a.operation, a.unit)
        assert isinstance(seen, Observation)
        assert seen.proof.caller_arn == f"arn:aws:sts::{MEMBER}:x"
    assert sts.assumed == 1
    assert "Credential=ROLE1/" in nasty.requests[0].headers["authorization"]


def test_an_account_that_was_left_is_entered_again_as_it_was(
    nasty: Any, make_door: Callable[..., Door], asked: Any
) -> None:
    """Nothing large is kept of an account that is done; asked again, it needs no new role."""
    sts = nasty.identity = _Sts(nasty.reply, timedelta(hours=1))
    nasty.replies(nasty.reply('{"guardrails": []}'))
    door = make_door(nasty.url, role_name="Reader")
    a = asked("bedrock", "ListGuardrails", account_id=MEMBER)
    callers = []
    for _ in range(2):
        seen = door.call(a.operation, a.unit)
        assert isinstance(seen, Observation)
        callers.append(seen.proof.caller_arn)
        session = weakref.ref(door._accounts.access(MEMBER).session)
        door.leave(MEMBER)
        gc.collect()
        assert session() is None
    assert callers == [f"arn:aws:sts::{MEMBER}:x"] * 2
    assert sts.assumed == 1
    assert "Credential=ROLE1/" in nasty.requests[-1].headers["authorization"]
    door.leave("123456789012")
    assert door.identity().account_id == "123456789012"


def test_a_role_is_renewed_before_it_expires(
    nasty: Any, make_door: Callable[..., Door], asked: Any
) -> None:
    """Credentials near their end are fetched anew, in the midst of a run, and counted apart."""
    sts = nasty.identity = _Sts(nasty.reply, timedelta(minutes=5))
    nasty.replies(nasty.reply('{"guardrails": []}'))
    door = make_door(nasty.url, role_name="Reader")
    a = asked("bedrock", "ListGuardrails", account_id=MEMBER)
    results = [door.call(a.operation, a.unit) for _ in range(2)]
    assert sts.assumed >= 3
    last = results[-1]
    assert isinstance(last, Observation)
    assert (last.proof.attempts, last.proof.endpoint) == (1, nasty.url)


def test_a_role_that_can_no_longer_be_assumed_is_a_gap(
    nasty: Any, make_door: Callable[..., Door], asked: Any
) -> None:
    """When the renewal is refused in the midst of a run, its questions are denied, not lost."""
    nasty.identity = _Sts(nasty.reply, timedelta(minutes=5))
    door = make_door(nasty.url, role_name="Reader")
    door.enter(MEMBER)
    denied = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    nasty.identity = lambda _: nasty.reply(denied, 403)
    a = asked("bedrock", "ListGuardrails", account_id=MEMBER, absent_on=["AccessDenied"])
    gap = door.call(a.operation, a.unit)
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.proof) == (GapReason.DENIED, None)
    assert "sts:AssumeRole" in gap.message
    assert not nasty.requests


def test_global_things_are_asked_in_the_partitions_region() -> None:
    """Each partition has its own Region for what exists once per account."""
    assert global_region("aws") == "us-east-1"
    assert global_region("aws-us-gov") == "us-gov-west-1"
    assert global_region("no-such-partition") == "us-east-1"
    identity = CallerIdentity(account_id="1", arn="arn:aws-cn:sts::1:x")
    assert identity.partition == "aws-cn"


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


@pytest.mark.parametrize("body", ["<html>", "", "<GetCallerIdentityResponse/>", "{}"])
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
    gap = door.call(a.operation, replace(a.unit, account_id="111122223333"))
    assert isinstance(gap, Gap)
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
