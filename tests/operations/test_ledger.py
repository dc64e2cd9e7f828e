"""The ledger's and the keys' operations and commands, on a real store."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from affidavit.cli import key as key_command
from affidavit.cli import ledger as ledger_command
from affidavit.errors import LedgerError, SigningKeyError, StoreError, UsageError
from affidavit.ledger.checkpoint import VerifierKey, open_note
from affidavit.ledger.keys import (
    BLOB_HMAC,
    MASTER,
    SIGNING,
    KeyFolder,
    statement,
    verify_statement,
)
from affidavit.operations import keys, ledger
from affidavit.settings import Settings
from affidavit.store import open_store

TENANT = "111122223333/us-east-1"
OTHER = "444455556666/eu-west-1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings with a new home."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")


@pytest.fixture
def logged(settings: Settings) -> Settings:
    """Give settings of a store with a signed log of three records."""
    with open_store(settings) as store:
        for number in range(3):
            store.append_record(TENANT, {"kind": "change", "id": str(number)})
        store.sign_checkpoint(TENANT)
        store.publish(TENANT)
    return settings


def invoke(settings: Settings, command: Any) -> Callable[..., Result]:
    """Return a function that runs a command with the settings."""
    return lambda *arguments: CliRunner().invoke(
        command, arguments, obj=settings, catch_exceptions=False
    )


def test_verify(logged: Settings) -> None:
    """Verification tells what held, with progress."""
    seen: list[tuple[int, int]] = []
    (log,) = ledger.verify(logged, progress=lambda done, total: seen.append((done, total)))
    assert (log.leaves, log.checkpoints) == (3, 1)
    assert seen == sorted(seen)
    assert seen[-1] == (3, 3)


def test_nothing_verified_is_no_success(settings: Settings) -> None:
    """Without a database, or without a ledger in it, verification fails and makes nothing."""
    with pytest.raises(StoreError, match="There is no database"):
        ledger.verify(settings)
    assert not settings.home.exists()
    open_store(settings).close()
    with pytest.raises(LedgerError, match="no ledger"):
        ledger.verify(settings)


def test_whose_ledger(logged: Settings) -> None:
    """An unknown tenant, or none where there are several, is a wrong call."""
    with pytest.raises(UsageError, match=OTHER):
        ledger.verify(logged, OTHER)
    with open_store(logged) as store:
        store.append_record(OTHER, {"kind": "change", "id": "x"})
    with pytest.raises(UsageError, match="--tenant"):
        ledger.checkpoint(logged)
    assert len(ledger.verify(logged)) == 2
    assert len(ledger.verify(logged, OTHER)) == 1


def test_checkpoint(logged: Settings) -> None:
    """The newest checkpoint is shown; it is signed anew only when asked, or when there is none."""
    with open_store(logged) as store:
        store.append_record(TENANT, {"kind": "change", "id": "x"})
        store.append_record(OTHER, {"kind": "change", "id": "x"})
    assert ledger.checkpoint(logged, TENANT).size == 3
    assert ledger.checkpoint(logged, TENANT, sign=True).size == 4
    assert ledger.checkpoint(logged, TENANT, sign=True).size == 4
    assert ledger.checkpoint(logged, OTHER).size == 1


def test_ledger_commands(logged: Settings) -> None:
    """`ledger verify` and `checkpoint` print what holds and the signed note; JSON on demand."""
    run = invoke(logged, ledger_command.command)
    assert "3 leaves hold" in run("verify").output
    assert json.loads(run("verify", "--json").output)[0]["leaves"] == 3
    note = run("checkpoint").output
    public = keys.show(logged)
    assert open_note(note, [public.verifier(TENANT)]).size == 3
    shown = json.loads(run("checkpoint", "--json").output)
    assert (shown["note"], shown["stamped"]) == (note, False)
    with open_store(logged) as store:
        store.append_record(TENANT, {"kind": "change", "id": "x"})
    assert "newer than the last checkpoint: 1." in run("verify").output
    assert "\n4\n" in run("checkpoint", "--sign").output


def test_a_damaged_ledger_fails_the_command(logged: Settings) -> None:
    """A changed record makes `ledger verify` fail with its place."""
    with open_store(logged) as store, store._database.write() as connection:
        connection.exec_driver_sql("UPDATE record SET body = replace(body, '1', '9')")
    with pytest.raises(LedgerError, match="leaf 1"):
        ledger.verify(logged)
    assert LedgerError.exit_code == 1


def test_rotation(logged: Settings) -> None:
    """After a rotation the log names both keys, and every checkpoint verifies under its own."""
    before = keys.show(logged)
    done = keys.rotate(logged, by="me", reason="yearly")
    after = keys.show(logged)
    assert (done.old, done.new) == (before.fingerprint, after.fingerprint)
    assert done.tenants == (TENANT,)
    with open_store(logged) as store:
        ((leaf, record),) = [
            pair for pair in store.records_between(TENANT, 0, 99) if pair[1]["kind"] == "key"
        ]
        signed = store.checkpoints(TENANT)
    assert (leaf, record["reason"], record["by"]) == (3, "yearly", "me")
    assert verify_statement(record, before).raw == after.raw
    assert [(c.size, c.key) for c in signed] == [
        (3, before.fingerprint),
        (4, before.fingerprint),
        (4, after.fingerprint),
    ]
    assert ledger.verify(logged)[0].checkpoints == 3
    assert [key.current for key in keys.list_keys(logged).keys] == [True, False]
    assert keys.show(logged, before.fingerprint[:8]).raw == before.raw


def test_an_interrupted_rotation_is_finished(logged: Settings) -> None:
    """A crash between announcement and change leads to the same new key, announced once."""
    folder = KeyFolder(logged.keys)
    planned = folder.prepare_next().public
    with open_store(logged) as store:
        old, new = folder.signer(), folder.prepare_next()
        store.append_record(TENANT, statement(old, new, by="me", reason="r", time="2026-01-01"))
    assert keys.rotate(logged, by="me", reason="r").new == planned.fingerprint
    with open_store(logged) as store:
        said = [r for _, r in store.records_between(TENANT, 0, 99) if r["kind"] == "key"]
    assert len(said) == 1
    ledger.verify(logged)


def test_a_lost_key_is_replaced(logged: Settings) -> None:
    """A lost key is replaced in the open; a key that is there cannot be called lost."""
    old = keys.show(logged)
    with pytest.raises(UsageError, match="not lost"):
        keys.rotate(logged, by="me", reason="mood", lost=True)
    (logged.keys / SIGNING).unlink()
    with pytest.raises(SigningKeyError, match="lost"):
        keys.rotate(logged, by="me", reason="yearly")
    assert keys.list_keys(logged).keys[0].current is False
    done = keys.rotate(logged, by="me", reason="disk died", lost=True)
    assert done.old == ""
    with open_store(logged) as store:
        (said,) = [r for _, r in store.records_between(TENANT, 0, 99) if r["kind"] == "key"]
    assert (said["action"], said["reason"]) == ("replace", "disk died")
    assert ledger.verify(logged)[0].checkpoints == 2
    assert {k.raw for k in keys.list_keys(logged).keys} > {old.raw}


def test_a_lost_folder_is_replaced(logged: Settings) -> None:
    """When all keys are lost, the old public key of an auditor still verifies the old part."""
    old = keys.show(logged)
    moved = replace(logged, keys=logged.keys.with_name("new"))
    keys.rotate(moved, by="me", reason="fire", lost=True)
    with pytest.raises(LedgerError, match="not signed by any"):
        ledger.verify(moved)
    (moved.keys / f"{old.fingerprint}.pub.pem").write_bytes(old.pem())
    assert ledger.verify(moved)[0].checkpoints == 2


@pytest.mark.parametrize("name", [MASTER, BLOB_HMAC])
def test_a_lost_blob_key_is_replaced(logged: Settings, name: str) -> None:
    """A lost key for blobs is made anew with --lost only, and the signing key vouches for it."""
    (logged.keys / name).unlink()
    with pytest.raises(SigningKeyError, match=name):
        keys.rotate(logged, by="me", reason="yearly")
    assert keys.rotate(logged, by="me", reason=f"{name} lost", lost=True).old
    assert len(KeyFolder(logged.keys).tenant(TENANT).body) == 32
    ledger.verify(logged)


def test_key_commands(logged: Settings, settings: Settings) -> None:
    """`key list`, `show` and `rotate` print fingerprints, PEM and verifier keys; JSON on demand."""
    run = invoke(logged, key_command.command)
    listed = run("list").output
    fingerprint = keys.show(logged).fingerprint
    assert f"{fingerprint}  signs now" in listed
    assert "no passphrase" in listed
    shown = json.loads(run("list", "--json").output)
    assert (shown["passphrase"], shown["keys"][0]["fingerprint"]) == (False, fingerprint)
    assert run("show").output.startswith("-----BEGIN PUBLIC KEY-----")
    verifier = VerifierKey.parse(run("show", "--tenant", TENANT).output)
    assert verifier == keys.show(settings).verifier(TENANT)
    assert "signs from now on" in run("rotate", "--by", "me").output
    rotated = json.loads(run("rotate", "--by", "me", "--json").output)
    assert rotated["tenants"] == [TENANT]
    assert "earlier" in run("list").output


def test_no_keys_yet(settings: Settings) -> None:
    """Before the first use there is nothing to show, and looking makes nothing."""
    run = invoke(settings, key_command.command)
    assert "No keys" in run("list").output
    with pytest.raises(SigningKeyError, match="first run"):
        keys.show(settings)
    assert not settings.keys.exists()


def test_an_ambiguous_fingerprint(logged: Settings) -> None:
    """A fingerprint that fits no key is a wrong call."""
    with pytest.raises(UsageError, match="0 keys"):
        keys.show(logged, "zz")


def test_a_protected_key_is_listed_so(tmp_path: Path) -> None:
    """With a passphrase the list says that the key is protected."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys", key_passphrase="secret")
    with open_store(settings, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)) as store:
        store.append_record(TENANT, {"kind": "change", "id": "1"})
        store.sign_checkpoint(TENANT)
    assert keys.list_keys(settings).protected
    output = invoke(settings, key_command.command)("list").output
    assert "no passphrase" not in output


