"""Keys: the ledger's signing key, and the tenants' keys for blobs; kept apart from the data.

In the folder `AFFIDAVIT_KEYS`:

    signing.pem             Ed25519, PKCS#8; encrypted where a passphrase was set, else 0600
    signing-next.pem        only while a rotation is under way
    <fingerprint>.pub.pem   every public key that ever signed, for verification
    blob-hmac.key           32 bytes in hexadecimal, 0600: addresses of blobs
    master.key              32 bytes in hexadecimal, 0600: wraps the tenants' data keys
    master-next.key         only while the master key is being changed

All are made together on first use. A file that is missing later is never made again silently: a
new signing key beside an old ledger would be a forger's work. What to do then stands in
docs/how-to/rotate-or-replace-a-key.md.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from affidavit.errors import LedgerError, SigningKeyError
from affidavit.ledger.checkpoint import VerifierKey, origin_of
from affidavit.model.canonical import canonical
from affidavit.settings import Settings

SIGNING = "signing.pem"
NEXT = "signing-next.pem"
BLOB_HMAC = "blob-hmac.key"
MASTER = "master.key"
MASTER_NEXT = "master-next.key"
_PUBLIC_SUFFIX = ".pub.pem"
_OTHERS = 0o077
"""Permission bits of group and others."""
_SYMMETRIC_SIZE = 32
_HOW_TO = "See docs/how-to/rotate-or-replace-a-key.md."


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that signs, or once signed, this installation's checkpoints and reports."""

    raw: bytes
    """32 bytes (RFC 8032)."""
    current: bool
    """True for the key that signs now."""

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the 32 bytes, hexadecimal: the id that records and people use."""
        return sha256(self.raw).hexdigest()

    def verifier(self, tenant: str) -> VerifierKey:
        """Return the key under the name that it signs the tenant's checkpoints with."""
        return VerifierKey(origin_of(tenant), self.raw)

    def pem(self) -> bytes:
        """Return the key as SubjectPublicKeyInfo PEM: what an auditor is given."""
        return Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, ready to sign."""

    private: Ed25519PrivateKey
    protected: bool
    """True where its file is encrypted under a passphrase; a report must say when it is not."""

    @property
    def public(self) -> PublicKey:
        """Return the public half."""
        return PublicKey(self.private.public_key().public_bytes_raw(), current=True)

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature of `data`, 64 bytes."""
        return self.private.sign(data)


@dataclass(frozen=True, slots=True)
class TenantKeys:
    """A tenant's keys for blobs, derived from the folder's two symmetric keys."""

    address: bytes
    """For the HMAC of a plain text that is its blob's address."""
    body: bytes
    """For AES-256-GCM over the blob."""
    id: bytes
    """Eight bytes that tell which master key a blob was written under."""


