"""Verify an export of evidence: CSV, JSON lines or Parquet with its signed manifest beside it.

An export holds no proofs: it is what the operator's key says that it is, at a size of the ledger
that the same key signed. Rows are counted and their order looked at in CSV and JSON lines; a
Parquet file is held to its digest only: reading it takes more than the standard library.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .canonical import load_object
from .csvcheck import COLUMNS, MARK
from .dsse import STATEMENT, check_envelope, open_envelope
from .failure import VerificationError
from .note import Key, check_signature, parse_checkpoint, parse_note
from .outcome import NO_KEY, Failure, Outcome
from .shapes import Shape, check_shape

PREDICATE = "urn:affidavit:evidence-export:v1"
MAX_MANIFEST = 16 * 2**20
_ENVELOPE = ".manifest.dsse.json"
_MANIFEST = ".manifest.json"
_CHUNK = 2**20
_MAX_LINE = 16 * 2**20
_PREDICATE: Shape = {
    **dict.fromkeys(("generated_at", "tool", "tenant", "query", "understood", "format"), str),
    **dict.fromkeys(("rows", "bytes"), int),
    **dict.fromkeys(("assessments", "unreadable"), list),
    "checkpoint": dict,
    "key_protected": bool,
}
_MORE = ("sample", "first")
"""Members of the manifest of an export that is not of all rows."""
_NOT_PROVED = (
    "That the query finds no more than this: ask it again, or build a report of it.",
    "That each row is in the ledger: a report (affidavit report build --query) proves that.",
)


def is_export(path: Path) -> bool:
    """Tell whether a file has an export's manifest beside it."""
    return path.with_name(f"{path.name}{_ENVELOPE}").is_file()


def verify_export(path: Path, key: Key | None) -> Outcome:
    """Return what verifying the export at `path` finds; `OSError` where a file cannot be read."""
    outcome = Outcome(path.name, "export", keyless=key is None, notes=[*_NOT_PROVED])
    if key is None:
        outcome.failure = Failure("manifest", path.name, NO_KEY)
        return outcome
    step = "manifest"
    try:
        predicate, subject = _manifest(path, key)
        name = f"affidavit/{predicate['tenant']}"
        outcome.facts = dict(predicate)
        outcome.steps.append((step, f"signed by {name} {key.id(name).hex()}"))
        step = "file"
        outcome.steps.append((step, _file(path, predicate, subject)))
        step = "checkpoint"
        outcome.steps.append((step, _checkpoint(predicate["checkpoint"], key, name)))
        step = "rows"
        outcome.steps.append((step, _rows(path, predicate)))
    except VerificationError as error:
        outcome.failure = Failure(step, error.where, error.what)
    return outcome


