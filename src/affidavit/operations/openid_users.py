"""Users whom an OpenID provider vouches for: who they are here, and as whom they may act.

A user belongs to one identity (issuer and subject) for good and is never joined with one of the
same name or e-mail address. The principal follows from the subject, which nobody chooses:
whoever calls themselves like an audit owner gets none of the owner's assessments. Personas follow
from groups, anew at every sign-in.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final, get_args
from urllib.parse import unquote

from affidavit.errors import SettingsError, StoreConflictError
from affidavit.model.times import iso
from affidavit.operations import sessions, users
from affidavit.operations.caller import Role
from affidavit.operations.faults import AccessDeniedFault
from affidavit.operations.openid import Identity
from affidavit.operations.users import Grant, Told
from affidavit.store import Store
from affidavit.store.documents import Document

_MAPPING: Final = re.compile(
    r"(?P<group>[^=@\s]+)=(?P<role>[a-z]+)@(?P<account>[0-9]{12})/(?P<region>[a-z0-9-]+)", re.ASCII
)
_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_.@+=,-]+", re.ASCII)
_IN_ARN: Final = re.compile(r"[a-z0-9_.@+,-]{1,64}", re.ASCII)
"""Subjects that stand in an ARN as they are: in lower case, for ARNs are compared without case."""
_HASHED: Final = "="
"""Stands before the hash of any other subject; none of the above has it."""
_LONGEST: Final = 48
_DIGITS: Final = 12


def sign_in(store: Store, personas: Sequence[str], identity: Identity, now: datetime) -> str:
    """Return the token of a new session of whoever the provider says has signed in.

    The user is made at the first sign-in. Raises `AccessDeniedFault` for a disabled user, and for
    somebody whose groups give no persona; sessions of one who has lost all of them end.
    """
    found = _known(store, identity)
    grants = grants_of(personas, identity)
    if not grants:
        if found is not None:
            sessions.end_all(store, found.id, now)
        raise AccessDeniedFault("None of your groups gives you a persona here.")
    if found is None:
        try:
            found = _made(store, identity, grants, now)
        except StoreConflictError as error:  # signed in twice at once: the other one made it
            found = _known(store, identity)
            if found is None:
                raise AccessDeniedFault("Try again: somebody took the name.") from error
    if found.body["disabled"]:
        raise AccessDeniedFault("You may not sign in here.")
    given = [one.to_json() for one in grants]
    if given != found.body["grants"]:
        put = replace(found, body=found.body | {"grants": given})
        users.write(store, put, Told("UPDATE_METADATA", identity.issuer, "groups"), now)
        sessions.end_all(store, found.id, now)
        found = replace(put, version=put.version + 1)
    return sessions.begin(
        store,
        found,
        now,
        at_provider=identity.signed_in,
        provider_session=identity.session,
    )


def sign_out(store: Store, issuer: str, subject: str, session: str, now: datetime) -> None:
    """End the sessions that the provider says are over: of one of its sessions, or of a subject."""
    name = ""
    if subject:
        identity = Identity(issuer=issuer, subject=subject, name="", groups=())
        found = _known(store, identity)
        if found is None:
            return
        name = found.id
    sessions.end_at_provider(store, name, session, now)


def grants_of(personas: Sequence[str], identity: Identity) -> list[Grant]:
    """Return as whom somebody may act; `SettingsError` for a mapping that cannot be read."""
    groups = set(identity.groups)
    found = [
        users.grant(
            one["account"], one["region"], one["role"], principal_of(one["account"], identity)
        )
        for one in mappings(personas)
        if unquote(one["group"]) in groups
    ]
    return list(dict.fromkeys(found))


def mappings(personas: Sequence[str]) -> list[re.Match[str]]:
    """Return the mappings of groups to personas; `SettingsError` for one that cannot be one."""
    found = []
    for text in personas:
        match = _MAPPING.fullmatch(text)
        if match is None or match["role"] not in get_args(Role):
            raise SettingsError(
                f"AFFIDAVIT_OIDC_PERSONAS has {text!r}",
                why=f"Roles: {', '.join(get_args(Role))}.",
                todo="Write group=role@111122223333/eu-central-1; a blank in a group is %20.",
            )
        found.append(match)
    return found


def principal_of(account_id: str, identity: Identity) -> str:
    """Return the ARN as whom somebody acts: of the issuer and the subject alone."""
    issuer, subject = _hash(identity.issuer)[:_DIGITS], identity.subject
    own = subject if _IN_ARN.fullmatch(subject) else f"{_HASHED}{_hash(subject)}"
    return f"arn:aws:iam::{account_id}:user/oidc-{issuer}/{own}"


def _known(store: Store, identity: Identity) -> Document | None:
    key = _key(identity)
    every = store.documents.every(users.TENANT, users.KIND)
    return next((one for one in every if one.body.get("_identity") == key), None)


def _made(store: Store, identity: Identity, grants: Sequence[Grant], now: datetime) -> Document:
    """Make the user, under a name that nobody has."""
    name = _IN_NAME.sub("-", identity.name or identity.subject).strip("-_.@+=,")[:_LONGEST]
    if not name or users.document_of(store, name) is not None:
        name = f"{name or 'user'}-{_key(identity)[:_DIGITS]}"
    body = {
        "name": name,
        "grants": [one.to_json() for one in grants],
        "disabled": False,
        "createdAt": iso(now),
        "issuer": identity.issuer,
        "_identity": _key(identity),
        "_password": "",
        "_codes": "",
        "_lastStep": 0,
    }
    made = Document(kind=users.KIND, id=users.key_of(name), body=body, sort=users.key_of(name))
    users.write(store, made, Told("CREATE", identity.issuer), now)
    return replace(made, version=1)


def _key(identity: Identity) -> str:
    return _hash(f"{identity.issuer}\n{identity.subject}")


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
