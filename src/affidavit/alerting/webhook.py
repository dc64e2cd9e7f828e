"""A webhook: one POST over TLS to a checked address, signed by HMAC, no redirect followed."""

import hashlib
import hmac
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from affidavit import __version__
from affidavit.alerting.addresses import Network, checked, connect
from affidavit.alerting.alert import Alert
from affidavit.alerting.exchange import Pinned
from affidavit.errors import AlertError, UsageError

SIGNATURE: Final = "X-Affidavit-Signature"
_MIN_SECRET: Final = 16
LONGEST: Final = 60.0
"""Seconds for a whole message: a receiver that answers in drips holds no worker for ever."""
_MOST_ANSWER: Final = 2**16
_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where messages are posted to, and how they are signed."""

    url: str
    secret: str = field(repr=False)
    allowed: Sequence[Network] = ()
    authorities: str = ""
    """PEM of certificate authorities; empty: the usual ones."""
    longest: float = LONGEST

    def send(self, alert: Alert, now: Callable[[], float] = time.time) -> str:
        """Post an alert; return the status in words; `AlertError` where it did not arrive."""
        place = urlsplit(self.url)
        port = place.port or 443
        host = place.hostname or ""
        address = checked(host, port, self.allowed)
        body = alert.body()
        headers = {
            "Host": place.netloc,
            "Content-Type": "application/json",
            "User-Agent": f"affidavit/{__version__}",
            "X-Affidavit-Id": alert.id,
            SIGNATURE: signature(self.secret, body, int(now())),
        }
        target = place.path or "/"
        target += f"?{place.query}" if place.query else ""
        connection = Pinned(host, port, lambda: connect(address, port), self._context())
        watchdog = threading.Timer(self.longest, connection.cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            answer.read(_MOST_ANSWER)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AlertError(f"{host} did not take the alert", why=str(error)) from error
        finally:
            watchdog.cancel()
            connection.close()
        if connection.was_cut:
            raise AlertError(f"{host} did not take the alert", why="It answered too slowly.")
        if answer.status in _REDIRECT:
            why = f"It answered {answer.status}, and redirects are not followed."
            raise AlertError(f"{host} did not take the alert", why=why)
        if answer.status not in _SUCCESS:
            raise AlertError(f"{host} did not take the alert", why=f"It answered {answer.status}.")
        return f"HTTP {answer.status}"

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authorities or None)


def signature(secret: str, body: bytes, moment: int) -> str:
    """Return the header's value: `t=<seconds>,v1=<HMAC-SHA-256 of "<seconds>.<body>">`."""
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={signed.hexdigest()}"


def check_url(url: str) -> None:
    """Raise `UsageError` for a URL that alerts are not posted to."""
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no webhook", why=str(error)) from error
    problem = ""
    if port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        problem = "It has a port above 0, and nothing that a URL would have to escape."
    elif place.scheme != "https":
        problem = "Only https is spoken."
    elif not place.hostname or place.username or place.password or place.fragment:
        problem = "It names a host, and neither user, password nor fragment."
    if problem:
        raise UsageError(f"{url!r} is no webhook", why=problem, todo="Write https://host/path.")


def check_secret(secret: str) -> None:
    """Raise `UsageError` for a secret that is too short."""
    if len(secret) < _MIN_SECRET:
        raise UsageError(
            "The webhook's secret is too short",
            why=f"It signs every message; it has {_MIN_SECRET} characters at least.",
            todo="Give --secret-file with a longer one.",
        )
