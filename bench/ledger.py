"""The ledger's rates: leaves hashed and rooted, beside the bare hash; proofs verified.

And what an operator waits for: `ledger verify` of a store, which reads all evidence again, makes
its canonical JSON, hashes it, and compares it with the log, the cached tree and the checkpoints.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from affidavit.ledger.tree import Tree, verify_inclusion
from affidavit.settings import Settings
from affidavit.store import open_store
from bench.evidence_maker import make

LEAVES = 300_000
PROOFS = 20_000
GOAL_PER_SECOND = 300_000


def run() -> Mapping[str, float | str]:
    """Append, root, prove and verify; return rates and their ratio to the bare hash function."""
    entries = [hashlib.sha256(index.to_bytes(8, "big")).digest() for index in range(LEAVES)]
    started = time.perf_counter()
    for entry in entries:
        hashlib.sha256(b"\x00" + entry).digest()
    bare = time.perf_counter() - started

    started = time.perf_counter()
    tree = Tree(entries)
    root = tree.root()
    built = time.perf_counter() - started

    step = LEAVES // PROOFS
    proofs = [(index, tree.inclusion_proof(index)) for index in range(0, LEAVES, step)]
    started = time.perf_counter()
    for index, proof in proofs:
        verify_inclusion(entries[index], index, LEAVES, proof, root)
    verified = time.perf_counter() - started
    return {
        "leaves_per_s": LEAVES / built,
        "leaves_over_goal": LEAVES / built / GOAL_PER_SECOND,
        "tree_over_one_hash_a_leaf": built / bare,
        "inclusion_proofs_verified_per_s": len(proofs) / verified,
        **dict(_verified()),
    }


def _verified() -> Iterator[tuple[str, float]]:
    """Verify a store of as many records from end to end."""
    with tempfile.TemporaryDirectory(prefix="affidavit-ledger-") as folder:
        home = Path(folder)
        with open_store(Settings(home=home, keys=home / "keys")) as store:
            make(store, LEAVES, days=4)
            began, used = time.perf_counter(), time.process_time()
            (log,) = store.verify()
            wall, cpu = time.perf_counter() - began, time.process_time() - used
    yield "verify_leaves_per_s", log.leaves / wall
    yield "verify_leaves_per_cpu_s", log.leaves / cpu
    yield "verify_over_goal", log.leaves / wall / GOAL_PER_SECOND
