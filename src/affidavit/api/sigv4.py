"""Signature Version 4: who sent a request, or why nobody believes it.

`Verifier.verify` returns what was proved or raises; there is no result to forget to look at. Codes
and texts are AWS's, because SDKs act on them: the JavaScript SDK corrects its clock on
"Signature expired", all of them refresh credentials on ExpiredTokenException.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from affidavit.api.canonical import (
    canonical_headers,
    canonical_path,
    canonical_query,
    signature,
)
from affidavit.api.errors import ApiError
from affidavit.api.protocol import SERVICE, Headers, RawRequest
from affidavit.api.signed_parts import STAMP, SignedParts, incomplete, read_parts
from affidavit.model.times import utc_now
from affidavit.operations.caller import Role

SKEW: Final = timedelta(minutes=5)
"""How far the caller's clock may be off, as AWS allows."""
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}", re.ASCII)
_SHOWN: Final = 64
_UNKNOWN_KEY: Final = "The security token included in the request is invalid."
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One access key and whose it is. The secret and the token never show in a repr."""

    access_key_id: str
    secret: str = field(repr=False)
    account_id: str
    principal_arn: str
    role: Role
    session_token: str | None = field(default=None, repr=False)
    """The token that must come along with a temporary key; None: a long-term key."""
    disabled: bool = False
    expires: datetime | None = None
    regions: tuple[str, ...] = ()
    """Regions that it opens; empty: all."""


KeyLookup = Callable[[str], Credential | None]
"""Access key id -> its credential. Called in a worker thread, for each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a good signature proves."""

    credential: Credential
    region: str
    presigned: bool


class Verifier:
    """Verifies requests against the keys; safe to share between threads."""

    def __init__(
        self,
        keys: KeyLookup,
        *,
        service: str = SERVICE,
        regions: Collection[str] | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take where keys are, the service and the Regions of good scopes (None: any), a clock."""
        self._keys = keys
        self._service = service
        self._regions = regions
        self._now = now

    def verify(self, request: RawRequest, *, allow_unsigned_payload: bool = False) -> Verified:
        """Return who signed `request`, or raise ApiError with AWS's code.

        `allow_unsigned_payload` is for uploads only, where the body is hashed as it streams.
        """
        headers = by_name(request.headers)
        parts = read_parts(headers, request.query)
        credential = self._credential(parts)
        self._check_scope(parts)
        self._check_time(parts)
        payload = _payload_hash(headers, request.body, allow_unsigned_payload)
        expected = _expected(request, headers, parts, credential.secret, payload)
        if not hmac.compare_digest(expected.encode("ascii"), parts.signature.encode("utf-8")):
            raise _invalid(_MISMATCH)
        self._check_token(parts, credential)
        return Verified(
            credential=credential, region=parts.scope[1], presigned=parts.lifetime is not None
        )

    def _credential(self, parts: SignedParts) -> Credential:
        credential = self._keys(parts.access_key_id)
        if credential is None or credential.disabled:
            raise ApiError("UnrecognizedClientException", _UNKNOWN_KEY)
        return credential

    def _check_scope(self, parts: SignedParts) -> None:
        date, region, service, _ = parts.scope
        if service != self._service:
            raise _invalid(f"Credential should be scoped to correct service: '{self._service}'.")
        known = self._regions is None or region in self._regions
        if not known or not _REGION.fullmatch(region):
            raise _invalid("Credential should be scoped to a valid region.")
        if date != parts.stamp[:8]:
            raise _invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{date[:_SHOWN]}' != '{parts.stamp[:8]}', from '{parts.stamp}'."
            )

    def _check_time(self, parts: SignedParts) -> None:
        now = self._now()
        if parts.lifetime is None and -SKEW <= now - parts.time <= SKEW:
            return
        shown = now.strftime(STAMP)
        minutes = int(SKEW.total_seconds()) // 60
        if parts.time > now + SKEW:
            limit = (now + SKEW).strftime(STAMP)
            raise _invalid(
                f"Signature not yet current: {parts.stamp} is still later than {limit} "
                f"({shown} + {minutes} min.)"
            )
        if parts.lifetime is not None:
            if now > parts.time + parts.lifetime:
                end = (parts.time + parts.lifetime).strftime(STAMP)
                raise _invalid(f"Signature expired: {end} is now earlier than {shown}")
            return
        limit = (now - SKEW).strftime(STAMP)
        raise _invalid(
            f"Signature expired: {parts.stamp} is now earlier than {limit} "
            f"({shown} - {minutes} min.)"
        )

    def _check_token(self, parts: SignedParts, credential: Credential) -> None:
        expected, given = credential.session_token or "", parts.token or ""
        if not hmac.compare_digest(expected.encode("utf-8"), given.encode("utf-8")):
            raise ApiError("UnrecognizedClientException", _UNKNOWN_KEY)
        if credential.expires is not None and self._now() >= credential.expires:
            raise ApiError(
                "ExpiredTokenException", "The security token included in the request is expired"
            )


def by_name(headers: Headers) -> Mapping[bytes, list[bytes]]:
    """Return every value of every header, in order."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in found:
            found[name].append(value)
        else:
            found[name] = [value]
    return found


def _payload_hash(
    headers: Mapping[bytes, list[bytes]], body: bytes, allow_unsigned_payload: bool
) -> str:
    given = headers.get(b"x-amz-content-sha256", [])
    if len(given) > 1:
        raise incomplete("There is more than one x-amz-content-sha256 header.")
    claimed = given[0].strip().decode("latin-1") if given else None
    if claimed == UNSIGNED and allow_unsigned_payload:
        return UNSIGNED
    computed = hashlib.sha256(body).hexdigest()
    if claimed not in (None, computed):
        raise _invalid("The value of x-amz-content-sha256 is not the SHA-256 hash of the body.")
    return computed


def _expected(
    request: RawRequest,
    by_name: Mapping[bytes, list[bytes]],
    parts: SignedParts,
    secret: str,
    payload: str,
) -> str:
    if b"host" not in parts.signed_headers:
        raise _invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    try:
        headers = canonical_headers(by_name, parts.signed_headers)
    except KeyError:
        raise _invalid("A header that SignedHeaders names was not sent.") from None
    without = b"X-Amz-Signature" if parts.lifetime is not None else b""
    canonical = b"\n".join(
        (
            request.method.encode("ascii"),
            canonical_path(request.raw_path),
            canonical_query(request.query, without),
            headers,
            b";".join(parts.signed_headers),
            payload.encode("ascii"),
        )
    )
    return signature(secret, parts.scope, parts.stamp, canonical)


def _invalid(what: str) -> ApiError:
    return ApiError("InvalidSignatureException", what)
