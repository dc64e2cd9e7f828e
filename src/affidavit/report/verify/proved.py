"""Files of records with their inclusion proofs: evidence.jsonl, runs.jsonl, records.jsonl.

A line is `{"leaf": index, "proof": [hashes, base64], "record": {...}}` in canonical form. The
record's ledger entry is the SHA-256 of its canonical form; the proof must lead from it to the
checkpoint's root.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from .canonical import dump, load_object
from .failure import VerificationError
from .merkle import HASH_LENGTH, leaf_hash, root_from_inclusion
from .note import Checkpoint
from .zipsafe import Archive

MAX_LINE = 16 * 2**20
"""Bytes of one line; a run record of 5,000 accounts has about one million."""


class Proved(NamedTuple):
    """A record that is proved to be in the ledger, and where it stands."""

    where: str
    """File, line and leaf, for messages."""
    leaf: int
    record: dict[str, Any]
    entry: str
    """SHA-256 of the record's canonical form, hexadecimal."""


def proved_records(archive: Archive, name: str, checkpoint: Checkpoint) -> Iterator[Proved]:
    """Yield the records of a file in the order of their leaves, each proved."""
    last = -1
    for number, line in archive.lines(name, MAX_LINE):
        where = f"{name} line {number}"
        value = load_object(line, where)
        leaf, record = _leaf_and_record(value, where)
        where += f", leaf {leaf}"
        if leaf <= last:
            raise VerificationError(where, f"stands behind leaf {last}: the order was changed")
        if leaf >= checkpoint.size:
            raise VerificationError(
                where, f"is not in the checkpoint's tree, which has {checkpoint.size} leaves"
            )
        last = leaf
        entry = hashlib.sha256(dump(record)).digest()
        proof = decode_proof(value["proof"], where)
        root = root_from_inclusion(leaf, checkpoint.size, leaf_hash(entry), proof)
        if root != checkpoint.root:
            raise VerificationError(
                where, "the record is not what the ledger holds there: it or its proof was changed"
            )
        yield Proved(where, leaf, record, entry.hex())


def decode_proof(value: Any, where: str) -> list[bytes]:
    """Return the hashes of a proof."""
    if not isinstance(value, list):
        raise VerificationError(where, "has no proof")
    try:
        hashes = [base64.b64decode(text, validate=True) for text in value]
    except (binascii.Error, ValueError, TypeError) as error:
        raise VerificationError(where, "its proof is not base64") from error
    if any(len(h) != HASH_LENGTH for h in hashes):
        raise VerificationError(where, "its proof holds something that is no SHA-256")
    return hashes


def _leaf_and_record(value: dict[str, Any], where: str) -> tuple[int, dict[str, Any]]:
    leaf, record = value.get("leaf"), value.get("record")
    if set(value) != {"leaf", "proof", "record"} or not isinstance(record, dict):
        raise VerificationError(where, "is not a record with its proof")
    if not isinstance(leaf, int) or isinstance(leaf, bool) or leaf < 0:
        raise VerificationError(where, "names no leaf")
    return leaf, record
