"""The keys' operations: list, show, and change the key that signs.

A rotation leaves a trace that an auditor can follow: a `key` record in every ledger, signed by the
old and the new key, under a checkpoint of the old key; then a checkpoint of the new one. It can be
interrupted anywhere and run again.
"""

from dataclasses import dataclass
from pathlib import Path

from affidavit.errors import SigningKeyError, UsageError
from affidavit.ledger.keys import PublicKey, Signer, open_keys, statement
from affidavit.model.times import iso, utc_now
from affidavit.settings import Settings
from affidavit.store import Store, open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList:
    """The public keys, and how well the private one is kept."""

    folder: Path
    keys: tuple[PublicKey, ...]
    """The current key first, then earlier ones; empty before the first use."""
    protected: bool
    """True where the private key's file is encrypted under a passphrase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a change of keys did."""

    old: str
    """Fingerprint, or empty where it was lost."""
    new: str
    tenants: tuple[str, ...]
    """Whose ledgers say so."""


def list_keys(settings: Settings) -> KeyList:
    """Return the public keys; nothing is made."""
    keys = open_keys(settings)
    known = keys.public_keys()
    protected = keys.signer().protected if known and known[0].current else False
    return KeyList(folder=keys.folder, keys=known, protected=protected)


def show(settings: Settings, fingerprint: str = "") -> PublicKey:
    """Return the current public key, or the one whose fingerprint begins so."""
    known = open_keys(settings).public_keys()
    if not known:
        raise SigningKeyError(
            f"There are no keys in {settings.keys}",
            why="They are made at the first run.",
            todo="Run `affidavit run` first, or set AFFIDAVIT_KEYS to the right folder.",
        )
    found = [key for key in known if key.fingerprint.startswith(fingerprint.lower())]
    if not fingerprint:
        found = found[:1]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} keys have a fingerprint that begins with {fingerprint}",
            todo="`affidavit key list` shows the fingerprints.",
        )
    return found[0]


def rotate(settings: Settings, *, by: str, reason: str, lost: bool = False) -> Rotated:
    """Change to a new signing key; `lost` when any file of the key folder is gone for good.

    With the old key, the new one is signed by it. Without, everybody who relies on the ledger must
    be told the new key by another way: nothing but the record's own word joins the two.
    """
    with open_store(settings) as store:
        if lost:
            _replace_lost(store)
        old = None if lost and not store.keys.has_signer() else store.keys.signer()
        new = store.keys.prepare_next()
        tenants = store.tenants()
        for tenant in tenants:
            _announce(store, tenant, old, new, by, reason)
        store.keys.adopt_next()
        if lost:
            store.keyring.vouch_again()
        for tenant in tenants:
            store.sign_checkpoint(tenant, new)
            store.publish(tenant)
    return Rotated(
        old=old.public.fingerprint if old else "",
        new=new.public.fingerprint,
        tenants=tuple(tenants),
    )


def _announce(
    store: Store, tenant: str, old: Signer | None, new: Signer, by: str, reason: str
) -> None:
    size = store.log(tenant).size
    said = (record.get("new") for _, record in store.records_between(tenant, 0, size))
    if new.public.fingerprint not in said:
        now = iso(utc_now())
        store.append_record(tenant, statement(old, new, by=by, reason=reason, time=now))
    if old is not None:
        store.sign_checkpoint(tenant, old)


def _replace_lost(store: Store) -> None:
    """Make lost keys for blobs anew; refuse where no key is lost at all.

    A new master key vouches for the data keys that KMS wraps, as they are: nothing else does.
    """
    keys = store.keys
    made = bool(keys.make_missing_symmetric())
    vouched = keys.has_signer() and store.keyring.vouch_again()
    if keys.has_signer() and not made and not vouched:
        raise UsageError(
            f"The signing key in {keys.folder} is not lost",
            why="Its file is there.",
            todo="Rotate without --lost: then the old key vouches for the new one.",
        )
