"""Suites from other forms: Bedrock's evaluation files (JSON lines), and CSV.

A line of Bedrock's has `prompt`, and may have `referenceResponse`, `category` and
`modelResponses: [{response, modelIdentifier}]`; a row of CSV the same by its columns, with
`response` and `modelIdentifier`, and may name its own `assertion`, `value` and `threshold`. Answers
that came with the file are kept with their cases: they can be judged without asking a model.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.model.canonical import digest
from affidavit.prompts import templates
from affidavit.prompts.answers import Answer
from affidavit.prompts.assertions import Assertion, parse
from affidavit.prompts.suite import MAX_ASSERTIONS, MAX_CASES, MAX_PROMPT, Case, Suite
from affidavit.prompts.suites_yaml import refuse

MAX_FILE: Final = 64 * 2**20
MAX_LINE: Final = 2 * 2**20
"""Characters of a line of JSON, or of a field of CSV."""
SUFFIXES: Final = (".jsonl", ".csv")
REFERENCE: Final = "word-f1"
"""How an answer is compared with its reference unless told otherwise: as Bedrock's own jobs do."""
_COMPARED: Final = frozenset(
    {"word-f1", "rouge-1", "rouge-2", "rouge-l", "similar", "equals", "contains", "icontains"}
    | {"exact-match", "quasi-exact-match"}
)
"""Assertions whose value is the reference."""
_JSON_FIELDS: Final = frozenset({"prompt", "referenceResponse", "category", "modelResponses"})
_COLUMNS: Final = frozenset(
    {"prompt", "referenceResponse", "category", "response", "modelIdentifier"}
    | {"assertion", "value", "threshold", "filtered"}
)
_NO_ID: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """How an imported file is judged."""

    assertions: tuple[Mapping[str, Any], ...] = ()
    """Each as in a suite; one that compares takes a case's reference for its value."""
    model: str = ""
    """Which of several `modelIdentifier`s is judged; empty: the first of each case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One case as it stands in the file."""

    line: int
    prompt: str
    reference: str = ""
    category: str = ""
    responses: tuple[tuple[str, str], ...] = ()
    """(modelIdentifier, response)."""
    own: Mapping[str, Any] = field(default_factory=dict)
    """Its own assertion."""


def from_file(path: Path, how: ImportSettings | None = None) -> Suite:
    """Return the suite of a file; raise `UsageError`, with the line, for what does not hold."""
    how = how or ImportSettings()
    try:
        if path.stat().st_size > MAX_FILE:
            refuse(path.name, 1, f"It has more than {MAX_FILE} bytes.")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read", why=str(error)) from error
    return from_bytes(data, path.name, how)