def _manifest(path: Path, key: Key) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the predicate and the subject of the manifest, once its signature holds."""
    where = f"{path.name}{_ENVELOPE}"
    envelope = open_envelope(_read(path.with_name(where)), where)
    value = load_object(envelope.payload, where)
    tenant = value.get("predicate", {}).get("tenant") if type(value.get("predicate")) is dict else 0
    name = f"affidavit/{tenant}"
    if not key.fits(name):
        raise VerificationError(where, f"is of {name}; the key given is of {key.name}")
    check_envelope(envelope, key, name, where)
    if _read(path.with_name(f"{path.name}{_MANIFEST}")) != envelope.payload:
        raise VerificationError(f"{path.name}{_MANIFEST}", "differs from the signed manifest")
    if (value.get("_type"), value.get("predicateType")) != (STATEMENT, PREDICATE):
        raise VerificationError(where, "is not the manifest of an export")
    predicate, subject = value["predicate"], value.get("subject")
    known = {name: kind for name, kind in predicate.items() if name not in _MORE}
    check_shape(known, _PREDICATE, where, "the manifest of an export")
    if not isinstance(subject, list) or len(subject) != 1 or type(subject[0]) is not dict:
        raise VerificationError(where, "does not name one file")
    return predicate, subject[0]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(2 * MAX_MANIFEST)
    if len(data) == 2 * MAX_MANIFEST:
        raise VerificationError(path.name, "is too large to be a manifest")
    return data


def _file(path: Path, predicate: Mapping[str, Any], subject: Mapping[str, Any]) -> str:
    if subject.get("name") != path.name:
        raise VerificationError(path.name, f"is the manifest's {subject.get('name')!r}, renamed")
    total, length = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
            length += len(chunk)
    if subject.get("digest") != {"sha256": total.hexdigest()}:
        raise VerificationError(path.name, "was changed: its SHA-256 is not the manifest's")
    if length != predicate["bytes"]:
        raise VerificationError(path.name, f"has {length} bytes; the manifest says otherwise")
    return f"{length:,} bytes, as the manifest says"


def _checkpoint(said: Mapping[str, Any], key: Key, name: str) -> str:
    where = "the manifest's checkpoint"
    check_shape(said, {"size": int, "note": str}, where, "whole")
    note = parse_note(said["note"].encode(), where)
    check_signature(note, key, name, where)
    found = parse_checkpoint(note, where)
    if (found.origin, found.size) != (name, said["size"]):
        raise VerificationError(where, f"is of {found.size} leaves of {found.origin}")
    return f"signed; the ledger had {found.size} leaves, root {found.root.hex()[:16]}…"


def _rows(path: Path, predicate: Mapping[str, Any]) -> str:
    kind, size = predicate["format"], predicate["checkpoint"]["size"]
    reader = _READERS.get(kind)
    if reader is None:
        return "not counted: only CSV and JSON lines are read here"
    count, last, added_last = 0, -1, False
    in_order = not any(name in predicate for name in _MORE)
    for where, leaf, added in reader(path):
        count += 1
        if not 0 <= leaf < size:
            raise VerificationError(where, f"is of leaf {leaf}; the ledger had {size}")
        # What people added in one act has one leaf: that of the change which tells of it.
        again = leaf == last and added and added_last
        if in_order and leaf <= last and not again:
            raise VerificationError(where, f"is of leaf {leaf}, behind leaf {last}")
        last, added_last = leaf, added
    if count != predicate["rows"]:
        raise VerificationError(path.name, f"has {count} rows; the manifest: {predicate['rows']}")
    return f"{count}, as the manifest says" + (", in the order of the ledger" if in_order else "")


def _csv(path: Path) -> Iterator[tuple[str, int, bool]]:
    csv.field_size_limit(_MAX_LINE)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            if next(reader, None) != [MARK.decode() + COLUMNS[0], *COLUMNS[1:]]:
                raise VerificationError(path.name, "its columns are not an export's")
            for row in reader:
                where = f"{path.name} line {reader.line_num}"
                if len(row) != len(COLUMNS) or not row[0].isdecimal():
                    raise VerificationError(where, "is not a row of the table")
                yield where, int(row[0]), row[_ORIGIN] == _ADDED and not row[_RUN]
        except (csv.Error, UnicodeDecodeError) as error:
            raise VerificationError(path.name, f"is not a proper table: {error}") from error


def _jsonl(path: Path) -> Iterator[tuple[str, int, bool]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_MAX_LINE):
            number += 1
            where = f"{path.name} line {number}"
            if not line.endswith(b"\n"):
                raise VerificationError(where, "is too long, or does not end with a line feed")
            value = load_object(line[:-1], where)
            leaf = value.get("leaf")
            if set(value) not in _LINES or type(leaf) is not int:
                raise VerificationError(where, "is not a record with its leaf")
            yield where, leaf, "manual" in value


_LINES = ({"leaf", "record"}, {"leaf", "manual"})
_ORIGIN, _RUN, _ADDED = COLUMNS.index("origin"), COLUMNS.index("run_id"), "manual"
"""A row without a run, of this origin, is what a person added; it is no record of the ledger."""
_Reader = Callable[[Path], Iterator[tuple[str, int, bool]]]
_READERS: Mapping[str, _Reader] = {"csv": _csv, "jsonl": _jsonl}
