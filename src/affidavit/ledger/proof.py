"""Self-contained proofs that a record is in the log (C2SP tlog-proof).

Format: https://c2sp.org/tlog-proof: a header, the leaf's index, the audit path, and the signed
checkpoint that it leads to. Whoever has the record and the log's public key needs nothing else.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from affidavit.errors import LedgerError
from affidavit.ledger.checkpoint import Checkpoint, VerifierKey, open_note
from affidavit.ledger.tree import HASH_SIZE, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
_MAX_PATH = 63
"""Levels of a tree of 2**63 leaves."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The place of a leaf, its audit path, and the signed checkpoint."""

    index: int
    path: Sequence[bytes]
    note: str

    def text(self) -> str:
        """Return the proof as tlog-proof writes it."""
        hashes = "".join(f"{b64encode(item).decode()}\n" for item in self.path)
        return f"{HEADER}\nindex {self.index}\n{hashes}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the proof that `text` writes; `LedgerError` where it is not in the form."""
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or len(lines) < len(("header", "index")) or lines[0] != HEADER:
            raise LedgerError("This is not a tlog-proof")
        word, _, number = lines[1].partition(" ")
        if word != "index" or not number.isascii() or not number.isdecimal():
            raise LedgerError("The proof does not say the index of its leaf")
        if len(lines) > _MAX_PATH + 2 or str(int(number)) != number:
            raise LedgerError("The proof's index or path does not hold")
        return cls(int(number), [_hash(line) for line in lines[2:]], note)

    def verify(self, entry: bytes, keys: Iterable[VerifierKey]) -> Checkpoint:
        """Return the checkpoint once signature and path hold for `entry`; else `LedgerError`."""
        checkpoint = open_note(self.note, keys)
        verify_inclusion(entry, self.index, checkpoint.size, self.path, checkpoint.root)
        return checkpoint


def _hash(line: str) -> bytes:
    try:
        raw = b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LedgerError("The proof holds a line that is not base64", why=str(error)) from error
    if len(raw) != HASH_SIZE or b64encode(raw).decode() != line:
        raise LedgerError("The proof holds a line that is not a SHA-256 hash")
    return raw