def test_verify_reads_attached_files_again(logged: Settings) -> None:
    """`ledger verify` names a missing file of manual evidence and fails, though the leaves hold."""
    with open_store(logged) as store:
        with store.attachments.new(TENANT) as new:
            new.write(b"minutes")
            digest = new.close()
        details = {"id": "f", "state": "KEPT", "sha256": digest}
        change = {"kind": "change", "action": "IMPORT_EVIDENCE", "details": json.dumps(details)}
        store.append_record(TENANT, change)
        path = Path(store.attachments.where(TENANT, digest))
    run = invoke(logged, ledger_command.command)
    assert "1 items of manual evidence were read again: all as logged" in run("verify").output
    path.unlink()
    failed = run("verify")
    assert failed.exit_code == 1
    assert f"The attached file {path} is gone" in failed.output
    assert "1 are DAMAGED" in failed.output


def test_compact_says_what_it_did(logged: Settings) -> None:
    """The command tells for each tenant how many files became how many, also as JSON."""
    done = CliRunner().invoke(ledger_command.command, ["compact"], obj=logged)
    assert done.exit_code == 0, done.output
    assert f"{TENANT}: 0 files of 0 records are now 0." in done.output
    shown = CliRunner().invoke(ledger_command.command, ["compact", "--json"], obj=logged)
    assert json.loads(shown.output)[TENANT]["damaged"] == []
