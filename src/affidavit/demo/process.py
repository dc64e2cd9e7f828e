"""Start the simulated estate in a process of its own, and end it."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import IO, Any

from affidavit.demo.overlay.faults import Fault, to_text
from affidavit.errors import EmulatorError
from affidavit.model.times import iso, utc_now

DEFAULT_SEED = 20260101
"""Seed of the estate's identifiers; another one makes other identifiers, not another estate."""

STARTING = timedelta(seconds=30)
"""What it may take from here until a run has begun."""
_LAST_LINES = 8
_STOP_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """A model of the estate that is asked prompts, as its callers ask it."""

    account_id: str
    region: str
    model_id: str
    guardrail_id: str
    guardrail_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A running simulated estate, and how to call it."""

    endpoint_url: str
    access_key: str
    secret_key: str
    accounts: tuple[str, ...]
    """Account ids; the first is the caller's own."""
    regions: tuple[str, ...]
    role_name: str
    external_id: str
    parameters: Mapping[str, Mapping[str, Any]]
    """What the estate's owner would set, by check id."""
    prompted: tuple[Prompted, ...]
    """The models in use, with the guardrails of their calls: suites of prompts are run so."""
    now: datetime
    """The time that the estate's ages count back from."""
    pid: int


def moment(
    now: Callable[[], datetime] = utc_now, sleep: Callable[[float], None] = time.sleep
) -> datetime:
    """Return the time of an estate that is started now for a run of the same day.

    Its logs are of the day before, and a run that begins behind midnight asks for the next ones. So
    in the last seconds of a day this waits for the new one.
    """
    here = now()
    midnight = datetime.combine(here.date(), clock.min, UTC) + timedelta(days=1)
    if midnight - here > STARTING:
        return here
    sleep((midnight - here).total_seconds())
    return now()


@contextmanager
def start(
    *,
    scale: int = 1,
    seed: int = DEFAULT_SEED,
    now: datetime | None = None,
    faults: Sequence[Fault] = (),
    estate: Path | None = None,
) -> Iterator[Simulated]:
    """Run the estate (`scale` times its accounts) on a free port of loopback while in the context.

    Raises `EmulatorError` with the last lines of its log when it does not start.
    """
    now = now or utc_now()
    command = [sys.executable, "-m", "affidavit.demo", "--now", iso(now), "--seed", str(seed)]
    command += ["--scale", str(scale), "--faults", to_text(faults)]
    command += ["--estate", str(estate)] if estate else []
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield _simulated(process, log, now)
        finally:
            _stop(process)


def _simulated(process: subprocess.Popen[str], log: IO[str], now: datetime) -> Simulated:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        process.wait()
        log.seek(0)
        lines = log.read().splitlines()[-_LAST_LINES:]
        raise EmulatorError(
            "The simulated estate did not start",
            why="\n".join(lines) or f"It ended with code {process.returncode}.",
            todo="Correct the cause; `pip install affidavit[demo]` installs what it needs.",
        )
    ready = json.loads(line)
    return Simulated(
        endpoint_url=f"http://127.0.0.1:{ready['port']}",
        access_key=ready["access_key"],
        secret_key=ready["secret_key"],
        accounts=tuple(ready["accounts"]),
        regions=tuple(ready["regions"]),
        role_name=ready["role_name"],
        external_id=ready["external_id"],
        parameters=ready["parameters"],
        prompted=tuple(Prompted(**one) for one in ready["prompted"]),
        now=now,
        pid=process.pid,
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """End the process: it ends by itself when its input does; killed when it does not."""
    if process.stdin:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
