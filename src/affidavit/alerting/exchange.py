"""One HTTP exchange with a checked address: over TLS, bounded in time and size, no redirect."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from affidavit.alerting.addresses import Network, checked, connect
from affidavit.errors import AlertError

TIMEOUT: Final = 15.0
LONGEST: Final = 30.0
"""Seconds for the whole exchange: an answer in drips holds no thread for ever."""
MOST: Final = 2**20
"""Bytes of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side answered."""

    status: int
    body: bytes


def exchange(
    url: str,
    allowed: Sequence[Network],
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return the answer of a URL; `AlertError` where there is none.

    http is spoken with this machine only: with anybody else it would be read on the way.
    """
    place = urlsplit(url)
    host, secure = place.hostname or "", place.scheme == "https"
    if place.scheme not in ("http", "https") or not host or place.username or place.password:
        raise AlertError(f"{url!r} cannot be asked", why="It is no plain http or https address.")
    port = place.port or (443 if secure else 80)
    address = checked(host, port, allowed)
    if not secure and not address.is_loopback:
        raise AlertError(f"{host} is not asked without encryption", todo="Use https.")
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    made = Pinned if secure else Plain
    connection = made(host, port, lambda: connect(address, port))
    watchdog = threading.Timer(LONGEST, connection.cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request(method, target, body, {"Host": place.netloc, **(headers or {})})
        answer = connection.getresponse()
        data = answer.read(MOST + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise AlertError(f"{host} did not answer", why=str(error)) from error
    finally:
        watchdog.cancel()
        connection.close()
    if connection.was_cut or len(data) > MOST:
        raise AlertError(f"{host} did not answer", why="It was too slow, or said too much.")
    return Answer(answer.status, data)


class Plain(http.client.HTTPConnection):
    """HTTP to an address that was checked."""

    def __init__(self, host: str, port: int, connect: Callable[[], socket.socket]) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self._checked = connect
        self.was_cut = False

    def connect(self) -> None:
        """Connect to the checked address."""
        self.sock = self._checked()
        self.sock.settimeout(TIMEOUT)

    def cut(self) -> None:
        """End the connection from another thread."""
        self.was_cut = True
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


class Pinned(http.client.HTTPSConnection):
    """HTTPS to an address that was checked; the certificate must still be that of the name."""

    def __init__(
        self,
        host: str,
        port: int,
        connect: Callable[[], socket.socket],
        context: ssl.SSLContext | None = None,
    ) -> None:
        context = context or ssl.create_default_context()
        super().__init__(host, port, timeout=TIMEOUT, context=context)
        self._checked, self._tls = connect, context
        self._held: socket.socket | None = None
        self.was_cut = False

    def connect(self) -> None:
        """Connect to the checked address."""
        plain = self._checked()
        plain.settimeout(TIMEOUT)
        wrapped = self._tls.wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.sock = self._held = wrapped
        wrapped.do_handshake()

    def cut(self) -> None:
        """End the connection from another thread: whoever waits for it gets an end of file."""
        self.was_cut = True
        if self._held is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._held, socket.SHUT_RDWR)
