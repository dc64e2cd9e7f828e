"""The served process's doors: TLS, Host, browsers, health, and an access log without secrets."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REGION = "eu-central-1"
PATIENCE = 100.0
"""Seconds after which a line of the log does not come any more."""


class Plain(NamedTuple):
    """A server without authentication."""

    home: Any
    port: int

    def ask(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Return status and body of a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, make_home: Callable[[Path], Any]
) -> Iterator[Plain]:
    """Serve without authentication, for all tests of this module."""
    home = make_home(tmp_path_factory.mktemp("plain"))
    _, port = home.start("--insecure-no-auth", "--allow-host", "audit.example")
    yield Plain(home, port)
    home.stop()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/_affidavit/health"])
def test_health_and_readiness(plain: Plain, path: str) -> None:
    """A server that listens and works says so, without authentication."""
    assert plain.ask(path) == (200, b'{"status":"ok"}')


def test_without_authentication_whoever_asks_is_answered(plain: Plain) -> None:
    """On loopback and only when asked for, an unsigned request is an administrator's."""
    status, body = plain.ask("/account/status")
    assert (status, json.loads(body)) == (200, {"status": "INACTIVE"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_a_browser_drives_no_open_server(plain: Plain, headers: dict[str, str]) -> None:
    """Whatever page somebody has open cannot use a server without authentication."""
    status, body = plain.ask("/account/status", **headers)
    assert status == 403
    assert b"browser" in body


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("AUDIT.example:8080", 200),
        ("localhost", 200),
    ],
)
@pytest.mark.parametrize("path", ["/account/status", "/healthz", "/readyz"])
def test_only_listed_hosts_are_served(plain: Plain, path: str, host: str, status: int) -> None:
    """A name that resolves to us but is not ours (DNS rebinding) gets nothing, on any path."""
    assert plain.ask(path, Host=host)[0] == status


def test_zeros_before_a_length_let_no_large_form_in(plain: Plain) -> None:
    """A stranger's large form is refused before it is read, however its length is written."""
    with socket.create_connection(("127.0.0.1", plain.port), timeout=PATIENCE) as stranger:
        length = f"{'0' * 20}400000"
        head = (
            "POST /console/sign-in HTTP/1.1",
            *("Host: localhost", "Origin: http://localhost", f"Content-Length: {length}"),
            *("Content-Type: application/x-www-form-urlencoded", "", ""),
        )
        stranger.sendall("\r\n".join(head).encode())
        assert b" 413 " in stranger.recv(100)


def test_the_access_log_has_lines_of_json_and_no_query(plain: Plain) -> None:
    """Each request is one JSON object; the query, where signatures stand, is left out."""
    plain.ask("/account/status?X-Amz-Signature=secretsecret&X-Amz-Credential=c")
    end = time.monotonic() + PATIENCE
    told: list[dict[str, Any]] = []
    while not told and time.monotonic() < end:  # a line is written after its answer was sent
        lines = [one for one in plain.home.log(plain.port).splitlines() if one[:1] == "{"]
        told = [one for one in map(json.loads, lines) if one["path"] == "/account/status"]
        time.sleep(0.05)
    assert {"time", "method", "path", "status", "operation", "requestId", "ms"} <= set(told[-1])
    assert "secretsecret" not in plain.home.log(plain.port)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Return files of a self-signed certificate for loopback, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, private


def test_tls_is_served(home: Any, tmp_path: Path) -> None:
    """With a certificate and its key boto3 verifies us and is answered; plain HTTP is not."""
    cert, private = _certificate(tmp_path)
    key = home.key("admin")
    _, port = home.start("--tls-cert", str(cert), "--tls-key", str(private))
    client = boto3.client(
        "auditmanager",
        endpoint_url=f"https://127.0.0.1:{port}",
        region_name=REGION,
        aws_access_key_id=key["accessKeyId"],
        aws_secret_access_key=key["secretAccessKey"],
        verify=str(cert),
        config=Config(retries={"total_max_attempts": 1}),
    )
    assert client.register_account()["status"] == "ACTIVE"
    client.close()
    trusting = ssl.create_default_context(cafile=str(cert))
    secure = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=trusting)
    secure.request("GET", "/readyz")
    assert secure.getresponse().status == 200
    secure.close()
    plain = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    plain.request("GET", "/readyz")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        plain.getresponse()
    plain.close()
    assert key["secretAccessKey"] not in home.log(port)
