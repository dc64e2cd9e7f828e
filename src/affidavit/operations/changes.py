"""The change log: every act is a document for the API and a leaf for the ledger, in one write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from affidavit.model.canonical import quick_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, utc_now
from affidavit.operations import outbox
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.store import Store
from affidavit.store.documents import Document, Writes

Action = Literal[
    "CREATE",
    "UPDATE_METADATA",
    "ACTIVE",
    "INACTIVE",
    "DELETE",
    "UNDER_REVIEW",
    "REVIEWED",
    "IMPORT_EVIDENCE",
]
"""Audit Manager's ActionEnum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One act on one object."""

    action: Action
    object_type: str
    """Audit Manager's ObjectTypeEnum; ours besides: ACCOUNT, SETTINGS, FRAMEWORK, ..."""
    object_id: str
    object_name: str
    assessment_id: str = ""
    """The assessment whose change log shows it, or empty."""
    control_set_id: str = ""
    """The control set of that assessment that it is about, or empty."""
    details: Mapping[str, Any] | None = None
    """What else an auditor may ask: the new values."""


def act(
    context: Context,
    caller: Caller,
    change: Change,
    *,
    puts: Sequence[Document] = (),
    deletes: Sequence[Document] = (),
    **more: Any,
) -> None:
    """Write and delete documents of the caller's tenant with their change, all or nothing.

    `more`: `absent`, `rules`, `brought` or `given_up` of `Writes`, which raise `StoreConflictError`
    or what the rules raise.
    """
    act_all(context, caller, [change], puts=puts, deletes=deletes, **more)


def act_all(
    context: Context,
    caller: Caller,
    changes: Sequence[Change],
    *,
    puts: Sequence[Document] = (),
    deletes: Sequence[Document] = (),
    leaves: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> None:
    """Write and delete documents with several changes, all or nothing.

    `leaves` are further records for the ledger (`store.records.KINDS`).
    """
    told = writes(context, caller, changes, puts=puts, deletes=deletes)
    context.store.documents.act(
        caller.tenant,
        now=context.now(),
        puts=told.puts,
        deletes=told.deletes,
        changes=[*told.changes, *leaves],
        **more,
    )


def act_by(
    store: Store, tenant: str, by: str, change: Change, *, now: datetime | None = None, **more: Any
) -> None:
    """Write what somebody does who comes by no door (a command), with its change.

    `more`: members of `Writes`.
    """
    time = now or utc_now()
    entry, leaf = logged_at(time, Caller.of_tenant(tenant, by, "admin"), change)
    puts = [*more.pop("puts", ()), entry]
    store.documents.act(tenant, now=time, puts=puts, changes=[leaf], **more)


def writes(
    context: Context,
    caller: Caller,
    changes: Sequence[Change],
    *,
    puts: Sequence[Document] = (),
    deletes: Sequence[Document] = (),
) -> Writes:
    """Return what is written of an act: documents, log entries, leaves, what is to be sent."""
    entries = [logged(context, caller, change) for change in changes]
    outgoing = outbox.left_by(context, caller, changes, puts)
    return Writes(
        puts=[*puts, *(entry for entry, _ in entries), *outgoing],
        deletes=deletes,
        changes=[leaf for _, leaf in entries],
    )


def logged(context: Context, caller: Caller, change: Change) -> tuple[Document, dict[str, Any]]:
    """Return a change's document (kind change_log) and its record for the ledger."""
    return logged_at(context.now(), caller, change)


def logged_at(now: datetime, caller: Caller, change: Change) -> tuple[Document, dict[str, Any]]:
    """Return the same for a time that is given."""
    identifier, time = new_id(now), iso(now)
    body = {
        "objectType": change.object_type,
        "objectName": change.object_name,
        "action": change.action,
        "createdAt": time,
        "createdBy": caller.principal_arn,
        "_objectId": change.object_id,
        "_controlSetId": change.control_set_id,
    }
    document = Document(
        kind="change_log", id=identifier, parent=change.assessment_id, sort=time, body=body
    )
    record = {
        "kind": "change",
        "id": identifier,
        "time": time,
        "by": caller.principal_arn,
        "action": change.action,
        "object_type": change.object_type,
        "object_id": change.object_id,
        "object_name": change.object_name,
        "assessment_id": change.assessment_id,
        "control_set_id": change.control_set_id,
        "tenant": caller.tenant,
        "details": quick_json(change.details or {}).decode(),
    }
    return document, record
