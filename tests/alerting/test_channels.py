"""Channels: signed, encrypted, only where an administrator let them out; secrets never shown."""

import hashlib
import hmac
import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from tests.alerting.conftest import SECRET, TENANT, MailServer, Receiver

from affidavit.alerting.addresses import checked, networks
from affidavit.alerting.alert import Alert
from affidavit.alerting.mail import Mail
from affidavit.alerting.webhook import Webhook, check_url
from affidavit.errors import AlertError, UsageError
from affidavit.operations import alert_channels
from affidavit.operations.alert_channels import Channel
from affidavit.store import Store

ALERT = Alert(
    key="k", kind="disclosure", severity="critical", title="3 disclosures",
    facts={"EMAIL": "3"}, where="s3://logs/p", act="The privacy desk.", id="message-1",
)  # fmt: skip
LOOPBACK = networks(["127.0.0.0/8", "::1/128"])


def hook(receiver: Receiver, **more: Any) -> Webhook:
    """Return the webhook of the receiver."""
    given: dict[str, Any] = {"allowed": LOOPBACK, "authorities": receiver.authorities, **more}
    return Webhook(url=receiver.url, secret=SECRET, **given)


def test_a_webhook_is_signed_so_that_the_receiver_can_tell(receiver: Receiver) -> None:
    """The HMAC is over time and body; the id tells repetitions."""
    assert hook(receiver).send(ALERT, now=lambda: 1700000000.0) == "HTTP 204"
    ((headers, body),) = receiver.got
    signed = hmac.new(SECRET.encode(), b"1700000000." + body, hashlib.sha256).hexdigest()
    assert headers["X-Affidavit-Signature"] == f"t=1700000000,v1={signed}"
    assert headers["X-Affidavit-Id"] == "message-1"
    assert json.loads(body)["facts"] == {"EMAIL": "3"}


@pytest.mark.parametrize("status", [302, 307, 400, 500])
def test_what_is_not_taken_is_an_error(receiver: Receiver, status: int) -> None:
    """Redirects are not followed, and an error is no delivery."""
    receiver.status = status
    with pytest.raises(AlertError, match=str(status)):
        hook(receiver).send(ALERT)
    assert len(receiver.got) == 1


def test_a_certificate_of_nobody_known_is_refused(receiver: Receiver) -> None:
    """Without the receiver's own authority its certificate is not trusted."""
    with pytest.raises(AlertError, match="CERTIFICATE_VERIFY_FAILED"):
        hook(receiver, authorities="").send(ALERT)
    assert not receiver.got


def test_loopback_is_not_reached_unasked(receiver: Receiver) -> None:
    """An address that is not public is refused before anything is sent."""
    with pytest.raises(AlertError, match="not a public address"):
        hook(receiver, allowed=()).send(ALERT)
    assert not receiver.got


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.9", "169.254.169.254", "0.0.0.0",  # noqa: S104 - refused
        "100.64.0.1", "224.0.0.1", "::1", "fe80::1", "fc00::1", "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "::127.0.0.1",
        "fec0::1", "168.63.129.16", "2130706433", "0x7f000001", "localhost",
    ],
)  # fmt: skip
def test_no_spelling_of_a_private_address_gets_out(host: str) -> None:
    """Private, loopback, link-local, metadata and carried addresses are refused."""
    with pytest.raises(AlertError):
        checked(host, 443, ())


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888"])
def test_public_addresses_are_let_out(host: str) -> None:
    """What is public needs no permission."""
    assert str(checked(host, 443, ())) == host


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.org/",
            "https://",
            "ftp://x/",
            "https://u:p@example.org/",
            "https://a/#f",
        ),
        *("https://a:99999/", "https://[::1", "https://a:0/", "https://a/ b", "https://a/\r\nX: y"),
    ],
)
def test_only_plain_https_urls_are_webhooks(url: str) -> None:
    """No other scheme, no credentials in the URL."""
    with pytest.raises(UsageError):
        check_url(url)


def test_mail_arrives_at_a_real_server(mail_server: MailServer) -> None:
    """The message holds subject, facts and id; plain only in an allowed network."""
    mail = Mail(
        to=("desk@example.org",), sender="affidavit@example.org", host="127.0.0.1",
        port=mail_server.port, security="none", allowed=LOOPBACK,
    )  # fmt: skip
    assert mail.send(ALERT) == "taken for 1 receivers"
    text = mail_server.messages()
    assert "Subject: [ALERT] 3 disclosures" in text
    assert "EMAIL: 3" in text
    assert "X-Affidavit-Id: message-1" in text


def test_mail_that_cannot_be_encrypted_is_not_sent(mail_server: MailServer) -> None:
    """A server without STARTTLS gets nothing where encryption was not switched off."""
    mail = Mail(
        to=("desk@example.org",), sender="affidavit@example.org", host="127.0.0.1",
        port=mail_server.port, allowed=LOOPBACK,
    )  # fmt: skip
    with pytest.raises(AlertError):
        mail.send(ALERT)
    assert "3 disclosures" not in mail_server.messages()


