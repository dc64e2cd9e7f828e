"""The gallery's part on manual evidence and deletions that the ledger does not bear out.

The operator, who has the key, signs anew whatever he changed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Bad:
    """A kind of bad report: what `verify` must say of it, and how it is made."""

    name: str
    expected: str
    """A regular expression that the message must contain."""
    make: Callable[[Any, Path], None]


_KINDS: list[Bad] = []


def _bad(name: str, expected: str) -> Callable[[Callable[[Any, Path], None]], None]:
    def kept(make: Callable[[Any, Path], None]) -> None:
        _KINDS.append(Bad(name, expected, make))

    return kept


def _joined(lines: list[dict[str, Any]]) -> bytes:
    """Return records as canonical JSON lines."""
    texts = [json.dumps(one, sort_keys=True, separators=(",", ":")) for one in lines]
    return b"".join(text.encode() + b"\n" for text in texts)


def _file(good: Any) -> str:
    return next(str(name) for name in good.files if name.startswith("manual/") and "pdf" in name)


@_bad("changed-file", r"manual/\w+\.pdf: is not the file whose SHA-256 leaf \d+ has")
def _changed_file(good: Any, path: Path) -> None:
    name = _file(good)
    good.write(path, {name: good.files[name] + b"more"}, good.signer)


@_bad("dropped-file", r"manual/\w+\.pdf: missing file: leaf \d+ tells of it")
def _dropped_file(good: Any, path: Path) -> None:
    good.write(path, {_file(good): None}, good.signer)


@_bad("added-file", r"manual/other\.pdf: is of no manual evidence that the ledger tells of")
def _added_file(good: Any, path: Path) -> None:
    good.write(path, {"manual/other.pdf": b"x"}, good.signer)


@_bad("changed-manual-row", r"manual\.csv row 2: is not what the record of leaf \d+ says")
def _changed_manual_row(good: Any, path: Path) -> None:
    data = good.files["manual.csv"].replace(b"board minutes.pdf", b"other minutes.pdf")
    good.write(path, {"manual.csv": data}, good.signer)


@_bad("changed-manual-text", r"manual\.csv row 1: its text is not the one whose SHA-256 leaf")
def _changed_manual_text(good: Any, path: Path) -> None:
    data = good.files["manual.csv"].replace(b"all staff", b"no staff")
    good.write(path, {"manual.csv": data}, good.signer)


@_bad("dropped-manual-row", r"manual\.csv row 2: lacks the item item-2 of leaf \d+")
def _dropped_manual_row(good: Any, path: Path) -> None:
    lines = good.files["manual.csv"].split(b"\r\n")
    kept = [line for line in lines if b",item-2," not in line]
    good.write(path, {"manual.csv": b"\r\n".join(kept)}, good.signer)


@_bad("added-manual-row", r"manual\.csv row 5: is of no item of the ledger")
def _added_manual_row(good: Any, path: Path) -> None:
    *_, last, _ = good.files["manual.csv"].split(b"\r\n")
    good.write(path, {"manual.csv": good.files["manual.csv"] + last + b"\r\n"}, good.signer)


@_bad("respelt-manual", r"manual\.csv: is not written as a report writes it")
def _respelt_manual(good: Any, path: Path) -> None:
    data = good.files["manual.csv"].replace(b"board minutes.pdf", b'"board minutes.pdf"')
    good.write(path, {"manual.csv": data}, good.signer)


@_bad("no-manual-table", r"manual\.csv: missing file")
def _no_manual_table(good: Any, path: Path) -> None:
    good.write(path, {"manual.csv": None}, good.signer)


@_bad("unlogged-deletion", r"answers\.jsonl line 1: is not of the run [0-9a-f-]{36}")
def _unlogged_deletion(good: Any, path: Path) -> None:
    """Leave out a run's evidence and answers, as if they had been deleted in the proper way."""
    answers = good.lines("answers.jsonl")
    gone = answers[0]["run_id"]
    lines = [x for x in good.lines("evidence.jsonl") if x["record"]["run_id"] != gone]
    good.with_evidence(path, lines, answers_jsonl=_joined(answers[1:]))


@_bad("older-format", r"is of a report of format v3, and this program verifies v4")
def _older_format(good: Any, path: Path) -> None:
    older = type(good)(good.path, good.signer)
    older.form = b"assessment-report:v3"
    older.write(path, {}, good.signer)


def make_all(good: Any, folder: Path) -> dict[str, Bad]:
    """Make every bad report in `folder` from a good one with files; return kinds by file name."""
    for bad in _KINDS:
        bad.make(good, folder / f"{bad.name}.zip")
    return {f"{bad.name}.zip": bad for bad in _KINDS}
