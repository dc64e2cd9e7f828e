"""Users of the console: who they are, and as whom they may act.

A user has one or more grants: an account and Region (the tenant), a principal's ARN and a persona,
the same three that an access key of the API has. In a session one grant is in force at a time; the
user changes it as one changes roles in AWS's console.

Passwords are never taken on the command line: whoever adds a user gets a one-time link, with which
the user chooses a password. The first user is invited by `affidavit serve` itself.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, get_args

from affidavit.errors import UsageError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, parse
from affidavit.operations import passwords
from affidavit.operations.caller import Caller, Role
from affidavit.store import Store
from affidavit.store.documents import Document

TENANT: Final = "affidavit/users"
"""Where users, sessions and the log of their changes are kept: no account's own tenant."""
KIND: Final = "user"
INVITATION: Final = "invitation"
INVITED_FOR: Final = timedelta(days=1)
FIRST_GRANTS: Final[tuple[Role, ...]] = ("owner", "admin")
"""Personas of the first user: one registers the account, the other makes assessments."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+=,-]{0,63}", re.ASCII)
"""As IAM takes user names, so that a principal can be made of it."""
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}", re.ASCII)
_PRINCIPAL: Final = re.compile(r"arn:[a-z-]+:(iam|sts)::(?P<account>[0-9]{12}):[!-~]{1,1900}")
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """As whom a user may act."""

    account_id: str
    region: str
    principal_arn: str
    role: Role

    def to_json(self) -> dict[str, str]:
        """Return it as it is kept."""
        return {
            "accountId": self.account_id,
            "region": self.region,
            "principalArn": self.principal_arn,
            "role": self.role,
        }

    def caller(self, request_id: str) -> Caller:
        """Return the caller of a request that is made under this grant."""
        return Caller(
            account_id=self.account_id,
            region=self.region,
            principal_arn=self.principal_arn,
            role=self.role,
            request_id=request_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One user; what proves who it is stays in the document."""

    name: str
    grants: tuple[Grant, ...]
    disabled: bool
    has_password: bool
    has_codes: bool
    """Whether sign-in asks for a one-time code."""
    created_at: datetime
    external: bool = False
    """Whether an OpenID provider says who it is, and as whom it may act."""


def grant(account_id: str, region: str, role: str, principal_arn: str) -> Grant:
    """Return a grant; `UsageError` for an account, Region, principal or role that cannot be one."""
    principal = _PRINCIPAL.fullmatch(principal_arn)
    if not _ACCOUNT.fullmatch(account_id):
        raise UsageError(f"{account_id!r} is not an account id", why="It has twelve digits.")
    if not _REGION.fullmatch(region):
        raise UsageError(f"{region!r} is not a Region", todo="Give one like us-east-1.")
    if principal is None or principal["account"] != account_id:
        raise UsageError(
            f"{principal_arn!r} is not a principal of account {account_id}",
            why="The account is the tenant whose evidence the user sees.",
            todo=f"Give an ARN like arn:aws:iam::{account_id}:role/AuditOwner.",
        )
    if role not in get_args(Role):
        raise UsageError(f"There is no role {role!r}", why=f"Roles: {', '.join(get_args(Role))}.")
    found: Role = next(one for one in get_args(Role) if one == role)
    return Grant(account_id=account_id, region=region, principal_arn=principal_arn, role=found)


def principal_of(account_id: str, name: str) -> str:
    """Return the ARN that stands for a user where none is given."""
    return f"arn:aws:iam::{account_id}:user/{name}"


def key_of(name: str) -> str:
    """Return the id of a user's document: names are told apart without case."""
    return name.lower()


def document_of(store: Store, name: str) -> Document | None:
    """Return a user's document, or None."""
    return store.documents.get(TENANT, KIND, key_of(name))


def find(store: Store, name: str) -> User | None:
    """Return a user by name, or None."""
    found = document_of(store, name)
    return None if found is None else user_of(found)


def every(store: Store) -> list[User]:
    """Return all users, by name."""
    return [user_of(one) for one in store.documents.every(TENANT, KIND)]


def add(
    store: Store, name: str, grants: Sequence[Grant], *, by: str, now: datetime, password: str = ""
) -> User:
    """Make a user; without a password, one that can only follow an invitation.

    Raises `UsageError` for a name that is taken or cannot be one, and for a bad password.
    """
    if not grants:
        raise UsageError(f"{name} would be nobody", todo="Give an account, a Region and a role.")
    if document_of(store, name) is not None:
        raise UsageError(f"There is a user {name} already", todo="`affidavit user list` shows all.")
    document = _new(name, grants, password, now)
    write(store, document, Told("CREATE", by), now)
    return user_of(document)


