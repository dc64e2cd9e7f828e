"""The local engine: one kernel, many objects, as many processes as there are cores.

Each object's findings are spooled to a file of JSON lines, so memory does not grow with them; the
results come back in the order of the objects. What an object costs is bounded by `ReadLimits`.
"""

import json
import mmap
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Protocol

from affidavit.errors import CollectError
from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.findings import ScanFinding, ScanGap, Scanned, Totals
from affidavit.logscan.gunzip import Data
from affidavit.logscan.invocations import InvocationScanner, ScanSettings, Sink

_AHEAD: Final = 4
"""Objects given to each process ahead of what has come back."""
_FEW: Final = 2**23
"""Bytes of all objects up to which starting processes costs more than it saves."""


class Scanner(Protocol):
    """A kernel."""

    def scan(self, data: Data, uri: str, sink: Sink) -> Scanned:
        """Scan one object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object that is to be scanned."""

    uri: str
    size: int


Read = Callable[[str], bytes]
"""Returns an object's bytes; raises `CollectError`. Must be picklable, as processes get a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every process needs to know."""

    settings: ScanSettings | TrailSettings
    spool: Path
    """Folder for the findings; the caller makes and removes it."""
    read: Read | None = field(default=None)
    """For what is no local file."""

    def scanner(self) -> Scanner:
        """Return the kernel for the settings."""
        if isinstance(self.settings, TrailSettings):
            return TrailScanner(self.settings)
        return InvocationScanner(self.settings)


class _Worker:
    """One process's kernel, built once."""

    job: Job
    scanner: Scanner

    @classmethod
    def start(cls, job: Job) -> None:
        """Build the kernel; called once in each process."""
        cls.job, cls.scanner = job, job.scanner()

    @classmethod
    def work(cls, number: int, uri: str) -> Scanned:
        """Scan one object into its spool file."""
        return scan_object(cls.job, cls.scanner, number, uri)


def scan_object(job: Job, scanner: Scanner, number: int, uri: str) -> Scanned:
    """Scan one object; one that cannot be read is a gap."""
    try:
        if "://" in uri:
            if job.read is None:
                return unread(uri, "nothing here reads such an object")
            data: Data = job.read(uri)
            return _spooled(job, scanner, number, uri, data)
        with Path(uri).open("rb") as file:
            size = file.seek(0, 2)
            if not size:
                return _spooled(job, scanner, number, uri, b"")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _spooled(job, scanner, number, uri, data)
    except CollectError as error:
        return unread(uri, " ".join(error.diagnostics().split()))
    except (OSError, MemoryError) as error:
        return unread(uri, f"it could not be read: {error}")


def unread(uri: str, why: str) -> Scanned:
    """Return the result of an object of which nothing was read."""
    return Scanned(
        object_uri=uri, totals=Totals(objects=1), gaps=(ScanGap(object_uri=uri, why=why),)
    )


def spool_file(folder: Path, number: int) -> Path:
    """Return the file of the findings of the object of this number; absent: there are none."""
    return folder / f"{number}.jsonl"


def _spooled(job: Job, scanner: Scanner, number: int, uri: str, data: Data) -> Scanned:
    path = spool_file(job.spool, number)
    with path.open("w", encoding="utf-8") as spool:

        def sink(finding: ScanFinding) -> None:
            spool.write(json.dumps(finding.to_json()) + "\n")

        result = scanner.scan(data, uri, sink)
        empty = not spool.tell()
    if empty:
        path.unlink()
    return result


def run(job: Job, objects: Sequence[Listed], processes: int) -> Iterator[tuple[int, Scanned]]:
    """Scan all objects; return number and result of each, in order.

    One process, or little to do: here, without further processes. A process that dies (out of
    memory, killed) makes gaps of its objects and of all that follow.
    """
    if processes <= 1 or len(objects) == 1 or sum(o.size for o in objects) <= _FEW:
        scanner = job.scanner()
        for number, listed in enumerate(objects):
            yield number, scan_object(job, scanner, number, listed.uri)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_Worker.start, initargs=(job,)
    ) as pool:
        yield from _in_order(pool, objects, processes * _AHEAD)


def _in_order(
    pool: ProcessPoolExecutor, objects: Sequence[Listed], ahead: int
) -> Iterator[tuple[int, Scanned]]:
    waiting: list[Future[Scanned]] = []
    given = 0
    for number, listed in enumerate(objects):
        while given < len(objects) and len(waiting) < ahead:
            try:
                waiting.append(pool.submit(_Worker.work, given, objects[given].uri))
            except RuntimeError:
                waiting.append(_failed())
            given += 1
        try:
            yield number, waiting.pop(0).result()
        except RuntimeError as error:  # BrokenProcessPool is one
            yield number, unread(listed.uri, f"the process that scanned it ended: {error}")


def _failed() -> Future[Scanned]:
    future: Future[Scanned] = Future()
    future.set_exception(RuntimeError("processes cannot be started any more"))
    return future
