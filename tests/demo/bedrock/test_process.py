"""`python -m affidavit.demo.bedrock`: says where it listens, ends with its input."""

import subprocess
import sys
from pathlib import Path

from affidavit.demo.bedrock.server import CLOUDWATCH_FILE


def test_process(tmp_path: Path) -> None:
    """It writes its loopback URL first, and when its input ends it ends well, logs written."""
    command = [sys.executable, "-m", "affidavit.demo.bedrock", "--log-folder", str(tmp_path)]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("http://127.0.0.1:")
    assert done.stderr == ""
    assert (tmp_path / CLOUDWATCH_FILE).exists()
