"""Checkpoints: the size and root of a tenant's log, signed (C2SP tlog-checkpoint in a signed note).

Formats: https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note. The origin and the key name
are `affidavit/<tenant>`. Parsing is strict and verification fails closed: what is not exactly in
the form, or not signed by a given key, raises `LedgerError`.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from affidavit.errors import LedgerError
from affidavit.ledger.tree import HASH_SIZE

ED25519 = b"\x01"
"""Signature type of Ed25519 in a signed note."""
_KEY_ID_SIZE = 4
_DASH = "\u2014 "
_MAX_SIGNATURES = 100
"""More than the 16 that signed-note asks for, and an end to what a hostile note can cost."""
_BODY_LINES = 3
_MAX_DIGITS = 19
"""Digits of the largest tree size (2**63)."""


def origin_of(tenant: str) -> str:
    """Return the origin line, and the key name, of a tenant's log."""
    return f"affidavit/{tenant}"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 public key (signed-note's verifier key)."""

    name: str
    public: bytes
    """32 bytes, as in RFC 8032."""

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(c.isspace() for c in self.name):
            raise LedgerError(f"{self.name!r} cannot be the name of a key")
        if len(self.public) != HASH_SIZE:
            raise LedgerError(f"The public key {self.name} is not 32 bytes long")

    @property
    def id(self) -> bytes:
        """Return SHA-256(name || 0x0A || 0x01 || public key), its first four bytes."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:_KEY_ID_SIZE]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key that `name+hash+base64` stands for; else `LedgerError`."""
        parts = text.strip().split("+", 2)
        if len(parts) != _BODY_LINES:
            raise LedgerError(f"{text!r} is not a verifier key (name+hash+key)")
        raw = _base64(parts[2], "the verifier key")
        if raw[:1] != ED25519:
            raise LedgerError(f"The verifier key {parts[0]} is not an Ed25519 key")
        key = cls(parts[0], raw[1:])
        if key.id.hex() != parts[1]:
            raise LedgerError(f"The verifier key {parts[0]} does not match its own hash")
        return key


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root of the log named by `origin`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the checkpoint of a note text; extension lines are refused, we write none."""
        lines = text.split("\n")
        if len(lines) != _BODY_LINES + 1 or lines[-1] or not lines[0]:
            raise LedgerError("A checkpoint is not exactly origin, tree size and root")
        size, root = lines[1], _base64(lines[2], "the root hash")
        if not (size.isascii() and size.isdecimal()) or size != size.lstrip("0").rjust(1, "0"):
            raise LedgerError(f"{size!r} is not a tree size")
        if len(size) > _MAX_DIGITS or len(root) != HASH_SIZE:
            raise LedgerError(
                "The tree size or the root hash of a checkpoint is too long or too short"
            )
        return cls(lines[0], int(size), root)


def sign(checkpoint: Checkpoint, private: Ed25519PrivateKey) -> str:
    """Return the signed note of `checkpoint`; the key's name is the origin."""
    key = VerifierKey(checkpoint.origin, private.public_key().public_bytes_raw())
    text = checkpoint.text()
    signature = b64encode(key.id + private.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{key.name} {signature}\n"


def open_note(note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """Return the checkpoint of a signed note once a signature by one of `keys` was verified.

    Signatures by other keys are ignored; a wrong signature by one of `keys` refuses the note.
    """
    text, signatures = _split_note(note)
    known = {(key.name, key.id): key for key in keys}
    verified = False
    for name, key_id, signature in signatures:
        key = known.get((name, key_id))
        if key is None:
            continue
        _verify(key, text, signature)
        verified = True
    if not verified:
        raise LedgerError(
            "The checkpoint is not signed by any of the given keys",
            why="It names " + ", ".join(f"{n}+{i.hex()}" for n, i, _ in signatures) + ".",
            todo="Give the public key of whoever keeps this ledger (`affidavit key list`).",
        )
    checkpoint = Checkpoint.parse(text)
    if not any(name == checkpoint.origin and (name, i) in known for name, i, _ in signatures):
        raise LedgerError("The checkpoint is signed under another name than its origin")
    return checkpoint


def _verify(key: VerifierKey, text: str, signature: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
    except (InvalidSignature, ValueError) as error:
        raise LedgerError(
            f"The signature of {key.name} on the checkpoint is wrong",
            why="The checkpoint was changed after it was signed, or was never signed by this key.",
        ) from error


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    if any(c < " " and c != "\n" for c in note) or not note.endswith("\n"):
        raise LedgerError("The checkpoint is not a signed note")
    body, blank, tail = note.rpartition("\n\n")
    if not blank or not tail:
        raise LedgerError("The checkpoint has no signatures")
    lines = tail.split("\n")[:-1]
    if len(lines) > _MAX_SIGNATURES:
        raise LedgerError(f"The checkpoint has more than {_MAX_SIGNATURES} signatures")
    return body + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _base64(encoded, "a signature")
    if not line.startswith(_DASH) or not name or not space or len(raw) <= _KEY_ID_SIZE:
        raise LedgerError("A signature line of the checkpoint is not in the form of a signed note")
    return name, raw[:_KEY_ID_SIZE], raw[_KEY_ID_SIZE:]


def _base64(text: str, what: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LedgerError(f"Base64 of {what} does not hold", why=str(error)) from error
    if b64encode(raw).decode() != text:
        raise LedgerError(f"Base64 of {what} is not in its canonical form")
    return raw
