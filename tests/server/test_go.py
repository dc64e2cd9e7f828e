"""The AWS SDK for Go, as Debian ships it, on the served API and the simulated estate."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.server import test_life as life

WALK = Path(__file__).parent / "go" / "walk.go"
GOPATH = Path("/usr/share/gocode")
"""Where Debian keeps Go's libraries (golang-github-aws-aws-sdk-go-v2-dev)."""
SDK = GOPATH / "src/github.com/aws/aws-sdk-go-v2/service/auditmanager"
MISSING = shutil.which("go") is None or not SDK.is_dir()
OPERATIONS = 50
"""Answers that the walk prints at least: of each operation that it calls."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        MISSING and os.environ.get("CI") != "true",
        reason="NOT RUN: no Go (apt-get install golang-go golang-github-aws-aws-sdk-go-v2-dev)",
    ),
]
installation = life.installation


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program, compiled from Debian's sources alone."""
    assert not MISSING, "CI needs golang-go and golang-github-aws-aws-sdk-go-v2-dev"
    folder = tmp_path_factory.mktemp("go")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "-p=2",
    }
    command = ["go", "build", "-o", str(folder / "walk"), str(WALK)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "walk"


def _key(served: life.Installation, role: str) -> dict[str, Any]:
    made = served.affidavit(
        *("key", "add", "--account", served.account, "--role", role, "--json"),
        *("--principal", f"arn:aws:iam::{served.account}:role/{role}"),
    )
    key: dict[str, Any] = json.loads(made)
    return key


def test_a_program_in_go_walks_the_operations(
    installation: life.Installation, walk: Path, tmp_path: Path
) -> None:
    """From registration to a report that verifies: only the endpoint is not Audit Manager's."""
    admin, owner = _key(installation, "admin"), _key(installation, "owner")
    life.put_object(installation.estate, "evidence/users.csv", b"alice\nbob\n")
    report = tmp_path / "of-go.zip"
    environment = {
        "WALK_ENDPOINT": installation.url,
        "WALK_REGION": installation.region,
        "WALK_ACCOUNT": installation.account,
        "WALK_BUCKET": life.BUCKET,
        "WALK_REPORT": str(report),
        "WALK_ADMIN_ID": admin["accessKeyId"],
        "WALK_ADMIN_SECRET": admin["secretAccessKey"],
        "WALK_OWNER_ID": owner["accessKeyId"],
        "WALK_OWNER_SECRET": owner["secretAccessKey"],
    }
    done = subprocess.run(
        [str(walk)], env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    answers = {json.loads(line)["answer"] for line in done.stdout.splitlines()}
    assert len(answers) >= OPERATIONS, sorted(answers)
    assert "VERIFIED" in life.verified(installation, report.read_bytes(), tmp_path)
