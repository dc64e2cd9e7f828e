"""Signed notes and checkpoints (C2SP signed-note and tlog-checkpoint), Ed25519 only."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from .failure import VerificationError

ED25519 = b"\x01"
"""Signature type in key ids and verifier keys (C2SP signed-note, 'Signature types')."""
KEY_LENGTH = 32
ID_LENGTH = 4
MAX_KEY_FILE = 2**16


class KeyProblemError(Exception):
    """The key that was given cannot be used: a mistake of the caller, not of the report."""


@dataclass(frozen=True, slots=True)
class Key:
    """An Ed25519 public key; `name` is empty where it came without one (PEM)."""

    name: str
    public: bytes

    def id(self, name: str) -> bytes:
        """Return the key's four-byte id under `name`: SHA-256(name, line feed, type, key)[:4]."""
        return hashlib.sha256(name.encode() + b"\n" + ED25519 + self.public).digest()[:ID_LENGTH]

    def fits(self, name: str) -> bool:
        """Tell whether this key may sign under `name`: its own name, or any where it has none."""
        return self.name in ("", name)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` is this key's over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


def read_key(given: str) -> Key:
    """Return the key in a file (PEM or one-line verifier key) or in the text itself."""
    path = Path(given)
    text = given
    try:
        if path.is_file():
            if path.stat().st_size > MAX_KEY_FILE:
                raise KeyProblemError(f"{given} is too large to be a public key.")
            text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyProblemError(f"{given} cannot be read as a public key: {error}") from error
    if "-----BEGIN" in text:
        return _from_pem(text, given)
    line = next((x.strip() for x in text.splitlines() if x.strip()), "")
    key = parse_verifier_key(line)
    if key is None:
        raise KeyProblemError(
            f"{given!r} is neither a file with a public key (PEM) nor a verifier key "
            "of the form name+id+base64."
        )
    return key


def _from_pem(text: str, given: str) -> Key:
    if "PRIVATE KEY" in text:
        raise KeyProblemError(f"{given} holds a private key; give the public one.")
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyProblemError(f"{given} is not a public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyProblemError(f"{given} is not an Ed25519 key.")
    return Key("", key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def parse_verifier_key(line: str) -> Key | None:
    """Return the key of `name+hex id+base64(type, key)`, or None where it is not one."""
    parts = line.split("+", 2)
    if len(parts) != 3 or not parts[0] or any(c.isspace() for c in parts[0]):  # noqa: PLR2004 - as written
        return None
    name, key_id, text = parts
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) != 1 + KEY_LENGTH or data[:1] != ED25519:
        return None
    key = Key(name, data[1:])
    return key if key.id(name).hex() == key_id.lower() else None


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signatures below; nothing is verified yet."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]
    """(key name, key id, signature) of each line."""


def parse_note(data: bytes, where: str) -> Note:
    """Split a signed note into text and signature lines."""
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise VerificationError(where, "is not UTF-8") from error
    text, blank, below = whole.rpartition("\n\n")
    if not blank or not below.endswith("\n"):
        raise VerificationError(where, "is not a signed note")
    lines = below.removesuffix("\n").split("\n")
    return Note(text + "\n", tuple(_signature(line, where) for line in lines))


def _signature(line: str, where: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, text = rest.partition(" ")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(where, "has a signature that is not base64") from error
    if dash != "\u2014" or not name or len(data) <= ID_LENGTH:
        raise VerificationError(where, "has a line that is no signature")
    return name, data[:ID_LENGTH], data[ID_LENGTH:]


def check_signature(note: Note, key: Key, name: str, where: str) -> None:
    """Return when `key` signed the note under `name`; else say what is wrong."""
    own = [s for n, i, s in note.signatures if n == name and i == key.id(name)]
    if not own:
        by = ", ".join(f"{n} {i.hex()}" for n, i, _ in note.signatures)
        raise VerificationError(
            where, f"is not signed by the key {name} {key.id(name).hex()}, but by {by}"
        )
    if not any(key.verifies(signature, note.text.encode()) for signature in own):
        raise VerificationError(where, "its signature does not hold: text or signature was changed")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Origin, tree size and root hash."""

    origin: str
    size: int
    root: bytes


def parse_checkpoint(note: Note, where: str) -> Checkpoint:
    """Return what the checkpoint's text says."""
    lines = note.text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not lines[1].isdecimal() or str(int(lines[1])) != lines[1]:  # noqa: PLR2004 - origin, size, root
        raise VerificationError(where, "is not a checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(where, "its root is not base64") from error
    if len(root) != KEY_LENGTH:
        raise VerificationError(where, "its root is not a SHA-256")
    return Checkpoint(lines[0], int(lines[1]), root)
