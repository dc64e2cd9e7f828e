"""Bodies of observations: zstd, encrypted under the tenant's key, one object per distinct body.

The address is an HMAC of the plain text under a key of the tenant: equal answers of two days are
stored once, and no other tenant can probe for them. Object: magic, data key id (8 bytes), nonce
(12), then AES-256-GCM over (length of the plain text, 8 bytes big-endian, and the zstd frame), with
the address as additional data, so that two blobs cannot be swapped.
"""

import hmac
import secrets
from collections.abc import Iterable, Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affidavit.errors import StoreDamagedError
from affidavit.store.objects import Objects
from affidavit.store.places import check_tenant
from affidavit.store.sealing import DataKeys
from affidavit.store.tenant_keys import TenantKeyring

_MAGIC = b"AFB1"
_KEY_ID = slice(len(_MAGIC), 12)
_NONCE = slice(12, 24)
_NONCE_SIZE = 12
_BODY = slice(24, None)
_LENGTH = 8


class Blobs:
    """The blobs of all tenants."""

    def __init__(self, objects: Objects, keyring: TenantKeyring) -> None:
        self._objects = objects
        self._keyring = keyring

    def put(self, tenant: str, bodies: Sequence[bytes]) -> list[str]:
        """Store bodies durably, those already there once; return their addresses."""
        if not bodies:
            return []
        keys = self._keyring.current(tenant)
        addresses = [hmac.new(keys.address, body, sha256).hexdigest() for body in bodies]
        names = {self.name(tenant, address): address for address in addresses}
        held = self._objects.hold(list(names), _KEY_ID.stop)
        new: dict[str, bytes] = {}
        for address, body in zip(addresses, bodies, strict=True):
            name = self.name(tenant, address)
            if name not in new and held.get(name) != _MAGIC + keys.id:
                new[name] = _sealed(keys, address, body)
        self._objects.put(new, locked=True)
        return addresses

    def missing(self, tenant: str, addresses: Iterable[str]) -> list[str]:
        """Return those addresses whose objects are not there."""
        names = {self.name(tenant, address): address for address in addresses}
        return [names[name] for name in self._objects.missing(list(names))]

    def get(self, tenant: str, address: str) -> bytes:
        """Return a body; `StoreDamagedError` names the blob where it is gone or altered.

        `StoreSealedError` where its key cannot be used.
        """
        name = self.name(tenant, address)
        where = self.where(tenant, address)
        data = self._objects.read(name)
        if data[: len(_MAGIC)] != _MAGIC:
            raise _damaged(where, "It is not one of our blobs.")
        keys = self._keyring.named(tenant, data[_KEY_ID], f"The blob {where}")
        try:
            sealed = AESGCM(keys.body).decrypt(data[_NONCE], data[_BODY], address.encode())
        except (InvalidTag, ValueError) as error:
            raise _damaged(where, "Its contents were altered.") from error
        return _unpacked(sealed)

    def name(self, tenant: str, address: str) -> str:
        """Return the name of the object of an address."""
        check_tenant(tenant)
        return f"{tenant}/blobs/{address[:2]}/{address}"

    def where(self, tenant: str, address: str) -> str:
        """Return where the blob of an address lies, or would, for messages."""
        return self._objects.where(self.name(tenant, address))


def _sealed(keys: DataKeys, address: str, body: bytes) -> bytes:
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


def _damaged(where: str, why: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"The blob {where} is damaged",
        why=why,
        todo="Restore the file from a backup; the digest in the ledger tells whether it is right.",
    )
