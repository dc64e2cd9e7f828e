"""Access keys of the API: made, listed, disabled, looked up by the SigV4 door.

A secret is shown once, when it is made. It is kept encrypted by AES-256-GCM under a key derived
from the key folder's master key, bound to the access key's id, apart from the data folder's
contents: a copied database does not sign.
"""

import base64
import hmac
import re
import secrets
import string
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affidavit.errors import SigningKeyError, UsageError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, parse, utc_now
from affidavit.operations.caller import Role
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.database import is_missing
from affidavit.store.documents import Document
from affidavit.store.tenant_keys import SECONDS

TENANT: Final = "affidavit/keys"
"""Where access keys and the log of their changes are kept: no account's own tenant."""
PREFIX: Final = "AFDV"
"""Ours begin so: AWS's begin with AKIA, which scanners for leaked AWS keys look for."""
_KIND: Final = "access_key"
_ID_LETTERS: Final = string.ascii_uppercase + "234567"
_ID_LENGTH: Final = 16
_SECRET_BYTES: Final = 30
"""240 bits, 40 characters, as AWS's."""
_NONCE: Final = 12
_MOST_KEPT: Final = 1000
"""Keys whose secrets are kept decrypted."""
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_PRINCIPAL: Final = re.compile(r"arn:[a-z-]+:(iam|sts)::(?P<account>[0-9]{12}):[!-~]{1,1900}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """One access key and whose it is; the secret never shows in a repr."""

    access_key_id: str
    secret: str = field(repr=False)
    """Empty in lists."""
    account_id: str
    principal_arn: str
    role: Role
    disabled: bool
    created_at: datetime
    regions: tuple[str, ...] = ()
    """Regions that it opens; empty: all of the account, those that are set up later too."""


def add(  # noqa: PLR0913 - whose, as whom, where, by whom and when, given by name
    store: Store,
    *,
    account_id: str,
    principal_arn: str,
    role: str,
    by: str,
    regions: Sequence[str] = (),
    now: Callable[[], datetime] = utc_now,
) -> AccessKey:
    """Make an access key; its secret is in the answer and can never be read again.

    Raises `UsageError` for an account id, principal or role that cannot be one, or a principal of
    another account: the account is the tenant.
    """
    _check(account_id, principal_arn, role)
    created = now()
    letters = (secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    identifier = PREFIX + "".join(letters)
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    body = {
        "accountId": account_id,
        "principalArn": principal_arn,
        "role": role,
        "disabled": False,
        "createdAt": iso(created),
        "regions": [*regions],
        "_secret": _sealed(store, identifier, secret),
    }
    document = Document(kind=_KIND, id=identifier, body=body, sort=iso(created))
    _act(store, document, "CREATE", by, created)
    return replace(_key(document), secret=secret)


def every(store: Store) -> list[AccessKey]:
    """Return all access keys without their secrets, the oldest first."""
    return [_key(document) for document in store.documents.every(TENANT, _KIND)]


def listed(settings: Settings) -> list[AccessKey]:
    """Return all access keys without their secrets; none, and nothing made, before the first."""
    if is_missing(settings.database):
        return []
    with open_store(settings, create=False) as store:
        return every(store)


def disable(
    store: Store, access_key_id: str, *, by: str, now: Callable[[], datetime] = utc_now
) -> AccessKey:
    """Refuse every later request of this key; `UsageError` where there is no such key."""
    found = store.documents.get(TENANT, _KIND, access_key_id)
    if found is None:
        raise UsageError(
            f"There is no access key {access_key_id}",
            todo="`affidavit key list` shows the access keys.",
        )
    if not found.body["disabled"]:
        found = replace(found, body=found.body | {"disabled": True})
        _act(store, found, "INACTIVE", by, now())
    return _key(found)


def forget(
    store: Store, account_id: str, *, by: str, now: Callable[[], datetime] = utc_now
) -> None:
    """Delete all access keys of an account that was erased."""
    for one in store.documents.every(TENANT, _KIND):
        if one.body["accountId"] == account_id:
            _act(store, one, "DELETE", by, now(), gone=True)


class Lookup:
    """Finds keys with their secrets, for the SigV4 door.

    The document is read for each request, so that a key that was disabled or deleted is refused at
    once, by every server. What was decrypted of a document is kept for as long as that stays the
    same, and no longer than data keys are.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the store; nothing is read yet."""
        self._store = store
        self._clock = clock
        self._kept: OrderedDict[str, tuple[Document, float, AccessKey]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, access_key_id: str) -> AccessKey | None:
        """Return the key with its secret, or None; disabled ones say so.

        Raises `SigningKeyError` where the secret was encrypted under another master key.
        """
        found = self._store.documents.get(TENANT, _KIND, access_key_id)
        if found is None:
            return None
        with self._lock:
            kept = self._kept.get(access_key_id)
        if kept is not None and kept[0] == found and self._clock() < kept[1]:
            return kept[2]
        secret = _opened(self._store, access_key_id, found.body["_secret"])
        key = replace(_key(found), secret=secret)
        with self._lock:
            self._kept[access_key_id] = (found, self._clock() + SECONDS, key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return key


def is_good(store: Store, access_key_id: str) -> bool:
    """Tell whether requests of this key are still taken."""
    found = store.documents.get(TENANT, _KIND, access_key_id)
    return found is not None and not found.body["disabled"]


def _check(account_id: str, principal_arn: str, role: str) -> None:
    principal = _PRINCIPAL.fullmatch(principal_arn)
    if not _ACCOUNT.fullmatch(account_id):
        raise UsageError(f"{account_id!r} is not an account id", why="It has twelve digits.")
    if principal is None or principal["account"] != account_id:
        raise UsageError(
            f"{principal_arn!r} is not a principal of account {account_id}",
            why="The account of the key is the tenant whose evidence it opens.",
            todo=f"Give an ARN like arn:aws:iam::{account_id}:role/AuditOwner.",
        )
    if role not in get_args(Role):
        raise UsageError(f"There is no role {role!r}", why=f"Roles: {', '.join(get_args(Role))}.")


def _key(document: Document) -> AccessKey:
    body = document.body
    return AccessKey(
        access_key_id=document.id,
        secret="",
        account_id=body["accountId"],
        principal_arn=body["principalArn"],
        role=body["role"],
        disabled=body["disabled"],
        created_at=parse(body["createdAt"]),
        regions=tuple(body.get("regions", ())),
    )


def _act(
    store: Store, document: Document, action: str, by: str, now: datetime, *, gone: bool = False
) -> None:
    told = {k: v for k, v in document.body.items() if not k.startswith("_")}
    change: dict[str, Any] = {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": by,
        "action": action,
        "object_type": "ACCESS_KEY",
        "object_id": document.id,
        "object_name": document.id,
        "assessment_id": "",
        "tenant": TENANT,
        "details": plain_json(told).decode(),
    }
    puts, deletes = ([], [document]) if gone else ([document], [])
    store.documents.act(TENANT, now=now, puts=puts, deletes=deletes, changes=[change])


def _cipher(store: Store) -> AESGCM:
    key = store.keyring.oldest(TENANT).body
    return AESGCM(hmac.new(key, b"access key secret", sha256).digest())


def _sealed(store: Store, identifier: str, secret: str) -> str:
    nonce = secrets.token_bytes(_NONCE)
    sealed = _cipher(store).encrypt(nonce, secret.encode(), identifier.encode())
    return base64.b64encode(nonce + sealed).decode()


def _opened(store: Store, identifier: str, sealed: str) -> str:
    data = base64.b64decode(sealed)
    try:
        return _cipher(store).decrypt(data[:_NONCE], data[_NONCE:], identifier.encode()).decode()
    except InvalidTag as error:
        raise SigningKeyError(
            f"The secret of the access key {identifier} cannot be decrypted",
            why="It was encrypted under another master key than the present one, or altered.",
            todo="Restore master.key from a backup, or disable the key and add a new one.",
        ) from error
