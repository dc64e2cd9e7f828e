"""The composition root of `affidavit serve`: store, operations, API, console, worker, HTTP server.

Loopback unless told otherwise: any other address needs TLS here, or a TLS proxy that is named by an
option. Every request of the API is signed (SigV4) with an access key of `affidavit key add`; the
console has users of its own (`affidavit user add`).
"""

import ipaddress
import logging
import signal
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from affidavit import catalogue as catalogues
from affidavit.api.app import create_app
from affidavit.api.bounded_http import BoundedHttp
from affidavit.api.files import Files
from affidavit.api.hosts import LOOPBACK, HostAllowList
from affidavit.api.metrics import Metrics, MetricsGate
from affidavit.api.protocol import Protocol
from affidavit.api.sigv4 import Credential, KeyLookup
from affidavit.aws.settings import AwsSettings
from affidavit.console import rendering
from affidavit.console.app import create_console
from affidavit.console.door import PREFIX as CONSOLE
from affidavit.errors import StoreError, UsageError
from affidavit.finder.engine import Finder
from affidavit.model.times import utc_now
from affidavit.operations import (
    access_keys,
    leadership,
    log_watching,
    metrics,
    prompt_views,
    scheduler,
    tasks,
    upkeep,
    users,
)
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.settings import Settings
from affidavit.store import Store, open_store

GRACE_SECONDS = 30
"""How long requests under way may take after the server was told to stop."""
POLL_SECONDS = 5.0
"""How soon work that another server left, or whose pause is over, is seen."""
WATCH_SECONDS = 10.0
"""Between two passes over watched logs: an object that arrives is alerted about in a minute."""
SCHEDULE_SECONDS = 15.0
"""How often the leader looks for what is due, and says that it lives (see `leadership`)."""
_log = logging.getLogger("affidavit.api.work")


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
    endpoint_url: str = ""
    """Where clients reach the server, in presigned URLs; empty: where it listens."""
    aws: AwsSettings = field(default_factory=AwsSettings)
    """How AWS is reached to collect."""

    @property
    def secure(self) -> bool:
        """Tell whether people reach the server by TLS."""
        return bool(self.tls_cert) or self.behind_tls_proxy

    @property
    def url(self) -> str:
        """Return where clients reach the server."""
        scheme = "https" if self.tls_cert else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.endpoint_url or f"{scheme}://{host}:{self.port}"


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


class Background:
    """The worker's threads and the scheduler's; use it in a `with` around the HTTP server."""

    def __init__(self, context: Context) -> None:
        self._woken = threading.Condition()
        self._stopping = False
        self.context = replace(context, wake=self._wake)
        workers = context.settings.long_tasks + 1  # a collection need not wait for long tasks
        names = [f"affidavit-work-{number + 1}" for number in range(workers)]
        self._threads = [threading.Thread(target=self._work, name=name) for name in names]
        for target, name in ((self._schedule, "schedule"), (self._watch, "watch")):
            self._threads.append(threading.Thread(target=target, name=f"affidavit-{name}"))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Hand collections back, finish reports and transfers, end the threads."""
        self._stopping = True
        self._wake()
        for thread in self._threads:
            thread.join()
        try:
            leadership.resign(self.context)
        except StoreError as error:
            _log.error("The scheduler's lease could not be given back: %s", error)

    def healthy(self) -> bool:
        """Tell whether every thread still lives; one ends early only by a fault of ours."""
        return all(thread.is_alive() for thread in self._threads)

    def _wake(self) -> None:
        with self._woken:
            self._woken.notify_all()

    def _wait(self, seconds: float) -> None:
        with self._woken:
            if not self._stopping:
                self._woken.wait(seconds)

    def _work(self) -> None:
        while not self._stopping:
            try:
                found = tasks.run_one(self.context, lambda: self._stopping)
            except StoreError as error:
                _log.error("The worker cannot use the store: %s", error)
                found = False
            if not found:
                self._wait(POLL_SECONDS)

    def _schedule(self) -> None:
        while not self._stopping:
            try:
                left = scheduler.schedule(self.context) + upkeep.leave(self.context)
            except StoreError as error:
                _log.error("The scheduler cannot use the store: %s", error)
                left = 0
            if left:
                self._wake()
            self._wait(SCHEDULE_SECONDS)

    def _watch(self) -> None:
        while not self._stopping:
            try:
                if leadership.lead(self.context):
                    log_watching.watch_all(self.context)
            except StoreError as error:
                _log.error("The watches cannot use the store: %s", error)
            self._pause(WATCH_SECONDS)

    def _pause(self, seconds: float) -> None:
        """Wait until a time, whatever work is left meanwhile."""
        end = time.monotonic() + seconds
        while not self._stopping and (left := end - time.monotonic()) > 0:
            self._wait(left)


class Doors:
    """The console below its prefix, everything else to the API; two doors, never mixed.

    The API takes signatures only, the console its session cookie only.
    """

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self._api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at the door that the path names."""
        path = scope.get("path", "")
        own = path == CONSOLE or path.startswith(f"{CONSOLE}/")
        await (self._console if own else self._api)(scope, receive, send)


