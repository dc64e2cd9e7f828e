"""botocore sessions and clients: one loader for all, few clients alive, hooks on every one.

Measured (botocore 1.44): botocore itself 23 MB; the service models of all our services 40 MB once;
a further client 0.3-0.5 MB and 3-12 ms. So models are shared and clients are kept in a bounded
cache: memory stays flat however many accounts and Regions there are.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.session import Session

from affidavit.aws import trace
from affidavit.aws.models import loader
from affidavit.aws.peers import is_local
from affidavit.aws.settings import USER_AGENT, AwsSettings

MAX_CLIENTS = 64
"""Clients kept; beyond, the least recently used one that is idle is closed."""

CONNECTIONS = 4
"""Connections kept open by a client; more are opened when needed and closed after use."""


def new_session(settings: AwsSettings, resolver: CredentialResolver | None = None) -> Session:
    """Return a botocore session with our loader and hooks.

    `resolver` gives the credentials (a role's); without it they come from the settings or the usual
    chain of providers.
    """
    session = Session(profile=settings.profile or None)
    session.register_component("data_loader", loader())
    if resolver is not None:
        session.register_component("credential_provider", resolver)
    elif settings.access_key:
        session.set_credentials(
            settings.access_key, settings.secret_key, settings.session_token or None
        )
    trace.install(session)
    return session


def trusts_usual_authorities(settings: AwsSettings, session: Session) -> bool:
    """Return whether certificates are verified against botocore's own list of authorities.

    A list named in the settings, in AWS_CA_BUNDLE or in the profile may hold anybody's authority.
    """
    named = settings.ca_bundle or session.get_config_variable("ca_bundle")
    return settings.verify_tls and not named


@dataclass(slots=True)
class _Slot:
    client: Any
    users: int = 0


class Clients:
    """Clients by (account, Region, service), made under a lock when first used."""

    def __init__(self, settings: AwsSettings, limit: int = MAX_CLIENTS) -> None:
        self._settings = settings
        self._limit = limit
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[str, str, str], _Slot] = OrderedDict()

    @contextmanager
    def use(self, session: Session, account_id: str, region: str, service: str) -> Iterator[Any]:
        """Lend the client; it is not closed while somebody uses it."""
        key = (account_id, region, service)
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                self._make_room()
                slot = self._slots[key] = _Slot(self._make(session, region, service))
            self._slots.move_to_end(key)
            slot.users += 1
        try:
            yield slot.client
        finally:
            with self._lock:
                slot.users -= 1

    def close(self, account_id: str = "") -> None:
        """Close the clients of one account, or all."""
        with self._lock:
            for key in [k for k in self._slots if not account_id or k[0] == account_id]:
                self._slots.pop(key).client.close()

    def _make_room(self) -> None:
        idle = [key for key, slot in self._slots.items() if not slot.users]
        for key in idle[: max(0, len(self._slots) - self._limit + 1)]:
            self._slots.pop(key).client.close()

    def _make(self, session: Session, region: str, service: str) -> Any:
        client: Any = self._create(session, region, service, {})
        if not is_local(client.meta.endpoint_url):
            return client
        if service == "s3":
            # A bucket's name before localhost or an IP address does not resolve.
            client.close()
            client = self._create(session, region, service, {"s3": {"addressing_style": "path"}})
        if service == "s3control":
            _keep_host(client)
        return client

    def _create(self, session: Session, region: str, service: str, more: dict[str, Any]) -> Any:
        settings = self._settings
        config = Config(
            connect_timeout=settings.call_timeout,
            read_timeout=settings.call_timeout,
            retries={"mode": "adaptive", "total_max_attempts": settings.max_attempts},
            user_agent_extra=USER_AGENT,
            max_pool_connections=min(CONNECTIONS, settings.concurrency),
            **more,
        )
        return session.create_client(
            service,
            region_name=region,
            endpoint_url=settings.endpoint_url or None,
            verify=(settings.ca_bundle or None) if settings.verify_tls else False,
            config=config,
        )


def _keep_host(client: Any) -> None:
    """Send S3 Control's requests to the endpoint itself: its rules put the account before it."""
    host = client.meta.endpoint_url.partition("://")[2].partition("/")[0]

    def remove_account(request: Any, **_: Any) -> None:
        scheme, _sep, rest = request.url.partition("://")
        netloc, slash, path = rest.partition("/")
        account, _dot, parent = netloc.partition(".")
        if parent == host and account.isdecimal():
            request.url = f"{scheme}://{host}{slash}{path}"

    client.meta.events.register("before-sign.s3-control", remove_account)
