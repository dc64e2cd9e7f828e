"""Sessions of the console: a row for each, named by the hash of what the browser holds.

Whoever copies the database cannot take a session over. A session ends after an hour without a
request, or twelve hours after sign-in, by signing out, and when its user is disabled. It is bound
to the password that its user had when it began: a new one, however it was set, ends all sessions
that there are. It is bound to the persona as well: who loses one is out where they act in it, and
stays in where they act for another account or Region.
"""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from affidavit.errors import StoreConflictError
from affidavit.model.times import iso, parse
from affidavit.operations import users
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.users import Grant, User
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "session"
IDLE: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=12)
_NOTED_EVERY: Final = timedelta(minutes=5)
"""How exactly the last request is kept: a write each request would be dear."""
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session in force."""

    user: User
    grant: Grant
    """As whom the user acts now."""
    number: int
    """Which of the user's grants that is."""
    ends: datetime
    document: Document


def begin(
    store: Store,
    user: Document,
    now: datetime,
    grant: int = 0,
    at_provider: str = "",
    provider_session: str = "",
) -> str:
    """Begin a session of a user, who has just shown the password that the document keeps.

    `at_provider`: what ends the session at the user's OpenID provider (`Identity.signed_in`);
    `provider_session`: what the provider calls it. Return the token that the browser is to hold.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    body = {
        "user": user.id,
        "began": iso(now),
        "seen": iso(now),
        "as": user.body["grants"][grant] if user.body["grants"] else None,
        "password": _of_password(user),
        "atProvider": at_provider,
        "providerSession": _hash(provider_session) if provider_session else "",
    }
    put = Document(kind=KIND, id=_hash(token), parent=user.id, sort=iso(now), body=body)
    store.documents.act(users.TENANT, now=now, puts=[put])
    _swept(store, _over(store, now), now)
    return token


def find(store: Store, token: str, now: datetime) -> Session | None:
    """Return the session that a token opens, or None where it is over or its user disabled."""
    found = store.documents.get(users.TENANT, KIND, _hash(token))
    if found is None or _is_over(found, now):
        return None
    document = users.document_of(store, found.body["user"])
    if document is None or not _is_bound(found, document):
        return None
    user = users.user_of(document)
    number = _acting(found, document)
    if user.disabled or number is None:
        return None
    return Session(
        user=user,
        grant=user.grants[number],
        number=number,
        ends=min(parse(found.body["began"]) + LONGEST, now + IDLE),
        document=_noted(store, found, now),
    )


def change_grant(store: Store, session: Session, number: int, now: datetime) -> bool:
    """Let the user act under another grant; False where the user has no such one."""
    if not 0 <= number < len(session.user.grants):
        return False
    body = session.document.body | {"as": session.user.grants[number].to_json()}
    store.documents.act(users.TENANT, now=now, puts=[replace(session.document, body=body)])
    return True


def end(store: Store, session: Session, now: datetime) -> None:
    """End a session at once."""
    _ended(store, session.document, now)


def end_at_provider(store: Store, name: str, provider_session: str, now: datetime) -> None:
    """End the sessions of an OpenID provider's session, or of a user where none is named.

    With both, only those of the user's that are of the session, or of which the provider did not
    say at the sign-in what it calls its own.
    """
    parent = users.key_of(name) if name else None
    wanted = {_hash(provider_session)} if provider_session else set()
    unnamed = {None, ""} if name else set()
    for one in store.documents.every(users.TENANT, KIND, parent=parent):
        if not wanted or one.body.get("providerSession") in wanted | unnamed:
            _ended(store, one, now)


def _ended(store: Store, gone: Document, now: datetime) -> None:
    """Delete a session; another request may note at the same time that it was seen."""
    found: Document | None = gone
    while found is not None:
        try:
            store.documents.act(users.TENANT, now=now, deletes=[found])
        except StoreConflictError:
            found = store.documents.get(users.TENANT, KIND, found.id)
            continue
        return


def of_user(store: Store, name: str, now: datetime) -> list[Document]:
    """Return the sessions of a user that are not over."""
    found = store.documents.every(users.TENANT, KIND, parent=users.key_of(name))
    user = users.document_of(store, name)
    return [
        one
        for one in found
        if user
        and not _is_over(one, now)
        and _is_bound(one, user)
        and _acting(one, user) is not None
    ]


def end_all(store: Store, name: str, now: datetime) -> None:
    """End every session of a user at once."""
    while gone := store.documents.every(users.TENANT, KIND, parent=users.key_of(name)):
        _swept(store, gone, now)


def renew(store: Store, session: Session, now: datetime) -> str:
    """Begin a session in place of all that its user has; return its token.

    For after a new password, which has ended them all.
    """
    name = users.key_of(session.user.name)
    _swept(store, store.documents.every(users.TENANT, KIND, parent=name), now)
    document = users.document_of(store, name)
    if document is None:
        raise NotFoundFault(session.user.name, "user")
    return begin(store, document, now, session.number)


def _noted(store: Store, found: Document, now: datetime) -> Document:
    """Return the document, seen now; of two requests at once one may note it, that is enough."""
    if now - parse(found.body["seen"]) < _NOTED_EVERY:
        return found
    put = replace(found, body=found.body | {"seen": iso(now)})
    try:
        store.documents.act(users.TENANT, now=now, puts=[put])
    except StoreConflictError:
        return store.documents.get(users.TENANT, KIND, found.id) or found
    return replace(put, version=put.version + 1)


def _of_password(user: Document) -> str:
    """Return what binds a session to a password: a digest of its hash, which tells neither."""
    return _hash(f"session under\n{user.body['_password']}")


def _is_bound(found: Document, user: Document) -> bool:
    return hmac.compare_digest(str(found.body.get("password", "")), _of_password(user))


def _acting(found: Document, user: Document) -> int | None:
    """Return which of the user's grants a session acts under; None: it was withdrawn."""
    grants, acting = user.body["grants"], found.body.get("as")
    return grants.index(acting) if acting in grants else None


def _swept(store: Store, gone: list[Document], now: datetime) -> None:
    """Delete what opens nothing any more; whoever sweeps at the same time does as well."""
    with suppress(StoreConflictError):
        store.documents.act(users.TENANT, now=now, deletes=gone)


def _over(store: Store, now: datetime) -> list[Document]:
    """Return sessions that are over, to be swept away."""
    return [one for one in store.documents.every(users.TENANT, KIND) if _is_over(one, now)]


def _is_over(found: Document, now: datetime) -> bool:
    began, seen = parse(found.body["began"]), parse(found.body["seen"])
    return now >= began + LONGEST or now >= seen + IDLE


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
