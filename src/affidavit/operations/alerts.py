"""Alerts: told once, told again when they end, sent from a durable outbox through every channel.

An alert is one document (kind alert) under a name made from its key, so that the same trouble is
one alert. It and what is to be sent are written in one transaction, as tasks of the worker: a
server that is killed loses none. A message that was sent just before a kill may come twice; it
carries an id by which to tell.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from affidavit.alerting.addresses import networks
from affidavit.alerting.alert import Alert
from affidavit.alerting.mail import Mail
from affidavit.alerting.webhook import Webhook
from affidavit.aws.messages import Messages
from affidavit.errors import AlertError, StoreConflictError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id, stable_id
from affidavit.model.times import iso, parse
from affidavit.operations import alert_channels, alert_routes, work
from affidavit.operations.alert_channels import Channel
from affidavit.operations.context import Context
from affidavit.operations.service import service_caller
from affidavit.operations.tenant_bindings import aws_of
from affidavit.store.documents import Document

KIND: Final = "alert"
PROOF: Final = "alert_proof"
REMIND: Final = timedelta(hours=6)
"""How soon an alert that goes on is told again."""
QUIET: Final = timedelta(hours=1)
"""An alert about single things is over when nothing was added for so long."""
_log: Final = logging.getLogger("affidavit.api.work")


def occur(context: Context, tenant: str, alert: Alert, *, count: int = 1) -> bool:
    """Take note of an alert; return whether it is told now: at first, and again when it goes on.

    Two that take note of the same at once: one of them writes, the other reads it again.
    """
    for _ in range(_TRIES):
        try:
            return _occur(context, tenant, alert, count)
        except StoreConflictError:
            continue
    raise AlertError(f"The alert {alert.title} could not be noted: it is changed all the time")


_TRIES: Final = 5


def _occur(context: Context, tenant: str, alert: Alert, count: int) -> bool:
    told, puts = noted(context, tenant, alert, count=count)
    context.store.documents.act(tenant, now=context.now(), puts=puts)
    if len(puts) > 1:
        context.wake()
    return told


def noted(
    context: Context, tenant: str, alert: Alert, *, count: int = 1
) -> tuple[bool, list[Document]]:
    """Return whether an alert is told now, and what is written of it: itself, its messages."""
    now, documents = context.now(), context.store.documents
    found = documents.get(tenant, KIND, stable_id("alert", f"{tenant}:{alert.key}"))
    is_open = found is not None and found.body["state"] == "firing"
    told_at = parse(found.body["toldAt"]) if found is not None and is_open else None
    tell = told_at is None or now - told_at >= REMIND
    body = {
        **alert.to_json(),
        "state": "firing",
        "time": iso(now),
        "firstAt": found.body["firstAt"] if found is not None and is_open else iso(now),
        "lastAt": iso(now),
        "toldAt": iso(now) if tell or told_at is None else iso(told_at),
        "times": count + (found.body["times"] if found is not None and is_open else 0),
        "deliveries": found.body["deliveries"] if found is not None and is_open else {},
    }
    put = _put(found, tenant, alert.key, body)
    since = _since(body) if is_open else {}  # what was not told meanwhile
    told = replace(alert, state="firing", facts={**alert.facts, **since})
    return tell, [put, *(_tasks(context, tenant, told, put.id) if tell else [])]


def _since(body: Mapping[str, Any]) -> dict[str, str]:
    """Return how often something has happened since it was first told, as a message says it."""
    times = {"Times": str(body["times"])} if body["kind"] in SINGLE else {}
    return {"Since": body["firstAt"], **times}


def recover(context: Context, tenant: str, key: str, facts: Mapping[str, str]) -> bool:
    """End an alert and tell so; nothing where it is not open."""
    now, documents = context.now(), context.store.documents
    found = documents.get(tenant, KIND, stable_id("alert", f"{tenant}:{key}"))
    if found is None or found.body["state"] != "firing":
        return False
    alert = Alert.from_json({**found.body, "facts": dict(facts), "state": "resolved"})
    body = {**found.body, "state": "resolved", "resolvedAt": iso(now)}
    put = replace(found, body=body)
    tasks = _tasks(context, tenant, alert, found.id)
    try:
        documents.act(tenant, now=now, puts=[put, *tasks])
    except StoreConflictError:
        return False
    context.wake()
    return True


def end_quiet(context: Context) -> int:
    """End the alerts about single things to which nothing was added for a while."""
    ended = 0
    for tenant, document in context.store.documents.of_all_tenants(KIND):
        body = document.body
        if body["state"] != "firing" or body["kind"] not in SINGLE:
            continue
        if context.now() - parse(body["lastAt"]) >= QUIET:
            ended += recover(context, tenant, body["key"], _since(body))
    return ended


SINGLE: Final = frozenset({"disclosure", "profanity", "unguarded"})
"""Kinds of alerts that end by themselves, since each occurrence is one thing that happened."""


def every(context: Context, tenant: str) -> list[Document]:
    """Return the alerts of a tenant, the last one first."""
    return context.store.documents.every(tenant, KIND, newest_first=True)


def _put(found: Document | None, tenant: str, key: str, body: dict[str, Any]) -> Document:
    if found is None:
        identifier = stable_id("alert", f"{tenant}:{key}")
        return Document(kind=KIND, id=identifier, sort=body["time"], body=body)
    return replace(found, sort=body["time"], body=body)


def _tasks(context: Context, tenant: str, alert: Alert, document: str) -> list[Document]:
    """Return a task for each channel of its kind, each with a message id of its own."""
    tasks = []
    for channel in alert_routes.channels_for(context.store, tenant, alert.kind):
        identifier = new_id(context.now())
        told = replace(alert, id=identifier, time=iso(context.now()))
        tasks.append(
            work.queued(
                context,
                "alert",
                "",
                identifier=identifier,
                channel=channel,
                alert=told.to_json(),
                subject=document,
            )
        )
    return tasks


def deliver(context: Context, tenant: str, task: Document) -> None:
    """Send one message through one channel and note that; `AlertError` where it did not arrive."""
    found = context.store.documents.get(tenant, alert_channels.KIND, task.body["channel"])
    if found is None:
        return
    channel = alert_channels.channel(context.store, tenant, task.body["channel"])
    alert = Alert.from_json(task.body["alert"])
    said = send(context, channel, alert)
    if alert.state == "proof":
        keep_proof(context, channel, alert, "SENT", said)
        return
    _note(context, tenant, task, {"state": "SENT", "at": iso(context.now()), "why": said})


def failed(context: Context, tenant: str, task: Document, why: str) -> None:
    """Show that a message did not arrive: beside the alert, or as a proof that failed."""
    alert = Alert.from_json(task.body["alert"])
    _log.error("alert not delivered through %s: %s", task.body["channel"], why)
    if alert.state == "proof":
        found = context.store.documents.get(tenant, alert_channels.KIND, task.body["channel"])
        if found is not None:  # else it was removed meanwhile
            keep_proof(context, alert_channels.without_secret(found), alert, "FAILED", why)
        return
    _note(context, tenant, task, {"state": "FAILED", "at": iso(context.now()), "why": why})


def send(context: Context, channel: Channel, alert: Alert) -> str:
    """Send through a channel now; return what the other side said."""
    allowed = networks(channel.allow)
    if channel.kind == "webhook":
        hook = Webhook(
            url=channel.target,
            secret=channel.secret,
            allowed=allowed,
            authorities=channel.authorities,
        )
        return hook.send(alert)
    if channel.kind == "email":
        host, _, port = channel.server.rpartition(":")
        mail = Mail(
            to=tuple(channel.target.split()),
            sender=channel.sender,
            host=host.strip("[]"),
            port=int(port),
            security=channel.security,  # type: ignore[arg-type]  # checked when it was added
            user=channel.user,
            password=channel.secret,
            allowed=allowed,
            authorities=channel.authorities,
        )
        return mail.send(alert)
    return _publish(context, channel, alert)


def _publish(context: Context, channel: Channel, alert: Alert) -> str:
    account, region = channel.tenant.split("/")
    # An administrator set the channel: its topic is bound by that, and no other.
    with Messages(aws_of(context, channel.tenant), account, region, (channel.target,)) as messages:
        return messages.publish(channel.target, alert.subject, alert.text(), alert.id)


def _note(context: Context, tenant: str, task: Document, delivery: Mapping[str, str]) -> None:
    """Write what became of a message beside its alert."""
    documents = context.store.documents
    for _ in range(_TRIES):
        found = documents.get(tenant, KIND, task.body["subject"])
        if found is None:
            return
        deliveries = {**found.body["deliveries"], task.body["channel"]: dict(delivery)}
        put = replace(found, body={**found.body, "deliveries": deliveries})
        try:
            documents.act(tenant, now=context.now(), puts=[put])
        except StoreConflictError:
            continue
        return


def send_test(context: Context, channel: Channel) -> str:
    """Send a test through a channel now; return what the other side said."""
    channel = alert_channels.channel(context.store, channel.tenant, channel.name)
    now = context.now()
    alert = Alert(
        key="test",
        kind="test",
        severity="medium",
        title="A test of this channel",
        where=channel.tenant,
        act="Nobody needs to act.",
        state="test",
        time=iso(now),
        id=new_id(now),
    )
    said = send(context, channel, alert)
    keep_proof(context, channel, alert, "SENT", said)
    return said


def due_proofs(context: Context) -> int:
    """Leave today's proof for each channel that has none yet; return how many.

    Its task has one name a day, so that two leaders leave it once.
    """
    left, now = 0, context.now()
    for tenant, document in context.store.documents.of_all_tenants(alert_channels.KIND):
        name = stable_id("alert proof", f"{tenant}:{document.id}:{now.date()}")
        if context.store.documents.get(tenant, PROOF, name) is not None:
            continue
        alert = Alert(
            key=f"proof:{document.id}",
            kind="proof",
            severity="medium",
            title="Alerts reach you",
            facts={"Proof of": str(now.date())},
            where=tenant,
            act="Nobody needs to act. If this stops coming, alerting is broken.",
            state="proof",
            time=iso(now),
            id=name,
        )
        task = work.queued(
            context,
            "alert",
            "",
            identifier=name,
            channel=document.id,
            alert=alert.to_json(),
            subject="",
        )
        try:
            context.store.documents.act(tenant, now=now, puts=[task])
        except StoreConflictError:
            continue
        left += 1
    return left


def keep_proof(context: Context, channel: Channel, alert: Alert, state: str, why: str) -> None:
    """Keep what became of a proof or a test, with a leaf in the ledger."""
    now, documents = context.now(), context.store.documents
    body = {
        "channel": channel.name,
        "kind": channel.kind,
        "state": state,
        "alertState": alert.state,
        "messageId": alert.id,
        "at": iso(now),
        "why": why,
    }
    change_id = new_id(now)
    change = {
        "kind": "change",
        "id": change_id,
        "time": iso(now),
        "by": service_caller(channel.tenant).principal_arn,
        "action": "UPDATE_METADATA",
        "object_type": "ALERT_CHANNEL",
        "object_id": channel.name,
        "object_name": channel.name,
        "assessment_id": "",
        "control_set_id": "",
        "tenant": channel.tenant,
        "details": plain_json(body).decode(),
    }
    found = documents.get(channel.tenant, PROOF, alert.id)
    if found is not None and found.body["state"] == state:
        return
    put = Document(
        kind=PROOF,
        id=alert.id,
        parent=channel.name,
        sort=iso(now),
        body={**body, "change": change_id},
        version=found.version if found is not None else 0,
    )
    try:
        documents.act(channel.tenant, now=now, puts=[put], changes=[change])
    except StoreConflictError:
        return
