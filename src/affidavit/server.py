"""The composition root of `affidavit serve`: store, operations, protocol and HTTP server, joined.

Loopback unless told otherwise: any other address needs TLS here, or a TLS proxy that is named by an
option. Every request is signed (SigV4) with an access key of `affidavit key add`.
"""

import ipaddress
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from affidavit import catalogue as catalogues
from affidavit.api.app import create_app
from affidavit.api.bounded_http import BoundedHttp
from affidavit.api.hosts import LOOPBACK
from affidavit.api.sigv4 import Credential, KeyLookup
from affidavit.errors import UsageError
from affidavit.operations import access_keys
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.settings import Settings
from affidavit.store import Store, open_store

GRACE_SECONDS = 30
"""How long requests under way may take after the server was told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where to listen, and whom to answer."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_tls_proxy: bool = False
    """A proxy in front speaks TLS; what arrives here is plain."""
    insecure_no_auth: bool = False
    """Take requests without a signature; refused on any address but loopback."""
    allow_hosts: tuple[str, ...] = ()
    """Names besides loopback's that a request's Host header may have (DNS rebinding)."""


def check_options(options: ServeOptions) -> None:
    """Raise `UsageError` for a combination that would open a door unasked."""
    loopback = is_loopback(options.host)
    if bool(options.tls_cert) != bool(options.tls_key):
        raise UsageError(
            "--tls-cert and --tls-key go together", todo="Give both files, or neither."
        )
    if not loopback and not (options.tls_cert or options.behind_tls_proxy):
        raise UsageError(
            f"{options.host} is not loopback, and nothing would encrypt what is sent",
            why="Signed requests can be read, and answers changed, by anyone on the way.",
            todo="Give --tls-cert and --tls-key, or --behind-tls-proxy where a proxy speaks TLS.",
        )
    if options.insecure_no_auth and (not loopback or options.behind_tls_proxy):
        raise UsageError(
            "--insecure-no-auth is for loopback only",
            why="Everybody who reaches the port would be an administrator.",
            todo="Make an access key: affidavit key add.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_app(store: Store, settings: Settings, options: ServeOptions) -> ASGIApp:
    """Return the application that answers the API from an open store."""
    context = Context(store=store, catalogue=catalogues.load(), settings=settings)
    hosts = (*LOOPBACK, *options.allow_hosts)
    return create_app(
        Dispatcher(context).handlers(),
        key_lookup(store),
        insecure=options.insecure_no_auth,
        hosts=hosts,
    )


def serve(settings: Settings, options: ServeOptions) -> None:
    """Answer requests until the process is told to stop; requests under way are finished."""
    check_options(options)
    _log_to_stderr()
    with open_store(settings) as store:
        uvicorn.run(
            make_app(store, settings, options),
            host=options.host,
            port=options.port,
            http=BoundedHttp,
            ssl_certfile=options.tls_cert,
            ssl_keyfile=options.tls_key,
            server_header=False,
            proxy_headers=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


def key_lookup(store: Store) -> KeyLookup:
    """Return the way from an access key id to its credential; what is disabled says so at once."""

    def lookup(access_key_id: str) -> Credential | None:
        key = access_keys.lookup(store, access_key_id)
        if key is None:
            return None
        return Credential(
            access_key_id=key.access_key_id,
            secret=key.secret,
            account_id=key.account_id,
            principal_arn=key.principal_arn,
            role=key.role,
            disabled=key.disabled,
        )

    return lookup


def _log_to_stderr() -> None:
    """Send the access log (a JSON object a line, without secrets) and errors to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for name in ("affidavit.api", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False
