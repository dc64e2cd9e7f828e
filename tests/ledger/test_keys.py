"""Keys are made once, kept tight, changed in the open, and never replaced silently."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from affidavit.errors import LedgerError, SigningKeyError
from affidavit.ledger.keys import (
    BLOB_HMAC,
    MASTER,
    NEXT,
    SIGNING,
    KeyFolder,
    PublicKey,
    open_keys,
    statement,
    verify_statement,
)
from affidavit.settings import Settings

TENANT = "111122223333/us-east-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that does not exist yet."""
    return tmp_path / "config" / "keys"


def test_first_use_makes_all(folder: Path) -> None:
    """The first use makes every key, for the owner only; the same ones are used after."""
    first = KeyFolder(folder).signer()
    assert not first.protected
    assert (folder.stat().st_mode & 0o777) == 0o700
    for name in (SIGNING, BLOB_HMAC, MASTER):
        assert ((folder / name).stat().st_mode & 0o777) == 0o600
    assert KeyFolder(folder).signer().public == first.public
    assert KeyFolder(folder).public_keys() == (first.public,)
    assert [p for p in folder.iterdir() if p.name.endswith(".tmp")] == []


def test_looking_makes_nothing(folder: Path) -> None:
    """Listing the keys of a new installation makes none."""
    assert KeyFolder(folder).public_keys() == ()
    assert not folder.exists()


def test_passphrase(folder: Path) -> None:
    """With a passphrase the key is encrypted, and neither no nor a wrong one opens it."""
    signer = KeyFolder(folder, "correct horse").signer()
    assert signer.protected
    assert b"ENCRYPTED" in (folder / SIGNING).read_bytes()
    assert KeyFolder(folder, "correct horse").signer().public == signer.public
    with pytest.raises(SigningKeyError, match="AFFIDAVIT_KEY_PASSPHRASE"):
        KeyFolder(folder).signer()
    with pytest.raises(SigningKeyError, match="passphrase is wrong"):
        KeyFolder(folder, "wrong").signer()


def test_a_passphrase_that_does_not_protect_is_refused(folder: Path) -> None:
    """Setting a passphrase beside a plain key is an error, not a feeling of safety."""
    KeyFolder(folder).signer()
    with pytest.raises(SigningKeyError, match="not encrypted"):
        KeyFolder(folder, "too late").signer()


@pytest.mark.parametrize("name", [SIGNING, BLOB_HMAC, MASTER])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_loose_modes_are_refused(folder: Path, name: str, mode: int) -> None:
    """A key that others can read is refused, with the command that mends it."""
    KeyFolder(folder).signer()
    (folder / name).chmod(mode)
    keys = KeyFolder(folder)
    with pytest.raises(SigningKeyError, match=f"chmod 600 .*{name}"):
        keys.signer() if name == SIGNING else keys.tenant(TENANT)


@pytest.mark.parametrize("name", [SIGNING, BLOB_HMAC, MASTER])
def test_a_lost_key_is_not_made_again(folder: Path, name: str) -> None:
    """A file that is gone is an error that names it, never a new key."""
    KeyFolder(folder).signer()
    (folder / name).unlink()
    with pytest.raises(SigningKeyError, match=name):
        KeyFolder(folder).signer()
    with pytest.raises(SigningKeyError, match=name):
        KeyFolder(folder).tenant(TENANT)
    assert not (folder / name).exists()


def test_an_interrupted_first_use_is_finished(folder: Path) -> None:
    """A crash after the first file leaves nothing that stops the next start."""
    folder.mkdir(parents=True, mode=0o700)
    (folder / MASTER).write_text("ab" * 32)
    (folder / MASTER).chmod(0o600)
    keys = KeyFolder(folder)
    keys.signer()
    assert (folder / MASTER).read_text() == "ab" * 32


