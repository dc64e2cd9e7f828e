"""Channels, retention and legal holds in the settings."""

from typing import Any

from affidavit.operations import alert_channels, holds, retention
from affidavit.store.documents import Document

PASSWORD = "correct horse battery"
CHANNELS = "/console/settings/channels"
KEEPING = "/console/settings/keeping"
TENANT = "111122223333/us-east-1"
HOOK = {
    "kind": "webhook",
    "name": "ops",
    "target": "https://hooks.example.org/T0/secret",
    "secret": "a-key-of-some-length-0123456789abcdef",
    "password": PASSWORD,
}


def test_channels_are_added_tested_and_removed(fresh: Any) -> None:
    """A channel's secret is never shown; a test that cannot be sent says why, on the page."""
    admin = fresh.client("olga", "admin")
    page = admin.post(CHANNELS, data=HOOK)
    assert "hooks.example.org" in page.text
    assert HOOK["secret"] not in page.text
    kept = alert_channels.channel(fresh.store, TENANT, "ops")
    assert (kept.secret, kept.allow, kept.kind) == (HOOK["secret"], (), "webhook")
    local = {**HOOK, "name": "local", "target": "https://localhost:1/"}
    admin.post(CHANNELS, data=local)
    tried = admin.post(f"{CHANNELS}/local", data={"do": "test"})
    assert tried.status_code == 422
    assert "localhost" in tried.text
    assert "deleted" in str(admin.post(f"{CHANNELS}/local", data={"do": "remove"}).url)
    assert [one.name for one in alert_channels.channels(fresh.store, TENANT)] == ["ops"]
    assert admin.post(f"{CHANNELS}/nothing", data={"do": "remove"}).status_code == 404


def test_what_is_no_channel_is_said(fresh: Any) -> None:
    """http, a name twice, a mail server without port, a topic that is not bound: 422 and why."""
    admin = fresh.client("olga", "admin")
    admin.post(CHANNELS, data=HOOK)
    mail = {"kind": "email", "target": "a@example.org", "sender": "b@example.org"}
    topic = {"kind": "sns", "target": "arn:aws:sns:us-east-1:111122223333:theirs"}
    for wrong in (
        {"name": "plain", "target": "http://hooks.example.org/"},
        {},
        {"name": "mail", **mail, "server": "mail.example.org"},
        {"name": "mail", **mail, "server": "mail.example.org:25", "security": "none"},
        {"name": "topic", **topic},
        {"name": "x", "kind": "pigeon"},
    ):
        answer = admin.post(CHANNELS, data={**HOOK, **wrong})
        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text
    assert len(alert_channels.channels(fresh.store)) == 1


def test_retention_and_holds(fresh: Any) -> None:
    """A rule is for one assessment or for all; a hold is set and lifted with a reason, logged."""
    admin, own = fresh.client("olga", "admin"), fresh.assessment.id
    form = {"do": "keep", "days": "90", "assessment": own, "password": PASSWORD}
    assert "90 days" in admin.post(KEEPING, data=form).text
    assert retention.rules(fresh.store, TENANT)[own] == 90
    assert retention.usual(fresh.store, TENANT) == 730
    for days in ("", "-1", "ever", "99999", "9" * 30, "0000365", "٣"):
        assert admin.post(KEEPING, data={**form, "days": days}).status_code == 422, days
    hold = {"do": "hold", "assessment": own}
    assert admin.post(KEEPING, data={**hold, "why": ""}).status_code == 422
    assert "Lawsuit &lt;b&gt;" in admin.post(KEEPING, data={**hold, "why": "Lawsuit <b>"}).text
    assert [one.why for one in holds.every(fresh.store, TENANT)] == ["Lawsuit <b>"]
    lift = {"do": "lift", "assessment": own, "why": "Settled"}
    assert admin.post(KEEPING, data={**lift, "password": "wrong"}).status_code == 422
    assert "Nothing is held" in admin.post(KEEPING, data={**lift, "password": PASSWORD}).text
    assert admin.post(KEEPING, data={**form, "assessment": "nothing"}).status_code == 422
    assert fresh.store.documents.get(TENANT, "retention", "nothing") is None
    assert isinstance(fresh.store.documents.get(TENANT, "retention", own), Document)
