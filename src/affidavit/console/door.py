"""The console's door: security headers on every answer, and no unsafe request from elsewhere.

Cross-site requests are told by what browsers say of them (Sec-Fetch-Site, Origin), which a page
cannot forge; no token in forms. An unsafe request that says neither is refused as well: the console
is for browsers, and scripts have the API. `BACK_CHANNEL` alone is for a server.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX: Final = "/console"
BACK_CHANNEL: Final = f"{PREFIX}/sign-in/openid/logout"
"""Where an OpenID provider's server tells of sign-outs: a token that it signed, and no cookie."""
CSP: Final = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)
_HEADERS: Final = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = (b"same-origin", b"none")
"""Values of Sec-Fetch-Site: by our own page, or typed by the user."""
_REFUSED: Final = b"This request came from another site, and was refused."


class Door:
    """ASGI middleware around the console."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        """Take the console; `secure`: people reach it by TLS."""
        self._app = app
        self._secure = secure
        self._headers = (*_HEADERS, _HSTS) if secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with our headers on its answer, or refuse it."""
        if scope["type"] != "http":
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with(message["headers"], self._headers)
            await send(message)

        is_safe = scope["method"] in _SAFE or scope["path"] == BACK_CHANNEL
        if not is_safe and not is_own(scope["headers"], secure=self._secure):
            await _refuse(sending)
            return
        await self._app(scope, receive, sending)


def is_own(headers: Iterable[tuple[bytes, bytes]], *, secure: bool = False) -> bool:
    """Tell whether an unsafe request comes from a page of this very host.

    By TLS (`secure`) a page that came without it is another one: somebody on the way wrote it.
    """
    known: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        known.setdefault(name, []).append(value)
    site = known.get(b"sec-fetch-site", [])
    if site:
        return len(site) == 1 and site[0] in _OWN
    origin, host = known.get(b"origin", []), known.get(b"host", [])
    if len(origin) != 1 or len(host) != 1:
        return False
    try:
        place = urlsplit(origin[0].decode("latin-1"))
    except ValueError:
        return False
    if place.scheme not in (("https",) if secure else ("http", "https")):
        return False
    return place.netloc.lower() == host[0].decode("latin-1").lower()


def _with(
    given: Iterable[tuple[bytes, bytes]], ours: Iterable[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """Return the headers with ours; an answer may say something stricter itself."""
    headers = list(given)
    present = {name.lower() for name, _ in headers}
    headers += [one for one in ours if one[0] not in present]
    if b"cache-control" not in present:
        headers.append((b"cache-control", b"no-store"))
    return headers


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_REFUSED)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSED})
