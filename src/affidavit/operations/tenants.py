"""The administrator's part of a tenant: bind it to what AWS calls on its behalf may use, and show.

Binding adds to what is bound; unbinding takes away, some or all. The external id is made here, one
for each tenant: another tenant that names the same role cannot have it assumed, because the role's
trust policy asks for the external id of the tenant that it trusts (AWS, "The confused deputy
problem"). It is no secret, but it stands in no ledger.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from affidavit.aws.objects import bucket_problem
from affidavit.aws.settings import BoundRole
from affidavit.errors import UsageError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, utc_now
from affidavit.operations.tenant_bindings import (
    KIND,
    TENANT,
    USES,
    Binding,
    BoundBucket,
    Use,
    from_document,
    to_body,
)
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.database import is_missing
from affidavit.store.documents import Document

_NAME: Final = re.compile(r"(?P<account>[0-9]{12})(/[a-z]{2}(-[a-z]+)+-[0-9])?", re.ASCII)
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_ROLE: Final = re.compile(
    r"arn:aws[a-z-]*:iam::(?P<account>[0-9]{12}):role/[\w+=,.@/-]{1,512}", re.ASCII
)
_OWNED: Final = r"arn:aws[a-z-]*:{}:[a-z0-9-]+:(?P<account>[0-9]{{12}}):{}"
_TOPIC: Final = re.compile(_OWNED.format("sns", r"[\w-]{1,256}(\.fifo)?"), re.ASCII)
_KEY: Final = re.compile(_OWNED.format("kms", r"(key/[\w-]+|alias/[\w/-]+)"), re.ASCII)
_QUEUE: Final = re.compile(_OWNED.format("sqs", r"[\w-]{1,80}(\.fifo)?"), re.ASCII)
_BUS: Final = re.compile(_OWNED.format("events", r"event-bus/[\w./-]{1,256}"), re.ASCII)
_SOURCE: Final = re.compile(r"(?!aws\.)[A-Za-z0-9_.-]{1,256}", re.ASCII)
_EXTERNAL_ID: Final = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
"""As sts:AssumeRole takes it."""
_ORGANIZATION: Final = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)
_EXTERNAL_ID_BYTES: Final = 16
_MAX_TAGS: Final = 50
"""Session tags of sts:AssumeRole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is to be bound, besides what is bound already; empty members change nothing."""

    roles: Sequence[str] = ()
    """ARNs; each enters the account that it names."""
    ambient: bool = False
    """The tenant's own account is entered by the server's own credentials."""
    session_tags: Mapping[str, str] = field(default_factory=dict)
    """Of all roles of this grant."""
    external_id: str = ""
    """Empty: made once, and kept."""
    evidence_buckets: Mapping[str, str] = field(default_factory=dict)
    """Name -> account id of the owner."""
    report_buckets: Mapping[str, str] = field(default_factory=dict)
    log_buckets: Mapping[str, str] = field(default_factory=dict)
    topics: Sequence[str] = ()
    keys: Sequence[str] = ()
    queues: Sequence[str] = ()
    event_bus: str = ""
    event_source: str = ""
    organization_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """What is no longer to be bound; with nothing named, everything."""

    accounts: Sequence[str] = ()
    """With their buckets, topics and bus."""
    buckets: Sequence[str] = ()
    topics: Sequence[str] = ()
    keys: Sequence[str] = ()
    queues: Sequence[str] = ()
    event_bus: bool = False

    @property
    def everything(self) -> bool:
        """Tell whether no part is named."""
        named = (self.accounts, self.buckets, self.topics, self.keys, self.queues)
        return not any(named) and not self.event_bus


def bind(
    settings: Settings,
    store: Store,
    name: str,
    grant: Grant,
    *,
    by: str,
    now: Callable[[], datetime] = utc_now,
) -> Binding:
    """Bind a tenant ("account/Region", or an account for all its Regions) to more than before.

    Raises `UsageError` for what is no such name, ARN, bucket or account; for the installation's own
    buckets; for a bucket, topic or bus of an account that is not bound; and for an external id that
    another account's tenant has.
    """
    account_id = _account_of(name)
    found = store.documents.get(TENANT, KIND, name)
    present = Binding(name=name) if found is None else from_document(found)
    binding = replace(
        present,
        external_id=_external_id(store, present, grant),
        accounts={**present.accounts, **_roles(account_id, grant)},
        buckets=_buckets(settings, present, grant),
        topics=_joined(present.topics, grant.topics, _TOPIC, "an SNS topic"),
        keys=_joined(present.keys, grant.keys, _KEY, "a KMS key"),
        queues=_joined(present.queues, grant.queues, _QUEUE, "an SQS queue"),
        event_bus=_one(grant.event_bus, _BUS, "an EventBridge bus") or present.event_bus,
        event_source=_one(grant.event_source, _SOURCE, "a source of events of your own")
        or present.event_source,
        organization_id=_one(grant.organization_id, _ORGANIZATION, "an organization")
        or present.organization_id,
    )
    _require_entered(binding)
    if binding != present or found is None:
        body, version = to_body(binding), 0 if found is None else found.version
        document = Document(kind=KIND, id=name, body=body, sort=name, version=version)
        _act(store, document, "UPDATE_METADATA" if found else "CREATE", by, now())
    return binding


def unbind(
    store: Store,
    name: str,
    revocation: Revocation,
    *,
    by: str,
    now: Callable[[], datetime] = utc_now,
) -> Binding | None:
    """Take away what is named, or all; return what is left, or None.

    Raises `UsageError` where the tenant, or what is named, is not bound.
    """
    found = _found(store, name)
    if revocation.everything:
        _act(store, found, "DELETE", by, now(), gone=True)
        return None
    left = _without(from_document(found), revocation)
    _act(store, replace(found, body=to_body(left)), "UPDATE_METADATA", by, now())
    return left


def show(store: Store, name: str) -> Binding:
    """Return a binding by its own name; `UsageError` where there is none."""
    return from_document(_found(store, name))


def every(store: Store) -> list[Binding]:
    """Return all bindings by name."""
    return [from_document(one) for one in store.documents.every(TENANT, KIND)]


def listed(settings: Settings) -> list[Binding]:
    """Return all bindings; none, and nothing made, before the first."""
    if is_missing(settings.database):
        return []
    with open_store(settings, create=False) as store:
        return every(store)


def _account_of(name: str) -> str:
    found = _NAME.fullmatch(name)
    if found is None:
        raise UsageError(
            f"{name!r} is not a tenant",
            todo="Give an account and a Region (111122223333/eu-central-1), or an account for all "
            "its Regions (111122223333).",
        )
    return found["account"]


def _roles(account_id: str, grant: Grant) -> dict[str, BoundRole]:
    if len(grant.session_tags) > _MAX_TAGS:
        raise UsageError(f"A session has at most {_MAX_TAGS} tags")
    roles: dict[str, BoundRole] = {}
    for arn in grant.roles:
        account = _matched(arn, _ROLE, "a role").group("account")
        if account in roles:
            raise UsageError(f"Two roles of account {account} are given", why="One enters it.")
        roles[account] = BoundRole(arn=arn, session_tags=dict(grant.session_tags))
    if grant.ambient:
        if account_id in roles:
            raise UsageError(
                f"A role of account {account_id} and --ambient are given", why="One enters it."
            )
        roles[account_id] = BoundRole()
    return roles


def _external_id(store: Store, present: Binding, grant: Grant) -> str:
    """Return the external id that the roles ask for: the given, the present, or a new one."""
    given = _one(grant.external_id, _EXTERNAL_ID, "an external id")
    chosen = given or present.external_id or secrets.token_hex(_EXTERNAL_ID_BYTES)
    own = present.name.partition("/")[0]
    for other in every(store):
        if other.external_id == chosen and other.name.partition("/")[0] != own:
            raise UsageError(
                "This external id is bound to another account's tenant",
                why="It is what tells tenants apart: who has it could have the other's roles "
                "assumed.",
                todo="Leave --external-id out: a new one is made and shown.",
            )
    return chosen


def _buckets(settings: Settings, present: Binding, grant: Grant) -> dict[str, BoundBucket]:
    buckets = dict(present.buckets)
    given: tuple[tuple[Use, Mapping[str, str]], ...] = (
        ("evidence", grant.evidence_buckets),
        ("reports", grant.report_buckets),
        ("logs", grant.log_buckets),
    )
    for use, named in given:
        for name, account in named.items():
            problem = bucket_problem(name)
            if name in settings.own_buckets:
                problem = (
                    f"{name} is a bucket of the installation itself (AFFIDAVIT_RESERVED_BUCKETS)."
                )
            if problem or not _ACCOUNT.fullmatch(account):
                why = problem or f"{account!r} is not an account id."
                raise UsageError(f"The bucket {name!r} cannot be bound", why=why)
            known = buckets.get(name)
            uses = {use, *(known.uses if known and known.account_id == account else ())}
            ordered = tuple(one for one in USES if one in uses)
            buckets[name] = BoundBucket(account_id=account, uses=ordered)
    return buckets


def _require_entered(binding: Binding) -> None:
    """Raise `UsageError` for what belongs to an account that no role enters.

    Buckets that only logs are read from are entered as the accounts whose logs they hold.
    """
    wanted = {
        f"bucket {name}": one.account_id
        for name, one in binding.buckets.items()
        if one.uses != ("logs",)
    }
    arns = [*binding.topics, *binding.queues, *([binding.event_bus] if binding.event_bus else [])]
    wanted |= {arn: arn.split(":")[4] for arn in arns}
    for what, account in wanted.items():
        if account not in binding.accounts:
            raise UsageError(
                f"No role is bound for account {account}, to which the {what} belongs",
                todo="Bind a role of that account too (--role), or name the bucket's own account "
                "(NAME=ACCOUNT).",
            )


def _joined(
    present: Sequence[str], given: Sequence[str], pattern: re.Pattern[str], what: str
) -> tuple[str, ...]:
    for one in given:
        _matched(one, pattern, what)
    return tuple(sorted({*present, *given}))


def _one(given: str, pattern: re.Pattern[str], what: str) -> str:
    if given:
        _matched(given, pattern, what)
    return given


def _matched(given: str, pattern: re.Pattern[str], what: str) -> re.Match[str]:
    found = pattern.fullmatch(given)
    if found is None:
        raise UsageError(f"{given!r} does not name {what}", todo="Give its whole ARN or name.")
    return found


def _without(binding: Binding, revocation: Revocation) -> Binding:
    named = (
        (revocation.accounts, binding.accounts),
        (revocation.buckets, binding.buckets),
        (revocation.topics, binding.topics),
        (revocation.keys, binding.keys),
        (revocation.queues, binding.queues),
    )
    for given, known in named:
        for one in given:
            if one not in known:
                raise UsageError(f"{one} is not bound to {binding.name}")
    gone = set(revocation.accounts)

    def stays(arn: str) -> bool:
        named = (*revocation.topics, *revocation.queues)
        return arn not in named and arn.split(":")[4] not in gone

    bus = binding.event_bus
    if revocation.event_bus or (bus and bus.split(":")[4] in gone):
        bus = ""
    return replace(
        binding,
        accounts={k: v for k, v in binding.accounts.items() if k not in gone},
        buckets={
            name: one
            for name, one in binding.buckets.items()
            if name not in revocation.buckets and one.account_id not in gone
        },
        topics=tuple(arn for arn in binding.topics if stays(arn)),
        keys=tuple(arn for arn in binding.keys if arn not in revocation.keys),
        queues=tuple(arn for arn in binding.queues if stays(arn)),
        event_bus=bus,
    )


def _found(store: Store, name: str) -> Document:
    _account_of(name)
    found = store.documents.get(TENANT, KIND, name)
    if found is None:
        raise UsageError(
            f"The tenant {name} is not bound", todo="`affidavit tenant list` shows what is."
        )
    return found


def _act(
    store: Store, document: Document, action: str, by: str, now: datetime, *, gone: bool = False
) -> None:
    told = {k: v for k, v in document.body.items() if k != "externalId"}
    change: dict[str, Any] = {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": by,
        "action": action,
        "object_type": "TENANT_BINDING",
        "object_id": document.id,
        "object_name": document.id,
        "assessment_id": "",
        "tenant": TENANT,
        "details": plain_json({} if gone else told).decode(),
    }
    puts, deletes = ([], [document]) if gone else ([document], [])
    store.documents.act(TENANT, now=now, puts=puts, deletes=deletes, changes=[change])
