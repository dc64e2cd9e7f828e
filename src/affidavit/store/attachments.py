"""Files that people add as manual evidence: streamed to disk, hashed on the way, named by SHA-256.

They lie below the tenant's folder, outside what sweeping looks at. They are not encrypted by us.
"""

from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from affidavit.errors import StoreDamagedError
from affidavit.store.files import NewFile, disk_errors, sync_folder
from affidavit.store.places import tenant_folder


class Attachments:
    """The attached files of all tenants below one folder."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects

    def new(self, tenant: str) -> "NewAttachment":
        """Return a file to write to; use it in a `with`, and close it to keep it."""
        return NewAttachment(self._folder(tenant))

    def path(self, tenant: str, digest: str) -> Path:
        """Return where a kept file is; `StoreDamagedError` where it is gone."""
        path = self._folder(tenant) / digest
        if not path.is_file():
            raise StoreDamagedError(
                f"The attached file {path} is gone", todo="Restore it from a backup."
            )
        return path

    def every(self, tenant: str) -> list[str]:
        """Return the digests of the tenant's kept files."""
        folder = self._folder(tenant)
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def remove(self, tenant: str, digest: str) -> None:
        """Remove a file; nothing where it is gone."""
        (self._folder(tenant) / digest).unlink(missing_ok=True)

    def _folder(self, tenant: str) -> Path:
        return tenant_folder(self._objects, tenant) / "attachments"


class NewAttachment:
    """A file being received; nothing is kept unless `close` was called."""

    def __init__(self, folder: Path) -> None:
        self._new = NewFile(folder)
        self._hash = sha256()
        self._kept = False
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if not self._kept:
            self._new.discard()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._hash.update(data)
        self.size += len(data)
        with disk_errors(self._new.path):
            self._new.file.write(data)

    def close(self) -> str:
        """Make the file durable under its SHA-256 and return that, hexadecimal."""
        digest = self._hash.hexdigest()
        self._new.sync()
        self._new.keep(digest)
        self._kept = True
        with disk_errors(self._new.folder):
            sync_folder(self._new.folder)
        return digest
