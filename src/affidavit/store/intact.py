"""Segments that are what was committed: nothing altered is ever an answer.

A file's SHA-256 is computed before a process reads it for the first time, and again when its size,
time or inode change. All who read segments share what was found.
"""

from hashlib import file_digest
from pathlib import Path
from threading import Lock

from affidavit.errors import StoreDamagedError, StoreError

Stamp = tuple[int, int, int]
"""Size, time and inode of a file."""


class Intact:
    """Remembers which files were found to be what they should; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[Path, Stamp] = {}

    def known(self, path: Path) -> Stamp | None:
        """Return the stamp of a file that is still as it was found whole, or None."""
        stamp = stamp_of(path)
        with self._lock:
            return stamp if stamp == self._known.get(path) else None

    def check(self, path: Path, digest: str) -> Stamp:
        """Return the stamp of a file that is what its SHA-256 says.

        `StoreDamagedError` names a file that is gone or altered.
        """
        stamp = self.known(path)
        if stamp is not None:
            return stamp
        stamp = stamp_of(path)
        check_digest(path, digest)
        if stamp is None or stamp_of(path) != stamp:
            raise damaged_file(path, "It was replaced while it was read.")
        with self._lock:
            self._known[path] = stamp
        return stamp


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes when a file is replaced or written to; None where it cannot be read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def check_digest(path: Path, digest: str) -> None:
    """Raise `StoreDamagedError` unless the file's SHA-256 is `digest`."""
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise damaged_file(path, "The file is gone.") from error
    except OSError as error:
        raise StoreError(f"The segment {path} cannot be read", why=str(error)) from error
    if found != digest:
        raise damaged_file(path, f"Its SHA-256 is {found}, not {digest}.")


def damaged_file(path: Path, why: str) -> StoreDamagedError:
    """Return the error for a segment's file that is not what it should be."""
    return StoreDamagedError(
        f"The segment {path} is damaged",
        why=why,
        todo="Restore the file from a backup: its name is its SHA-256.",
    )
