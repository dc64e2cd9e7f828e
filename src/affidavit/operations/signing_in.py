"""Signing in: name, password and, where the user has set it up, a one-time code.

Failures are counted in the store, so that several servers count together: by name and address, by
name, and by address. After a few of them the next attempt has to wait, longer each time. Nothing in
an answer tells whether the name, the password or the code was wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from affidavit.errors import StoreConflictError
from affidavit.model.identifiers import stable_id
from affidavit.model.times import iso, parse
from affidavit.operations import one_time_codes, passwords, sessions, users
from affidavit.operations.faults import AccessDeniedFault, ThrottlingFault
from affidavit.operations.users import Told
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "sign_in_failures"
WRONG: Final = "The user name, the password or the one-time code is not right."
FREE_OF_BOTH: Final = 5
"""Failures of one name from one address before the first wait."""
FREE_OF_EITHER: Final = 50
"""Failures of one name, or from one address, before the first wait."""
LONGEST_WAIT: Final = timedelta(minutes=15)
_FIRST_WAIT: Final = timedelta(seconds=2)
_FORGOTTEN_AFTER: Final = timedelta(hours=1)
_MOST_DOUBLED: Final = 12
_MAX_NAME: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody gave to sign in."""

    name: str
    password: str
    code: str
    address: str
    """Where the request came from, as far as we can tell."""


def sign_in(store: Store, given: Credentials, now: datetime) -> str:
    """Return the token of a new session.

    Raises `ThrottlingFault` where there were too many failures, `AccessDeniedFault` otherwise.
    """
    counters = [*_counters(given)]
    _require_patience(store, [identifier for identifier, _ in counters], now)
    document = users.document_of(store, given.name[:_MAX_NAME])
    known = document.body["_password"] if document and not document.body["disabled"] else ""
    right = passwords.fits(given.password, known)
    if not right or document is None or not _code_fits(store, document, given.code, now):
        _count(store, counters, now)
        raise AccessDeniedFault(WRONG)
    _forget(store, [identifier for identifier, _ in counters[:2]], now)
    return sessions.begin(store, document.body["name"], now)


def confirmed(store: Store, given: Credentials, now: datetime) -> Document | None:
    """Return the user's document where the password is right; a failure counts as at sign-in.

    For what a session alone must not do: whoever took one over does not know the password.
    """
    counters = [*_counters(given)]
    _require_patience(store, [identifier for identifier, _ in counters], now)
    document = users.document_of(store, given.name)
    if document is None or not passwords.fits(given.password, document.body["_password"]):
        _count(store, counters, now)
        return None
    return document


def _code_fits(store: Store, document: Document, code: str, now: datetime) -> bool:
    """Tell whether the one-time code is right; a code is taken once."""
    sealed = document.body["_codes"]
    if not sealed:
        return True
    secret = one_time_codes.opened(store, users.TENANT, document.id, sealed)
    step = one_time_codes.step_of(secret, code, now, document.body["_lastStep"])
    if step is None:
        return False
    put = replace(document, body=document.body | {"_lastStep": step})
    try:
        store.documents.act(users.TENANT, now=now, puts=[put])
    except StoreConflictError:
        return False
    return True


def set_codes(store: Store, name: str, secret: bytes, code: str, now: datetime) -> bool:
    """Ask for one-time codes from now on; False where `code` is not of this secret."""
    document = users.document_of(store, name)
    step = one_time_codes.step_of(secret, code, now, 0)
    if document is None or step is None:
        return False
    sealed = one_time_codes.sealed(store, users.TENANT, document.id, secret)
    put = replace(document, body=document.body | {"_codes": sealed, "_lastStep": step})
    users.write(store, put, Told("UPDATE_METADATA", name, "one-time codes on"), now)
    return True


def drop_codes(store: Store, name: str, by: str, now: datetime) -> None:
    """Ask for no one-time codes any more."""
    document = users.document_of(store, name)
    if document is not None and document.body["_codes"]:
        put = replace(document, body=document.body | {"_codes": "", "_lastStep": 0})
        users.write(store, put, Told("UPDATE_METADATA", by, "one-time codes off"), now)


def _counters(given: Credentials) -> Iterable[tuple[str, int]]:
    """Yield (id, free failures) of what a failure is counted under."""
    name, address = users.key_of(given.name)[:_MAX_NAME], given.address
    yield stable_id("sign-in", f"both\n{name}\n{address}"), FREE_OF_BOTH
    yield stable_id("sign-in", f"name\n{name}"), FREE_OF_EITHER
    yield stable_id("sign-in", f"address\n{address}"), FREE_OF_EITHER


def _require_patience(store: Store, counters: Iterable[str], now: datetime) -> None:
    for identifier in counters:
        found = store.documents.get(users.TENANT, KIND, identifier)
        if found is not None and now < parse(found.body["until"]):
            left = int((parse(found.body["until"]) - now).total_seconds()) + 1
            raise ThrottlingFault(
                f"Too many attempts. Try again in {left} seconds.", retry_after=left
            )


def _count(store: Store, counters: Iterable[tuple[str, int]], now: datetime) -> None:
    """Count a failure; where another request counts at the same time, once is enough."""
    for identifier, free in counters:
        found = store.documents.get(users.TENANT, KIND, identifier)
        fresh = found is None or now - parse(found.body["last"]) > _FORGOTTEN_AFTER
        count = 1 if fresh or found is None else found.body["count"] + 1
        body = {"count": count, "last": iso(now), "until": iso(now + _wait(count - free))}
        put = Document(kind=KIND, id=identifier, body=body, sort=iso(now))
        if found is not None:
            put = replace(put, version=found.version)
        try:
            store.documents.act(
                users.TENANT, now=now, puts=[put], deletes=_stale(store, identifier, now)
            )
        except StoreConflictError:
            continue


def _wait(beyond: int) -> timedelta:
    if beyond < 0:
        return timedelta(0)
    return min(_FIRST_WAIT * (1 << min(beyond, _MOST_DOUBLED)), LONGEST_WAIT)


def _forget(store: Store, counters: Iterable[str], now: datetime) -> None:
    found = [store.documents.get(users.TENANT, KIND, one) for one in counters]
    gone = [one for one in found if one is not None]
    try:
        store.documents.act(users.TENANT, now=now, deletes=gone)
    except StoreConflictError:
        return


def _stale(store: Store, own: str, now: datetime) -> list[Document]:
    """Return some counters besides `own` that count no longer, to be swept away."""
    oldest = store.documents.every(users.TENANT, KIND, limit=20)
    long_ago = now - _FORGOTTEN_AFTER - LONGEST_WAIT
    return [one for one in oldest if one.id != own and parse(one.body["last"]) < long_ago]
