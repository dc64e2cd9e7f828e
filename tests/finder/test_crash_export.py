"""Exports survive kill -9 (the heavier tier)."""

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 8


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_exports_are_gone_on_with() -> None:
    """Eight kills at random instants; the seed is printed. `make bench-crash` does 100."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.crash_export", "--kills", str(KILLS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
