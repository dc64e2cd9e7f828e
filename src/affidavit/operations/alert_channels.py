"""Channels of alerts: set by an administrator, kept with their secrets encrypted, tested by hand.

A channel belongs to a tenant and is one document (kind alert_channel). Its secret (a webhook's key,
a mail server's password) is encrypted under a key of the tenant and never printed. A webhook's path
often is a secret too: the change log keeps its host only.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affidavit.alerting.addresses import MAX_PORT, networks
from affidavit.alerting.mail import check_mail
from affidavit.alerting.webhook import check_secret, check_url
from affidavit.errors import SigningKeyError, UsageError
from affidavit.model.numbers import whole
from affidavit.operations.changes import Action, Change, act_by
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "alert_channel"
Kind = Literal["sns", "webhook", "email"]
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_TENANT: Final = re.compile(r"[0-9]{12}/[a-z0-9-]+", re.ASCII)
_TOPIC: Final = re.compile(r"arn:[^:]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+", re.ASCII)
_NONCE: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where alerts of a tenant go."""

    tenant: str
    name: str
    kind: Kind
    target: str
    """ARN of a topic, URL, or receivers with blanks between."""
    secret: str = field(default="", repr=False)
    sealed: bool = False
    """Whether there is a secret that was not opened."""
    server: str = ""
    """Of e-mail: host:port."""
    security: str = "starttls"
    user: str = ""
    sender: str = ""
    allow: tuple[str, ...] = ()
    """Networks that may be connected to though they are not public."""
    authorities: str = ""
    """PEM of the certificate authorities; empty: the usual ones."""

    def to_json(self) -> dict[str, Any]:
        """Return the channel without its secret."""
        return {
            "tenant": self.tenant,
            "name": self.name,
            "kind": self.kind,
            "target": self.target,
            "server": self.server,
            "security": self.security if self.kind == "email" else "",
            "user": self.user,
            "sender": self.sender,
            "allow": list(self.allow),
            "ownAuthorities": bool(self.authorities),
            "secret": self.sealed or bool(self.secret),
        }


def add(store: Store, channel: Channel, *, by: str) -> Channel:
    """Keep a new channel; `UsageError` for what cannot be used, or a name that is taken."""
    check(channel)
    if store.documents.get(channel.tenant, KIND, channel.name) is not None:
        raise UsageError(
            f"{channel.tenant} has a channel {channel.name!r}",
            todo=f"Remove it first: affidavit alert channel remove {channel.name}.",
        )
    body = {
        **channel.to_json(),
        "authorities": channel.authorities,
        "_secret": _sealed(store, channel) if channel.secret else "",
    }
    document = Document(kind=KIND, id=channel.name, sort=channel.name, body=body)
    _act(store, channel, "CREATE", by, puts=[document])
    return channel


def remove(store: Store, tenant: str, name: str, *, by: str) -> None:
    """Forget a channel; what waits to be sent through it is dropped."""
    found = _document(store, tenant, name)
    _act(store, without_secret(found), "DELETE", by, deletes=[found])


def channels(store: Store, tenant: str = "") -> list[Channel]:
    """Return the channels of a tenant, or of all, by name; without their secrets."""
    found = store.documents.of_all_tenants(KIND)
    return [without_secret(one) for owner, one in found if tenant in ("", owner)]


def channel(store: Store, tenant: str, name: str) -> Channel:
    """Return a channel with its secret; `UsageError` where there is none of the name."""
    document = _document(store, tenant, name)
    opened = _opened(store, tenant, document.body["name"], document.body["_secret"])
    return replace(without_secret(document), secret=opened)


def find(store: Store, name: str, tenant: str = "") -> Channel:
    """Return the channel of a name without its secret, in whatever tenant where none is given."""
    found = [one for one in channels(store, tenant) if one.name == name]
    if len(found) != 1:
        raise UsageError(
            f"There {'are several channels' if found else 'is no channel'} {name!r}",
            todo="`affidavit alert channel list` names them; give --tenant where several are.",
        )
    return found[0]


def check(channel: Channel) -> None:
    """Raise `UsageError` for a channel that cannot be used."""
    if not _NAME.fullmatch(channel.name):
        raise UsageError(
            f"{channel.name!r} is no name of a channel", why="It has letters, digits, . _ and -."
        )
    if not _TENANT.fullmatch(channel.tenant):
        raise UsageError(
            f"{channel.tenant!r} is no tenant", todo="Write 111122223333/eu-central-1."
        )
    networks(channel.allow)
    if channel.kind == "webhook":
        check_url(channel.target)
        check_secret(channel.secret)
    elif channel.kind == "email":
        check_mail(channel.target.split(), channel.sender, channel.security, channel.allow)
        host, _, port = channel.server.rpartition(":")
        if not host or whole(port, MAX_PORT, least=1) is None:
            raise UsageError(f"{channel.server!r} is no mail server", todo="Write host:port.")
    elif not _TOPIC.fullmatch(channel.target):
        raise UsageError(f"{channel.target!r} is not the ARN of an SNS topic")


def _document(store: Store, tenant: str, name: str) -> Document:
    found = store.documents.get(tenant, KIND, name)
    if found is None:
        raise UsageError(f"{tenant} has no channel {name!r}")
    return found


def without_secret(document: Document) -> Channel:
    """Return the channel that a document keeps; it can be listed and removed without its key."""
    body = document.body
    return Channel(
        tenant=body["tenant"],
        name=body["name"],
        kind=body["kind"],
        target=body["target"],
        sealed=bool(body["_secret"]),
        server=body["server"],
        security=body["security"] or "starttls",
        user=body["user"],
        sender=body["sender"],
        allow=tuple(body["allow"]),
        authorities=body["authorities"],
    )


def _act(store: Store, channel: Channel, action: Action, by: str, **more: Any) -> None:
    change = Change(
        action=action,
        object_type="ALERT_CHANNEL",
        object_id=channel.name,
        object_name=channel.name,
        details=_noted(channel),
    )
    act_by(store, channel.tenant, by, change, **more)


def _noted(channel: Channel) -> dict[str, Any]:
    """Return what the change log, which is kept for ever, says of a channel."""
    if channel.kind != "webhook":
        return channel.to_json()
    return {**channel.to_json(), "target": f"https://{urlsplit(channel.target).netloc}"}


def _cipher(store: Store, tenant: str) -> AESGCM:
    key = store.keyring.oldest(tenant).body
    return AESGCM(hmac.new(key, b"alert channel secret", sha256).digest())


def _sealed(store: Store, channel: Channel) -> str:
    nonce, text = secrets.token_bytes(_NONCE), channel.secret.encode()
    sealed = _cipher(store, channel.tenant).encrypt(nonce, text, channel.name.encode())
    return base64.b64encode(nonce + sealed).decode()


def _opened(store: Store, tenant: str, name: str, sealed: str) -> str:
    if not sealed:
        return ""
    data = base64.b64decode(sealed)
    try:
        opened = _cipher(store, tenant).decrypt(data[:_NONCE], data[_NONCE:], name.encode())
    except InvalidTag as error:
        raise SigningKeyError(
            f"The secret of the channel {name} cannot be decrypted",
            why="It was encrypted under another master key than the present one, or altered.",
            todo="Restore master.key from a backup, or remove the channel and add it again.",
        ) from error
    return opened.decode()
