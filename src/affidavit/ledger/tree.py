"""RFC 6962 Merkle trees: hashing, roots, inclusion and consistency proofs, and their verification.

Rules (RFC 6962, section 2.1; verification as in RFC 9162, sections 2.1.3.2 and 2.1.4.2):

- leaf hash = SHA-256(0x00 || entry), node hash = SHA-256(0x01 || left || right);
- a tree of n leaves splits at the largest power of two that is smaller than n;
- the empty tree's root is SHA-256 of nothing.

No I/O here. Proofs read hashes of *complete* subtrees through `Nodes`, so that a log on disk and a
list in memory are proved by the same code. Verification raises `LedgerError` or returns None.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Protocol

from affidavit.errors import LedgerError

HASH_SIZE = 32
"""Bytes of a SHA-256 hash."""
EMPTY_ROOT = sha256(b"").digest()
_NODE = sha256(b"\x01")
"""What every node hash begins with."""


class Nodes(Protocol):
    """Where the hashes of complete subtrees come from."""

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the `index`-th complete subtree of 2**level leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf that holds `entry`."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the hashes one level up; an odd last hash is left out, its subtree is not complete."""
    above = []
    for left, right in zip(hashes[::2], hashes[1::2], strict=False):
        begun = _NODE.copy()  # cheaper than a new one
        begun.update(left + right)
        above.append(begun.digest())
    return above


def subtree(nodes: Nodes, start: int, end: int) -> bytes:
    """Return the root over leaves start..end-1; `start` must lie where RFC 6962 would split."""
    width = end - start
    if width == 0:
        return EMPTY_ROOT
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return nodes.node(level, start >> level)
    middle = start + _split(width)
    return node_hash(subtree(nodes, start, middle), subtree(nodes, middle, end))


def root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the tree of the first `size` leaves."""
    return subtree(nodes, 0, size)


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves, from the leaf upwards."""
    if not 0 <= index < size:
        raise LedgerError(f"Leaf {index} is not in a tree of {size} leaves")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree(nodes, middle, end))
            end = middle
        else:
            path.append(subtree(nodes, start, middle))
            start = middle
    path.reverse()
    return path


def consistency_proof(nodes: Nodes, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of `first` leaves is a prefix of that of `second` leaves."""
    if not 0 <= first <= second:
        raise LedgerError(f"No tree of {first} leaves can grow to one of {second}")
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end, whole = 0, second, True
    while first < end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(subtree(nodes, middle, end))
            end = middle
        else:
            path.append(subtree(nodes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(subtree(nodes, start, end))
    path.reverse()
    return path


def verify_inclusion(
    entry: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Return None if the proof leads from `entry` to the root; else raise `LedgerError`."""
    if not 0 <= index < size:
        raise LedgerError(f"Leaf {index} is not in a tree of {size} leaves")
    _refuse_odd_hashes(proof)
    result = leaf_hash(entry)
    for sibling, left in _steps(index, size - 1, proof):
        result = node_hash(sibling, result) if left else node_hash(result, sibling)
    if result != expected_root:
        raise LedgerError(
            f"The inclusion proof of leaf {index} does not lead to the root",
            why="The record, its index, the proof or the checkpoint is not what was logged.",
        )


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """Return None if the proof shows that the second tree extends the first; else `LedgerError`."""
    if not 0 <= first <= second:
        raise LedgerError(f"A tree of {first} leaves cannot have grown to {second}")
    _refuse_odd_hashes(proof)
    if first in (0, second):
        _verify_trivial(first, second, proof, first_root, second_root)
        return
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        raise LedgerError("The consistency proof is empty")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling, left in _steps(node, last, path[1:]):
        old = node_hash(sibling, old) if left else old
        new = node_hash(sibling, new) if left else node_hash(new, sibling)
    if old != first_root or new != second_root:
        raise LedgerError(
            f"The tree of {second} leaves does not extend the tree of {first}",
            why="Leaves were changed, removed or reordered between the two checkpoints.",
        )


def _steps(node: int, last: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each hash of a path with True where it stands on the left (RFC 9162, 2.1.3.2)."""
    for sibling in path:
        if last == 0:
            raise LedgerError("The proof is too long")
        left = bool(node & 1) or node == last
        yield sibling, left
        while left and node and not node & 1:
            node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
    if last != 0:
        raise LedgerError("The proof is too short")


def _verify_trivial(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    if proof:
        raise LedgerError("The consistency proof must be empty, and is not")
    if first == second and first_root != second_root:
        raise LedgerError(f"Two different trees of {first} leaves")
    if first == 0 and first_root != EMPTY_ROOT:
        raise LedgerError("The root of the empty tree is not SHA-256 of nothing")


def _refuse_odd_hashes(proof: Iterable[bytes]) -> None:
    if any(len(item) != HASH_SIZE for item in proof):
        raise LedgerError("The proof holds something that is not a SHA-256 hash")


def _split(width: int) -> int:
    """Return the largest power of two smaller than `width` (>= 2)."""
    return 1 << ((width - 1).bit_length() - 1)


class Tree:
    """A whole tree in memory; every level as a list of hashes of complete subtrees."""

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        self.extend(entries)

    @property
    def size(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0])

    def extend(self, entries: Iterable[bytes]) -> None:
        """Append `entries` as leaves."""
        self._levels[0].extend([sha256(b"\x00" + entry).digest() for entry in entries])
        level = 0
        while len(self._levels[level]) > 1:
            if level + 1 == len(self._levels):
                self._levels.append([])
            above = self._levels[level + 1]
            above.extend(parents(self._levels[level][2 * len(above) :]))
            level += 1

    def node(self, level: int, index: int) -> bytes:
        """Return the root of a complete subtree (`Nodes`)."""
        return self._levels[level][index]

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves, or of all."""
        return root(self, self.size if size is None else size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of leaf `index` in the tree of `size` leaves, or of all."""
        return inclusion_proof(self, index, self.size if size is None else size)

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """Return the proof that `first` leaves are a prefix of `second`, or of all."""
        return consistency_proof(self, first, self.size if second is None else second)
