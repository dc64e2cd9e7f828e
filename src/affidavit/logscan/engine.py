"""The local engine: one kernel, many objects, as many processes as there are cores.

Small objects are given to a process many at a time. Each object's findings are JSON lines: handed
over in memory while they are few, in a file of their own where they are many, so memory does not
grow with them. Results come in the order of the objects. What an object costs is bounded by
`ReadLimits`.
"""

import json
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from affidavit.errors import CollectError
from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.findings import ScanFinding, ScanGap, Scanned, Totals
from affidavit.logscan.gunzip import Data
from affidavit.logscan.invocations import InvocationScanner, ScanSettings, Sink

_AHEAD: Final = 4
"""Tasks given to each process ahead of what has come back."""
_FEW: Final = 2**23
"""Bytes of all objects up to which starting processes costs more than it saves."""
_TASK_BYTES, _TASK_OBJECTS = 2**22, 64
"""Of a task at most, unless one object alone has more."""
_MAPPED: Final = 2**20
"""Bytes from which on a file is mapped instead of read."""
_READ: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_INLINE: Final = 2**20
"""Bytes of an object's findings that are kept in memory."""


class Scanner(Protocol):
    """A kernel."""

    def scan(self, data: Data, uri: str, sink: Sink) -> Scanned:
        """Scan one object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object that is to be scanned."""

    uri: str
    size: int
    version: str = ""
    """What changes when the object does, where the listing says so."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one object gave; its findings are read once, by `lines`."""

    number: int
    scanned: Scanned
    few: bytes = b""
    many: Path | None = None

    def lines(self) -> Iterator[str]:
        """Return the findings as JSON lines, and remove the file that they stood in."""
        if self.many is not None:
            with self.many.open(encoding="utf-8") as file:
                yield from file
            self.many.unlink()
        for line in self.few.splitlines(keepends=True):
            yield line.decode()


class _Lines:
    """The findings of one object: in memory, and in a file from a certain size on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: list[bytes] = []
        self._size = 0
        self.file: IO[bytes] | None = None

    def add(self, finding: ScanFinding) -> None:
        """Take one finding."""
        line = encoded(finding)
        self.held.append(line)
        self._size += len(line)
        if self._size > _INLINE:
            if self.file is None:
                self.file = self.path.open("wb")
            self.file.write(b"".join(self.held))
            self.held, self._size = [], 0

    def close(self) -> None:
        """Write what is left to the file, where there is one."""
        if self.file is not None:
            self.file.write(b"".join(self.held))
            self.held = []
            self.file.close()


def encoded(finding: ScanFinding) -> bytes:
    """Return a finding as a JSON line; lone surrogates are escaped."""
    try:
        return msgspec.json.encode(finding) + b"\n"
    except UnicodeEncodeError:
        return json.dumps(finding.to_json()).encode() + b"\n"


class _Worker:
    """One process's kernel, built once."""

    job: Job
    scanner: Scanner

    @classmethod
    def start(cls, job: Job) -> None:
        """Build the kernel; called once in each process."""
        cls.job, cls.scanner = job, job.scanner()

    @classmethod
    def work(cls, task: Sequence[tuple[int, str]]) -> list[Result]:
        """Scan a few objects."""
        return [result_of(cls.job, cls.scanner, number, uri) for number, uri in task]


def result_of(job: Job, scanner: Scanner, number: int, uri: str) -> Result:
    """Scan one object; one that cannot be read is a gap."""
    lines = _Lines(spool_file(job.spool, number))
    try:
        scanned = _scanned(job, scanner, uri, lines.add)
    except CollectError as error:
        scanned = unread(uri, " ".join(error.diagnostics().split()))
    except (OSError, MemoryError) as error:
        scanned = unread(uri, f"it could not be read: {error}")
    finally:
        lines.close()
    many = lines.path if lines.file is not None else None
    return Result(number=number, scanned=scanned, few=b"".join(lines.held), many=many)