def _new(name: str, grants: Sequence[Grant], password: str, now: datetime) -> Document:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a user's name",
            why="It has 1 to 64 letters, digits and _.@+=,- and begins with a letter or digit.",
        )
    _require_good(password, name, needed=bool(password))
    body = {
        "name": name,
        "grants": [one.to_json() for one in grants],
        "disabled": False,
        "createdAt": iso(now),
        "_password": passwords.hashed(password) if password else "",
        "_codes": "",
        "_lastStep": 0,
    }
    return Document(kind=KIND, id=key_of(name), body=body, sort=key_of(name))


def set_disabled(store: Store, name: str, *, by: str, now: datetime) -> User:
    """Refuse every later request of this user; `UsageError` where there is no such user."""
    found = document_of(store, name)
    if found is None:
        raise UsageError(f"There is no user {name}", todo="`affidavit user list` shows the users.")
    if not found.body["disabled"]:
        found = replace(found, body=found.body | {"disabled": True})
        write(store, found, Told("INACTIVE", by), now)
    return user_of(found)


def set_password(
    store: Store, document: Document, password: str, now: datetime, ended: Sequence[Document] = ()
) -> Document:
    """Give a user a new password; `UsageError` for a bad one. `ended` is deleted with it.

    Every session that began under the old one is over by that (see `sessions`).
    """
    name = document.body["name"]
    _require_good(password, name, needed=True)
    changed = replace(document, body=document.body | {"_password": passwords.hashed(password)})
    told = Told("UPDATE_METADATA", name, "password")
    write(store, changed, told, now, ended)
    return changed


def invite(store: Store, name: str, now: datetime) -> str:
    """Return a new one-time token with which a user chooses a password; "" invites the first."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    body = {"user": name, "ends": iso(now + INVITED_FOR)}
    old = [one for one in store.documents.every(TENANT, INVITATION) if one.body["user"] == name]
    put = Document(kind=INVITATION, id=_hash(token), body=body, sort=body["ends"])
    store.documents.act(TENANT, now=now, puts=[put], deletes=old)
    return token


def invite_known(store: Store, name: str, now: datetime) -> str:
    """Return a new token for a user that there is; `UsageError` for anybody else.

    A password chosen with it takes the place of the old one; one-time codes stay.
    """
    found = find(store, name)
    if found is None or found.disabled:
        raise UsageError(
            f"There is no user {name} that may sign in",
            todo="`affidavit user list` shows the users.",
        )
    return invite(store, key_of(name), now)


def invitation(store: Store, token: str, now: datetime) -> Document | None:
    """Return the invitation that a token opens, while it lasts; else None.

    One for the first user opens nothing as soon as there is a user.
    """
    found = store.documents.get(TENANT, INVITATION, _hash(token))
    if found is None or now >= parse(found.body["ends"]):
        return None
    if not found.body["user"] and every(store):
        return None
    return found


def accept(store: Store, given: Document, password: str, now: datetime) -> Document:
    """Set the password of an invited user, and end the invitation: it is good for once."""
    document = document_of(store, given.body["user"])
    if document is None or document.body["disabled"]:
        raise UsageError("The invitation is of a user that cannot sign in.")
    return set_password(store, document, password, now, [given])


def accept_first(
    store: Store, given: Document, name: str, tenant: tuple[str, str], password: str, now: datetime
) -> Document:
    """Make the first user, owner and administrator of a tenant, and end the invitation."""
    account_id, region = tenant
    principal = principal_of(account_id, name)
    grants = [grant(account_id, region, role, principal) for role in FIRST_GRANTS]
    _require_good(password, name, needed=True)
    document = _new(name, grants, password, now)
    write(store, document, Told("CREATE", name), now, [given])
    return document


def user_of(document: Document) -> User:
    """Return the user that a document keeps."""
    body = document.body
    return User(
        name=body["name"],
        grants=tuple(
            grant(one["accountId"], one["region"], one["role"], one["principalArn"])
            for one in body["grants"]
        ),
        disabled=body["disabled"],
        has_password=bool(body["_password"]),
        has_codes=bool(body["_codes"]),
        created_at=parse(body["createdAt"]),
        external=bool(body.get("_identity")),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What the log says of a change of a user."""

    action: str
    by: str
    what: str = ""
    """What was changed of what is secret."""


def write(
    store: Store, document: Document, said: Told, now: datetime, ended: Sequence[Document] = ()
) -> None:
    """Write a user's document with the change that tells of it; nothing secret stands there.

    `ended` is deleted in the same transaction.
    """
    told: dict[str, Any] = {k: v for k, v in document.body.items() if not k.startswith("_")}
    change = {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": said.by,
        "action": said.action,
        "object_type": "USER",
        "object_id": document.id,
        "object_name": document.body["name"],
        "assessment_id": "",
        "tenant": TENANT,
        "details": plain_json({**told, **({"changed": said.what} if said.what else {})}).decode(),
    }
    store.documents.act(TENANT, now=now, puts=[document], deletes=ended, changes=[change])


def _require_good(password: str, name: str, *, needed: bool) -> None:
    found = passwords.problem(password, name) if needed else ""
    if found:
        raise UsageError(f"{found}.")


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
