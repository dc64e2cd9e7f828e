"""What is sent to a tenant's own account: notifications to SNS, events to EventBridge.

An act and what it leaves to be sent are written in one transaction (`changes.writes`), as tasks of
the worker: a server that is killed loses none, and another one sends them. Each is tried for a day,
with growing pauses, as Audit Manager does. One that was sent just before a kill may come twice; it
carries an id by which to tell. What cannot be delivered is shown: beside the notification, and to
the administrators.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from affidavit.aws.messages import Event, Messages
from affidavit.errors import StoreConflictError
from affidavit.model.identifiers import stable_id
from affidavit.model.times import iso, parse
from affidavit.operations import standard, work
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.tenant_bindings import binding_of
from affidavit.store.documents import Document

if TYPE_CHECKING:
    from affidavit.operations.changes import Change

NOTIFICATION: Final = "notification"
EVENT_SOURCE: Final = "affidavit"
EVENT_BUS: Final = "default"
"""Where events go, and as whose, where the tenant's binding names only one of the two."""
"""Source of the events of a tenant whose binding names a bus and no source."""
NO_TOPIC: Final = "NONE"
MAX_TEXT: Final = 2048
"""The model's longest NonEmptyString: a notification's description."""
_DETAIL_TYPES: Final = {
    ("ASSESSMENT", "CREATE"): "Assessment Created",
    ("ASSESSMENT", "UPDATE_METADATA"): "Assessment Updated",
    ("ASSESSMENT", "ACTIVE"): "Assessment Updated",
    ("ASSESSMENT", "INACTIVE"): "Assessment Updated",
    ("ASSESSMENT", "DELETE"): "Assessment Deleted",
    ("DELEGATION", "CREATE"): "Assessment ControlSet Delegation Created",
    ("CONTROL_SET", "REVIEWED"): "Assessment ControlSet Reviewed",
    ("CONTROL", "REVIEWED"): "Assessment Control Reviewed",
}
"""Audit Manager's six detail-types, by object type and action (behaviour notes, 2.11)."""


def left_by(
    context: Context, caller: Caller, changes: "Sequence[Change]", puts: Sequence[Document]
) -> list[Document]:
    """Return the tasks that an act leaves: its notifications for SNS, its changes as events."""
    return [
        *_publications(context, puts),
        *_events(context, caller, changes, puts),
    ]


def publish(messages: Messages, context: Context, tenant: str, task: Document) -> None:
    """Publish a notification to the topic that was set when it was made."""
    documents = context.store.documents
    notification = documents.get(tenant, NOTIFICATION, task.body["subject"])
    if notification is None:
        return
    body = notification.body
    subject = f"{body['source']}: {body['assessmentName']}"
    messages.publish(task.body["topic"], subject, body["description"], body["id"])
    _note(context, tenant, notification, {"state": "SENT", "at": iso(context.now())})


def send_event(messages: Messages, task: Document) -> None:
    """Put an event on the bus that was set when it happened."""
    body = task.body
    messages.put_event(
        Event(
            source=body["source"],
            detail_type=body["detailType"],
            detail=body["detail"],
            resources=(body["resource"],),
            time=parse(body["time"]),
            bus=body["bus"],
        )
    )


def failed(context: Context, tenant: str, task: Document, why: str) -> None:
    """Show that a task failed: beside its notification; an event's, to the administrators."""
    if task.body["task"] == "publish":
        documents = context.store.documents
        notification = documents.get(tenant, NOTIFICATION, task.body["subject"])
        if notification is not None:
            _note(context, tenant, notification, {"state": "FAILED", "why": why})
        return
    _tell_administrators(context, tenant, task, why)


def description(body: dict[str, Any]) -> str:
    """Return a notification's words, with why its message did not reach the topic."""
    said: str = body["description"]
    delivery = body.get("_delivery", {})
    if delivery.get("state") != "FAILED":
        return said
    words = f"{said} (Not delivered to {body['_topic']}: {delivery['why']})"
    return words[:MAX_TEXT]