class KeyFolder:
    """The keys in one folder; nothing is read or made before it is needed."""

    def __init__(self, folder: Path, passphrase: str = "") -> None:
        self.folder = folder
        self._passphrase = passphrase
        self._signer: Signer | None = None
        self._tenants: dict[str, TenantKeys] = {}

    def signer(self) -> Signer:
        """Return the current signing key, made on first use; else `SigningKeyError`."""
        if self._signer is None:
            self._ensure()
            self._signer = self._load(SIGNING)
            self._publish(self._signer)
        return self._signer

    def public_keys(self) -> tuple[PublicKey, ...]:
        """Return the current public key, then all earlier ones; empty before the first use."""
        found = {path.name: _read_public(path) for path in self._public_files()}
        if self.has_signer():
            current = self.signer().public
            others = sorted(raw for raw in found.values() if raw != current.raw)
            return (current, *(PublicKey(raw, current=False) for raw in others))
        return tuple(PublicKey(raw, current=False) for raw in sorted(found.values()))

    def tenant(self, tenant: str) -> TenantKeys:
        """Return the keys for the tenant's blobs; the same as long as the folder is kept."""
        if tenant not in self._tenants:
            self._ensure()
            address, master = self._symmetric(BLOB_HMAC), self._symmetric(MASTER)
            self._tenants[tenant] = TenantKeys(
                address=_derive(address, f"blob address\n{tenant}"),
                body=_derive(master, f"blob body\n{tenant}"),
                id=sha256(b"master key id\n" + master).digest()[:8],
            )
        return self._tenants[tenant]

    def prepare_next(self) -> Signer:
        """Return the key that a rotation will change to; the same one when it was interrupted."""
        if not (self.folder / NEXT).exists():
            self._make_folder()
            self._create(NEXT, self._new_private())
        signer = self._load(NEXT)
        self._publish(signer)
        return signer

    def adopt_next(self) -> Signer:
        """Make the next key the current one. The old private key is gone, its public key stays."""
        (self.folder / NEXT).replace(self.folder / SIGNING)
        _sync(self.folder)
        self._signer = None
        return self.signer()

    def masters(self) -> list[tuple[str, bytes]]:
        """Return (name, key) of the master key, and of the next one while it is being changed.

        The last one is to wrap with. Read anew each time: another process may have changed it.
        """
        self._ensure()
        names = [MASTER, *([MASTER_NEXT] if (self.folder / MASTER_NEXT).exists() else [])]
        return [(master_name(key), key) for key in map(self._symmetric, names)]

    def prepare_next_master(self) -> None:
        """Make the next master key; the same one when that was interrupted."""
        self._ensure()
        if not (self.folder / MASTER_NEXT).exists():
            self._create(MASTER_NEXT, secrets.token_bytes(_SYMMETRIC_SIZE).hex().encode() + b"\n")

    def adopt_next_master(self) -> None:
        """Make the next master key the master key. The old one is gone."""
        (self.folder / MASTER_NEXT).replace(self.folder / MASTER)
        _sync(self.folder)
        self._tenants.clear()

    def has_signer(self) -> bool:
        """Tell whether the private key's file is there."""
        return (self.folder / SIGNING).exists()

    def make_missing_symmetric(self) -> list[str]:
        """Make those keys for blobs that are not there, on first use or after a loss; name them."""
        self._make_folder()
        missing = [name for name in (MASTER, BLOB_HMAC) if not (self.folder / name).exists()]
        for name in missing:
            self._create(name, secrets.token_bytes(_SYMMETRIC_SIZE).hex().encode() + b"\n")
        return missing

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(self.folder, error) from error

    def _ensure(self) -> None:
        present = {name for name in (SIGNING, BLOB_HMAC, MASTER) if (self.folder / name).exists()}
        if len(present) == len((SIGNING, BLOB_HMAC, MASTER)):
            return
        used = SIGNING in present or next(iter(self._public_files()), None) is not None
        missing = sorted({SIGNING, BLOB_HMAC, MASTER} - present)
        if used:
            raise SigningKeyError(
                f"{self.folder} has no {' and no '.join(missing)}",
                why="The folder was used before, and a key is never replaced silently.",
                todo=f"Restore the file from a backup, or replace the lost key. {_HOW_TO}",
            )
        self.make_missing_symmetric()
        self._create(SIGNING, self._new_private())

    def _new_private(self) -> bytes:
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if self._passphrase:
            encryption = serialization.BestAvailableEncryption(self._passphrase.encode())
        return Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )

    def _create(self, name: str, data: bytes) -> None:
        """Write a new file, whole or not at all; who comes second keeps the first's."""
        temporary = self.folder / f".{name}.{secrets.token_hex(8)}.tmp"
        try:
            handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, self.folder / name)
            except FileExistsError:
                return
            finally:
                temporary.unlink()
            _sync(self.folder)
        except OSError as error:
            raise _unusable(self.folder / name, error) from error

    def _load(self, name: str) -> Signer:
        path = self.folder / name
        data = _read(path)
        protected = b"BEGIN ENCRYPTED PRIVATE KEY" in data
        if protected and not self._passphrase:
            raise SigningKeyError(
                f"The signing key {path} is encrypted",
                why="No passphrase was given.",
                todo="Set AFFIDAVIT_KEY_PASSPHRASE.",
            )
        if not protected:
            self._check_plain(path)
        try:
            private = serialization.load_pem_private_key(
                data, self._passphrase.encode() if protected else None
            )
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SigningKeyError(
                f"The signing key {path} cannot be read",
                why="The passphrase is wrong." if protected else str(error),
                todo="Correct AFFIDAVIT_KEY_PASSPHRASE, or restore the file from a backup.",
            ) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SigningKeyError(f"{path} is not an Ed25519 key", todo=_HOW_TO)
        return Signer(private, protected)

    def _check_plain(self, path: Path) -> None:
        _check_mode(path)
        if self._passphrase:
            raise SigningKeyError(
                f"The signing key {path} is not encrypted, but a passphrase is set",
                why="Whoever set the passphrase believes that it protects the key.",
                todo="Encrypt it (`openssl pkcs8 -topk8 -in signing.pem -out new.pem`, then put "
                "the result in its place), or unset AFFIDAVIT_KEY_PASSPHRASE.",
            )

    def _symmetric(self, name: str) -> bytes:
        path = self.folder / name
        _check_mode(path)
        try:
            key = bytes.fromhex(_read(path).decode("ascii").strip())
        except (UnicodeDecodeError, ValueError) as error:
            raise SigningKeyError(f"{path} is not hexadecimal", todo=_HOW_TO) from error
        if len(key) != _SYMMETRIC_SIZE:
            raise SigningKeyError(f"{path} does not hold {_SYMMETRIC_SIZE} bytes", todo=_HOW_TO)
        return key

    def _public_files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_PUBLIC_SUFFIX}"))

    def _publish(self, signer: Signer) -> None:
        """Keep the public half beside: it outlives the private one."""
        public = signer.public
        name = f"{public.fingerprint}{_PUBLIC_SUFFIX}"
        if not (self.folder / name).exists():
            self._create(name, public.pem())


