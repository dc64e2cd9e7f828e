"""Alerts are told once, end with a message, and outlive the server that raised them."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.alerting.conftest import SECRET, TENANT, Clock, Receiver

from affidavit.alerting.alert import Alert
from affidavit.errors import AlertError
from affidavit.model.times import iso, parse
from affidavit.operations import alert_channels, alerts, tasks, work
from affidavit.operations.alert_channels import Channel
from affidavit.operations.context import Context
from affidavit.settings import Settings
from affidavit.store import open_store


@pytest.fixture(autouse=True)
def channel(context: Context, receiver: Receiver) -> Channel:
    """Set one webhook channel."""
    made = Channel(
        tenant=TENANT,
        name="desk",
        kind="webhook",
        target=receiver.url,
        secret=SECRET,
        allow=("127.0.0.0/8", "::1/128"),
        authorities=receiver.authorities,
    )
    return alert_channels.add(context.store, made, by="admin")


def disclosed(kind: str = "disclosure", key: str = "d") -> Alert:
    """Return an alert."""
    return Alert(
        key=key, kind=kind, severity="critical", title="A disclosure", facts={"EMAIL": "1"}
    )


def work_off(context: Context) -> None:
    """Do all tasks that wait."""
    while tasks.run_one(context):
        pass


def states(receiver: Receiver) -> list[str]:
    """Return the states of the messages that arrived."""
    return [json.loads(body)["state"] for _, body in receiver.got]


def test_the_same_trouble_is_told_once_and_counted(context: Context, receiver: Receiver) -> None:
    """The second time only the count grows; another trouble is told by itself."""
    assert alerts.occur(context, TENANT, disclosed(), count=2)
    assert not alerts.occur(context, TENANT, disclosed(), count=3)
    assert alerts.occur(context, TENANT, disclosed(key="other"))
    work_off(context)
    assert states(receiver) == ["firing", "firing"]
    found = {one.body["key"]: one.body for one in alerts.every(context, TENANT)}
    assert found["d"]["times"] == 5
    assert found["d"]["deliveries"]["desk"]["state"] == "SENT"


def test_what_goes_on_is_told_again_after_a_while(
    context: Context, receiver: Receiver, clock: Clock
) -> None:
    """A reminder, not silence for ever: it says since when, and how often in all."""
    alerts.occur(context, TENANT, disclosed())
    began = iso(clock.now)
    for _ in range(12):
        clock.now += alerts.REMIND / 12
        alerts.end_quiet(context)
        told = alerts.occur(context, TENANT, disclosed(), count=2)
        assert told == (clock.now - parse(began) == alerts.REMIND)
    work_off(context)
    assert states(receiver) == ["firing", "firing"]
    facts = json.loads(receiver.got[-1][1])["facts"]
    assert facts == {"EMAIL": "1", "Since": began, "Times": "25"}


def test_the_end_is_told_once(context: Context, receiver: Receiver, clock: Clock) -> None:
    """A recovery has a message; what is not open has none."""
    assert not alerts.recover(context, TENANT, "d", {})
    alerts.occur(context, TENANT, disclosed())
    clock.now += timedelta(seconds=1)
    assert alerts.recover(context, TENANT, "d", {"Now": "fine"})
    assert not alerts.recover(context, TENANT, "d", {})
    work_off(context)
    assert states(receiver) == ["firing", "resolved"]
    assert json.loads(receiver.got[1][1])["facts"] == {"Now": "fine"}


def test_single_things_end_when_nothing_is_added(
    context: Context, receiver: Receiver, clock: Clock
) -> None:
    """A disclosure's alert ends after quiet; a lost log's does not end by itself."""
    alerts.occur(context, TENANT, disclosed())
    alerts.occur(context, TENANT, disclosed(kind="logging", key="l"))
    clock.now += alerts.QUIET - timedelta(seconds=1)
    assert alerts.end_quiet(context) == 0
    clock.now += timedelta(seconds=1)
    assert alerts.end_quiet(context) == 1
    work_off(context)
    assert sorted(states(receiver)) == ["firing", "firing", "resolved"]


def test_an_alert_outlives_the_server_that_raised_it(
    context: Context, settings: Settings, receiver: Receiver, clock: Clock
) -> None:
    """What was noted is in the store: another process sends it, however the first one ended."""
    alerts.occur(context, TENANT, disclosed())
    with open_store(settings) as another:
        other = Context(store=another, catalogue=context.catalogue, settings=settings, now=clock)
        work_off(other)
    assert states(receiver) == ["firing"]


def test_what_was_not_taken_is_tried_again_and_shown(
    context: Context, receiver: Receiver, clock: Clock
) -> None:
    """A receiver that is down delays its message, and the alert says so meanwhile."""
    receiver.status = 503
    alerts.occur(context, TENANT, disclosed())
    work_off(context)
    (alert,) = alerts.every(context, TENANT)
    assert alert.body["deliveries"]["desk"]["state"] == "FAILED"
    assert "503" in alert.body["deliveries"]["desk"]["why"]
    receiver.status = 200
    clock.now += timedelta(minutes=2)
    work_off(context)
    (alert,) = alerts.every(context, TENANT)
    assert alert.body["deliveries"]["desk"]["state"] == "SENT"
    ids = {headers["X-Affidavit-Id"] for headers, _ in receiver.got}
    assert (len(receiver.got), len(ids)) == (2, 1)


def test_a_removed_channel_drops_what_waits(context: Context, receiver: Receiver) -> None:
    """Nothing is sent through a channel that an administrator took away."""
    alerts.occur(context, TENANT, disclosed())
    alert_channels.remove(context.store, TENANT, "desk", by="admin")
    work_off(context)
    assert not receiver.got
    assert not context.store.documents.every(TENANT, work.KIND)


def test_the_daily_proof_is_sent_once_a_day_and_kept(
    context: Context, receiver: Receiver, clock: Clock
) -> None:
    """Each channel proves itself each day; a failure is kept as a failure."""
    assert alerts.due_proofs(context) == 1
    assert alerts.due_proofs(context) == 0
    work_off(context)
    assert alerts.due_proofs(context) == 0
    assert states(receiver) == ["proof"]
    (proof,) = context.store.documents.every(TENANT, alerts.PROOF)
    assert (proof.body["state"], proof.body["why"]) == ("SENT", "HTTP 204")
    clock.now += timedelta(days=1)
    receiver.status = 500
    assert alerts.due_proofs(context) == 1
    work_off(context)
    newest = context.store.documents.every(TENANT, alerts.PROOF, newest_first=True)[0]
    assert newest.body["state"] == "FAILED"


def test_a_channel_whose_secret_is_lost_stops_no_worker(
    context: Context, receiver: Receiver, clock: Clock
) -> None:
    """Its proof fails and says so, the worker goes on, and the channel can be removed."""
    store = context.store
    body = store.documents.get(TENANT, alert_channels.KIND, "desk")
    assert body is not None
    altered = replace(body, body={**body.body, "_secret": b64encode(b"x" * 40).decode()})
    store.documents.act(TENANT, now=clock.now, puts=[altered])
    assert alerts.due_proofs(context) == 1
    work_off(context)
    (proof,) = store.documents.every(TENANT, alerts.PROOF)
    assert (proof.body["state"], receiver.got) == ("FAILED", [])
    assert [one.to_json()["secret"] for one in alert_channels.channels(store)] == [True]
    alert_channels.remove(store, TENANT, "desk", by="admin")


def test_a_proof_whose_channel_goes_meanwhile_stops_no_worker(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that is removed while a message is on its way leaves nothing to note."""

    def gone(_: Context, channel: Channel, __: Alert) -> str:
        alert_channels.remove(context.store, TENANT, channel.name, by="admin")
        raise AlertError("too slow")

    monkeypatch.setattr(alerts, "send", gone)
    alerts.due_proofs(context)
    work_off(context)
    assert not context.store.documents.every(TENANT, alerts.PROOF)


def test_a_test_by_hand_is_kept(context: Context, channel: Channel, receiver: Receiver) -> None:
    """`affidavit alert channel test` sends at once and leaves a proof."""
    assert alerts.send_test(context, channel) == "HTTP 204"
    assert states(receiver) == ["test"]
    (proof,) = context.store.documents.every(TENANT, alerts.PROOF)
    assert proof.body["alertState"] == "test"


def test_no_channel_means_nothing_to_send_but_the_alert_stands(
    context: Context, receiver: Receiver
) -> None:
    """Whoever asks finds the alert, though nobody was told."""
    alert_channels.remove(context.store, TENANT, "desk", by="admin")
    alerts.occur(context, TENANT, disclosed())
    found: Any = alerts.every(context, TENANT)
    assert [one.body["deliveries"] for one in found] == [{}]
    assert not receiver.got
