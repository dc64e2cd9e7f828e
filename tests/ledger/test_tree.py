"""The tree is RFC 6962's, for every size and place, and its verification refuses what is not."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import LedgerError
from affidavit.ledger.tree import (
    EMPTY_ROOT,
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

KNOWN_LEAVES = [bytes.fromhex(x) for x in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
"""The leaves that the Certificate Transparency projects test with."""
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = st.integers(min_value=1, max_value=600)


def naive_root(entries: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return leaf_hash(entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return node_hash(naive_root(entries[:k]), naive_root(entries[k:]))


def naive_path(index: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1, word by word."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if index < k:
        return [*naive_path(index, entries[:k]), naive_root(entries[k:])]
    return [*naive_path(index - k, entries[k:]), naive_root(entries[:k])]


def naive_subproof(m: int, entries: list[bytes], *, whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2, word by word."""
    if m == len(entries):
        return [] if whole else [naive_root(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, entries[:k], whole=whole), naive_root(entries[k:])]
    return [*naive_subproof(m - k, entries[k:], whole=False), naive_root(entries[:k])]


def entries_of(count: int) -> list[bytes]:
    """Return `count` different entries."""
    return [sha256(i.to_bytes(4, "big")).digest() for i in range(count)]


def test_known_roots() -> None:
    """The roots of the known leaves are the known ones."""
    tree = Tree(KNOWN_LEAVES)
    assert [tree.root(size).hex() for size in range(9)] == KNOWN_ROOTS


def test_known_inclusion_proof() -> None:
    """The audit path of the first of eight known leaves is the known one."""
    assert [item.hex() for item in Tree(KNOWN_LEAVES).inclusion_proof(0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_empty_root() -> None:
    """The empty tree's root is SHA-256 of nothing."""
    assert Tree().root() == EMPTY_ROOT == sha256(b"").digest()


@given(SIZES)
def test_roots_are_the_definition(size: int) -> None:
    """A tree gives the root that the recursive definition gives, also where it grew."""
    entries = entries_of(size)
    growing = Tree(entries[: size // 2])
    growing.extend(entries[size // 2 :])
    assert Tree(entries).root() == growing.root() == naive_root(entries)


@given(SIZES, st.data())
def test_inclusion_is_the_definition(size: int, data: st.DataObject) -> None:
    """Audit paths are those of the definition, in any prefix, and verify."""
    entries = entries_of(size)
    tree_size = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, tree_size - 1))
    proof = Tree(entries).inclusion_proof(index, tree_size)
    assert proof == naive_path(index, entries[:tree_size])
    verify_inclusion(entries[index], index, tree_size, proof, naive_root(entries[:tree_size]))


@given(SIZES, st.data())
def test_consistency_is_the_definition(second: int, data: st.DataObject) -> None:
    """Consistency proofs are those of the definition and verify."""
    first = data.draw(st.integers(1, second))
    entries = entries_of(second)
    tree = Tree(entries)
    proof = tree.consistency_proof(first)
    assert proof == naive_subproof(first, entries, whole=True)
    verify_consistency(first, second, proof, tree.root(first), tree.root())


@given(st.integers(2, 200), st.data())
def test_any_change_refuses_inclusion(size: int, data: st.DataObject) -> None:
    """Another entry, index, size, root or any changed proof is refused."""
    entries = entries_of(size)
    tree = Tree(entries)
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index)
    root = tree.root()
    at = data.draw(st.integers(0, len(proof) - 1))
    changed = [*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :]]
    attempts = [
        (b"x" * 32, index, size, proof, root),
        (entries[index], index ^ 1, size, proof, root),
        (entries[index], index, size, changed, root),
        (entries[index], index, size, proof[:-1], root),
        (entries[index], index, size, [*proof, root], root),
        (entries[index], index, size, [root, *proof], root),
        (entries[index], index, size, proof, sha256(root).digest()),
        (entries[index], size, size, proof, root),
        (entries[index], -1, size, proof, root),
        (entries[index], index, size, [*proof[:-1], proof[-1][:31]], root),
    ]
    for attempt in attempts:
        with pytest.raises(LedgerError):
            verify_inclusion(*attempt)


@given(st.integers(3, 200), st.data())
def test_any_change_refuses_consistency(second: int, data: st.DataObject) -> None:
    """A changed, shorter or longer proof, or swapped roots, are refused."""
    tree = Tree(entries_of(second))
    first = data.draw(st.integers(1, second - 1))
    proof = tree.consistency_proof(first)
    old, new = tree.root(first), tree.root()
    attempts = [
        (first, second, proof[:-1], old, new),
        (first, second, [*proof, old], old, new),
        (first, second, proof, new, old),
        (first, second, proof, sha256(old).digest(), new),
        (first, second, proof, old, sha256(new).digest()),
        (second, first, proof, old, new),
        (first, second, [], old, new),
    ]
    for attempt in attempts:
        with pytest.raises(LedgerError):
            verify_consistency(*attempt)


def test_trivial_consistency() -> None:
    """From nothing, and to itself, a tree needs no proof and takes none."""
    tree = Tree(entries_of(5))
    verify_consistency(0, 5, tree.consistency_proof(0), EMPTY_ROOT, tree.root())
    verify_consistency(5, 5, tree.consistency_proof(5), tree.root(), tree.root())
    for attempt in (
        (0, 5, [], tree.root(1), tree.root()),
        (5, 5, [], tree.root(4), tree.root()),
        (5, 5, [EMPTY_ROOT], tree.root(), tree.root()),
    ):
        with pytest.raises(LedgerError):
            verify_consistency(*attempt)


def test_no_proof_of_what_is_not_there() -> None:
    """A proof of a leaf or a tree beyond the log is not made."""
    tree = Tree(entries_of(5))
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(LedgerError):
            tree.inclusion_proof(index, size)
    with pytest.raises(LedgerError):
        tree.consistency_proof(5, 4)