@pytest.mark.parametrize("text", ["", "zz", "ab" * 16])
def test_odd_symmetric_keys_are_refused(folder: Path, text: str) -> None:
    """A symmetric key that is not 32 bytes of hexadecimal is refused."""
    KeyFolder(folder).signer()
    (folder / MASTER).write_text(text)
    with pytest.raises(SigningKeyError):
        KeyFolder(folder).tenant(TENANT)


def test_odd_signing_keys_are_refused(folder: Path) -> None:
    """A signing key that is none, or of another kind, is refused."""
    KeyFolder(folder).signer()
    (folder / SIGNING).write_text("nonsense")
    with pytest.raises(SigningKeyError, match="cannot be read"):
        KeyFolder(folder).signer()
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / SIGNING).write_bytes(other)
    with pytest.raises(SigningKeyError, match="Ed25519"):
        KeyFolder(folder).signer()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where the folder cannot be, the error names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningKeyError, match="AFFIDAVIT_KEYS"):
        KeyFolder(tmp_path / "file" / "keys").signer()


def test_tenants_have_keys_of_their_own(folder: Path) -> None:
    """Two tenants share no key, and a tenant's keys stay the same."""
    one, two = KeyFolder(folder).tenant(TENANT), KeyFolder(folder).tenant("444455556666/us-east-1")
    assert KeyFolder(folder).tenant(TENANT) == one
    assert len({one.address, one.body, two.address, two.body}) == 4
    assert one.id == two.id


def test_rotation(folder: Path) -> None:
    """The next key is announced under both signatures; the old public key stays."""
    keys = open_keys(Settings(keys=folder))
    old = keys.signer()
    new = keys.prepare_next()
    assert keys.signer().public == old.public
    assert keys.prepare_next().public == new.public
    record = statement(old, new, by="me", reason="yearly", time="2026-01-01T00:00:00Z")
    assert record["action"] == "rotate"
    assert verify_statement(record, old.public).raw == new.public.raw
    assert keys.adopt_next().public == new.public
    assert not (folder / NEXT).exists()
    assert [k.fingerprint for k in KeyFolder(folder).public_keys()] == [
        new.public.fingerprint,
        old.public.fingerprint,
    ]


@pytest.mark.parametrize("member", ["time", "reason", "new_public_key", "signature_by_old", "old"])
def test_a_changed_statement_is_refused(folder: Path, member: str) -> None:
    """No member of a key record can be changed."""
    keys = KeyFolder(folder)
    old, new = keys.signer(), keys.prepare_next()
    record = statement(old, new, by="me", reason="yearly", time="2026-01-01T00:00:00Z")
    record[member] = record[member].replace(record[member][0], "f" if member != "time" else "3", 1)
    with pytest.raises(LedgerError):
        verify_statement({**record, member: record[member] + "00"}, old.public)
    with pytest.raises(LedgerError):
        verify_statement({k: v for k, v in record.items() if k != member}, old.public)


def test_a_replacement_has_no_old_signature(folder: Path) -> None:
    """A lost key is replaced in plain words; it cannot pass for a rotation."""
    keys = KeyFolder(folder)
    keys.signer()
    new = keys.prepare_next()
    record = statement(None, new, by="me", reason="lost", time="2026-01-01T00:00:00Z")
    assert (record["action"], record["old"], record["signature_by_old"]) == ("replace", "", "")
    assert verify_statement(record, None) == PublicKey(new.public.raw, current=False)
    with pytest.raises(LedgerError):
        verify_statement({**record, "action": "rotate"}, None)


def test_two_first_users_agree(folder: Path) -> None:
    """Whoever comes second keeps the first one's key."""
    first = KeyFolder(folder)
    first.signer()
    second = KeyFolder(folder)
    second._create(SIGNING, b"another")
    assert second.signer().public == first.signer().public


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_key(folder: Path) -> None:
    """A key that we may not read is an error that names it."""
    KeyFolder(folder).signer()
    (folder / SIGNING).chmod(0)
    with pytest.raises(SigningKeyError, match="cannot be used"):
        KeyFolder(folder).signer()
