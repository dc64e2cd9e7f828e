"""The ledger's rates: leaves hashed and rooted, beside the bare hash; proofs verified."""

import hashlib
import time
from collections.abc import Mapping

from affidavit.ledger.tree import Tree, verify_inclusion

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
    }