def open_keys(settings: Settings) -> KeyFolder:
    """Return the keys that the settings name."""
    return KeyFolder(settings.keys, settings.key_passphrase)


def statement(
    old: Signer | None, new: Signer, *, by: str, reason: str, time: str
) -> dict[str, Any]:
    """Return the ledger record of a change of keys, signed by the new key and by the old one.

    Without the old key (it was lost) the record says `replace`, and everybody can see that nothing
    but the operator's word joins the two.
    """
    record: dict[str, Any] = {
        "kind": "key",
        "action": "rotate" if old else "replace",
        "time": time,
        "by": by,
        "reason": reason,
        "old": old.public.fingerprint if old else "",
        "new": new.public.fingerprint,
        "new_public_key": new.public.raw.hex(),
    }
    signed = canonical(record)
    record["signature_by_old"] = old.sign(signed).hex() if old else ""
    record["signature_by_new"] = new.sign(signed).hex()
    return record


def verify_statement(record: Mapping[str, Any], old: PublicKey | None) -> PublicKey:
    """Return the new key of a key record whose signatures hold; else `LedgerError`."""
    signed = canonical({k: v for k, v in record.items() if not k.startswith("signature_by_")})
    try:
        new = PublicKey(bytes.fromhex(record["new_public_key"]), current=False)
        Ed25519PublicKey.from_public_bytes(new.raw).verify(
            bytes.fromhex(record["signature_by_new"]), signed
        )
        if record["action"] == "rotate":
            if old is None or old.fingerprint != record["old"]:
                raise LedgerError("The key record names another old key than the one known")
            Ed25519PublicKey.from_public_bytes(old.raw).verify(
                bytes.fromhex(record["signature_by_old"]), signed
            )
    except (InvalidSignature, ValueError, KeyError) as error:
        raise LedgerError("A signature of the key record does not hold", why=str(error)) from error
    if new.fingerprint != record["new"]:
        raise LedgerError("The key record's fingerprint is not that of its key")
    return new


def master_name(master: bytes) -> str:
    """Return what tells one master key from another."""
    return sha256(b"master key name\n" + master).hexdigest()[:16]


def _derive(key: bytes, purpose: str) -> bytes:
    """Return a key of its own for `purpose`: HMAC-SHA-256 as a PRF (NIST SP 800-108)."""
    return hmac.new(key, purpose.encode(), sha256).digest()


def _read_public(path: Path) -> bytes:
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"The public key {path} cannot be read", why=str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{path} is not an Ed25519 key", todo=_HOW_TO)
    return key.public_bytes_raw()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(path, error) from error


def _check_mode(path: Path) -> None:
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise _unusable(path, error) from error
    if mode & _OTHERS:
        raise SigningKeyError(
            f"Others can read the key file {path} (mode {mode:04o})",
            why="Whoever reads it can sign in your name.",
            todo=f"Run `chmod 600 {path}`, and rotate the key if somebody may have read it.",
        )


def _unusable(path: Path, error: OSError) -> SigningKeyError:
    return SigningKeyError(
        f"The key file {path} cannot be used",
        why=error.strerror or str(error),
        todo="Correct AFFIDAVIT_KEYS or the permissions of that folder.",
    )


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
