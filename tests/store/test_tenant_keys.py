"""A tenant's data key: one each, wrapped by the master key, changed without rewriting anything."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import StoreDamagedError, StoreSealedError
from affidavit.ledger.keys import MASTER, MASTER_NEXT
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Chosen, Store, open_store
from affidavit.store.sealing import (
    CHUNK,
    DataKeys,
    from_data_key,
    opened_parts,
    sealed_parts,
)
from affidavit.store.tenant_keys import (
    CURRENT,
    KIND,
    LOCAL,
    TenantKeyring,
)

REGION = "us-east-1"
MOTO = f"123456789012/{REGION}"
"""Tenant of the account that moto is."""
TENANT = "111122223333/us-east-1"
OTHER = "444455556666/us-east-1"
KEYS = from_data_key(b"k" * 32)


def opened(sealed: bytes, name: str = "n", keys: DataKeys = KEYS) -> bytes:
    """Return what was sealed."""
    return b"".join(opened_parts(lambda _: keys, name, "the file", [sealed]))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_sealed_files_open_again(size: int) -> None:
    """Any size comes back as it was, in whatever parts it is written and read."""
    plain = os.urandom(size)
    parts = [plain[at : at + 300_001] for at in range(0, size, 300_001)]
    sealed = b"".join(sealed_parts(KEYS, "n", parts))
    assert opened(sealed) == plain
    pieces = [sealed[at : at + 7777] for at in range(0, len(sealed), 7777)]
    assert b"".join(opened_parts(lambda _: KEYS, "n", "w", pieces)) == plain
    assert len(plain) < 16 or plain[:16] not in sealed


def test_sealed_files_are_never_the_same() -> None:
    """The same bytes sealed twice share nothing: nobody sees that they are equal."""
    one, two = (b"".join(sealed_parts(KEYS, "n", [b"secret"])) for _ in range(2))
    assert one[12:] != two[12:]


def test_altered_sealed_files_are_refused() -> None:
    """A flipped byte anywhere, a cut, swapped chunks, another name, another key: all are damage."""
    sealed = b"".join(sealed_parts(KEYS, "n", [os.urandom(3 * CHUNK)]))
    chunk = CHUNK + 16
    body = 28
    swapped = (
        sealed[:body]
        + sealed[body + chunk : body + 2 * chunk]
        + sealed[body : body + chunk]
        + sealed[body + 2 * chunk :]
    )
    bad = [sealed[:-1], sealed[:body], sealed[: body + 2 * chunk], b"", swapped, sealed + b"x"]
    for at in (0, 5, 13, body, body + chunk - 1, len(sealed) - 1):
        altered = bytearray(sealed)
        altered[at] ^= 1
        bad.append(bytes(altered))
    for one in bad:
        with pytest.raises(StoreDamagedError, match="the file"):
            opened(one)
    for name, keys in (("m", KEYS), ("n", from_data_key(b"o" * 32))):
        with pytest.raises(StoreDamagedError, match="altered or cut off"):
            opened(sealed, name, keys)


def test_secrets_are_sealed_for_a_tenant_and_a_purpose(store: Store) -> None:
    """What is sealed for one tenant and purpose is opened for these only."""
    keyring = store.keyring
    sealed = keyring.seal(TENANT, "prompt", b"call me")
    assert b"call" not in sealed
    assert keyring.unseal(TENANT, "prompt", sealed) == b"call me"
    keyring.seal(OTHER, "prompt", b"x")
    for tenant, purpose, data in (
        (TENANT, "answer", sealed),
        (OTHER, "prompt", sealed),
        (TENANT, "prompt", sealed[:-1]),
        (TENANT, "prompt", b"AFX1"),
    ):
        with pytest.raises(StoreDamagedError):
            keyring.unseal(tenant, purpose, data)


def test_every_tenant_has_a_key_of_its_own(store: Store, reopen: Callable[[], Store]) -> None:
    """Keys differ between tenants, and are the same in every process."""
    one, two = store.keyring.current(TENANT), store.keyring.current(OTHER)
    assert {one.id, one.address, one.body, one.files}.isdisjoint(
        {two.id, two.address, two.body, two.files}
    )
    with reopen() as again:
        assert again.keyring.current(TENANT) == one
        assert again.keyring.named(TENANT, one.id, "w") == one
    assert store.keyring.wrapped_by(TENANT) == LOCAL


def test_two_at_once_make_one_key(store: Store, reopen: Callable[[], Store]) -> None:
    """Whoever comes second at the first use takes the first one's key."""
    with reopen() as other:
        second = other.keyring
        document = second._documents.get(TENANT, KIND, CURRENT)
        assert document is None
        first = store.keyring.current(TENANT)
        assert second._opened(TENANT, second._made(TENANT)) == first


def _blobs(store: Store) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in store.objects.rglob("blobs/*/*")}


def _collected(store: Store, assessment: Assessment, sample: Any) -> None:
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    store.put_results(run.run_id, [sample.observation(number) for number in range(3)])
    sample.finish(store, assessment, run, 10)


