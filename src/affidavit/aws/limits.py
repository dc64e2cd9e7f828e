"""Pace and patience: token buckets shared by all workers, and a breaker for dead endpoints.

AWS throttles an account as a whole, so the bucket belongs to (account, Region, service), whoever
asks. An endpoint that hangs would cost the whole timeout for each question, so after a few failures
in a row it is left alone for a while: its questions become gaps at once.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LOOKUP_EVENTS_PER_SECOND = 2.0
"""AWS's quota for cloudtrail:LookupEvents, per account and Region (CloudTrail user guide)."""

FAILURES_IN_A_ROW = 3
PAUSE_SECONDS = 120.0


def is_slow(service: str, operation: str) -> bool:
    """Return whether AWS gives the operation a quota of its own that makes callers wait."""
    return (service, operation) == ("cloudtrail", "LookupEvents")


class StoppedError(RuntimeError):
    """The door was closed while a question was waiting."""


class TokenBucket:
    """Lets `rate` requests a second through, and as many at once after a rest."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = max(rate, 1.0)
        self._filled_at = clock()

    def reserve(self) -> float:
        """Take a token and return the seconds to wait until it is there."""
        with self._lock:
            now = self._clock()
            full = max(self._rate, 1.0)
            self._tokens = min(full, self._tokens + (now - self._filled_at) * self._rate)
            self._filled_at = now
            self._tokens -= 1.0
            return max(0.0, -self._tokens / self._rate)

    def is_full(self) -> bool:
        """Return whether the bucket is as it was when it was made."""
        with self._lock:
            full = max(self._rate, 1.0)
            return self._tokens + (self._clock() - self._filled_at) * self._rate >= full


class Limits:
    """All buckets of a run, made when first used."""

    def __init__(
        self,
        requests_per_second: float,
        stop: threading.Event,
        lookups_per_second: float = LOOKUP_EVENTS_PER_SECOND,
    ) -> None:
        self._rate = requests_per_second
        self._lookups = lookups_per_second
        self._stop = stop
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def wait(self, account_id: str, region: str, service: str, operation: str) -> None:
        """Return when one more request may go out; raise `StoppedError` when the door closes."""
        seconds = self._bucket(account_id, region, service, operation).reserve()
        if self._stop.wait(seconds) if seconds else self._stop.is_set():
            raise StoppedError

    def forget(self) -> None:
        """Let go of the buckets that are full again: a new one would be the same."""
        with self._lock:
            for key in [key for key, bucket in self._buckets.items() if bucket.is_full()]:
                del self._buckets[key]

    def _bucket(self, account_id: str, region: str, service: str, operation: str) -> TokenBucket:
        slow = is_slow(service, operation)
        key = (account_id, region, f"{service}:{operation}" if slow else service)
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                rate = min(self._rate, self._lookups) if slow else self._rate
                bucket = self._buckets[key] = TokenBucket(rate)
            return bucket


@dataclass(slots=True)
class _Health:
    failures: int = 0
    why: str = ""
    until: float = 0.0


class Breaker:
    """Remembers which endpoints did not answer several times in a row."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._health: dict[tuple[str, str, str], _Health] = {}

    def why_not(self, account_id: str, region: str, service: str) -> str:
        """Return why this endpoint is left alone at present, or an empty string."""
        with self._lock:
            health = self._health.get((account_id, region, service))
            if health is None or self._clock() >= health.until:
                return ""
            return health.why

    def failed(self, account_id: str, region: str, service: str, why: str) -> None:
        """Note that no answer came."""
        with self._lock:
            health = self._health.setdefault((account_id, region, service), _Health())
            health.failures += 1
            health.why = why
            if health.failures >= FAILURES_IN_A_ROW:
                health.until = self._clock() + PAUSE_SECONDS

    def answered(self, account_id: str, region: str, service: str) -> None:
        """Note that an answer came, of whatever kind."""
        with self._lock:
            self._health.pop((account_id, region, service), None)
