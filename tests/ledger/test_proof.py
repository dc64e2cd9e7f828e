"""A tlog-proof carries all that is needed to verify a record offline."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.errors import LedgerError
from affidavit.ledger.checkpoint import Checkpoint, VerifierKey, origin_of, sign
from affidavit.ledger.proof import Proof
from affidavit.ledger.tree import Tree

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
ENTRIES = [sha256(bytes([i])).digest() for i in range(11)]
TREE = Tree(ENTRIES)
ORIGIN = origin_of("111122223333/us-east-1")
KEY = VerifierKey(ORIGIN, PRIVATE.public_key().public_bytes_raw())
PROOF = Proof(7, TREE.inclusion_proof(7), sign(Checkpoint(ORIGIN, 11, TREE.root()), PRIVATE))


def test_round_trip() -> None:
    """The text is read back equal, and verifies for its record only."""
    again = Proof.parse(PROOF.text())
    assert again == PROOF
    assert again.verify(ENTRIES[7], [KEY]).size == 11
    with pytest.raises(LedgerError):
        again.verify(ENTRIES[6], [KEY])


def test_the_only_leaf_has_an_empty_path() -> None:
    """A log of one leaf gives a proof without hashes."""
    tree = Tree(ENTRIES[:1])
    proof = Proof(0, [], sign(Checkpoint(ORIGIN, 1, tree.root()), PRIVATE))
    assert Proof.parse(proof.text()).verify(ENTRIES[0], [KEY]).size == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 7", "index 07"),
        ("index 7", "index x"),
        ("index 7", "place 7"),
        ("=\n", "\n"),
        ("\n\n", "\n"),
        ("index 7\n", "index 7\nAAAA\n"),
        ("index 7\n", "index 7\n!\n"),
    ],
)
def test_odd_texts_are_refused(old: str, new: str) -> None:
    """What is not in the form is refused."""
    with pytest.raises(LedgerError):
        Proof.parse(PROOF.text().replace(old, new))
