"""Pace and patience, with a clock of our own."""

import threading

import pytest

from affidavit.aws.limits import (
    FAILURES_IN_A_ROW,
    PAUSE_SECONDS,
    Breaker,
    Limits,
    StoppedError,
    TokenBucket,
)


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    """Return a clock that only moves when told to."""
    return _Clock()


def test_a_bucket_lets_a_burst_through_and_then_keeps_the_rate(clock: _Clock) -> None:
    """Ten at once, then one each tenth of a second; a rest fills it again, not beyond its size."""
    bucket = TokenBucket(10, clock)
    assert [bucket.reserve() for _ in range(10)] == [0.0] * 10
    assert [round(bucket.reserve(), 3) for _ in range(3)] == [0.1, 0.2, 0.3]
    clock.now += 1000
    assert [bucket.reserve() for _ in range(10)] == [0.0] * 10
    assert bucket.reserve() > 0


def test_a_bucket_is_shared_by_all_threads(clock: _Clock) -> None:
    """However many threads take tokens, no token is given twice."""
    bucket = TokenBucket(5, clock)
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(bucket.reserve())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(w, 3) for w in waits) == [0.0] * 5 + [round(n / 5, 3) for n in range(1, 16)]


def test_only_full_buckets_are_let_go_of(clock: _Clock) -> None:
    """Many accounts leave nothing behind, and forgetting gives nobody a token early."""
    bucket = TokenBucket(1, clock)
    assert bucket.is_full()
    bucket.reserve()
    assert not bucket.is_full()
    clock.now += 1
    assert bucket.is_full()
    limits = Limits(0.001, threading.Event())
    limits.wait("1", "r", "kms", "ListKeys")
    limits.forget()
    assert limits._bucket("1", "r", "kms", "ListKeys").reserve() > 0
    limits = Limits(1e9, threading.Event())
    limits.wait("1", "r", "kms", "ListKeys")
    limits.forget()
    assert not limits._buckets


def test_lookup_events_has_a_slow_bucket_of_its_own() -> None:
    """LookupEvents waits for its own two a second, other calls of CloudTrail do not."""
    stop = threading.Event()
    limits = Limits(1000, stop)
    bucket = limits._bucket("1", "r", "cloudtrail", "LookupEvents")
    bucket._clock = lambda: bucket._filled_at
    for _ in range(2):
        limits.wait("1", "r", "cloudtrail", "LookupEvents")
    assert bucket.reserve() == pytest.approx(0.5)
    assert limits._bucket("1", "r", "cloudtrail", "DescribeTrails").reserve() == 0.0
    assert limits._bucket("1", "other", "cloudtrail", "LookupEvents").reserve() == 0.0


def test_stopping_ends_the_waiting() -> None:
    """A call that waits for its token ends when the door closes, and no other goes out."""
    stop = threading.Event()
    limits = Limits(0.01, stop)
    limits.wait("1", "r", "s", "o")
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(StoppedError):
        limits.wait("1", "r", "s", "o")
    with pytest.raises(StoppedError):
        limits.wait("2", "r", "s", "o")


def test_the_breaker_opens_after_failures_in_a_row_and_tries_again_later(clock: _Clock) -> None:
    """Only failures in a row count; after the pause one may try, an answer forgets everything."""
    breaker = Breaker(clock)
    place = ("1", "r", "s")

    def fail(times: int) -> None:
        for _ in range(times):
            breaker.failed(*place, why="it hangs")

    fail(FAILURES_IN_A_ROW - 1)
    breaker.answered(*place)
    fail(FAILURES_IN_A_ROW - 1)
    assert breaker.why_not(*place) == ""
    fail(1)
    assert breaker.why_not(*place) == "it hangs"
    assert breaker.why_not("1", "r", "other") == ""
    clock.now += PAUSE_SECONDS
    assert breaker.why_not(*place) == ""
    fail(1)
    assert breaker.why_not(*place) == "it hangs"
