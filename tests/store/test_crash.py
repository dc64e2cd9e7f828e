"""kill -9 at any instant loses nothing acknowledged and leaves nothing half-registered."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


def kill(kills: int, *where: str) -> str:
    """Kill so many times; return what was printed: the seed too."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.crash", "--kills", str(kills), *where],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(480)
@pytest.mark.parametrize(("phase", "kills"), [("append", 12), ("compact", 4)])
def test_random_kills(phase: str, kills: int) -> None:
    """Some kills while appending, and while compacting; `make bench-crash` does 100 of each."""
    told = kill(kills, "--objects", "disk", "--phase", phase)
    assert f"kills: {kills}" in told
    assert "lost: 0" in told


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_random_kills_while_publishing() -> None:
    """Some kills while a commit is published as Iceberg; `make bench-crash` does 100."""
    if importlib.util.find_spec("pyiceberg") is None:
        pytest.skip("NOT RUN: pyiceberg is not installed (make test-slow installs it)")
    told = kill(6, "--objects", "disk", "--phase", "publish")
    assert "kills: 6" in told
    assert "lost: 0" in told


@pytest.mark.slow
def test_random_kills_on_s3(seaweedfs: Any) -> None:
    """The same with objects on a real S3 server, and segments sealed."""
    assert seaweedfs
    told = kill(10, "--objects", "s3", "--phase", "append", "compact")
    assert told.count("lost: 0") == 2
