"""kill -9 at any instant loses nothing acknowledged and leaves nothing half-registered."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
KILLS = 20


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


@pytest.mark.timeout(240)
def test_random_kills() -> None:
    """Twenty kills while appending, or compacting; `make bench-crash` does 100 of each."""
    told = kill(KILLS // 2, "--objects", "disk")
    assert told.count(f"kills: {KILLS // 2}") == 2
    assert told.count("lost: 0") == 2


@pytest.mark.slow
def test_random_kills_on_s3(seaweedfs: Any) -> None:
    """The same with objects on a real S3 server, and segments sealed."""
    assert seaweedfs
    told = kill(KILLS // 2, "--objects", "s3")
    assert told.count("lost: 0") == 2
