"""Outside time: an RFC 3161 stamp on a checkpoint, where a time-stamping service is set.

A stamp proves that the checkpoint existed when the service says so, which our own clock cannot. A
service that does not answer never fails a run: the failure is a value with its reason, recorded
beside the checkpoint, and the report says that the time is not proved.
"""

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 10.0
"""Seconds until a service counts as not answering."""
_MAX_ANSWER = 1 << 20
"""Bytes: a stamp has a few thousand."""
_GRANTED = (0, 1)
"""PKIStatus granted and grantedWithMods (RFC 3161, section 2.4.2)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token of the service."""

    token: bytes
    """The whole TimeStampResp, DER: `openssl ts -verify -in` reads it."""
    time: datetime


@dataclass(frozen=True, slots=True)
class NoStamp:
    """Why there is no stamp, in words."""

    reason: str


def stamp(note: str, url: str, timeout: float = TIMEOUT) -> Stamp | NoStamp:
    """Ask the service at `url` to stamp the signed note; check that the answer is about this note.

    The service's certificate is not judged here: whoever relies on the stamp knows which to trust.
    """
    refusal = _refusal(url)
    if refusal:
        return NoStamp(refusal)
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    request = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256)
    built = request.build()
    try:
        answer = _post(url, built.as_bytes(), timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return NoStamp(f"The time-stamping service {url} did not answer: {error}")
    return _checked(answer, built.nonce, note)


def _checked(answer: bytes, nonce: int | None, note: str) -> Stamp | NoStamp:
    from rfc3161_client import decode_timestamp_response

    try:
        response = decode_timestamp_response(answer)
        if int(response.status) not in _GRANTED:
            words = ", ".join(response.status_string) or f"status {response.status}"
            return NoStamp(f"The time-stamping service refused: {words}")
        info = response.tst_info
    except ValueError as error:
        return NoStamp(f"The time-stamping service's answer is not a stamp: {error}")
    if info.message_imprint.message != sha256(note.encode()).digest():
        return NoStamp("The time-stamping service stamped something else than the checkpoint")
    if info.nonce != nonce:
        return NoStamp("The time-stamping service's answer is to another request")
    return Stamp(token=answer, time=info.gen_time.astimezone(UTC))


def _refusal(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        return f"{url} is not a URL: {error}"
    if parts.scheme == "https" and host:
        return ""
    if parts.scheme == "http" and _is_loopback(host):
        return ""
    return f"{url} is refused: a time-stamping service is asked over https, or on loopback"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An administrator set this URL; where it sends us on to, nobody did."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""
        return


def _post(url: str, body: bytes, timeout: float) -> bytes:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if urlsplit(url).scheme == "http":
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked in _refusal
        url, data=body, headers={"Content-Type": "application/timestamp-query"}, method="POST"
    )
    with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as response:
        data: bytes = response.read(_MAX_ANSWER + 1)
    if len(data) > _MAX_ANSWER:
        raise ValueError("the answer is too long")
    return data
