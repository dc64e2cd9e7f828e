"""The canonical forms of Signature Version 4, over the bytes as they came on the wire.

Follows AWS's "Create a signed AWS API request" (IAM User Guide). Everything is bytes: a path or a
header that is not UTF-8 is signed and compared all the same.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
_PLAIN_PATH: Final = re.compile(rb"(?:/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*+)++", re.ASCII)
"""A path that is its own canonical form: nothing to escape, no empty or dot segments."""
_KEYS_KEPT: Final = 256


def canonical_path(raw_path: bytes) -> bytes:
    """Return the path without empty and dot segments, escaped once more.

    Every service but S3 escapes twice: `%3A` on the wire is `%253A` in the canonical request.
    """
    if _PLAIN_PATH.fullmatch(raw_path):
        return raw_path
    kept: list[bytes] = []
    for segment in raw_path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    path = b"/" + b"/".join(kept)
    if raw_path.endswith(b"/") and kept:
        path += b"/"
    return quote(path, safe="/~").encode("ascii")


def canonical_query(query: bytes, without: bytes = b"") -> bytes:
    """Return the parameters sorted, each escaped in AWS's way; `without` leaves one key out.

    Repeated keys stay, sorted by value. A `+` is a plus, never a space.
    """
    if not query:
        return b""
    pairs: list[tuple[str, str]] = []
    for pair in query.split(b"&"):
        key, _, value = pair.partition(b"=")
        if key != without and pair:
            pairs.append((_escaped(key), _escaped(value)))
    return "&".join(f"{key}={value}" for key, value in sorted(pairs)).encode("ascii")


def _escaped(part: bytes) -> str:
    return quote(unquote_to_bytes(part), safe="~")


def canonical_headers(headers: Mapping[bytes, list[bytes]], signed: Sequence[bytes]) -> bytes:
    """Return the signed headers a line each, in the order given; KeyError for one that is not sent.

    Several headers of one name are joined with commas; runs of spaces become one.
    """
    lines: list[bytes] = []
    for name in signed:
        values = [b" ".join(value.split()) for value in headers[name]]
        lines.append(name + b":" + b",".join(values) + b"\n")
    return b"".join(lines)


def signature(secret: str, scope: Sequence[str], timestamp: str, canonical_request: bytes) -> str:
    """Return the signature of a canonical request; `scope` is date, Region, service, terminator."""
    digest = hashlib.sha256(canonical_request).hexdigest()
    text = f"{ALGORITHM}\n{timestamp}\n{'/'.join(scope)}\n{digest}"
    key = _signing_key(secret, *scope)
    return hmac.digest(key, text.encode("utf-8"), "sha256").hex()


@lru_cache(maxsize=_KEYS_KEPT)
def _signing_key(secret: str, *scope: str) -> bytes:
    """Return the key of one day, Region and service; kept, because a client's next is the same."""
    key = b"AWS4" + secret.encode("utf-8")
    for part in scope:
        key = hmac.digest(key, part.encode("utf-8"), "sha256")
    return key
