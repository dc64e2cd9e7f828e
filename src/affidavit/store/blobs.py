"""Bodies of observations: zstd, encrypted under the tenant's key, one file per distinct body.

The address is an HMAC of the plain text under a key of the tenant: equal answers of two days are
stored once, and no other tenant can probe for them. File: magic, master key id (8 bytes), nonce
(12), then AES-256-GCM over (length of the plain text, 8 bytes big-endian, and the zstd frame), with
the address as additional data, so that two blobs cannot be swapped.
"""

import hmac
import os
import secrets
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affidavit.errors import StoreDamagedError, StoreError
from affidavit.ledger.keys import KeyFolder, TenantKeys
from affidavit.store.files import write_all
from affidavit.store.places import tenant_folder

_MAGIC = b"AFB1"
_KEY_ID = slice(len(_MAGIC), 12)
_NONCE = slice(12, 24)
_NONCE_SIZE = 12
_BODY = slice(24, None)
_LENGTH = 8


class Blobs:
    """The blobs of all tenants below one folder."""

    def __init__(self, objects: Path, keys: KeyFolder) -> None:
        self._objects = objects
        self._keys = keys

    def folder(self, tenant: str) -> Path:
        """Return where the tenant's blobs lie."""
        return tenant_folder(self._objects, tenant) / "blobs"

    def put(self, tenant: str, bodies: Sequence[bytes]) -> list[str]:
        """Store bodies durably, those already there once; return their addresses."""
        keys = self._keys.tenant(tenant)
        addresses = [hmac.new(keys.address, body, sha256).hexdigest() for body in bodies]
        new: dict[Path, bytes] = {}
        for address, body in zip(addresses, bodies, strict=True):
            path = self.path(tenant, address)
            if path not in new and not _refreshed(path, keys.id):
                new[path] = _sealed(keys, address, body)
        write_all(new)
        return addresses

    def missing(self, tenant: str, addresses: Iterable[str]) -> list[str]:
        """Return those addresses whose files are not there."""
        return [a for a in addresses if not self.path(tenant, a).exists()]

    def get(self, tenant: str, address: str) -> bytes:
        """Return a body; `StoreDamagedError` names the blob where it is gone or altered."""
        path = self.path(tenant, address)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise _damaged(path, "The file is gone.") from error
        except OSError as error:
            raise StoreError(f"The blob {path} cannot be read", why=str(error)) from error
        keys = self._keys.tenant(tenant)
        if data[: len(_MAGIC)] != _MAGIC:
            raise _damaged(path, "It is not one of our blobs.")
        if data[_KEY_ID] != keys.id:
            raise _damaged(path, "It was written under another master key than the present one.")
        try:
            sealed = AESGCM(keys.body).decrypt(data[_NONCE], data[_BODY], address.encode())
        except (InvalidTag, ValueError) as error:
            raise _damaged(path, "Its contents were altered.") from error
        return _unpacked(sealed)

    def path(self, tenant: str, address: str) -> Path:
        """Return where the blob of an address lies, or would."""
        return self.folder(tenant) / address[:2] / address


def _refreshed(path: Path, key_id: bytes) -> bool:
    """Return True where the file is there under this master key; set its time, against sweeping."""
    try:
        with path.open("rb") as file:
            head = file.read(_KEY_ID.stop)
        os.utime(path)
    except FileNotFoundError:
        return False
    return head == _MAGIC + key_id


def _sealed(keys: TenantKeys, address: str, body: bytes) -> bytes:
    import pyarrow as pa

    nonce = secrets.token_bytes(_NONCE_SIZE)
    packed = pa.compress(body, codec="zstd", asbytes=True)
    plain = len(body).to_bytes(_LENGTH, "big") + packed
    return _MAGIC + keys.id + nonce + AESGCM(keys.body).encrypt(nonce, plain, address.encode())


def _unpacked(plain: bytes) -> bytes:
    import pyarrow as pa

    length = int.from_bytes(plain[:_LENGTH], "big")
    body: bytes = pa.decompress(plain[_LENGTH:], length, codec="zstd", asbytes=True)
    return body


def _damaged(path: Path, why: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"The blob {path} is damaged",
        why=why,
        todo="Restore the file from a backup; the digest in the ledger tells whether it is right.",
    )
