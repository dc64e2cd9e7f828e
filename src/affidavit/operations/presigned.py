"""URLs that need no signature of the caller's: for one upload or one download, for a short time.

The signature is an HMAC-SHA-256 under a key of the tenant over method, path, tag, access key and
end. `tag` binds an upload to who asked for it and for which file name. The access key that asked is
looked at again when the URL is used: a key that was disabled opens nothing any more.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import urlencode

from affidavit.model.numbers import whole
from affidavit.operations import access_keys
from affidavit.operations.accounts import is_registered
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context

PREFIX: Final = "/_affidavit/files/"
LIFETIME: Final = timedelta(minutes=15)
_PARTS: Final = 4
_LAST: Final = 10**15
"""The last second that a URL may name; far beyond any that we make."""

Purpose = Literal["upload", "report"]
_METHODS: Final[Mapping[str, str]] = {"upload": "PUT", "report": "GET"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a good URL allows."""

    purpose: Purpose
    tenant: str
    id: str
    """Of the upload, or of the report."""
    tag: str


def presign(context: Context, caller: Caller, purpose: Purpose, identifier: str, tag: str) -> str:
    """Return the URL that allows one thing for the next quarter of an hour."""
    path = f"{PREFIX}{purpose}/{caller.tenant}/{identifier}"
    ends = str(int((context.now() + LIFETIME).timestamp()))
    key = caller.access_key_id
    signed = (_METHODS[purpose], path, tag, key, ends)
    signature = _signature(context, caller.tenant, signed)
    query = urlencode({"tag": tag, "key": key, "expires": ends, "signature": signature})
    return f"{context.endpoint_url.rstrip('/')}{path}?{query}"


def check(context: Context, method: str, path: str, query: Mapping[str, str]) -> Pass | None:
    """Return what a URL allows now; None where it is none of ours, altered, or too old.

    Nor is it good once the account was deregistered, or the access key of whoever asked disabled.
    """
    parts = path.removeprefix(PREFIX).split("/")
    if len(parts) != _PARTS or _METHODS.get(parts[0]) != method:
        return None
    purpose, account, region, identifier = parts
    tenant = f"{account}/{region}"
    tag, key, ends = (query.get(name, "") for name in ("tag", "key", "expires"))
    until = whole(ends, _LAST)
    if tenant not in _known(context) or until is None:
        return None
    expected = _signature(context, tenant, (method, path, tag, key, ends))
    given = query.get("signature", "")
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        return None
    if context.now().timestamp() > until or not is_registered(context, tenant):
        return None
    if key and not access_keys.is_good(context.store, key):
        return None
    return Pass(
        purpose="upload" if purpose == "upload" else "report",
        tenant=tenant,
        id=identifier,
        tag=tag,
    )


def _known(context: Context) -> list[str]:
    return context.store.tenants()


def _signature(context: Context, tenant: str, signed: Sequence[str]) -> str:
    key = hmac.new(context.store.keys.tenant(tenant).body, b"presigned url", sha256).digest()
    return hmac.new(key, "\n".join(signed).encode(), sha256).hexdigest()
