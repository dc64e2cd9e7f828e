"""The verifier's proofs against the ledger's own tree, which was written apart from it."""

from affidavit.ledger.tree import Tree
from affidavit.report.verify.merkle import consistent, leaf_hash, root_from_inclusion

SIZES = range(1, 36)
ENTRIES = [bytes([n]) * 32 for n in range(max(SIZES))]


def test_inclusion() -> None:
    """Every leaf of every small tree is proved; with another leaf, index or size it is not."""
    for size in SIZES:
        tree = Tree(ENTRIES[:size])
        for index in range(size):
            proof = tree.inclusion_proof(index)
            leaf = leaf_hash(ENTRIES[index])
            assert root_from_inclusion(index, size, leaf, proof) == tree.root()
            assert root_from_inclusion(index, size, leaf_hash(b"x"), proof) != tree.root()
            assert root_from_inclusion(index, size, leaf, [*proof, leaf]) != tree.root()
            if proof:
                assert root_from_inclusion(index, size, leaf, proof[:-1]) != tree.root()


def test_index_outside() -> None:
    """A leaf outside the tree has no root."""
    assert root_from_inclusion(3, 3, leaf_hash(b""), []) is None
    assert root_from_inclusion(-1, 3, leaf_hash(b""), []) is None
    assert root_from_inclusion(0, 1, leaf_hash(b""), [b"\x00" * 32] * 65) is None


def test_consistency() -> None:
    """Every smaller tree is shown to be the beginning of every larger one, and no other tree is."""
    for second in SIZES:
        tree = Tree(ENTRIES[:second])
        for first in range(1, second + 1):
            proof = tree.consistency_proof(first)
            old, new = (first, tree.root(first)), (second, tree.root())
            assert consistent(old, new, proof)
            assert not consistent((first, b"\x00" * 32), new, proof)
            assert not consistent(old, (second, b"\x00" * 32), proof)
            assert not consistent(old, new, [*proof, b"\x00" * 32])
    assert not consistent((5, b"\x00" * 32), (3, b"\x00" * 32), [])
