"""The journal of a run of prompts: every result is on disk before the next is counted.

JSON lines: a head that says what is run, `begun` before a case is asked, `done` with its result.
After a kill, what is done is not asked again; what was begun only is asked again and marked.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from affidavit.errors import StoreBusyError, StoreDamagedError
from affidavit.model.canonical import digest_of

KEPT: Final = timedelta(days=30)
"""A run that nobody went on with for so long is not gone on with."""


def sweep(folder: Path, now: datetime) -> None:
    """Remove the journals of runs that were given up, with the answers that they hold."""
    for path in folder.glob("*.jsonl"):
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            written = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            if now - written > KEPT:
                path.unlink()


def _held(path: Path) -> IO[bytes]:
    """Return a journal's file, locked; made anew where it was removed before it was locked."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise StoreBusyError(
                "Another process runs the same prompts", todo="Wait until it has finished."
            ) from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


class Journal:
    """One run's journal; nobody else may write it meanwhile."""

    def __init__(self, folder: Path, head: Mapping[str, Any], run_id: str) -> None:
        """`head` is what makes the run what it is (no floats); its digest names the file.

        Raises `StoreBusyError` where another process works on the same run.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{digest_of(head)[:32]}.jsonl"
        self.done: dict[str, dict[str, Any]] = {}
        self.begun: set[str] = set()
        self._file = _held(self.path)
        self.run_id = self._read(run_id)
        self.resumed = bool(self.done or self.begun)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def begin(self, key: str) -> None:
        """Note that a case is about to be asked.

        It outlives a killed process at once, and a machine that stops with the next kept result.
        """
        self._write({"begun": key}, durable=False)

    def end(self, key: str, result: dict[str, Any]) -> None:
        """Keep a case's result."""
        self._write({"done": key, "result": result})
        self.done[key] = result

    def finish(self) -> None:
        """Remove the journal: its results are stored elsewhere now."""
        self.path.unlink(missing_ok=True)

    def _read(self, run_id: str) -> str:
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            self._file.truncate(len(whole))  # the line that the kill cut off
        lines = whole.splitlines()
        if not lines:
            self._write({"run": run_id})
            return run_id
        try:
            entries = [json.loads(line) for line in lines]
            known = str(entries[0]["run"])
        except (ValueError, KeyError) as error:
            raise StoreDamagedError(
                f"{self.path} is not a journal of prompts", todo="Remove it; the run starts anew."
            ) from error
        for entry in entries[1:]:
            if "done" in entry:
                self.done[entry["done"]] = entry["result"]
            else:
                self.begun.add(entry["begun"])
        self.begun -= self.done.keys()
        return known

    def _write(self, entry: Mapping[str, Any], *, durable: bool = True) -> None:
        self._file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())
