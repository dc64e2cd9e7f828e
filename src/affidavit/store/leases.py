"""Leases: who works on a run, so that two processes never do so at once.

A holder is a process on a host. A lease can be taken over when its holder is dead (same host, no
such process any more) or has not been heard of for `STALE_SECONDS`. Every write names the lease's
token: who lost his lease is stopped at his next write, whatever he believes.
"""

import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

STALE_SECONDS = 60.0
"""Without a heartbeat for so long, a holder counts as dead."""
BEAT_SECONDS = 15.0
"""How often a holder says that he lives: three beats may be lost."""
_START_FIELD = 19
"""Index of starttime in /proc/<pid>/stat after the command's name (proc(5), field 22)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lease."""

    host: str
    pid: int
    started: int
    """Kernel's start time of the process: a pid is used again, the pair is not. 0: unknown."""

    def text(self) -> str:
        """Return it as it is stored."""
        return json.dumps(asdict(self), sort_keys=True)

    def is_gone(self) -> bool:
        """Return True where this host can tell that the process has ended."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return self.started != process_start(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def me() -> Holder:
    """Return this process."""
    return Holder(socket.gethostname(), os.getpid(), process_start(os.getpid()))


def parse(text: str) -> Holder | None:
    """Return the holder that `text` wrote; None for nobody."""
    return Holder(**json.loads(text)) if text else None


def process_start(pid: int) -> int:
    """Return the kernel's start time of a process; 0 where it cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[_START_FIELD])


class Heart:
    """A thread that beats until it is stopped."""

    def __init__(self, beat: Callable[[], None], seconds: float = BEAT_SECONDS) -> None:
        self._beat = beat
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start beating, once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lease heartbeat", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop beating and wait for the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            self._beat()
