"""kill -9 at any instant loses nothing acknowledged and leaves nothing half-registered."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KILLS = 20


@pytest.mark.timeout(240)
def test_random_kills() -> None:
    """Twenty kills at random instants; the seed is printed. `make bench-crash` does 200."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.crash", "--kills", str(KILLS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"kills: {KILLS}" in done.stdout
    assert "lost: 0" in done.stdout