def from_bytes(data: bytes, name: str, how: ImportSettings) -> Suite:
    """Return the suite of a file's content; its digest covers how it is judged, too."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(name, data[: error.start].count(b"\n") + 1, "It is not UTF-8.")
    rows = _csv_rows if name.lower().endswith(".csv") else _json_rows
    cases, assertions = [], 0
    for number, row in enumerate(rows(text, name), 1):
        if number > MAX_CASES:
            refuse(name, row.line, f"A suite has at most {MAX_CASES} cases.")
        cases.append(_case(row, number, name, how))
        assertions += len(cases[-1].assertions)
        if assertions > MAX_ASSERTIONS:
            refuse(name, row.line, f"It has more than {MAX_ASSERTIONS} assertions.")
    if not cases:
        refuse(name, 1, "It has no case.")
    judged = json.dumps([[*map(dict, how.assertions)], how.model], sort_keys=True)
    return Suite(
        id=_NO_ID.sub("-", Path(name).stem.lower()).strip("-")[:64] or "imported",
        kind="pass",
        description=f"Imported from {name}",
        digest=digest(data + judged.encode()),
        cases=tuple(cases),
    )


def _case(row: _Row, number: int, name: str, how: ImportSettings) -> Case:
    if not row.prompt.strip() or len(row.prompt) > MAX_PROMPT:
        refuse(name, row.line, f"`prompt` is a text of at most {MAX_PROMPT} characters.")
    wanted: Sequence[Mapping[str, Any]] = [row.own] if row.own else how.assertions
    if not wanted and row.reference:
        wanted = [{"type": REFERENCE}]
    if not wanted:
        refuse(
            name,
            row.line,
            "It has no `referenceResponse` and no assertion is named: that would prove nothing.",
        )
    recorded = [text for model, text in row.responses if how.model in {"", model}]
    return Case(
        id=f"{number}.1-{digest(row.prompt.encode())[:12]}",
        prompt=row.prompt,
        assertions=tuple(_assertion(one, row, name) for one in wanted),
        family=row.category or "general",
        metadata={"reference": row.reference} if row.reference else {},
        recorded=recorded[0] if recorded else None,
    )


def _assertion(entry: Mapping[str, Any], row: _Row, name: str) -> Assertion:
    filled = dict(entry)
    kind = str(filled.get("type", "")).removeprefix("not-")
    if kind in _COMPARED and filled.get("value") is None:
        if not row.reference:
            refuse(name, row.line, f"{kind} compares, and there is no `referenceResponse`.")
        filled["value"] = row.reference
    try:
        return parse(filled)
    except UsageError as error:
        refuse(name, row.line, error.in_a_line)


def _json_rows(text: str, name: str) -> Iterator[_Row]:
    for number, line in enumerate(io.StringIO(text), 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            refuse(name, number, f"The line has more than {MAX_LINE} characters.")
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            refuse(name, number, f"It is not JSON: {error}")
        if not isinstance(entry, dict):
            refuse(name, number, "Each line is an object with a `prompt`.")
        _require_known(set(entry), _JSON_FIELDS, name, number)
        for member in ("prompt", "referenceResponse", "category"):
            if not isinstance(entry.get(member, ""), str):
                refuse(name, number, f"`{member}` is a text.")
        yield _Row(
            line=number,
            prompt=entry.get("prompt", ""),
            reference=entry.get("referenceResponse", ""),
            category=entry.get("category", ""),
            responses=_responses(entry.get("modelResponses", []), name, number),
        )


def _responses(given: Any, name: str, line: int) -> tuple[tuple[str, str], ...]:
    says = "`modelResponses` is a list of {response, modelIdentifier}, both texts."
    if not isinstance(given, list):
        refuse(name, line, says)
    found = []
    for one in given:
        texts = isinstance(one, dict) and (one.get("modelIdentifier", ""), one.get("response"))
        if not texts or not all(isinstance(text, str) for text in texts):
            refuse(name, line, says)
        found.append((str(texts[0]), str(texts[1])))
    return tuple(found)


def _csv_rows(text: str, name: str) -> Iterator[_Row]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    before = csv.field_size_limit(MAX_LINE)
    try:
        columns = rows.fieldnames or []
        if "prompt" not in columns or len(set(columns)) != len(columns):
            refuse(name, 1, "The first row names the columns, each once; `prompt` is one of them.")
        _require_known(set(columns), _COLUMNS, name, 1)
        for row in rows:
            if None in row or None in row.values():
                refuse(name, rows.line_num, "It has another number of fields than the first row.")
            yield _row(row, name, rows.line_num)
    except csv.Error as error:
        refuse(name, max(1, rows.reader.line_num), f"It is not CSV: {error}")
    finally:
        csv.field_size_limit(before)


def _row(row: Mapping[str, str], name: str, line: int) -> _Row:
    own: dict[str, Any] = {}
    if row.get("assertion"):
        own["type"] = row["assertion"]
        own |= {k: row[k] for k in ("value", "filtered") if row.get(k)}
        if row.get("threshold"):
            own["threshold"] = _number(row["threshold"], name, line)
    elif row.get("value") or row.get("threshold"):
        refuse(name, line, "It has a `value` or a `threshold` and no `assertion`.")
    response = row.get("response", "")
    return _Row(
        line=line,
        prompt=row["prompt"],
        reference=row.get("referenceResponse", ""),
        category=row.get("category", ""),
        responses=((row.get("modelIdentifier", ""), response),) if response else (),
        own=own,
    )


def _number(text: str, name: str, line: int) -> float:
    try:
        return float(text)
    except ValueError:
        refuse(name, line, "`threshold` is a number.")


def _require_known(given: set[str], known: frozenset[str], name: str, line: int) -> None:
    unknown = sorted(str(one) for one in given - known)
    if unknown:
        refuse(name, line, f"Unknown: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")


def answers_of(suite: Suite) -> Mapping[str, list[Answer]]:
    """Return the answers that came with a suite's cases, by prompt."""
    found: dict[str, list[Answer]] = {}
    for case in suite.cases:
        if case.recorded is not None:
            found.setdefault(case.prompt, []).append(Answer(text=case.recorded))
    if not found:
        raise UsageError(
            f"The suite {suite.id} has no recorded answers",
            why="Of a file of Bedrock's evaluation jobs, `modelResponses` are taken; of CSV,"
            " `response`; both of the model that --model names where the file names models.",
            todo="Name another file or model, or give the recording with --recorded.",
        )
    return found


def as_yaml(suite: Suite) -> str:
    """Return an imported suite as a suite of ours, to be read and changed by hand."""
    import yaml

    tests: list[dict[str, Any]] = [
        {
            "description": case.family,
            "vars": {"prompt": _kept(case.prompt)},
            "metadata": _kept({"family": case.family, **case.metadata}),
            "assert": [_plain(assertion) for assertion in case.assertions],
        }
        for case in suite.cases
    ]
    document = {
        "id": suite.id,
        "kind": suite.kind,
        "description": suite.description,
        "prompts": ["{{prompt}}"],
        "tests": tests,
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=96)
    return text


def _kept(value: Any) -> Any:
    """Return a value whose texts stay as they are when the suite is read: no brace is filled in."""
    if isinstance(value, Mapping):
        return {name: _kept(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_kept(one) for one in value]
    if not isinstance(value, str):
        return value
    try:
        return templates.escaped(value)
    except templates.TemplateError as error:
        raise UsageError(
            f"{value[:60]!r} cannot stand in a suite of ours",
            why=str(error),
            todo="Run the file as it is: `affidavit prompts run FILE`.",
        ) from error


def _plain(assertion: Assertion) -> dict[str, Any]:
    made: dict[str, Any] = {"type": assertion.name}
    if assertion.value is not None:
        made["value"] = _kept(assertion.value)
    if assertion.threshold is not None:
        made["threshold"] = assertion.threshold
    if assertion.filtered:
        made["filtered"] = assertion.filtered
    return made
