"""Where segments lie, and how they are read: as files on this machine, whatever they are kept as.

A plain segment on a local disk is read where it lies. One on S3 is copied to a bounded cache when
it is first read. A sealed one (AES-256-GCM under the tenant's data key) is opened into a cache in
memory (`/dev/shm`), never on a disk unless `AFFIDAVIT_CACHE` names a folder there. Copies are
checked against the segment's SHA-256, which is that of its plain text, as they come in.
"""

import hmac
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from affidavit.errors import SettingsError, StoreDamagedError
from affidavit.settings import Settings
from affidavit.store.cache import Cache
from affidavit.store.files import NewFile, disk_errors
from affidavit.store.intact import Intact
from affidavit.store.objects import DiskObjects, Objects
from affidavit.store.places import check_tenant
from affidavit.store.sealing import opened_parts, sealed_parts
from affidavit.store.tenant_keys import TenantKeyring

PLAIN: Final = ".parquet"
SEALED: Final = ".sealed"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own, mode 0700, is made in it
_CHUNK: Final = 2**20


class SegmentPlaces:
    """The segments of all tenants; safe to share between threads."""

    def __init__(self, objects: Objects, keyring: TenantKeyring, settings: Settings) -> None:
        self._objects, self._keyring = objects, keyring
        self.intact = Intact()
        self._seal = settings.seal_segments
        self._copies = Cache(settings.cache_folder / "segments", settings.cache_megabytes)
        self._opened = Cache(_folder_for_opened(settings), settings.cache_megabytes)
        if self._seal:
            _require_memory(settings)

    def new(self, tenant: str, day: str) -> NewFile:
        """Return a file to write a segment to."""
        check_tenant(tenant)
        if self._seal:
            return self._opened.new()
        if isinstance(self._objects, DiskObjects):
            return self._objects.new(_folder(tenant, day))
        return self._copies.new()

    def keep(self, new: NewFile, tenant: str, day: str, digest: str) -> str:
        """Make a synced segment durable under its name, which is returned."""
        if self._seal:
            return self._keep_sealed(new, tenant, day, digest)
        name = f"{_folder(tenant, day)}/{digest}{PLAIN}"
        self._objects.keep(new, name)
        if not isinstance(self._objects, DiskObjects):
            self._copies.adopt(new, digest)
        return name

    def path(self, name: str, digest: str) -> Path:
        """Return where `local` puts a segment; it need not be there yet."""
        if name.endswith(SEALED):
            return self._opened.path(digest)
        if isinstance(self._objects, DiskObjects):
            return self._objects.root / name
        return self._copies.path(digest)

    def url(self, name: str) -> str:
        """Return where another machine reads a segment as it is; empty where none can."""
        if name.endswith(SEALED) or isinstance(self._objects, DiskObjects):
            return ""
        return self._objects.where(name)

    def local(self, name: str, digest: str) -> Path:
        """Return a segment as a plain file here.

        A copy is right, or `StoreDamagedError` says which segment is gone or altered; a file that
        is read where it lies is not looked at. `StoreSealedError` where its key cannot be used: a
        copy that was opened before is not shown then either.
        """
        if not name.endswith(SEALED) and isinstance(self._objects, DiskObjects):
            return self._objects.root / name
        where = self._objects.where(name)
        wrong = StoreDamagedError(
            f"The segment {where} is damaged",
            why=f"Its SHA-256 is not {digest}.",
            todo="Restore it from a backup.",
        )
        if name.endswith(SEALED):
            self._keyring.require(_tenant_of(name))
            return self._opened.fetch(digest, lambda: self._open(name, where), wrong)
        return self._copies.fetch(digest, lambda: self._objects.parts(name), wrong)

    def unplaced(self, words: str) -> str:
        """Return words that name objects or keys by their place on this server, without it."""
        words = words.replace(self._keyring.place, "the key folder")
        folders = (self._objects.where(""), self._copies.folder, self._opened.folder)
        for folder in folders:
            words = words.replace(f"{str(folder).rstrip('/')}/", "")
        return words

    def forget(self, name: str, digest: str) -> None:
        """Remove the copy of a segment that was deleted."""
        path = self.path(name, digest)
        if not isinstance(self._objects, DiskObjects) or name.endswith(SEALED):
            path.unlink(missing_ok=True)

    def _open(self, name: str, where: str) -> Iterator[bytes]:
        tenant = _tenant_of(name)
        parts = self._objects.parts(name)
        what = f"The segment {where}"
        return opened_parts(lambda key: self._keyring.named(tenant, key, what), name, what, parts)

    def _keep_sealed(self, new: NewFile, tenant: str, day: str, digest: str) -> str:
        keys = self._keyring.current(tenant)
        address = hmac.new(keys.address, f"segment\n{digest}".encode(), sha256).hexdigest()
        folder = _folder(tenant, day)
        name = f"{folder}/{address}{SEALED}"
        sealed = self._objects.new(folder)
        try:
            with disk_errors(sealed.path):
                for part in sealed_parts(keys, name, _parts(new.path)):
                    sealed.file.write(part)
            sealed.sync()
            self._objects.keep(sealed, name)
        finally:
            sealed.discard()
        self._opened.adopt(new, digest)
        return name


def _tenant_of(name: str) -> str:
    return "/".join(name.split("/")[:2])


def _folder(tenant: str, day: str) -> str:
    return f"{tenant}/segments/{day}"


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _folder_for_opened(settings: Settings) -> Path:
    """Return the folder for opened segments: in memory, one for each home and user."""
    if settings.cache:
        return settings.cache_folder / "opened"
    home = sha256(str(settings.home.absolute()).encode()).hexdigest()[:16]
    return _MEMORY / f"affidavit-{os.getuid()}-{home}"


def _require_memory(settings: Settings) -> None:
    """Refuse to open sealed segments on a disk that nobody chose for it."""
    if not settings.cache and not _MEMORY.is_dir():
        raise SettingsError(
            "Sealed segments need a folder in memory to be opened in",
            why=f"There is no {_MEMORY} on this machine.",
            todo="Name a folder in memory or on an encrypted disk (AFFIDAVIT_CACHE), or switch "
            "sealing off (AFFIDAVIT_SEAL_SEGMENTS=no).",
        )
