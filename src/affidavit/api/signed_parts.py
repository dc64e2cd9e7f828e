"""What a request says about its own signature: the header form and the presigned (query) form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from affidavit.api.canonical import ALGORITHM, TERMINATOR
from affidavit.api.errors import ApiError
from affidavit.api.parse import query_values

MAX_PRESIGNED: Final = 604_800
"""A presigned request is valid for seven days at most (AWS's limit)."""
STAMP: Final = "%Y%m%dT%H%M%SZ"

_STAMP_FORM: Final = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_HTTP_DATE: Final = re.compile(
    r"([A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d) (?:GMT|-0000)", re.ASCII
)
"""IMF-fixdate of RFC 9110, and the way botocore writes the zone."""
_SCOPE_PARTS: Final = 5
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedParts:
    """The parts of a signature, read but not yet believed."""

    access_key_id: str
    scope: tuple[str, str, str, str]
    """Date, Region, service, terminator."""
    signed_headers: tuple[bytes, ...]
    signature: str
    time: datetime
    stamp: str
    """`time` as it stands in the string to sign: 20261123T084600Z."""
    token: str | None
    lifetime: timedelta | None
    """How long a presigned request is valid; None: the header form."""


def read_parts(headers: Mapping[bytes, list[bytes]], query: bytes) -> SignedParts:
    """Return the parts of a request's signature; ApiError where some are missing."""
    given = headers.get(b"authorization", [])
    presigned = query_values(query) if b"X-Amz-" in query else {}
    in_query = "X-Amz-Signature" in presigned or "X-Amz-Algorithm" in presigned
    if given and in_query:
        raise incomplete("A request is signed by header or by query, not by both.")
    if in_query:
        return _from_query(presigned)
    if not given:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")
    if len(given) > 1:
        raise incomplete("There is more than one Authorization header.")
    return _from_header(given[0].decode("latin-1"), headers)


def incomplete(what: str) -> ApiError:
    """Return the refusal of a signature that cannot be read."""
    return ApiError("IncompleteSignatureException", what)


def _from_header(text: str, headers: Mapping[bytes, list[bytes]]) -> SignedParts:
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise incomplete(f"The Authorization header must begin with {ALGORITHM}.")
    parts: dict[str, str] = {}
    for piece in rest.split(","):
        name, _, value = piece.strip().partition("=")
        if name in parts:
            raise incomplete(f"Authorization header has more than one '{name[:_SHOWN]}' parameter.")
        parts[name] = value
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise incomplete(f"Authorization header requires '{name}' parameter.")
    key, scope = _credential(parts["Credential"])
    token = _single(headers, b"x-amz-security-token")
    time, stamp = _header_time(headers)
    return SignedParts(
        access_key_id=key,
        scope=scope,
        signed_headers=tuple(parts["SignedHeaders"].encode("latin-1").split(b";")),
        signature=parts["Signature"],
        time=time,
        stamp=stamp,
        token=None if token is None else token.decode("latin-1"),
        lifetime=None,
    )


def _from_query(presigned: Mapping[str, list[str]]) -> SignedParts:
    parts: dict[str, str] = {}
    for name, values in presigned.items():
        if name.startswith("X-Amz-"):
            if len(values) > 1:
                raise incomplete(f"The query has more than one '{name[:_SHOWN]}' parameter.")
            parts[name] = values[0]
    needed = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
    for name in needed:
        if not parts.get(f"X-Amz-{name}"):
            raise incomplete(f"AWS query-string parameters must include 'X-Amz-{name}'.")
    if parts["X-Amz-Algorithm"] != ALGORITHM:
        raise incomplete(f"X-Amz-Algorithm must be {ALGORITHM}.")
    seconds = parts["X-Amz-Expires"]
    if not re.fullmatch(r"[0-9]{1,6}", seconds, re.ASCII) or int(seconds) > MAX_PRESIGNED:
        raise incomplete(f"X-Amz-Expires must be between 0 and {MAX_PRESIGNED} seconds.")
    key, scope = _credential(parts["X-Amz-Credential"])
    return SignedParts(
        access_key_id=key,
        scope=scope,
        signed_headers=tuple(parts["X-Amz-SignedHeaders"].encode("utf-8").split(b";")),
        signature=parts["X-Amz-Signature"],
        time=_stamp_time(parts["X-Amz-Date"]),
        stamp=parts["X-Amz-Date"],
        token=parts.get("X-Amz-Security-Token"),
        lifetime=timedelta(seconds=int(seconds)),
    )


def _credential(text: str) -> tuple[str, tuple[str, str, str, str]]:
    parts = text.split("/")
    if len(parts) != _SCOPE_PARTS or parts[-1] != TERMINATOR or not parts[0]:
        raise incomplete(
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term."
        )
    key, date, region, service, terminator = parts
    return key, (date, region, service, terminator)


def _header_time(headers: Mapping[bytes, list[bytes]]) -> tuple[datetime, str]:
    given = _single(headers, b"x-amz-date") or _single(headers, b"date")
    if given is None:
        raise incomplete("Authorization header requires existence of 'X-Amz-Date' or 'Date'.")
    text = given.decode("latin-1")
    found = _HTTP_DATE.fullmatch(text)
    if found is None:
        return _stamp_time(text), text
    try:
        time = datetime.strptime(found[1], "%a, %d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise incomplete("The Date header is not a date.") from None
    return time, time.strftime(STAMP)


def _stamp_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text if _STAMP_FORM.fullmatch(text) else "")
    except ValueError:
        raise incomplete(
            "Date must be in ISO-8601 'basic format'. See ISO-8601 'basic format' and X-Amz-Date."
        ) from None


def _single(headers: Mapping[bytes, list[bytes]], name: bytes) -> bytes | None:
    values = headers.get(name, [])
    if len(values) > 1:
        raise incomplete(f"There is more than one {name.decode('ascii')} header.")
    return values[0].strip() if values else None
