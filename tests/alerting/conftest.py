"""Real receivers on loopback: an HTTPS server with a certificate of its own, and an SMTP server."""

import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.free_ports import free_port

from affidavit import catalogue
from affidavit.operations.context import Context
from affidavit.settings import Settings
from affidavit.store import Store, open_store

TENANT = "111122223333/eu-central-1"
SECRET = "a secret of the webhook"


@dataclass(slots=True)
class Receiver:
    """An HTTPS server that keeps what it is sent, and answers as it is told."""

    url: str
    authorities: str
    status: int = 204
    drips: bool = False
    """Whether it answers a byte at a time, and never ends."""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


def certificate(folder: Path) -> tuple[Path, str]:
    """Return a file with key and certificate for 127.0.0.1 and localhost, and its PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test receiver")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "receiver.pem"
    path.write_bytes(private + pem)
    return path, pem.decode()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """Run an HTTPS receiver."""
    path, pem = certificate(tmp_path)
    found: Receiver

    class Handler(BaseHTTPRequestHandler):
        """Keeps each POST."""

        def do_POST(self) -> None:
            """Keep the body and answer."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((dict(self.headers.items()), body))
            if found.drips:
                self._drip()
                return
            self.send_response(found.status)
            self.send_header("Location", "https://127.0.0.1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self) -> None:
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            with suppress(OSError):
                for _ in range(200):
                    self.wfile.write(b"x")
                    time.sleep(0.1)

        def log_message(self, *_: Any) -> None:
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found = Receiver(url=f"https://localhost:{server.server_port}/hook?a=b", authorities=pem)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True, slots=True)
class MailServer:
    """A running mail server, and where it writes what it takes."""

    port: int
    log: Path

    def messages(self) -> str:
        """Return what arrived so far."""
        return self.log.read_text(encoding="utf-8")


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[MailServer]:
    """Run aiosmtpd in a process of its own; it writes every message to a file."""
    port = free_port()
    log = tmp_path / "mail.txt"
    with log.open("wb") as out:
        command = [sys.executable, "-u", "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"]
        command += ["-c", "aiosmtpd.handlers.Debugging", "stdout"]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    while not _listens(port):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.05)
    yield MailServer(port, log)
    process.terminate()
    process.wait(60)


def _listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a home of its own."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Open a new store."""
    with open_store(settings) as opened:
        yield opened


@dataclass(slots=True)
class Clock:
    """A clock that a test turns."""

    now: datetime = datetime(2026, 11, 30, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def context(store: Store, settings: Settings, clock: Clock) -> Context:
    """Return what operations work with."""
    return Context(store=store, catalogue=catalogue.load(), settings=settings, now=clock)
