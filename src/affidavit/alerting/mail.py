"""E-mail by SMTP to a checked address; encrypted, but in a network that is allowed explicitly."""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Literal

from affidavit.alerting.addresses import Network, checked, connect
from affidavit.alerting.alert import Alert
from affidavit.errors import AlertError, UsageError

Security = Literal["starttls", "tls", "none"]
TIMEOUT: Final = 20.0
LONGEST: Final = 120.0
"""Seconds for a whole message: a server that answers in drips holds no worker for ever."""
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9.-]+", re.ASCII)
_MOST_TO: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Who is written to, by which server."""

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    security: Security = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    allowed: Sequence[Network] = ()
    authorities: str = ""
    longest: float = LONGEST

    def send(self, alert: Alert) -> str:
        """Send an alert; return what the server said; `AlertError` where it was not taken."""
        plain = self.security == "none"
        address = checked(self.host, self.port, self.allowed, only_allowed=plain)
        try:
            message = self._message(alert)
            with self._server(lambda: connect(address, self.port, TIMEOUT)) as server:
                if self.security == "starttls":
                    server.starttls(context=self._context())
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise AlertError(f"{self.host} did not take the alert", why=str(error)) from error
        if refused:
            why = f"It refused {len(refused)} of {len(self.to)} receivers."
            raise AlertError(f"{self.host} did not take the alert for all", why=why)
        return f"taken for {len(self.to)} receivers"

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        message["Subject"] = " ".join(alert.subject.split())
        message["Message-ID"] = f"<{alert.id}@affidavit.invalid>"
        message["X-Affidavit-Id"] = alert.id
        message.set_content(alert.text())
        return message

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authorities or None)

    def _server(self, opened: Callable[[], socket.socket]) -> smtplib.SMTP:
        context = self._context() if self.security == "tls" else None
        return _Pinned(self.host, self.port, opened, context, self.longest)


class _Pinned(smtplib.SMTP):
    """SMTP to an address that was checked."""

    def __init__(
        self,
        host: str,
        port: int,
        opened: Callable[[], socket.socket],
        context: ssl.SSLContext | None,
        longest: float,
    ) -> None:
        self._opened, self._tls = opened, context
        self.sock: socket.socket | None = None
        self._watchdog = threading.Timer(longest, self._cut)
        self._watchdog.daemon = True
        self._watchdog.start()
        super().__init__(host, port, timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connection; nothing is left to watch."""
        self._watchdog.cancel()
        super().close()

    def _cut(self) -> None:
        """End the connection from another thread: whoever waits for it gets an end of file."""
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def _get_socket(self, host: str, _port: int, timeout: float | None) -> socket.socket:
        """Connect; smtplib calls this for every connection."""
        plain = self._opened()
        plain.settimeout(timeout)
        if self._tls is None:
            return plain
        wrapped = self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        self.sock = wrapped
        wrapped.do_handshake()
        return wrapped


def check_mail(to: Sequence[str], sender: str, security: str, allow: Sequence[str]) -> None:
    """Raise `UsageError` for addresses that are none, or for plain text to anywhere."""
    for address in (*to, sender):
        if not _ADDRESS.fullmatch(address):
            raise UsageError(f"{address!r} is no e-mail address", todo="Write name@example.org.")
    if not 0 < len(to) <= _MOST_TO:
        raise UsageError(f"An e-mail channel has 1 to {_MOST_TO} receivers", todo="Give --to.")
    if security == "none" and not allow:
        raise UsageError(
            "A mail server is spoken to without encryption only in an allowed network",
            todo="Give --allow-network, or another --smtp-security.",
        )