def test_plain_mail_stays_in_the_allowed_network() -> None:
    """A public server gets nothing in clear, whatever other network is allowed."""
    mail = Mail(
        to=("desk@example.org",), sender="affidavit@example.org", host="8.8.8.8", port=25,
        security="none", allowed=LOOPBACK,
    )  # fmt: skip
    with pytest.raises(AlertError, match="in no allowed network"):
        mail.send(ALERT)


def test_a_receiver_that_drips_is_cut_off(receiver: Receiver) -> None:
    """One that answers a byte at a time holds no worker beyond the bound."""
    receiver.drips = True
    began = time.monotonic()
    with pytest.raises(AlertError):
        replace(hook(receiver), longest=0.5).send(ALERT)
    assert time.monotonic() - began < 10


def test_a_mail_server_that_drips_is_cut_off() -> None:
    """One that greets a byte at a time holds no worker beyond the bound."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            taken, _ = listening.accept()
            with taken, suppress(OSError):
                for _ in range(200):
                    taken.sendall(b"2")
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        mail = Mail(
            to=("desk@example.org",), sender="affidavit@example.org", host="127.0.0.1",
            port=listening.getsockname()[1], security="none", allowed=LOOPBACK, longest=0.5,
        )  # fmt: skip
        began = time.monotonic()
        with pytest.raises(AlertError):
            mail.send(ALERT)
        assert time.monotonic() - began < 10


def channel(**more: Any) -> Channel:
    """Return a webhook channel."""
    given: dict[str, Any] = {
        "tenant": TENANT, "name": "desk", "kind": "webhook",
        "target": "https://example.org/hook", "secret": SECRET, **more,
    }  # fmt: skip
    return Channel(**given)


def test_a_secret_is_kept_encrypted_and_never_shown(store: Store) -> None:
    """The document holds no secret; the channel that is read for sending does."""
    alert_channels.add(store, channel(), by="admin")
    (found,) = store.documents.every(TENANT, alert_channels.KIND)
    assert SECRET not in json.dumps(found.body)
    assert SECRET not in repr(alert_channels.channels(store))
    assert SECRET not in json.dumps(alert_channels.channels(store)[0].to_json())
    assert alert_channels.channel(store, TENANT, "desk").secret == SECRET


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b"}, {"tenant": "111122223333"}, {"target": "http://example.org/"},
        {"secret": "short"}, {"allow": ("10.0.0.0/99",)},
        {"kind": "sns", "target": "arn:aws:sqs:eu-central-1:111122223333:q"},
        {"kind": "email", "target": "nobody", "sender": "a@b.c", "server": "h:25"},
        {"kind": "email", "target": "a@b.c", "sender": "a@b.c", "server": "h"},
        {"kind": "email", "target": "a@b.c", "sender": "a@b.c", "server": "h:25",
         "security": "none"},
        {"kind": "email", "target": "a@b.c\r\nBcc:x@y.z", "sender": "a@b.c", "server": "h:25"},
    ],
)  # fmt: skip
def test_a_channel_that_cannot_work_is_refused(store: Store, wrong: dict[str, Any]) -> None:
    """What is wrong is said when it is added, and nothing is kept."""
    with pytest.raises(UsageError):
        alert_channels.add(store, channel(**wrong), by="admin")
    assert not alert_channels.channels(store)


def test_adding_and_removing_stand_in_the_ledger(store: Store) -> None:
    """Who set a channel, and who took it away, is a leaf each; a name is taken once."""
    alert_channels.add(store, channel(), by="admin")
    with pytest.raises(UsageError, match="has a channel"):
        alert_channels.add(store, channel(), by="admin")
    alert_channels.remove(store, TENANT, "desk", by="other")
    assert not alert_channels.channels(store)
    assert store.sign_checkpoint(TENANT).size == 2


def test_the_ledger_keeps_no_path_of_a_webhook(store: Store) -> None:
    """The path of many webhooks is what lets in: the change log, kept for ever, has the host."""
    target = "https://hooks.example.org/services/T0/B0/wxyz"
    alert_channels.add(store, channel(target=target), by="admin")
    said = repr(store.records_between(TENANT, 0, 9))
    assert "hooks.example.org" in said
    assert "wxyz" not in said
    assert alert_channels.channel(store, TENANT, "desk").target == target


def test_a_secret_outlives_a_change_of_the_master_key(store: Store) -> None:
    """Alerts still leave after the master key was rotated."""
    alert_channels.add(store, channel(), by="admin")
    store.keyring.change_master(store.tenants())
    assert alert_channels.channel(store, TENANT, "desk").secret == SECRET
