"""The log in the database is the tree, for every leaf, and grows by one writer at a time."""

import threading
import time
from hashlib import sha256

import pytest

from affidavit.errors import LedgerError, StoreDamagedError
from affidavit.ledger.tree import Tree, verify_inclusion
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.log import Appender

TENANT = "111122223333/us-east-1"


def append(store: Store, entries: list[bytes]) -> None:
    """Append entries in a transaction of their own."""
    with store._database.write() as connection:
        Appender(connection, TENANT).append(b"".join(entries))


def entries_of(count: int) -> list[bytes]:
    """Return `count` different entries."""
    return [sha256(i.to_bytes(4, "big")).digest() for i in range(count)]


def test_the_log_is_the_tree(store: Store) -> None:
    """Whatever the batches, entries, roots and proofs are those of the tree in memory."""
    entries = entries_of(1000)
    tree = Tree(entries)
    for start, end in ((0, 1), (1, 255), (255, 257), (257, 257), (257, 1000)):
        append(store, entries[start:end])
    log = store.log(TENANT)
    assert log.size == 1000
    assert [log.entry(i) for i in (0, 255, 256, 999)] == [entries[i] for i in (0, 255, 256, 999)]
    for size in (1, 256, 257, 999, 1000):
        assert log.root(size) == tree.root(size)
    assert log.inclusion_proofs([999, 3, 3], 1000) == [
        tree.inclusion_proof(i, 1000) for i in (999, 3, 3)
    ]
    assert log.consistency_proof(300, 900) == tree.consistency_proof(300, 900)


def test_what_is_not_there(store: Store) -> None:
    """Leaves and sizes beyond the log are errors; an empty log has the empty root."""
    log = store.log(TENANT)
    assert (log.size, log.root()) == (0, Tree().root())
    append(store, entries_of(3))
    for wrong in (-1, 3, 300):
        with pytest.raises((LedgerError, StoreDamagedError)):
            log.entry(wrong)
    with pytest.raises(LedgerError):
        log.root(4)
    with pytest.raises(LedgerError):
        log.inclusion_proof(3)
    with pytest.raises(LedgerError):
        log.consistency_proof(3, 4)


def test_two_writers(settings: Settings, store: Store) -> None:
    """Two stores that append at once lose nothing and overwrite nothing."""
    other = open_store(settings)

    def work(one: Store) -> None:
        for number in range(25):
            one.append_record(TENANT, {"kind": "change", "id": f"{id(one)} {number}"})

    store.append_record(TENANT, {"kind": "change", "id": "first"})
    thread = threading.Thread(target=work, args=(store,))
    thread.start()
    for number in range(25):
        other.append_record(TENANT, {"kind": "change", "id": str(number)})
    thread.join()
    other.close()
    assert store.log(TENANT).size == 51
    assert len(store.records_between(TENANT, 0, 100)) == 51
    assert store.verify()[0].leaves == 51


def test_many_proofs_are_quick(sqlite_settings: Settings) -> None:
    """Ten thousand proofs among a hundred thousand leaves take seconds of CPU, not minutes."""
    entries = entries_of(100_000)
    with open_store(sqlite_settings) as store:
        append(store, entries)
        log = store.log(TENANT)
        root = log.root()
        indices = list(range(5, 100_000, 10))
        started = time.process_time()
        proofs = log.inclusion_proofs(indices)
        took = time.process_time() - started
    assert took < 30
    for index, proof in zip(indices[::500], proofs[::500], strict=True):
        verify_inclusion(entries[index], index, 100_000, proof, root)
