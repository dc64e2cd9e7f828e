"""The parts of an export that is under way: what a killed one leaves, and the next goes on with.

Beside the target stands a folder `.NAME.export`: `request.json` says what is exported (and the
facts that its manifest will tell), then there are a data file and a note for each part. A part is
there when its note is: data is synced first, and both get their names by renaming. Whoever asks the
same again goes on behind the last part; whoever asks something else begins anew.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from affidavit.errors import UsageError
from affidavit.model.canonical import canonical
from affidavit.store.files import disk_errors, sync_folder

_REQUEST, _LOCK = "request.json", "lock"


@dataclass(frozen=True, slots=True)
class Part:
    """A complete part."""

    path: Path
    rows: int
    last_leaf: int
    unreadable: list[dict[str, Any]]
    """What could not be read up to its end, from the beginning of the export."""


class Parts:
    """The folder of one export, held by one process at a time; use it as a context manager."""

    def __init__(self, target: Path, request: Mapping[str, Any]) -> None:
        self._target = target
        self.folder = target.with_name(f".{target.name}.export")
        self._request = dict(request)
        self.facts: dict[str, Any] = {}
        """What the manifest will tell; empty until `begin`."""
        self.parts: list[Part] = []
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        with disk_errors(self._target):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / _LOCK).open("wb")
            self._only_one()
            try:
                self._read()
            except BaseException:
                self._lock.close()
                raise
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.close()

    @property
    def rows(self) -> int:
        """Return how many rows are in complete parts."""
        return sum(part.rows for part in self.parts)

    @property
    def last_leaf(self) -> int:
        """Return the leaf behind which the next part begins."""
        return self.parts[-1].last_leaf if self.parts else -1

    @property
    def unreadable(self) -> list[dict[str, Any]]:
        """Return what could not be read so far."""
        return list(self.parts[-1].unreadable) if self.parts else []

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Note what is exported, for whoever goes on with it."""
        self.facts = dict(facts)
        said = canonical({"request": self._request, "facts": self.facts})
        with disk_errors(self._target), self._placed(self.folder / _REQUEST) as file:
            file.write(said)

    @contextmanager
    def new(self) -> Iterator[IO[bytes]]:
        """Give the file that the next part's data goes into."""
        with disk_errors(self._target), self._placed(self._path(len(self.parts), "data")) as file:
            yield file

    def add(self, rows: int, last_leaf: int, unreadable: list[dict[str, Any]]) -> None:
        """Make the part whose data was written just now complete."""
        number = len(self.parts)
        note = {"rows": rows, "last_leaf": last_leaf, "unreadable": unreadable}
        with disk_errors(self._target), self._placed(self._path(number, "json")) as file:
            file.write(canonical(note))
        self.parts.append(Part(self._path(number, "data"), rows, last_leaf, unreadable))

    def remove(self) -> None:
        """Remove all of it: the export is in its place, or not wanted."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _only_one(self) -> None:
        assert self._lock is not None  # noqa: S101 - opened right before
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise UsageError(
                f"{self._target} is being written by another export",
                todo="Wait for it, or give another file.",
            ) from error

    def _read(self) -> None:
        """Take in what an earlier export left; remove it where it was of something else."""
        try:
            said = json.loads((self.folder / _REQUEST).read_bytes())
        except (FileNotFoundError, ValueError):
            said = {}
        if said.get("request") != json.loads(canonical(self._request)):
            self._clear()
            return
        self.facts = said["facts"]
        while (note := self._path(len(self.parts), "json")).exists():
            found = json.loads(note.read_bytes())
            data = self._path(len(self.parts), "data")
            self.parts.append(Part(data, found["rows"], found["last_leaf"], found["unreadable"]))

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            if path.name != _LOCK:
                path.unlink()

    def _path(self, number: int, ending: str) -> Path:
        return self.folder / f"{number:06d}.{ending}"

    @contextmanager
    def _placed(self, path: Path) -> Iterator[IO[bytes]]:
        """Give a file that has its name only when all of it is on the disk."""
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(self.folder.absolute())