def make_app(background: Background, options: ServeOptions, finder: Finder) -> ASGIApp:
    """Return the application: the API, presigned files, health and readiness, the console."""
    context = background.context
    hosts = (*LOOPBACK, *options.allow_hosts)
    dispatcher = Dispatcher(context)
    api = create_app(
        dispatcher.handlers(),
        key_lookup(context.store),
        insecure=options.insecure_no_auth,
        hosts=None,
        ready=background.healthy,
    )
    console = create_console(
        context,
        dispatcher,
        Protocol().members,
        finder,
        secure=options.secure,
        proxied=options.behind_tls_proxy,
    )
    files = Files(api, context)
    text = partial(metrics.prometheus, context)
    gate = MetricsGate(context.settings.metrics_token, proxied=options.behind_tls_proxy)
    doors = Doors(Metrics(files, text, metrics.CONTENT_TYPE, gate), console)
    return HostAllowList(doors, hosts)


def make_context(store: Store, settings: Settings, options: ServeOptions) -> Context:
    """Return what the operations work with."""
    return Context(
        store=store,
        catalogue=catalogues.load(),
        settings=settings,
        endpoint_url=options.url,
        aws=options.aws,
    )


def serve(settings: Settings, options: ServeOptions) -> None:
    """Answer requests and do the work they leave until the process is told to stop."""
    check_options(options)
    _log_to_stderr()
    _exit_on_sigterm()
    with (
        open_store(settings, aws=options.aws) as store,
        Finder(store) as finder,
        Background(make_context(store, settings, options)) as background,
    ):
        _invite(store, options)
        threading.Thread(target=warm, args=(finder,), name="affidavit-warm").start()
        uvicorn.run(
            make_app(background, options, finder),
            host=options.host,
            port=options.port,
            http=BoundedHttp,
            ws="none",
            ssl_certfile=options.tls_cert,
            ssl_keyfile=options.tls_key,
            server_header=False,
            proxy_headers=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


def warm(finder: Finder) -> None:
    """Load what the first visitor of each page would wait for: two seconds of CPU, beside."""
    finder.warm()
    rendering.warm()
    prompt_views.shipped_heads()


def _invite(store: Store, options: ServeOptions) -> None:
    """Print the console's address, or the one-time link for its first user."""
    address = f"{options.url}{CONSOLE}/"
    if users.every(store):
        print(f"Console at {address}", file=sys.stderr)  # noqa: T201 - for who started it
        return
    token = users.invite(store, "", utc_now())
    print(  # noqa: T201 - to the terminal only, never to a log
        f"Nobody can sign in to the console yet. The first user, within a day:\n"
        f"{address}welcome/{token}",
        file=sys.stderr,
    )


def _exit_on_sigterm() -> None:
    """Let SIGTERM end the process by an exit, so that work and leases are handed back.

    uvicorn finishes its requests and then sends itself the signal again; by default that would end
    the process at once, with the worker's tasks held until somebody notices.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def key_lookup(store: Store) -> KeyLookup:
    """Return the way from an access key id to its credential; what is disabled says so at once."""
    find = access_keys.Lookup(store)
    known: dict[str, tuple[access_keys.AccessKey, Credential]] = {}

    def lookup(access_key_id: str) -> Credential | None:
        key = find(access_key_id)
        if key is None:
            known.pop(access_key_id, None)
            return None
        kept = known.get(access_key_id)
        if kept is None or kept[0] is not key:
            kept = known[access_key_id] = (key, credential(key))
        return kept[1]

    def credential(key: access_keys.AccessKey) -> Credential:
        return Credential(
            access_key_id=key.access_key_id,
            secret=key.secret,
            account_id=key.account_id,
            principal_arn=key.principal_arn,
            role=key.role,
            disabled=key.disabled,
            regions=key.regions,
        )

    return lookup


def _log_to_stderr() -> None:
    """Send the access log (a JSON object a line, without secrets) and errors to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for name in ("affidavit.api", "affidavit.console", "affidavit.finder", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False
