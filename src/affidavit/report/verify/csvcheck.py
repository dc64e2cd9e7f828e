"""The table evidence.csv: how a record becomes a row, and whether each row is its record's.

A cell that a spreadsheet would take for a formula is written with an apostrophe in front (OWASP,
CSV injection). Rows end with CR LF as in RFC 4180; the file begins with a byte order mark, because
spreadsheets otherwise misread everything beyond ASCII.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .failure import VerificationError

NAME = "evidence.csv"
MARK = b"\xef\xbb\xbf"
PLAIN = (
    "time",
    "control_set_id",
    "control_id",
    "verdict",
    "standing",
    "reason",
    "gap",
    "account_id",
    "region",
    "resource_type",
    "resource_arn",
    "source_type",
    "keyword",
    "evidence_type",
    "check_id",
    "parameters",
    "origin",
)
"""Members of the record that are shown as they are, in the table's order."""
COLUMNS = ("leaf", *PLAIN, "attributes", "inputs", "synthetic", "id", "run_id")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Also the full-width forms, which some spreadsheets take for the same."""
_TOUCHY = re.compile('[",\r\n]|^[=+@\\s\uff1d\uff0b\uff0d\uff20-]|\\s\\Z')
"""Found in every text that is not its own cell; most are, and are told so at once."""


def header() -> bytes:
    """Return the first line of the table, byte order mark included."""
    return MARK + ",".join(COLUMNS).encode() + b"\r\n"


def row(leaf: int, record: Mapping[str, Any]) -> bytes:
    """Return the row of an evidence record."""
    cells = [
        str(leaf),
        *(str(record[name]) for name in PLAIN),
        json.dumps(record["attributes"], sort_keys=True, ensure_ascii=False),
        " ".join(f"{digest}#{pointer}" for digest, pointer in record["inputs"]),
        "yes" if record["synthetic"] else "no",
        record["id"],
        record["run_id"],
    ]
    return ",".join(map(cell, cells)).encode() + b"\r\n"


def cell(text: str) -> str:
    """Return a text as a cell: never a formula, quoted where it must be."""
    if _TOUCHY.search(text) is None:
        return text
    if text.startswith(FORMULA):
        text = "'" + text
    if any(c in text for c in '",\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


class TableCheck:
    """Compares the table with the records as they pass; neither is ever whole in memory."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = b""
        self._at = 0
        self._row = 0
        if self._take(len(header())) != header():
            raise VerificationError(f"{NAME} line 1", "its columns are not the report's")

    def compare(self, leaf: int, record: Mapping[str, Any]) -> None:
        """Check that the next row is that of `record`."""
        self._row += 1
        expected = row(leaf, record)
        if self._take(len(expected)) != expected:
            raise VerificationError(
                f"{NAME} row {self._row}", f"differs from the record of leaf {leaf}"
            )

    def end(self) -> None:
        """Check that no row is left."""
        if self._take(1):
            raise VerificationError(
                f"{NAME} row {self._row + 1}", "has no record in evidence.jsonl"
            )

    def _take(self, length: int) -> bytes:
        while len(self._buffer) - self._at < length:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._buffer = self._buffer[self._at :] + chunk
            self._at = 0
        taken = self._buffer[self._at : self._at + length]
        self._at += len(taken)
        return taken
