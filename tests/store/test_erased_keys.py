"""Erasing a tenant destroys its data keys: what copies of sealed objects hold is lost with them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from affidavit.errors import StoreConflictError, StoreSealedError
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.documents import Document
from affidavit.store.erasing import Staying
from affidavit.store.tenant_keys import CURRENT, ERASED, KIND, OLDEST

TENANT = "111122223333/us-east-1"
OTHER = "444455556666/us-east-1"
GONE = Staying(kinds={ERASED}, task="", absent=[("legal_hold", None)])


def _attach(store: Store, data: bytes) -> tuple[str, Path]:
    """Attach a file; return its SHA-256, and where it lies sealed."""
    with store.attachments.new(TENANT) as new:
        new.write(data)
        digest = new.close()
    return digest, Path(store.attachments.where(TENANT, digest))


def test_erasing_a_tenant_destroys_what_its_copies_are_sealed_under(
    sqlite_settings: Settings,
) -> None:
    """A copy put back is refused as erased, another process soon, and the file holds no key."""
    with open_store(sqlite_settings) as store, open_store(sqlite_settings) as other:
        _, path = _attach(store, b"minutes")
        copy, old = path.read_bytes(), other.keyring.current(TENANT)
        wrapped = store.documents.get(TENANT, KIND, CURRENT).body["wrapped"]  # type: ignore[union-attr]
        store.erase(TENANT, GONE)
        store.erase(TENANT, GONE)
        for one in (store, other):
            one.keyring._held.clear()  # as after five minutes
            with pytest.raises(StoreSealedError, match="was erased"):
                one.keyring.named(TENANT, copy[4:12], "The copy")
        assert store.keyring.current(TENANT).id != old.id, "a tenant that returns has a new key"
        store.verify()
    assert wrapped.encode() not in (sqlite_settings.home / "affidavit.db").read_bytes()


def test_no_process_seals_under_a_key_that_was_destroyed(sqlite_settings: Settings) -> None:
    """Who holds the key of before in memory takes the new one for what comes after."""
    with open_store(sqlite_settings) as store, open_store(sqlite_settings) as other:
        before = other.keyring.current(TENANT)
        store.erase(TENANT, GONE)
        digest, path = _attach(other, b"after")
        assert path.read_bytes()[4:12] != before.id
        assert b"".join(store.attachments.parts(TENANT, digest)) == b"after"


def test_a_held_tenant_keeps_its_keys(sqlite_settings: Settings) -> None:
    """Erasing under legal hold is refused as a whole."""
    with open_store(sqlite_settings) as store:
        digest, path = _attach(store, b"evidence")
        hold = Document(kind="legal_hold", id="tenant", body={})
        store.documents.act(TENANT, now=datetime.now(UTC), puts=[hold])
        with pytest.raises(StoreConflictError):
            store.erase(TENANT, GONE)
        store.keyring.forget(TENANT)
        assert b"".join(store.attachments.parts(TENANT, digest)) == b"evidence"
        assert path.exists()


def test_a_new_master_key_brings_no_key_of_an_erased_tenant_back(sqlite_settings: Settings) -> None:
    """Key 0 is not kept anew for it: with the old master key goes what that derived."""
    with open_store(sqlite_settings) as store:
        _attach(store, b"x")
        store.erase(TENANT, GONE)
        store.keyring.change_master([TENANT, OTHER])
        assert store.documents.get(TENANT, KIND, OLDEST) is None
        assert store.documents.get(OTHER, KIND, OLDEST) is not None
