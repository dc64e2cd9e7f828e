"""Objects: named bytes that are durable once written. On a local disk here, or in a bucket of S3.

A name is a path with forward slashes below the folder or prefix. Everything the store keeps beside
the database goes through this: segments, bodies, attached files, reports, the published ledger.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from affidavit.errors import StoreDamagedError, StoreError
from affidavit.store.files import (
    TEMPORARY,
    NewFile,
    disk_errors,
    sync_folder,
    write_all,
)

_CHUNK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object as it lies there."""

    name: str
    size: int
    micros: int
    """When it was last written or used, in microseconds since 1970."""


class Objects(Protocol):
    """Where objects lie. `StoreError` names the object that could not be written or read."""

    def where(self, name: str) -> str:
        """Return the whole name, for messages."""
        ...

    def new(self, folder: str) -> NewFile:
        """Return a file to write what will be an object below `folder`."""
        ...

    def keep(self, new: NewFile, name: str) -> None:
        """Make a synced file of `new(folder)` an object of that folder; durable on return.

        The file may be gone then, or is the caller's to discard.
        """
        ...

    def put(self, files: Mapping[str, bytes], *, locked: bool = False) -> None:
        """Write objects, in place of any that are there; all are durable when this returns.

        `locked`: what nobody may delete before its time, where the place can see to that.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return an object; `StoreDamagedError` where it is gone."""
        ...

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield an object's bytes in parts; `StoreDamagedError` where it is gone."""
        ...

    def hold(self, names: Sequence[str], first: int) -> dict[str, bytes]:
        """Return the first bytes of those that are there, and will not be swept for an hour."""
        ...

    def refresh(self, name: str) -> None:
        """Set an object's time to now: it will not be swept for an hour."""
        ...

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return those that are not there."""
        ...

    def stat(self, name: str) -> Stored | None:
        """Return what an object is, or None."""
        ...

    def tenants(self) -> list[str]:
        """Return the tenants that have objects."""
        ...

    def every(self, folder: str) -> Iterator[Stored]:
        """Yield all objects below a folder."""
        ...

    def remove(self, name: str) -> None:
        """Remove an object; nothing where it is gone."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class DiskObjects:
    """Objects as files below a folder: written aside, synced, renamed, the folder synced."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def where(self, name: str) -> str:
        """Return the file's path."""
        return str(self.root / name)

    def new(self, folder: str) -> NewFile:
        """Return a file on the same disk, under a temporary name."""
        return NewFile(self.root / folder)

    def keep(self, new: NewFile, name: str) -> None:
        """Rename the file and sync its folder."""
        final = new.keep(name.rpartition("/")[2])
        with disk_errors(final):
            sync_folder(final.parent)

    def put(self, files: Mapping[str, bytes], *, locked: bool = False) -> None:
        """Write files; a disk can lock nothing."""
        del locked
        write_all({self.root / name: data for name, data in files.items()})

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        return b"".join(self.parts(name))

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes, a megabyte at a time."""
        path = self.root / name
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except FileNotFoundError as error:
            raise gone(str(path)) from error
        except OSError as error:
            raise StoreError(f"{path} cannot be read", why=error.strerror or str(error)) from error

    def hold(self, names: Sequence[str], first: int) -> dict[str, bytes]:
        """Set the files' times to now, and return their first bytes."""
        found: dict[str, bytes] = {}
        for name in names:
            path = self.root / name
            try:
                with path.open("rb") as file:
                    head = file.read(first)
                os.utime(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                why = error.strerror or str(error)
                raise StoreError(f"{path} cannot be read", why=why) from error
            found[name] = head
        return found

    def refresh(self, name: str) -> None:
        """Set the file's time to now."""
        with disk_errors(self.root / name):
            os.utime(self.root / name)

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return those that are no files."""
        return [name for name in names if not (self.root / name).is_file()]

    def stat(self, name: str) -> Stored | None:
        """Return a file's size and time."""
        try:
            found = (self.root / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Stored(name=name, size=found.st_size, micros=found.st_mtime_ns // 1000)

    def tenants(self) -> list[str]:
        """Return the folders two below the root."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob("*/*/"))

    def every(self, folder: str) -> Iterator[Stored]:
        """Yield all files below a folder, unfinished ones too."""
        for path in (self.root / folder).rglob("*"):
            found = self.stat(path.relative_to(self.root).as_posix())
            if found is not None and not path.is_dir():
                yield found

    def remove(self, name: str) -> None:
        """Unlink the file."""
        path = self.root / name
        with disk_errors(path):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: no file is left open."""


def is_unfinished(name: str) -> bool:
    """Tell whether an object is what a crash left of one."""
    return name.endswith(TEMPORARY)


def gone(where: str) -> StoreDamagedError:
    """Return the error for an object that is not there any more."""
    return StoreDamagedError(
        f"{where} is gone", why="It was stored, and is not there.", todo="Restore it from a backup."
    )
