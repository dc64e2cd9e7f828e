"""Pages of lists: opaque, tamper-proof, bounded tokens.

A token is where the next page starts, sealed by AES-256-GCM under a key of the tenant and bound to
the operation and to the request's other members: it cannot be read, changed, used by another
tenant, or carried to another list. It ends after a day, as the list may be another one by then.
"""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affidavit.model.canonical import canonical
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import ValidationFault
from affidavit.store.documents import Document

MAX_RESULTS: Final = 1000
"""The API's largest page, and ours where none is asked for: boto3 has no paginators here."""
MAX_TOKEN: Final = 1000
"""The model's longest Token."""
LIFETIME: Final = timedelta(days=1)
_NONCE: Final = 12
_INVALID: Final = "The nextToken is not valid, has expired, or is of another request."

Item = TypeVar("Item")
Place = tuple[str, str]
"""Where an item stands in its list: (sort, id). Lists are ordered by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The paging of one request."""

    context: Context
    caller: Caller
    operation: str
    """Name as the API has it, for example ListControls."""
    request: Mapping[str, Any]
    """The request's members; nextToken and maxResults apart, they are bound into the token."""

    @property
    def limit(self) -> int:
        """Return the largest number of items of this page."""
        return int(self.request.get("maxResults", MAX_RESULTS))

    @property
    def after(self) -> Place | None:
        """Return the place that the page starts after; None for the first page.

        Raises `ValidationFault` for a token that this request did not get from us.
        """
        token = self.request.get("nextToken")
        if token is None:
            return None
        try:
            sealed = base64.b64decode(token, validate=True)
            plain = self._cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], self._bound())
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise _invalid() from error
        ends, sort, identifier = json.loads(plain)
        if self.context.now().timestamp() >= ends:
            raise _invalid()
        return sort, identifier

    def token(self, place: Place) -> str:
        """Return the token of the page after `place`; sort and id are some 600 bytes at most."""
        ends = int((self.context.now() + LIFETIME).timestamp())
        plain = json.dumps([ends, *place], ensure_ascii=False).encode()
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher().encrypt(nonce, plain, self._bound())
        token = base64.b64encode(sealed).decode()
        if len(token) > MAX_TOKEN:
            raise ValueError(f"{self.operation}: a place of {len(plain)} bytes is too long")
        return token

    def of(
        self, items: Iterable[Item], place: Callable[[Item], Place]
    ) -> tuple[list[Item], dict[str, str]]:
        """Return this page of a list in memory, and `nextToken` where there is more."""
        after = self.after
        ordered = sorted(items, key=place)
        rest = ordered if after is None else [item for item in ordered if place(item) > after]
        return self.cut(rest, place)

    def stored(
        self, kind: str, *, parent: str | None = None, newest_first: bool = False
    ) -> tuple[list[Document], dict[str, str]]:
        """Return this page of the tenant's documents, and `nextToken` where there is more."""
        found = self.context.store.documents.every(
            self.caller.tenant,
            kind,
            parent=parent,
            after=self.after,
            limit=self.limit + 1,
            newest_first=newest_first,
        )
        return self.cut(found, lambda document: (document.sort, document.id))

    def cut(
        self, rest: list[Item], place: Callable[[Item], Place]
    ) -> tuple[list[Item], dict[str, str]]:
        """Return this page of what comes after the last one, in order, and `nextToken`."""
        page = rest[: self.limit]
        more = len(rest) > len(page)
        return page, {"nextToken": self.token(place(page[-1]))} if more else {}

    def _cipher(self) -> AESGCM:
        key = self.context.store.keys.tenant(self.caller.tenant).body
        return AESGCM(hmac.new(key, b"page token", sha256).digest())

    def _bound(self) -> bytes:
        members = {
            name: value
            for name, value in self.request.items()
            if name not in ("nextToken", "maxResults")
        }
        return canonical([self.caller.tenant, self.operation, members])


def _invalid() -> ValidationFault:
    return ValidationFault(
        _INVALID,
        reason="fieldValidationFailed",
        fields=[("nextToken", "Member must be the nextToken of an earlier page of this list")],
    )
