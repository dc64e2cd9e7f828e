"""Signing in: name, password and, where the user has set it up, a one-time code.

Failures are counted in the store, so that several servers count together: by name and address, by
name, and by address. Each attempt is counted before it is tried, so that all of those at the same
moment count. After a few of them the next attempt has to wait, longer each time. A browser that a
user has signed in with before is counted by itself: whoever fails elsewhere under the user's name,
or behind the same address, cannot keep the user out. Nothing in an answer tells whether the name,
the password or the code was wrong.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from affidavit.errors import StoreConflictError
from affidavit.model.identifiers import stable_id
from affidavit.model.times import iso, parse
from affidavit.operations import known_browsers, one_time_codes, passwords, sessions, users
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
_OF_NAME: Final = 2
"""The first of the counters are of the name; the third one is of whoever comes from the address."""
_TRIES: Final = 50
"""How often a counter is read again that others change at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What somebody gave to sign in."""

    name: str
    password: str
    code: str
    address: str
    """Where the request came from; empty behind a proxy, whose address is everybody's."""
    browser: str = ""
    """What the browser holds since an earlier sign-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What the browser is to hold."""

    session: str
    """The token of the new session."""
    browser: str
    """By which it is known at the next sign-in; empty where it is known already."""


def sign_in(store: Store, given: Credentials, now: datetime) -> SignedIn:
    """Return the tokens of a new session.

    Raises `ThrottlingFault` where there were too many failures, `AccessDeniedFault` otherwise.
    """
    known_browser = known_browsers.is_known(store, given.name, given.browser, now)
    counters = [*_counters(given, known=known_browser)]
    _count(store, counters, now)
    document = users.document_of(store, given.name[:_MAX_NAME])
    known = document.body["_password"] if document and not document.body["disabled"] else ""
    right = passwords.fits(given.password, known)
    if not right or document is None or not _code_fits(store, document, given.code, now):
        raise AccessDeniedFault(WRONG)
    _take_back(store, counters, now)
    return SignedIn(
        session=sessions.begin(store, document, now),
        browser="" if known_browser else known_browsers.remember(store, document.id, now),
    )


def confirmed(store: Store, given: Credentials, now: datetime) -> Document | None:
    """Return the user's document where the password is right; a failure counts as at sign-in.

    For what a session alone must not do: whoever took one over does not know the password.
    """
    known = known_browsers.is_known(store, given.name, given.browser, now)
    counters = [*_counters(given, known=known)]
    _count(store, counters, now)
    document = users.document_of(store, given.name)
    if document is None or not passwords.fits(given.password, document.body["_password"]):
        return None
    _take_back(store, counters, now)
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


def _counters(given: Credentials, *, known: bool) -> Iterable[tuple[str, int]]:
    """Yield (id, free failures) of what a failure is counted under."""
    name, address = users.key_of(given.name)[:_MAX_NAME], given.address
    if known:
        yield stable_id("sign-in", f"browser\n{name}\n{given.browser}"), FREE_OF_BOTH
        return
    if address:
        yield stable_id("sign-in", f"both\n{name}\n{address}"), FREE_OF_BOTH
    yield stable_id("sign-in", f"name\n{name}"), FREE_OF_EITHER
    if address:
        yield stable_id("sign-in", f"address\n{address}"), FREE_OF_EITHER


def _count(store: Store, counters: Sequence[tuple[str, int]], now: datetime) -> None:
    """Count an attempt as a failure before it is tried; `_take_back` where it was none.

    So a hundred attempts at the same moment count as a hundred, and all but the free ones wait.
    Raises `ThrottlingFault` where it is too soon.
    """
    own = [identifier for identifier, _ in counters]
    for _ in range(_TRIES):
        found = _found(store, own)
        _require_patience(found.values(), now)
        puts = [_counted(one, free, found.get(one), now, 1) for one, free in counters]
        stale = _stale(store, own, now)
        with suppress(StoreConflictError):
            store.documents.act(users.TENANT, now=now, puts=puts, deletes=stale)
            return
    raise ThrottlingFault("Too many attempts at once. Try again in a second.")


def _take_back(store: Store, counters: Sequence[tuple[str, int]], now: datetime) -> None:
    """Forget the failures under the name that was right; of an address, this attempt alone."""
    for _ in range(_TRIES):
        found = _found(store, [identifier for identifier, _ in counters])
        gone = [found[one] for one, _ in counters[:_OF_NAME] if one in found]
        puts = [
            _counted(one, free, found[one], now, -1)
            for one, free in counters[_OF_NAME:]
            if one in found
        ]
        with suppress(StoreConflictError):
            store.documents.act(users.TENANT, now=now, puts=puts, deletes=gone)
            return


def _found(store: Store, counters: Iterable[str]) -> dict[str, Document]:
    every = (store.documents.get(users.TENANT, KIND, one) for one in counters)
    return {one.id: one for one in every if one is not None}


def _require_patience(counters: Iterable[Document], now: datetime) -> None:
    for found in counters:
        if now < parse(found.body["until"]):
            left = int((parse(found.body["until"]) - now).total_seconds()) + 1
            raise ThrottlingFault(
                f"Too many attempts. Try again in {left} seconds.", retry_after=left
            )


def _counted(
    identifier: str, free: int, found: Document | None, now: datetime, more: int
) -> Document:
    """Return a counter with one failure more or less."""
    fresh = found is None or now - parse(found.body["last"]) > _FORGOTTEN_AFTER
    count = max(0, more + (0 if fresh or found is None else int(found.body["count"])))
    body = {"count": count, "last": iso(now), "until": iso(now + _wait(count - free))}
    put = Document(kind=KIND, id=identifier, body=body, sort=iso(now))
    return put if found is None else replace(put, version=found.version)


def _wait(beyond: int) -> timedelta:
    if beyond < 0:
        return timedelta(0)
    return min(_FIRST_WAIT * (1 << min(beyond, _MOST_DOUBLED)), LONGEST_WAIT)


def _stale(store: Store, own: Sequence[str], now: datetime) -> list[Document]:
    """Return some counters besides `own` that count no longer, to be swept away."""
    oldest = store.documents.every(users.TENANT, KIND, limit=20)
    long_ago = now - _FORGOTTEN_AFTER - LONGEST_WAIT
    return [one for one in oldest if one.id not in own and parse(one.body["last"]) < long_ago]
