"""Manual evidence: manual.csv, and the files themselves, held against what the ledger says of them.

A change record (IMPORT_EVIDENCE) names each item that a person added, with the size and SHA-256 of
its content, when, by whom and to which control; what is fetched from S3 has a second record when it
is there. `manual.csv` has a row for each item, with the text where it is one; `manual/` holds the
files where they are included. What was deleted since stands there with when, by whom and why. In a
report of chosen evidence there are the chosen items only.
"""

import csv
import io
from hashlib import sha256

from .added import FOLDER, Item
from .csvcheck import FORMULA, MARK, cell
from .failure import VerificationError
from .state import MANIFEST, State

NAME = "manual.csv"
MODES = ("digests", "included")
MAX_TABLE = 2**28
"""Bytes of manual.csv."""
COLUMNS = (
    *("leaf", "id", "control_id", "control", "file_name", "bytes", "sha256", "added_at"),
    *("added_by", "state", "deleted", "fetched_from", "text"),
)


def header() -> bytes:
    """Return the first line of manual.csv, byte order mark included."""
    return MARK + ",".join(COLUMNS).encode() + b"\r\n"


def row(item: Item, text: str) -> bytes:
    """Return the row of an item; `text` is what was written, empty for a file."""
    cells = [
        *(str(item.leaf), item.id, item.control_id, item.control, item.file_name),
        *(str(item.size) if item.digest else "", item.digest, item.time, item.by, item.state),
        *(item.deleted, item.fetched_from, text),
    ]
    return ",".join(map(cell, cells)).encode() + b"\r\n"


def check_manual(state: State) -> str:
    """Check manual.csv and the files of manual evidence against the ledger's records."""
    mode = state.predicate["attachments"]
    if mode not in MODES:
        raise VerificationError(MANIFEST, f"attachments are {mode!r}, not one of {MODES}")
    items = _items(state)
    _check_table(state.archive.read(NAME, MAX_TABLE), items)
    files = {item.path: item for item in items if item.is_file and mode == "included"}
    there = {name for name in state.archive.entries if name.startswith(FOLDER)}
    for name in sorted(there - set(files)):
        raise VerificationError(name, "is of no manual evidence that the ledger tells of")
    for name, item in sorted(files.items()):
        if name not in there:
            raise VerificationError(name, f"missing file: leaf {item.leaf} tells of it")
        if state.subjects[name] != item.digest:
            raise VerificationError(name, f"is not the file whose SHA-256 leaf {item.leaf} has")
    if not items:
        return "none"
    held = (
        f"{_count(len(files), 'file')} included" if mode == "included" else "files by digest only"
    )
    return f"{_count(len(items), 'item')}, each as the ledger says; {held}"


def _items(state: State) -> list[Item]:
    if not state.chosen:
        return state.manual.listed(None)
    wanted = state.predicate["choice"]["manual"]
    found = state.manual.listed(wanted)
    missing = sorted(set(map(str, wanted)) - {item.id for item in found})
    if missing:
        raise VerificationError(MANIFEST, f"says that {missing[0]} was chosen; no record adds it")
    return found


def _check_table(data: bytes, items: list[Item]) -> None:
    """Check each row against its item; a text is the one whose SHA-256 the ledger has."""
    if not data.startswith(header()):
        raise VerificationError(f"{NAME} line 1", "its columns are not the report's")
    try:
        rows = list(
            csv.reader(io.StringIO(data[len(header()) :].decode(), newline=""), strict=True)
        )
    except (UnicodeDecodeError, csv.Error) as error:
        raise VerificationError(NAME, f"is no table: {error}") from error
    expected = [header()]
    for number, item in enumerate(items, 1):
        where = f"{NAME} row {number}"
        if number > len(rows) or rows[number - 1][1:2] != [item.id]:
            raise VerificationError(where, f"lacks the item {item.id} of leaf {item.leaf}")
        text = _text(rows[number - 1], item, where)
        expected.append(row(item, text))
        if rows[number - 1] != _parsed(expected[-1]):
            raise VerificationError(where, f"is not what the record of leaf {item.leaf} says")
    if len(rows) > len(items):
        raise VerificationError(f"{NAME} row {len(items) + 1}", "is of no item of the ledger")
    if b"".join(expected) != data:
        raise VerificationError(NAME, "is not written as a report writes it")


def _parsed(line: bytes) -> list[str]:
    return next(csv.reader(io.StringIO(line.decode(), newline=""), strict=True))


def _text(cells: list[str], item: Item, where: str) -> str:
    """Return the text of an item, from the last cell of its row."""
    shown = cells[-1]
    if not item.has_text:
        return ""
    bare = shown[1:] if shown.startswith("'") and shown[1:].startswith(FORMULA) else shown
    for text in (shown, bare):
        if sha256(text.encode()).hexdigest() == item.digest:
            return text
    raise VerificationError(where, f"its text is not the one whose SHA-256 leaf {item.leaf} has")


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
