"""`/metrics`: what Prometheus reads; inside the host check, and with a gate of its own.

The numbers are of all tenants and name them, so nobody reads them unasked: who shows the token of
the settings does, and where there is none, this machine alone.
"""

import hmac
import ipaddress
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from affidavit.api.hosts import LOOPBACK, host_name
from affidavit.errors import SettingsError

PATH: Final = "/metrics"
_MIN_TOKEN: Final = 16
_REFUSED: Final = (
    b"The metrics are for this machine, or for who shows the token of AFFIDAVIT_METRICS_TOKEN "
    b"(Authorization: Bearer).\n"
)


class MetricsGate:
    """Who may read the metrics."""

    def __init__(self, token: str, *, proxied: bool) -> None:
        """Take the token; `proxied`: every peer is the proxy, and tells nothing."""
        if token and len(token) < _MIN_TOKEN:
            raise SettingsError(
                "AFFIDAVIT_METRICS_TOKEN is too short",
                why=f"It has {_MIN_TOKEN} characters at least, for nothing limits guesses.",
                todo="Set a longer one: openssl rand -hex 32.",
            )
        self._token = token.encode()
        self._proxied = proxied

    def lets_in(self, scope: Scope) -> bool:
        """Tell whether a request may read."""
        if self._token:
            given = _all_of(scope, b"authorization")
            return len(given) == 1 and hmac.compare_digest(given[0], b"Bearer " + self._token)
        hosts = [host_name(one) for one in _all_of(scope, b"host")]
        return not self._proxied and set(hosts) <= LOOPBACK and _is_here(scope)


class Metrics:
    """Answers one path; passes everything else on."""

    def __init__(
        self, app: ASGIApp, text: Callable[[], str], content_type: str, gate: MetricsGate
    ) -> None:
        self._app, self._text, self._type, self._gate = app, text, content_type, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD of /metrics to whom the gate lets in."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        status, body, media = 405, b"", self._type
        if not self._gate.lets_in(scope):
            status, body, media = 403, _REFUSED, "text/plain; charset=utf-8"
        elif scope["method"] in ("GET", "HEAD"):
            status, body = 200, (await run_in_threadpool(self._text)).encode()
        headers = [
            (b"content-type", media.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        shown = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": shown})


def _all_of(scope: Scope, name: bytes) -> list[bytes]:
    return [value for known, value in scope["headers"] if known == name]


def _is_here(scope: Scope) -> bool:
    """Tell whether the peer is on this machine; one that is not known is not."""
    try:
        return ipaddress.ip_address((scope.get("client") or ("",))[0]).is_loopback
    except ValueError:
        return False
