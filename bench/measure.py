"""Running a command and measuring it: wall time, CPU time, peak memory."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a command cost."""

    wall: float
    """Seconds from start to end."""
    cpu: float
    """Seconds of CPU, user and system, children that it waited for included."""
    peak: float
    """Largest resident set of any single process of it, in MiB."""
    code: int
    output: str


def measure(
    command: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float = 1800
) -> Measured:
    """Run `command` to its end and return what it cost.

    The command runs below a small parent of its own (this module as a script), so that the
    figures are of its children only.
    """
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), *command],
        env={**os.environ, **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    wall = time.monotonic() - started
    *_, last = done.stderr.strip().splitlines() or [""]
    cpu, peak, code = (float(part) for part in last.split()[-3:])
    return Measured(wall=wall, cpu=cpu, peak=peak, code=int(code), output=done.stdout + done.stderr)


def _main() -> None:
    done = subprocess.run(sys.argv[1:], check=False)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime
    print(f"\n{cpu:.3f} {usage.ru_maxrss / KIB:.1f} {done.returncode}", file=sys.stderr)


if __name__ == "__main__":
    _main()