def _scanned(job: Job, scanner: Scanner, uri: str, sink: Sink) -> Scanned:
    if "://" in uri:
        if job.read is None:
            return unread(uri, "nothing here reads such an object")
        return scanner.scan(job.read(uri), uri, sink)
    return scan_file(scanner, uri, sink)


def scan_file(scanner: Scanner, path: str, sink: Sink) -> Scanned:
    """Scan a local file: a small one is read, a big one mapped."""
    file = os.open(path, _READ)  # two thirds of the time of a file object
    try:
        size = os.fstat(file).st_size
        if size >= _MAPPED:
            with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as data:
                return scanner.scan(data, path, sink)
        content = os.read(file, size + 1)
        if len(content) != size:  # a pipe, or a file that is being written
            with open(file, "rb", closefd=False) as rest:
                content += rest.read()
        return scanner.scan(content, path, sink)
    finally:
        os.close(file)


def unread(uri: str, why: str) -> Scanned:
    """Return the result of an object of which nothing was read."""
    return Scanned(
        object_uri=uri, totals=Totals(objects=1), gaps=(ScanGap(object_uri=uri, why=why),)
    )


def spool_file(folder: Path, number: int) -> Path:
    """Return the file of the findings of the object of this number; absent: there are none."""
    return folder / f"{number}.jsonl"


def run(job: Job, objects: Sequence[Listed], processes: int) -> Iterator[tuple[int, Scanned]]:
    """Scan all objects; return number and result of each, in order; findings are in spool files."""
    for result in results(job, objects, processes):
        yield result.number, _spooled(job, result)


def _spooled(job: Job, result: Result) -> Scanned:
    if result.few:
        spool_file(job.spool, result.number).write_bytes(result.few)
    return result.scanned


def results(job: Job, objects: Sequence[Listed], processes: int) -> Iterator[Result]:
    """Scan all objects; return the result of each, in order.

    One process, or little to do: here, without further processes. A process that dies (out of
    memory, killed) makes gaps of its objects and of all that follow.
    """
    if processes <= 1 or len(objects) == 1 or sum(o.size for o in objects) <= _FEW:
        scanner = job.scanner()
        for number, listed in enumerate(objects):
            yield result_of(job, scanner, number, listed.uri)
        return
    methods = get_all_start_methods()
    context = get_context("forkserver" if "forkserver" in methods else "spawn")
    reader = [type(job.read).__module__] if job.read is not None else []
    context.set_forkserver_preload([__name__, *reader])
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_Worker.start, initargs=(job,)
    ) as pool:
        yield from _in_order(pool, tasks(objects, _TASK_BYTES, _TASK_OBJECTS), processes * _AHEAD)


Task = list[tuple[int, str]]
"""Numbers and URIs of objects that are scanned one after another."""


def tasks(objects: Sequence[Listed], most_bytes: int, most_objects: int) -> list[Task]:
    """Return all objects in their order, as many to a task as its limits allow."""
    found: list[Task] = []
    size = most_bytes
    for number, listed in enumerate(objects):
        if not found or size + listed.size > most_bytes or len(found[-1]) >= most_objects:
            found.append([])
            size = 0
        found[-1].append((number, listed.uri))
        size += listed.size
    return found


def _in_order(pool: ProcessPoolExecutor, todo: Sequence[Task], ahead: int) -> Iterator[Result]:
    waiting: list[Future[list[Result]]] = []
    given = 0
    for task in todo:
        while given < len(todo) and len(waiting) < ahead:
            try:
                waiting.append(pool.submit(_Worker.work, todo[given]))
            except RuntimeError:
                waiting.append(_failed())
            given += 1
        try:
            yield from waiting.pop(0).result()
        except RuntimeError as error:  # BrokenProcessPool is one
            why = f"the process that scanned it ended: {error}"
            for number, uri in task:
                yield Result(number=number, scanned=unread(uri, why))


def _failed() -> Future[list[Result]]:
    future: Future[list[Result]] = Future()
    future.set_exception(RuntimeError("processes cannot be started any more"))
    return future
