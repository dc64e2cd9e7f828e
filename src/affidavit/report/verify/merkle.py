"""Merkle proofs as in RFC 6962: leaf, inclusion, consistency. Only checks; builds nothing."""

import hashlib
from collections.abc import Sequence

HASH_LENGTH = 32
MAX_PROOF = 64
"""Hashes in a proof: more than a tree of 2**63 leaves could need."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf whose entry is `entry`."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Return the root that the proof leads to (RFC 9162, 2.1.3.2), or None where it cannot fit."""
    if not 0 <= index < size or len(proof) > MAX_PROOF:
        return None
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            node = _node(sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = _node(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    return node if sn == 0 else None


def consistent(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Tell whether the (size, root) `old` is a prefix of `new` (RFC 9162, 2.1.4.2)."""
    (first, old_root), (second, new_root) = old, new
    if first == second:
        return not proof and old_root == new_root
    if first == 0:
        return not proof
    if not first < second or len(proof) > MAX_PROOF:
        return False
    path = [old_root, *proof] if first & (first - 1) == 0 else list(proof)
    return bool(path) and _walk(first, second, path) == (old_root, new_root)


def _walk(first: int, second: int, path: list[bytes]) -> tuple[bytes, bytes] | None:
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for sibling in path[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            fr, sr = _node(sibling, fr), _node(sibling, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node(sr, sibling)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr) if sn == 0 else None
