"""What a scan has done so far, in a file: killed at any moment and started again, it goes on.

Each object's findings are lines, and one more line closes them with its result: what is not closed
when the file is opened again is cut off, and its object is scanned again. So each object counts
once. Objects of which nothing could be read are not written down, and those that changed since are
scanned again. The file belongs to one way of looking: another one is refused.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Self

from affidavit.errors import UsageError
from affidavit.logscan.cloudtrail import TrailSettings
from affidavit.logscan.cluster import packed, unpacked
from affidavit.logscan.engine import Listed, Result
from affidavit.logscan.findings import Scanned
from affidavit.logscan.invocations import ScanSettings

_FORMAT: Final = "affidavit scan journal 2"
_SYNC: Final = 1.0
"""Seconds of work that a loss of power may cost; a killed process loses none."""
_CLOSES: Final = b'{"closes": '


class Journal:
    """The journal at `path`; use it in a `with`."""

    def __init__(self, path: Path, look: ScanSettings | TrailSettings) -> None:
        self._path, self._look = path, _digest(look)
        self._known: dict[tuple[str, int, str], tuple[int, int]] = {}
        """By object: where its findings begin, and where its closing line does."""
        self._synced = time.monotonic()
        self._file: IO[bytes]

    def __enter__(self) -> Self:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(handle, "r+b")
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def _load(self) -> None:
        head = json.dumps({"format": _FORMAT, "look": self._look}).encode() + b"\n"
        first = self._file.readline()
        if not first.endswith(b"\n"):  # new, or killed when it was
            self._restart(head, first)
            return
        if first != head:
            raise UsageError(
                f"{self._path} is the journal of another scan",
                why="It was written with other options, or another key, or is no journal.",
                todo="Use the same options, or name another file.",
            )
        whole = begin = len(head)
        for line in self._file:
            at, whole = whole, whole + len(line)
            if line.startswith(_CLOSES) and line.endswith(b"\n"):
                one = json.loads(line)["closes"]
                self._known[one["uri"], one["size"], one["version"]] = (begin, at)
                begin = whole
        self._file.truncate(begin)  # what was not closed

    def _restart(self, head: bytes, first: bytes) -> None:
        if not head.startswith(first):
            raise UsageError(f"{self._path} is no journal", todo="Name a file that is not there.")
        self._file.seek(0)
        self._file.truncate()
        self._file.write(head)
        self._file.flush()

    def knows(self, listed: Listed) -> bool:
        """Return whether an object, as it is now, was scanned."""
        return _key(listed) in self._known

    def again(self, listed: Listed) -> tuple[Scanned, Iterator[str]]:
        """Return the result of an object that is known, and its findings as JSON lines."""
        begin, end = self._known[_key(listed)]
        self._file.seek(end)
        scanned = unpacked(json.dumps(json.loads(self._file.readline())["closes"]["is"]).encode())
        return scanned, self._lines(begin, end)

    def _lines(self, at: int, end: int) -> Iterator[str]:
        while at < end:
            self._file.seek(at)
            line = self._file.readline()
            at += len(line)
            yield line.decode()

    def add(self, listed: Listed, result: Result) -> Iterator[str]:
        """Write down an object's findings while they are read, and close them."""
        self._file.seek(0, os.SEEK_END)
        begin = self._file.tell()
        for line in result.lines():
            self._file.write(line.encode())
            yield line
        if not result.scanned.totals.compressed and result.scanned.gaps:
            self._file.truncate(begin)
            return
        end = self._file.tell()
        closing = {
            "uri": listed.uri,
            "size": listed.size,
            "version": listed.version,
            "is": json.loads(packed(result.scanned)),
        }
        self._file.write(_CLOSES + json.dumps(closing).encode() + b"}\n")
        self._file.flush()
        self._known[_key(listed)] = (begin, end)
        if time.monotonic() - self._synced > _SYNC:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()


def left(journal: Journal | None, objects: Sequence[Listed]) -> list[Listed]:
    """Return the objects that are still to be scanned."""
    return [one for one in objects if journal is None or not journal.knows(one)]


def _key(listed: Listed) -> tuple[str, int, str]:
    return listed.uri, listed.size, listed.version


def _digest(look: ScanSettings | TrailSettings) -> str:
    """Return a digest of what is looked for, the key of the hashes in it."""
    names = [*type(look).__dataclass_fields__]
    values = [(name, _shown(getattr(look, name))) for name in sorted(names)]
    return hashlib.sha256(repr([type(look).__name__, *values]).encode()).hexdigest()


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return repr(sorted(value))
    if isinstance(value, bytes):
        return hashlib.sha256(b"affidavit scan journal" + value).hexdigest()
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return repr([(name, _shown(getattr(value, name))) for name in sorted(fields)])
    return repr(value)
