"""The Host allow-list: a door in front of everything that is served.

A page in a browser can make any name resolve to 127.0.0.1 (DNS rebinding) and then talk to us; the
Host header still carries its own name, which is not on the list.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_MISDIRECTED: Final = 421
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s:@/\[\]]+)(:[0-9]{0,5})?", re.ASCII)


def host_name(header: bytes) -> str:
    """Return the name of a Host header without its port, in lower case; empty: it is no host."""
    found = _HOST.fullmatch(header.decode("latin-1").strip().lower())
    return found["name"] if found else ""


class HostAllowList:
    """ASGI middleware: refuses (421) every request for a host that is not listed."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] in ("http", "websocket") and not self._listed(scope):
            await _refuse(send)
            return
        await self._app(scope, receive, send)

    def _listed(self, scope: Scope) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        return len(hosts) == 1 and host_name(hosts[0]) in self._allowed


async def _refuse(send: Send) -> None:
    body = json.dumps({"message": "This server does not serve the host that was asked for."})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"x-amzn-errortype", b"MisdirectedRequestException"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": _MISDIRECTED, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode("ascii")})
