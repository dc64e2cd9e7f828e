"""Files that are durable once they have their name: written aside, synced, renamed, folder synced.

A crash leaves either nothing or the whole file; what it leaves aside ends in `.tmp` and is swept.
"""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from affidavit.errors import StoreError, StoreFullError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
TEMPORARY = ".tmp"
_A_DAY = 86_400.0
PRIVATE = 0o600
"""Mode of every file: the folder above is closed to others too, but a copy of a file is not."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` inside into `StoreFullError` or `StoreError` that says where."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full(str(path), error.strerror or str(error)) from error
        raise StoreError(
            f"{path} cannot be written",
            why=error.strerror or str(error),
            todo="Correct the permissions of the folder, or choose another (AFFIDAVIT_HOME).",
        ) from error


def full(where: str, why: str) -> StoreFullError:
    """Return the error for a disk without space."""
    return StoreFullError(
        f"No space left for {where}",
        why=why,
        todo="Free space there and run the same command again: it resumes, nothing is lost.",
    )


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class NewFile:
    """A file under a temporary name, until `keep` syncs it and gives it its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with disk_errors(folder):
            make_folder(folder)
            self.path = folder / f"{secrets.token_hex(16)}{TEMPORARY}"
            handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE)
            self.file: IO[bytes] = os.fdopen(handle, "wb")

    def sync(self) -> None:
        """Write everything through to the disk and close."""
        with disk_errors(self.path):
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()

    def keep(self, name: str) -> Path:
        """Give the synced file its name; the folder is synced by `sync_folder`."""
        final = self.folder / name
        with disk_errors(final):
            self.path.replace(final)
        return final

    def discard(self) -> None:
        """Remove the temporary file; what of it was not written yet is of no use any more."""
        with suppress(OSError):
            self.file.close()
        self.path.unlink(missing_ok=True)


def sweep_unfinished(folder: Path) -> None:
    """Remove what crashed processes left in a folder of unfinished files, a day ago or earlier."""
    before = time.time() - _A_DAY
    for path in folder.glob(f"*{TEMPORARY}"):
        with suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder for nobody but us, with every parent's name durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def write_all(files: dict[Path, bytes]) -> None:
    """Write each file durably; folders are synced once. All are there when it returns."""
    folders: set[Path] = set()
    for path, data in files.items():
        new = NewFile(path.parent)
        try:
            with disk_errors(path):
                new.file.write(data)
            new.sync()
            new.keep(path.name)
        except StoreError:
            new.discard()
            raise
        folders.add(path.parent)
    for folder in folders:
        with disk_errors(folder):
            sync_folder(folder)