def _publications(context: Context, puts: Sequence[Document]) -> Iterator[Document]:
    for put in puts:
        if put.kind == NOTIFICATION and put.body.get("_topic", NO_TOPIC) != NO_TOPIC:
            yield work.queued(context, "publish", "", subject=put.id, topic=put.body["_topic"])


def _events_of(context: Context, tenant: str) -> tuple[str, str]:
    """Return source and bus of a tenant's events, as bound; no source: none are sent."""
    binding = binding_of(context.store, tenant)
    if binding is None or not (binding.event_bus or binding.event_source):
        return "", ""
    return binding.event_source or EVENT_SOURCE, binding.event_bus or EVENT_BUS


def _events(
    context: Context, caller: Caller, changes: "Sequence[Change]", puts: Sequence[Document]
) -> Iterator[Document]:
    source, bus = _events_of(context, caller.tenant)
    for change in changes if source else ():
        detail_type = _DETAIL_TYPES.get((change.object_type, change.action))
        if detail_type is None:
            continue
        task = work.queued(context, "event", "")
        event = {
            "source": source,
            "bus": bus,
            "detailType": detail_type,
            "resource": standard.arn(caller, "assessment", change.assessment_id),
            "time": iso(context.now()),
            "detail": {
                "eventID": task.id,
                "author": caller.principal_arn,
                "assessmentTenantId": caller.account_id,
                "assessmentName": _name(context, caller, change, puts),
                "eventTime": int(context.now().timestamp() * 1000),
                "eventName": change.action,
                "eventType": change.object_type,
                "assessmentID": change.assessment_id,
                **_place(change),
            },
        }
        yield replace(task, body={**task.body, **event})


def _place(change: "Change") -> dict[str, str]:
    """Return what within the assessment an event is about."""
    if change.object_type == "ASSESSMENT":
        return {}
    place = {"controlSetID": change.control_set_id or change.object_id}
    if change.object_type == "CONTROL":
        place |= {"controlID": change.object_id, "controlName": change.object_name}
    if change.object_type == "DELEGATION":
        place["delegationID"] = change.object_id
    return place


def _name(context: Context, caller: Caller, change: "Change", puts: Sequence[Document]) -> str:
    if change.object_type == "ASSESSMENT":
        return change.object_name
    written = next(
        (p for p in puts if (p.kind, p.id) == ("assessment", change.assessment_id)), None
    )
    found = written or context.store.documents.get(
        caller.tenant, "assessment", change.assessment_id
    )
    return str(found.body["metadata"]["name"]) if found else ""


def _note(context: Context, tenant: str, document: Document, delivery: dict[str, str]) -> None:
    if document.body.get("_delivery") == delivery:
        return
    put = replace(document, body={**document.body, "_delivery": delivery})
    try:
        context.store.documents.act(tenant, now=context.now(), puts=[put])
    except StoreConflictError:
        return


def _tell_administrators(context: Context, tenant: str, task: Document, why: str) -> None:
    """Leave one notification a day that events are not sent; further ones only in the log."""
    now, detail = context.now(), task.body["detail"]
    identifier = stable_id("undelivered", f"{tenant}:{now.date()}")
    words = f"The event {task.body['detailType']} could not be sent to EventBridge: {why}"
    body = {
        "id": f"{int(now.timestamp() * 1000)}_{identifier}",
        "assessmentId": detail["assessmentID"],
        "assessmentName": detail["assessmentName"] or "?",
        "description": words[:MAX_TEXT],
        "eventTime": iso(now),
        "source": "Affidavit",
        "_for": "",
        "_topic": NO_TOPIC,
    }
    put = Document(
        kind=NOTIFICATION, id=identifier, parent=detail["assessmentID"], sort=iso(now), body=body
    )
    try:
        context.store.documents.act(tenant, now=now, puts=[put])
    except StoreConflictError:
        return
