"""A ZIP written as a stream: fixed order, fixed dates and attributes, digests taken on the way.

The verifier (`verify.zipsafe`) accepts only what is written here.
"""

import hashlib
import os
import secrets
import stat
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from affidavit.errors import ReportError

MAX_NAME = 100
_CHUNK = 2**18


class ZipWriter:
    """Writes files one after the other; the ZIP appears under its name only when all is done."""

    def __init__(self, path: Path, when: datetime) -> None:
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        self.digests: dict[str, str] = {}
        self._when = when
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._zip = zipfile.ZipFile(self.temporary, "x", zipfile.ZIP_DEFLATED)
        except OSError as error:
            raise unwritable(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """Remove what is unfinished."""
        self._zip.close()
        self.temporary.unlink(missing_ok=True)

    def add(self, name: str, data: bytes, *, packed: bool = True) -> None:
        """Write a file from memory."""
        self.stream(name, (data,), large=False, packed=packed)

    def stream(
        self, name: str, chunks: Iterable[bytes], *, large: bool = True, packed: bool = True
    ) -> None:
        """Write a file from pieces; `large`: it may exceed 2 GiB."""
        total = hashlib.sha256()
        with self._zip.open(self._info(name, packed=packed), "w", force_zip64=large) as file:
            for chunk in chunks:
                total.update(chunk)
                file.write(chunk)
        self.digests[name] = total.hexdigest()

    def sealed(self) -> tuple[int, str]:
        """Return how many bytes were written so far, and their SHA-256."""
        file = self._zip.fp
        if file is None:
            raise ReportError("The report's ZIP is already closed")
        file.flush()
        length, total = file.tell(), hashlib.sha256()
        with self.temporary.open("rb") as written:
            while chunk := written.read(_CHUNK):
                total.update(chunk)
        return length, total.hexdigest()

    def finish(self, check: Callable[[Path], None]) -> None:
        """Close the ZIP, let `check` look at it, and give it its name."""
        self._zip.close()
        check(self.temporary)
        with self.temporary.open("rb") as written:
            os.fsync(written.fileno())
        self.temporary.replace(self.path)

    def _info(self, name: str, *, packed: bool) -> zipfile.ZipInfo:
        if len(name) > MAX_NAME:
            raise ReportError(f"{name} is too long a name for a report")
        moment = self._when.timetuple()[:6]
        info = zipfile.ZipInfo(name, moment)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = (stat.S_IFREG | 0o644) << 16
        info.create_system = 3
        return info


def unwritable(path: Path, error: OSError) -> ReportError:
    """Return the error for a report that could not be written."""
    return ReportError(
        f"The report {path} could not be written",
        why=error.strerror or str(error),
        todo="Free space or choose another folder with --out; nothing half-written is left there.",
    )
