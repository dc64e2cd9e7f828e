"""`affidavit serve`: closed unless told otherwise, and open to clients that we did not write."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.free_ports import free_port

from affidavit.errors import UsageError
from affidavit.server import ServeOptions, check_options, is_loopback

AFFIDAVIT = Path(sys.executable).parent / "affidavit"
ACCOUNT = "111122223333"
SECONDS_TO_START = 300


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_loopback_needs_nothing(host: str) -> None:
    """On loopback the server starts as it is."""
    assert is_loopback(host)
    check_options(ServeOptions(host=host))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (ServeOptions(host="0.0.0.0"), "is not loopback"),  # noqa: S104 - what must be refused
        (ServeOptions(host="example.com"), "is not loopback"),
        (ServeOptions(tls_cert=Path("a")), "go together"),
        (ServeOptions(host="10.0.0.1", behind_tls_proxy=True, insecure_no_auth=True), "loopback"),
        (ServeOptions(behind_tls_proxy=True, insecure_no_auth=True), "loopback only"),
    ],
)
def test_open_doors_are_refused(options: ServeOptions, says: str) -> None:
    """Another address needs TLS, half of a TLS pair is wrong, anonymous is for loopback."""
    with pytest.raises(UsageError, match=says):
        check_options(options)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Any]]]:
    """Serve an empty home in a process of its own; yield its URL and the keys made for it."""
    folder = tmp_path_factory.mktemp("served")
    environment = {
        **{k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")},
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AFFIDAVIT_HOME": str(folder / "home"),
        "AFFIDAVIT_KEYS": str(folder / "keys"),
    }
    keys = {}
    for role in ("admin", "owner", "auditor"):
        arguments = ["key", "add", "--account", ACCOUNT, "--role", role, "--json"]
        arguments += ["--principal", f"arn:aws:iam::{ACCOUNT}:role/{role}"]
        done = subprocess.run(
            [str(AFFIDAVIT), *arguments], env=environment, capture_output=True, check=True
        )
        keys[role] = json.loads(done.stdout)
    port = free_port()
    command = [str(AFFIDAVIT), "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as server:
        _wait(port)
        yield f"http://127.0.0.1:{port}", keys
        server.send_signal(signal.SIGTERM)
        assert server.stderr is not None
        log = server.stderr.read().decode()
    assert server.returncode in (0, -signal.SIGTERM)
    assert all(key["secretAccessKey"] not in log for key in keys.values())
    assert '"GetAccountStatus"' in log


def _wait(port: int) -> None:
    """Wait until the server listens."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")


def _client(url: str, key: dict[str, str], secret: str | None = None) -> Any:
    """Return boto3's client of Audit Manager on our server."""
    return boto3.client(
        "auditmanager",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id=key["accessKeyId"],
        aws_secret_access_key=secret or key["secretAccessKey"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_a_library_of_ones_own_over_boto3(served: tuple[str, dict[str, Any]]) -> None:
    """Register, read the standard framework, make a control, find it again."""
    url, keys = served
    admin, owner = _client(url, keys["admin"]), _client(url, keys["owner"])
    try:
        assert admin.get_account_status()["status"] == "INACTIVE"
        assert admin.register_account()["status"] == "ACTIVE"
        found = owner.list_assessment_frameworks(frameworkType="Standard")
        (standard,) = found["frameworkMetadataList"]
        assert (standard["controlSetsCount"], standard["controlsCount"]) == (8, 52)
        source = {"sourceName": "s", "sourceType": "MANUAL"}
        source |= {"sourceSetUpOption": "Procedural_Controls_Mapping"}
        made = owner.create_control(name="Ours", controlMappingSources=[source])["control"]
        assert owner.get_control(controlId=made["id"])["control"]["name"] == "Ours"
    finally:
        admin.close()
        owner.close()


def test_wrong_secrets_and_roles_are_refused(served: tuple[str, dict[str, Any]]) -> None:
    """A wrong secret fails the signature; an auditor may not register."""
    url, keys = served
    wrong, auditor = _client(url, keys["admin"], "x" * 40), _client(url, keys["auditor"])
    try:
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            wrong.get_account_status()
        with pytest.raises(ClientError, match="AccessDeniedException"):
            auditor.register_account()
    finally:
        wrong.close()
        auditor.close()


def test_nobody_listens_afterwards() -> None:
    """A client without a server gets a connection error, not an answer."""
    client = _client("http://127.0.0.1:9", {"accessKeyId": "a", "secretAccessKey": "b"})
    try:
        with pytest.raises(EndpointConnectionError):
            client.get_account_status()
    finally:
        client.close()
