"""Faults on purpose: what an estate can do wrong to a collector."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from affidavit.demo.overlay.registry import AwsError
from affidavit.errors import EmulatorError

_ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to the matching requests; `*` matches everything."""

    KINDS: ClassVar[frozenset[str]] = frozenset(
        {"deny", "throttle", "hang", "html", "garbage", "expired", "error"}
    )

    kind: str
    """deny (403), throttle (ThrottlingException), hang, html (a 500 page), garbage (200 with what
    is no answer), expired (credentials), error (with `code`)."""
    service: str = _ANY
    """botocore's name."""
    operation: str = _ANY
    account: str = _ANY
    region: str = _ANY
    times: int = 0
    """How many requests are struck, from the first; 0: all."""
    seconds: float = 3600.0
    """How long a hanging request hangs."""
    code: str = "InternalServerException"
    """AWS's error code for kind error."""

    def __post_init__(self) -> None:
        if self.kind not in self.KINDS:
            raise EmulatorError(
                f"Unknown kind of fault: {self.kind}", why=f"Known are {sorted(self.KINDS)}."
            )

    def matches(self, service: str, operation: str, account: str, region: str) -> bool:
        """Return whether a request is struck."""
        wanted = (self.service, self.operation, self.account, self.region)
        given = (service, operation, account, region)
        return all(want in {_ANY, got} for want, got in zip(wanted, given, strict=True))


@dataclass(frozen=True, slots=True)
class Broken:
    """An answer that is none: bytes with a status."""

    status: int
    content_type: str
    body: bytes


_HTML = b"<!doctype html><html><title>500 Internal Server Error</title><h1>Oops</h1></html>"
_DENY, _SERVER_ERROR, _SLOW = 403, 500, 503


class Faults:
    """The faults in force; counts how often each has struck."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._struck = [0] * len(faults)
        self._lock = threading.Lock()

    def strike(self, service: str, operation: str, account: str, region: str) -> Broken | None:
        """Do what the first matching fault says: raise, wait, or return a broken answer."""
        for index, fault in enumerate(self._faults):
            if fault.matches(service, operation, account, region) and self._counts(index):
                return _do(fault, service, operation)
        return None

    def _counts(self, index: int) -> bool:
        with self._lock:
            self._struck[index] += 1
            times = self._faults[index].times
            return times == 0 or self._struck[index] <= times


_CODES = {
    "ec2": ("UnauthorizedOperation", "RequestLimitExceeded", "RequestExpired"),
    "iam": ("AccessDenied", "Throttling", "ExpiredToken"),
    "sts": ("AccessDenied", "Throttling", "ExpiredToken"),
    "s3": ("AccessDenied", "SlowDown", "ExpiredToken"),
    "s3control": ("AccessDenied", "SlowDown", "ExpiredToken"),
}
"""Codes for denied, throttled and expired, where a service has its own."""
_USUAL = ("AccessDeniedException", "ThrottlingException", "ExpiredTokenException")


def _do(fault: Fault, service: str, operation: str) -> Broken | None:
    if fault.kind == "hang":
        time.sleep(fault.seconds)
        return None
    if fault.kind == "html":
        return Broken(_SERVER_ERROR, "text/html", _HTML)
    if fault.kind == "garbage":
        return Broken(200, "application/json", b'{"truncated": ["')
    denied, throttled, expired = _CODES.get(service, _USUAL)
    action = f"{service}:{operation}"
    raise {
        "deny": AwsError(denied, f"You are not authorized to perform: {action}", _DENY),
        "throttle": AwsError(throttled, "Rate exceeded", _SLOW if service == "s3" else 400),
        "expired": AwsError(expired, "The security token included is expired", _DENY),
        "error": AwsError(fault.code, f"{action} failed on purpose", _SERVER_ERROR),
    }[fault.kind]


def to_text(faults: Sequence[Fault]) -> str:
    """Return faults as JSON, for another process."""
    return json.dumps([asdict(fault) for fault in faults])


def from_text(text: str) -> tuple[Fault, ...]:
    """Return the faults that `to_text` wrote; `EmulatorError` for anything else."""
    try:
        return tuple(Fault(**each) for each in json.loads(text))
    except (TypeError, ValueError) as error:
        raise EmulatorError("The faults are not understood", why=str(error)) from error
