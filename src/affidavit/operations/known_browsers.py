"""Browsers that a user has signed in with: failures of others do not keep the user out of these.

A browser holds a token, the store its hash with the user's name. The token signs nobody in: it only
tells under which counter a wrong password is counted (see `signing_in`).
"""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from affidavit.errors import StoreConflictError
from affidavit.model.times import iso, parse
from affidavit.operations import users
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "known_browser"
REMEMBERED: Final = timedelta(days=180)
_TOKEN_BYTES: Final = 32


def remember(store: Store, name: str, now: datetime) -> str:
    """Return a new token for a browser that a user has just signed in with."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    user = users.key_of(name)
    old = [
        one for one in store.documents.every(users.TENANT, KIND, parent=user) if _is_old(one, now)
    ]
    put = Document(kind=KIND, id=_hash(token), parent=user, sort=iso(now), body={"since": iso(now)})
    store.documents.act(users.TENANT, now=now, puts=[put])
    with suppress(StoreConflictError):
        store.documents.act(users.TENANT, now=now, deletes=old)
    return token


def is_known(store: Store, name: str, token: str, now: datetime) -> bool:
    """Tell whether a user has signed in with the browser that holds the token."""
    found = store.documents.get(users.TENANT, KIND, _hash(token)) if token else None
    return found is not None and found.parent == users.key_of(name) and not _is_old(found, now)


def _is_old(found: Document, now: datetime) -> bool:
    return now >= parse(found.body["since"]) + REMEMBERED


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
