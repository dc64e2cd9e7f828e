"""Sealed bytes: AES-256-GCM under a tenant's data key, in chunks so that memory stays flat.

A sealed file: magic (4), id of the data key (8), salt (16), then chunks of one megabyte of plain
text, each with its tag (16). Every file has a key of its own, derived from the salt; a chunk's
nonce is its number and whether it is the last one, so that chunks can be neither reordered nor cut
off. Header and the object's name are authenticated: two files cannot be swapped.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affidavit.errors import StoreDamagedError

MAGIC: Final = b"AFS1"
ID_SIZE: Final = 8
_SALT: Final = 16
_HEADER: Final = len(MAGIC) + ID_SIZE + _SALT
CHUNK: Final = 2**20
_TAG: Final = 16


@dataclass(frozen=True, slots=True)
class DataKeys:
    """A tenant's data key, as the keys derived from it; nothing is encrypted under the key."""

    id: bytes
    """Eight bytes that every sealed thing names."""
    address: bytes
    """For the HMAC of a plain text that is its address: no other tenant can probe for it."""
    body: bytes
    """For bodies of observations."""
    files: bytes
    """For sealed files."""
    small: bytes
    """For small secrets, sealed at once."""


KeyOf = Callable[[bytes], DataKeys]
"""Gives the keys of an id; raises `StoreSealedError` where they cannot be had."""


def derive(key: bytes, purpose: str) -> bytes:
    """Return a key of its own for `purpose`: HMAC-SHA-256 as a PRF (NIST SP 800-108)."""
    return hmac.new(key, purpose.encode(), sha256).digest()


def from_data_key(key: bytes) -> DataKeys:
    """Return the keys that a tenant's data key stands for."""
    return DataKeys(
        id=sha256(b"data key id\n" + key).digest()[:ID_SIZE],
        address=derive(key, "address"),
        body=derive(key, "body"),
        files=derive(key, "files"),
        small=derive(key, "small"),
    )


class Sealer:
    """Seals what it is given, as it comes."""

    def __init__(self, keys: DataKeys, name: str) -> None:
        """Take the key; `name` is authenticated with every chunk."""
        self.header = MAGIC + keys.id + secrets.token_bytes(_SALT)
        self._cipher = AESGCM(derive(keys.files, self.header.hex()))
        self._bound_to = self.header + name.encode()
        self._held = bytearray()
        self._number = 0

    def add(self, data: bytes) -> Iterator[bytes]:
        """Take plain text in; yield the chunks that are full."""
        self._held += data
        while len(self._held) > CHUNK:
            yield self._chunk(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]

    def end(self) -> bytes:
        """Return the last chunk: without it nothing of the file can be opened as whole."""
        return self._chunk(bytes(self._held), last=True)

    def _chunk(self, plain: bytes, *, last: bool) -> bytes:
        nonce = _nonce(self._number, last=last)
        self._number += 1
        return self._cipher.encrypt(nonce, plain, self._bound_to)


def sealed_parts(keys: DataKeys, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the sealed form of what `parts` yield."""
    sealer = Sealer(keys, name)
    yield sealer.header
    for part in parts:
        yield from sealer.add(part)
    yield sealer.end()


def opened_parts(key_of: KeyOf, name: str, where: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the plain text of sealed `parts`; it counts only when the last one has come.

    Raises `StoreDamagedError` that names `where` for what was altered, cut off or is not ours.
    """
    source = iter(parts)
    held = bytearray()
    for part in source:
        held += part
        if len(held) >= _HEADER:
            break
    header = bytes(held[:_HEADER])
    if len(header) < _HEADER or not header.startswith(MAGIC):
        raise _damaged(where, "It is not one of our sealed files.")
    keys = key_of(header[len(MAGIC) : len(MAGIC) + ID_SIZE])
    cipher = AESGCM(derive(keys.files, header.hex()))
    for number, (chunk, last) in enumerate(_chunks(_after(held, source), CHUNK + _TAG)):
        try:
            plain = cipher.decrypt(_nonce(number, last=last), chunk, header + name.encode())
        except (InvalidTag, ValueError) as error:
            raise _damaged(where, "Its contents were altered or cut off.") from error
        yield plain


def seal(keys: DataKeys, purpose: str, data: bytes) -> bytes:
    """Return a small secret sealed for a purpose."""
    header = b"AFX1" + keys.id + secrets.token_bytes(12)
    cipher = AESGCM(keys.small)
    return header + cipher.encrypt(header[-12:], data, header + purpose.encode())


def unseal(key_of: KeyOf, purpose: str, data: bytes) -> bytes:
    """Return what `seal` sealed for this purpose; `StoreDamagedError` for anything else."""
    header, sealed = data[:24], data[24:]
    if not header.startswith(b"AFX1") or len(header) < len(b"AFX1") + ID_SIZE + 12:
        raise _damaged(f"A sealed {purpose}", "It was not sealed by us.")
    keys = key_of(header[4 : 4 + ID_SIZE])
    try:
        return AESGCM(keys.small).decrypt(header[-12:], sealed, header + purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise _damaged(f"A sealed {purpose}", "It was altered.") from error


def _after(held: bytearray, source: Iterator[bytes]) -> Iterator[bytes]:
    yield bytes(held[_HEADER:])
    yield from source


def _nonce(number: int, *, last: bool) -> bytes:
    return bytes(7) + number.to_bytes(4, "big") + (b"\1" if last else b"\0")


def _chunks(parts: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield (chunk, is the last one); all but the last have `size` bytes, and there is one."""
    held = bytearray()
    for part in parts:
        held += part
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True


def _damaged(where: str, why: str) -> StoreDamagedError:
    return StoreDamagedError(
        f"{where} is damaged",
        why=why,
        todo="Restore it from a backup; the digest in the ledger tells whether it is right.",
    )