def test_bodies_of_before_are_read(
    store: Store, assessment: Assessment, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that was written before there were data keys is read, and goes on under a data key."""
    with monkeypatch.context() as before:
        before.setattr(TenantKeyring, "current", TenantKeyring.oldest)
        _collected(store, assessment, sample)
    old = _blobs(store)
    assert {data[4:12] for data in old.values()} == {store.keys.tenant(TENANT).id}
    run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
    store.put_results(run.run_id, [sample.observation(7)])
    (new,) = _blobs(store).keys() - old.keys()
    assert new.read_bytes()[4:12] == store.keyring.current(TENANT).id
    (content,) = store.verify_content()
    assert (content.blobs, content.damages) == (4, ())


def test_the_master_key_changes_and_nothing_is_rewritten(
    store: Store,
    assessment: Assessment,
    sample: Any,
    monkeypatch: pytest.MonkeyPatch,
    reopen: Callable[[], Store],
) -> None:
    """Old and new bodies are read under a new master key as they lie there; the old key is gone."""
    with monkeypatch.context() as before:
        before.setattr(TenantKeyring, "current", TenantKeyring.oldest)
        _collected(store, assessment, sample)
    _collected(store, assessment, sample)
    lying = _blobs(store)
    old = (store.keys.folder / MASTER).read_text()
    store.keyring.change_master(store.tenants())
    assert (store.keys.folder / MASTER).read_text() != old
    assert not (store.keys.folder / MASTER_NEXT).exists()
    with reopen() as again:
        (content,) = again.verify_content()
        assert content.damages == ()
        assert again.verify()
    assert _blobs(store) == lying


def test_an_interrupted_change_goes_on(
    store: Store,
    assessment: Assessment,
    sample: Any,
    monkeypatch: pytest.MonkeyPatch,
    reopen: Callable[[], Store],
) -> None:
    """Killed before the new master key takes its place: everything is read, and it can be run."""
    _collected(store, assessment, sample)
    with monkeypatch.context() as killed:
        killed.setattr(store.keys, "adopt_next_master", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.keyring.change_master(store.tenants())
    for _ in range(2):
        with reopen() as again:
            (content,) = again.verify_content()
            assert content.damages == ()
            again.keyring.change_master(again.tenants())


def sealed_settings(settings: Settings) -> Settings:
    """Return the settings with segments sealed."""
    return replace(settings, seal_segments=True)


def test_sealed_segments(sqlite_settings: Settings, sample: Any) -> None:
    """Segments lie there sealed, no plain text beside them, and are read, compacted and verified.

    Those of before, in clear, are read too, and sealed when their day is compacted.
    """
    later = sample.now.replace(year=sample.now.year + 1)
    with open_store(sqlite_settings, clock=lambda: later) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        _, plain = sample.commit(store, assessment, 10)
    with open_store(sealed_settings(sqlite_settings), clock=lambda: later) as store:
        _, held = sample.commit(store, assessment, 12)
        (sealed,) = store.objects.rglob("*.sealed")
        assert held[0].resource_arn.encode() not in sealed.read_bytes()
        assert not list(sqlite_settings.home.rglob("*.tmp"))
        read = {e.id for _, e in store.evidence(assessment.id, sample.day, sample.day)}
        assert read == {e.id for e in (*plain, *held)}
        assert store.compact(TENANT).files_after == 1
        found = store.segment_files(Chosen(tenant=TENANT, assessments=(assessment.id,)))
        assert [(one.rows, one.path.exists()) for one in found] == [(22, True)]
        assert store.verify()[0].evidence == 22
        assert store.folders(assessment.id, sample.day)
    with open_store(sqlite_settings, clock=lambda: later) as store:
        assert store.verify()[0].evidence == 22
        store.delete_evidence(TENANT, assessment.id, by="a", why="w")
        assert not found[0].path.exists()


def test_a_flipped_byte_in_a_sealed_segment(sqlite_settings: Settings, sample: Any) -> None:
    """It is named, by `verify` and by whoever reads; another assessment's evidence is served."""
    with open_store(sealed_settings(sqlite_settings)) as store:
        assessments = [sample.assessment(name) for name in ("one", "two")]
        for one in assessments:
            store.create_assessment(one, "auditor")
            sample.commit(store, one, 10)
        path = next(p for p in store.objects.rglob("*.sealed"))
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(data)
        for copy in store._kept.places._opened.folder.glob("*.parquet"):
            copy.unlink()
        with pytest.raises(StoreDamagedError, match=path.name):
            store.verify()
        served = 0
        for one in assessments:
            try:
                served += len(list(store.evidence(one.id, sample.day, sample.day)))
            except StoreDamagedError as error:
                assert path.name in error.what  # noqa: PT017 - one of two fails
        assert served == 10


def test_a_lost_master_key(sqlite_settings: Settings, sample: Any) -> None:
    """What is sealed cannot be read, and says why; the ledger still verifies, leaf by leaf."""
    settings = sealed_settings(sqlite_settings)
    with open_store(settings) as store:
        assessment = sample.assessment()
        store.create_assessment(assessment, "auditor")
        _collected(store, assessment, sample)
        assert list(store._kept.places._opened.folder.glob("*.parquet"))  # which is shown to nobody
    (settings.keys / MASTER).write_text("ab" * 32)
    with open_store(settings) as store:
        with pytest.raises(StoreSealedError, match="cannot be unwrapped"):
            list(store.evidence(assessment.id, sample.day, sample.day))
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        with pytest.raises(StoreSealedError, match="cannot be unwrapped"):
            store.put_results(run.run_id, [sample.observation(1)])
        (log,) = store.verify()
        assert (log.sealed, log.evidence, log.deleted) == (10, 0, 0)
        assert "AFFIDAVIT_KEYS" not in log.why_sealed
        assert str(settings.keys) in log.why_sealed
        assert str(settings.keys) not in store.places.unplaced(log.why_sealed)
        (content,) = store.verify_content()
        assert (content.unopened, content.damages) == (3, ())
        assert "cannot be unwrapped" in content.why_unopened
