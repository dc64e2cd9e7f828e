"""MiniStack in its own process: an emulator of AWS that we did not write and did not bend.

It lives in a virtual environment of its own beside the project's (`.venv-ministack`), because it
pins other versions. Where that is missing the tests say so and are skipped; in CI (`CI=true`) it is
installed first. The fixture `ministack` (tests/conftest.py) starts one for a test session.

    python -m venv .venv-ministack && .venv-ministack/bin/pip install ministack==1.5.33
"""

import fcntl
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.free_ports import free_port

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-ministack"
SECONDS_TO_START = 300.0


def is_installed() -> bool:
    """Return whether MiniStack is at hand."""
    return (VENV / "bin" / "ministack").exists()


def install() -> None:
    """Make the virtual environment and install MiniStack into it, by pip's own configuration.

    Other workers of the same run wait, and find it installed.
    """
    with VENV.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed():
            return
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "ministack==1.5.33"]
        subprocess.run(pip, check=True)


class MiniStack:
    """One server on a free loopback port, with its own empty state."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "ministack.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; `RuntimeError` carries the end of its log."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "CLOUDTRAIL_RECORDING": "1",
            "IOT_MTLS_ENABLED": "0",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(VENV / "bin" / "ministack")],
                cwd=self._folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                end = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"MiniStack did not start:\n{end}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End the process that `start` made."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=60) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
