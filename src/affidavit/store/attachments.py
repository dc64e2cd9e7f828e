"""Files that people add or the server makes: streamed, hashed and sealed on the way.

Manual evidence is named by an HMAC of its SHA-256 under the tenant's key; a report or an export
by its id. They lie below the tenant's folder, and are swept where no document names them. What was
kept before sealing came is read as it is.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from affidavit.errors import StoreDamagedError
from affidavit.store.database import Database
from affidavit.store.documents import GivenUp
from affidavit.store.files import disk_errors
from affidavit.store.kept import Kept
from affidavit.store.objects import Objects
from affidavit.store.places import check_tenant
from affidavit.store.registering import mark_of
from affidavit.store.sealing import DataKeys, Sealer, opened_parts, sealed_parts

_CHUNK = 2**20
_SEALED = ".sealed"


class Attachments:
    """The attached files of all tenants, by SHA-256, and their other files, by name."""

    def __init__(self, database: Database, kept: Kept) -> None:
        self._database, self._removals = database, kept.removals
        self._objects, self._keyring = kept.objects, kept.keyring

    def new(self, tenant: str) -> "NewAttachment":
        """Return a file to write to; use it in a `with`, and close it to keep it.

        It counts once a document names it; `NewAttachment.brought` goes with that.
        """
        check_tenant(tenant)
        keys, mark = self._keyring.current(tenant), self.mark()
        return NewAttachment(self._objects, keys, tenant, mark)

    def where(self, tenant: str, digest: str) -> str:
        """Return where a kept file lies, for messages."""
        return self._objects.where(self._name(tenant, digest))

    def parts(self, tenant: str, digest: str) -> Iterator[bytes]:
        """Yield a kept file's bytes; `StoreDamagedError` where it is gone or altered."""
        return self._parts(tenant, self._name(tenant, digest))

    def is_there(self, tenant: str, digest: str) -> bool:
        """Tell whether a file is kept."""
        return self._objects.stat(self._name(tenant, digest)) is not None

    def mark(self) -> int:
        """Return a mark to take before it is read which files are there, for `brought`."""
        return mark_of(self._database)

    def brought(self, tenant: str, digests: Iterable[str], mark: int) -> list[tuple[str, int]]:
        """Return what goes with documents that name kept files anew (`Writes.brought`)."""
        return [(self._name(tenant, digest), mark) for digest in digests]

    def given_up(self, tenant: str, digests: Iterable[str]) -> list[GivenUp]:
        """Return files to give up with the documents that named them, unless others still do."""
        keys = self._keyring.current(tenant)
        return [
            GivenUp(names=names_of(keys, tenant, digest), digest=digest)
            for digest in sorted(set(digests))
        ]

    def remove_given_up(self, given_up: Sequence[GivenUp]) -> None:
        """Remove what was given up, now that it is committed; what cannot be stays to be done."""
        self._removals.carry_out([name for one in given_up for name in one.names])

    # Reports and exports that the server made

    def keep_report(self, tenant: str, identifier: str, file: Path) -> None:
        """Keep a report, sealed, under its id."""
        name = self._report(tenant, identifier)
        keys = self._keyring.current(tenant)
        sealed = self._objects.new(f"{tenant}/reports")
        try:
            with disk_errors(sealed.path), file.open("rb") as source:
                parts = iter(lambda: source.read(_CHUNK), b"")
                for part in sealed_parts(keys, name, parts):
                    sealed.file.write(part)
            sealed.sync()
            self._objects.keep(sealed, name)
        finally:
            sealed.discard()

    def report(self, tenant: str, identifier: str) -> Iterator[bytes] | None:
        """Return a report's bytes in parts, or None where there is none."""
        name = self._report(tenant, identifier)
        return None if self._objects.stat(name) is None else self._parts(tenant, name)

    def given_up_report(self, tenant: str, identifier: str) -> list[GivenUp]:
        """Return a report's file to give up with its document."""
        return [GivenUp(names=(self._report(tenant, identifier),))]

    def remove_report(self, tenant: str, identifier: str) -> None:
        """Remove a report; nothing where it is gone."""
        self._objects.remove(self._report(tenant, identifier))

    def _report(self, tenant: str, identifier: str) -> str:
        check_tenant(tenant)
        return f"{tenant}/reports/{identifier}{_SEALED}"

    def _name(self, tenant: str, digest: str) -> str:
        """Return a kept file's name: the sealed one's, unless it was kept before there were any."""
        sealed, plain = names_of(self._keyring.current(tenant), tenant, digest)
        if self._objects.stat(sealed) is None and self._objects.stat(plain) is not None:
            return plain
        return sealed

    def _sealed_name(self, tenant: str, digest: str) -> str:
        check_tenant(tenant)
        return _sealed_name(self._keyring.current(tenant), tenant, digest)

    def _parts(self, tenant: str, name: str) -> Iterator[bytes]:
        where = self._objects.where(name)
        if self._objects.stat(name) is None:
            raise StoreDamagedError(
                f"The attached file {where} is gone", todo="Restore it from a backup."
            )
        parts = self._objects.parts(name)
        if not name.endswith(_SEALED):
            return parts
        bound_to = f"{tenant}/attachments" if "/attachments/" in name else name
        return opened_parts(
            lambda key: self._keyring.named(tenant, key, where), bound_to, where, parts
        )


class NewAttachment:
    """A file being received, sealed as it comes; nothing is kept unless `close` was called."""

    def __init__(self, objects: Objects, keys: DataKeys, tenant: str, mark: int) -> None:
        self._objects, self._keys, self._tenant, self._mark = objects, keys, tenant, mark
        self._new = objects.new(f"{tenant}/attachments")
        self._sealer = Sealer(keys, f"{tenant}/attachments")
        self._hash = sha256()
        self.size = 0
        self._write(self._sealer.header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._new.discard()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._hash.update(data)
        self.size += len(data)
        for chunk in self._sealer.add(data):
            self._write(chunk)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what was written so far, hexadecimal."""
        return self._hash.hexdigest()

    @property
    def brought(self) -> tuple[str, int]:
        """Return what the document that names it is written with (`Writes.brought`)."""
        return _sealed_name(self._keys, self._tenant, self.digest), self._mark

    def close(self) -> str:
        """Make the file durable and return its SHA-256, hexadecimal."""
        digest = self.digest
        self._write(self._sealer.end())
        self._new.sync()
        self._objects.keep(self._new, _sealed_name(self._keys, self._tenant, digest))
        return digest

    def _write(self, data: bytes) -> None:
        with disk_errors(self._new.path):
            self._new.file.write(data)


def names_of(keys: DataKeys, tenant: str, digest: str) -> tuple[str, str]:
    """Return the names that an attached file can have: sealed, and from before sealing came."""
    return _sealed_name(keys, tenant, digest), f"{tenant}/attachments/{digest}"


def _sealed_name(keys: DataKeys, tenant: str, digest: str) -> str:
    address = hmac.new(keys.address, f"attachment\n{digest}".encode(), sha256).hexdigest()
    return f"{tenant}/attachments/{address}{_SEALED}"
