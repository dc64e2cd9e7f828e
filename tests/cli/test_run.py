"""`affidavit run` as a user meets it: words, tables, JSON, exit codes, no half-finished state."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from affidavit import demo
from affidavit.cli import run_output

AFFIDAVIT = Path(sys.executable).parent / "affidavit"
TIMEOUT = 300


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment without anybody's AWS configuration."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "COLUMNS": "80",
        **{k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")},
        **more,
    }


def _run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder of its own."""
    return subprocess.run(
        [str(AFFIDAVIT), *arguments],
        cwd=folder,
        env=_environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def _of(estate: demo.Simulated) -> dict[str, str]:
    """Return the variables that lead AWS's tools to an estate."""
    return {
        "AWS_ENDPOINT_URL": estate.endpoint_url,
        "AWS_ACCESS_KEY_ID": estate.access_key,
        "AWS_SECRET_ACCESS_KEY": estate.secret_key,
        "AWS_DEFAULT_REGION": estate.regions[0],
    }


@pytest.mark.timeout(400)
def test_demo_prints_a_table_and_how_to_verify(tmp_path: Path) -> None:
    """A newcomer sees the mark, 52 controls, findings, the report, and the command to verify it."""
    done = _run(tmp_path, "run", "--demo")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("SYNTHETIC")
    assert any(line.split()[:2] == ["Total", "52"] for line in lines)
    assert any(line.startswith("Gaps: ") for line in lines)
    assert "Worst findings" in done.stdout
    suites = [
        line.split() for line in lines[lines.index(next(x for x in lines if "Prompts:" in x)) :]
    ]
    refusal = next(words for words in suites if words[:1] == ["refusal"])
    assert refusal == ["refusal", "114", "of", "114", "0", "of", "57"]
    assert max(len(line) for line in lines if not line.startswith(("Report", "Verify"))) <= 80
    command = shlex.split(next(line for line in lines if line.startswith("Verify")))[1:]
    verified = _run(tmp_path, *command[1:])
    assert verified.returncode == 0, verified.stdout
    assert "SYNTHETIC" in verified.stdout
    keyless = _run(tmp_path, *command[1:3])
    assert keyless.returncode == 1
    ledger = _run(tmp_path, "ledger", "verify")
    assert ledger.returncode == 0, ledger.stderr


def test_gaps_are_told_by_their_reason() -> None:
    """Most frequent first; where access was denied, also which command says what to allow."""
    assert run_output._gaps({"failed": 2, "timed_out": 2}) == "Gaps: 2 failed, 2 timed out."
    told = run_output._gaps({"failed": 2, "denied": 160})
    assert told.startswith("Gaps: 160 denied, 2 failed. `affidavit policy`")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_json_is_one_document_and_fail_on_gives_the_exit_code(tmp_path: Path) -> None:
    """--json prints JSON only, and --fail-on non-compliant exits with 1 after all was stored."""
    done = _run(tmp_path, "run", "--demo", "--json", "--no-report", "--fail-on", "non-compliant")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert len(document["controls"]) == 52
    assert document["report"] is None
    assert document["synthetic"] is True
    assert document["nonCompliantEvidence"] > 0
    assert not (tmp_path / "affidavit-report").exists()


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "says"),
    [
        (["run"], {}, 3, "No usable AWS credentials"),
        (["run", "--profile", "nope"], {}, 3, "nope"),
        (["run", "--demo", "--account", "1"], {}, 2, "--demo and --account do not go together"),
        (["run", "--framework", "iso"], {}, 2, "no framework 'iso'"),
        (["run", "--session-tag", "x"], {}, 2, "KEY=VALUE"),
        (["run", "--parameters", "missing.yaml"], {}, 2, "missing.yaml"),
        (["run", "--demo"], {"AFFIDAVIT_DATABASE_URL": "nonsense"}, 2, "AFFIDAVIT_DATABASE_URL"),
        (["run", "--demo"], {"AFFIDAVIT_CONCURRENCY": "no"}, 2, "whole number"),
        (["report", "build", "nothing"], {}, 3, "There is no database"),
        (["verify", "missing.zip"], {}, 2, "missing.zip"),
    ],
)
def test_wrong_calls_say_what_why_and_what_to_do(
    tmp_path: Path, arguments: list[str], variables: Mapping[str, str], code: int, says: str
) -> None:
    """A wrong call ends with its documented exit code, in words, without a traceback."""
    done = _run(tmp_path, *arguments, **variables)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_expired_token_and_an_unknown_key_are_named(tmp_path: Path) -> None:
    """Credentials that AWS refuses end the run with what AWS said."""
    with demo.start() as estate:
        done = _run(tmp_path, "run", **{**_of(estate), "AWS_ACCESS_KEY_ID": "AKIAUNKNOWN000000000"})
    assert done.returncode == 3
    assert "InvalidClientTokenId" in done.stderr


def test_without_demo_an_emulator_is_marked_synthetic_too(tmp_path: Path) -> None:
    """The mark follows from the endpoint, not from --demo."""
    with demo.start() as estate:
        done = _run(tmp_path, "run", "--json", "--in-region", "eu-central-1", **_of(estate))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["synthetic"] is True
    assert document["regions"] == ["eu-central-1"]
    verified = _run(tmp_path, "verify", document["report"], "--key", document["publicKey"])
    assert "SYNTHETIC" in verified.stdout


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(1.6, marks=pytest.mark.slow), 2.4, pytest.param(3.2, marks=pytest.mark.slow)],
)
def test_a_killed_run_is_finished_by_the_next(tmp_path: Path, seconds: float) -> None:
    """After kill -9 the next run of the day ends, and the ledger verifies."""
    with demo.start() as estate:
        variables = _environment(tmp_path, **_of(estate), AFFIDAVIT_REQUESTS_PER_SECOND="15")
        command = [str(AFFIDAVIT), "run", "--json", "--no-report", "--in-region", "us-east-1"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as killed:
            time.sleep(seconds)
            killed.send_signal(signal.SIGKILL)
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, timeout=TIMEOUT, check=False
        )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["evidence"] > 0
    ledger = _run(tmp_path, "ledger", "verify")
    assert ledger.returncode == 0, ledger.stderr
