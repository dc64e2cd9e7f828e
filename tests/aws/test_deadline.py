"""Answers that never end: a server that keeps sending, too slowly to ever be done."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.errors import CollectError
from affidavit.model.observation import Gap, GapReason, Observation

CALL = 1.5
"""Seconds that a call may take: no single pause of the server is as long."""
DRIP = 0.02


@pytest.mark.parametrize("headers", [False, True], ids=["body", "headers"])
def test_a_dripping_answer_is_a_gap(
    headers: bool, nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """Byte after byte, in body or headers, is the gap timed out within seconds."""
    nasty.replies(reply({"logGroups": [], "x": "y" * 5000}, drip=DRIP, drip_headers=headers))
    door = make_door(nasty.url, call_timeout=CALL)
    a = asked("logs", "DescribeLogGroups")
    started = time.monotonic()
    gap = door.call(a.operation, a.unit)
    assert isinstance(gap, Gap)
    assert gap.reason is GapReason.TIMED_OUT
    assert "After 3 s the answer was still not whole" in gap.message
    assert gap.proof is not None
    assert gap.proof.attempts == 1
    assert time.monotonic() - started < 60
    assert len(nasty.requests) == 1


def test_pages_without_end_are_a_gap(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """Pages that each come in time, but without end, are given up, and no more are asked."""
    pages = iter(range(10_000))
    nasty.answer = lambda _: reply({"logGroups": [], "nextToken": f"t{next(pages)}"}, hang=0.05)
    door = make_door(nasty.url, unit_timeout=1)
    a = asked("logs", "DescribeLogGroups")
    gap = door.call(a.operation, a.unit)
    assert isinstance(gap, Gap)
    assert gap.reason is GapReason.TIMED_OUT
    sent, end = -1, time.monotonic() + 60
    while len(nasty.requests) > sent:  # one may still be on its way
        assert time.monotonic() < end
        sent = len(nasty.requests)
        time.sleep(0.5)


def test_slow_but_whole_is_an_answer(
    nasty: Any, make_door: Callable[..., Door], asked: Any, reply: Any
) -> None:
    """An answer in drips that is whole in time is an observation."""
    nasty.replies(reply({"logGroups": []}, drip=DRIP))
    door = make_door(nasty.url, call_timeout=CALL)
    a = asked("logs", "DescribeLogGroups")
    assert isinstance(door.call(a.operation, a.unit), Observation)


def test_dripping_identity_ends(nasty: Any, make_door: Callable[..., Door], reply: Any) -> None:
    """Where STS itself drips, asking who we are fails in words instead of hanging."""
    nasty.identity = lambda _: reply("<GetCallerIdentityResponse>" + " " * 5000, drip=DRIP)
    with pytest.raises(CollectError, match="who we are") as caught:
        make_door(nasty.url, call_timeout=CALL).identity()
    assert "not whole" in caught.value.why
