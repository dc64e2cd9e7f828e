"""The AWS command line over all 62 operations, with nothing changed but the endpoint."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from affidavit.api.sigv4 import Credential

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-awscli"
NAMES = botocore.session.get_session().get_service_model("auditmanager").operation_names
WANTED = os.environ.get("CI") == "true" or os.environ.get("AFFIDAVIT_CLI") == "1"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not WANTED, reason="NOT RUN: set AFFIDAVIT_CLI=1 (makes .venv-awscli)"),
]


@pytest.fixture(scope="session")
def aws() -> Path:
    """Return the AWS command line, installed into an environment of its own where it is missing."""
    program = VENV / "bin" / "aws"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "awscli"]
        subprocess.run([str(VENV / "bin" / "python"), *install], check=True, timeout=1200)
    return program


def comparable(value: Any) -> Any:
    """Return an answer with its times as such: the command line prints them as text."""
    if isinstance(value, dict):
        return {name: comparable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str) and value.startswith("2026-") and "T" in value:
        return datetime.fromisoformat(value)
    return value


Call = Callable[[str, Any], Any]


@pytest.fixture
def call(aws: Path, served: Any, key: Credential, tmp_path: Path) -> Call:
    """Return the way to run one command with its input; it returns what was printed."""
    config = tmp_path / "config"
    config.write_text("[default]\ncli_timestamp_format = iso8601\n", encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL_AUDITMANAGER": served.url,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PYTHONUTF8": "1",
    }

    def run(name: str, request: Any) -> Any:
        given = tmp_path / "input.json"
        given.write_text(json.dumps(request), encoding="utf-8")
        command = [str(aws), "auditmanager", xform_name(name, "-")]
        done = subprocess.run(
            [*command, "--cli-input-json", f"file://{given}"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    return run


@pytest.mark.parametrize("name", NAMES)
def test_every_operation(
    name: str, call: Call, served: Any, sample: Callable[..., Any], protocol: Any
) -> None:
    """The command's input arrives whole, and it prints what the operation answered."""
    model = protocol.model.operation_model(name)
    request = sample(model.input_shape, full=True)
    answer = sample(model.output_shape, full=True)
    served.recorder.received.clear()
    served.recorder.answers[name] = answer
    printed = call(name, request)
    assert [(n, m) for n, _, m in served.recorder.received] == [(name, request)]
    assert comparable(printed) == answer
