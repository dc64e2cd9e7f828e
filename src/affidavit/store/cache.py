"""A bounded folder of copies: files that never change, kept while they are used.

Every file is named by the SHA-256 of its content, and is checked as it comes in: a file that is
there is whole and right. Whatever is removed can be fetched again. What was used within the last
minutes stays even above the bound: somebody may be about to open it.
"""

import hmac
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

from affidavit.errors import SettingsError, StoreError, StoreFullError
from affidavit.store.files import NewFile, disk_errors, make_folder, sweep_unfinished

IN_USE: Final = 300.0
"""Seconds for which a file that was used is not removed."""
_OTHERS: Final = 0o077


class Cache:
    """Copies in one folder, which several processes may share."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._limit = megabytes * 2**20
        self._lock = Lock()
        self._size: int | None = None

    def path(self, digest: str) -> Path:
        """Return where the copy of this digest lies, or would."""
        return self.folder / f"{digest}.parquet"

    def new(self) -> NewFile:
        """Return a file that `adopt` can take in."""
        self._prepare()
        sweep_unfinished(self.folder / "staging")
        return NewFile(self.folder / "staging")

    def fetch(self, digest: str, parts: Callable[[], Iterable[bytes]], wrong: StoreError) -> Path:
        """Return the copy; made of `parts` where it is not there, and `wrong` if it is another."""
        path = self.path(digest)
        if not _used(path):
            new = self.new()
            try:
                self._write(new, digest, parts(), wrong)
                self.adopt(new, digest)
            finally:
                new.discard()
        return path

    def adopt(self, new: NewFile, digest: str) -> None:
        """Take a written file of `new()` in, under the digest of its content."""
        path = self.path(digest)
        with disk_errors(path):
            new.file.close()
            size = new.path.stat().st_size
            new.path.replace(path)
        self._bound(size)

    def _write(self, new: NewFile, digest: str, parts: Iterable[bytes], wrong: StoreError) -> None:
        total = sha256()
        for part in parts:
            total.update(part)
            try:
                with disk_errors(new.path):
                    new.file.write(part)
            except StoreFullError as error:
                raise StoreFullError(
                    error.what,
                    why=error.why,
                    todo="Free space there, or name another folder (AFFIDAVIT_CACHE); nothing is "
                    "lost: it holds copies only.",
                ) from error
        if not hmac.compare_digest(total.hexdigest(), digest):
            raise wrong

    def _prepare(self) -> None:
        """Make the folder; refuse one that others may read or write."""
        with disk_errors(self.folder):
            make_folder(self.folder)
            found = self.folder.stat()
        if found.st_uid != os.getuid() or found.st_mode & _OTHERS:
            raise SettingsError(
                f"{self.folder} cannot hold copies of evidence",
                why="It belongs to somebody else, or others can read it.",
                todo="Remove it, or name another folder (AFFIDAVIT_CACHE).",
            )

    def _bound(self, added: int) -> None:
        """Remove what was not used for longest, down to nine tenths of the bound."""
        with self._lock:
            if self._size is not None:
                self._size += added
            if self._size is not None and self._size <= self._limit:
                return
            held = sorted(_held(self.folder))
            size = sum(one for _, one, _ in held)
            if size > self._limit:
                for used, one, path in held:
                    if size <= self._limit * 0.9 or used > time.time() - IN_USE:
                        break
                    with suppress(OSError):
                        path.unlink()
                        size -= one
            self._size = size


def _used(path: Path) -> bool:
    """Tell whether a copy is there, and note that it was used now."""
    try:
        found = path.stat()
        os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))
    except OSError:
        return False
    return True


def _held(folder: Path) -> Iterable[tuple[float, int, Path]]:
    """Yield (when last used, size, path) of every copy."""
    for path in folder.glob("*.parquet"):
        with suppress(OSError):
            found = path.stat()
            yield found.st_atime, found.st_size, path
