"""Answers that were recorded earlier: a target that calls no model.

A line of JSON for each: `prompt`, and of `Answer`'s fields what is known (`text`, `stop_reason`,
`guardrail_action`, `error`, …). Bedrock's own evaluation form is taken too: `modelResponses`, of
which the first counts. Several lines of one prompt are its repetitions, given in turn.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.model.answering import ErrorKind
from affidavit.prompts.answers import Answer
from affidavit.prompts.target import Request

RECORDED: Final = "recorded:"
"""What the id of such a target begins with."""
MAX_FILE: Final = 256 * 2**20
MAX_LINE: Final = 8 * 2**20
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str, type(None)),
    "latency_ms": (int, float, type(None)),
    "input_tokens": (int, type(None)),
    "output_tokens": (int, type(None)),
    "guardrail_trace": (dict,),
    "raw_request": (dict,),
    "raw_answer": (dict,),
    "attempts": (int,),
    "synthetic": (bool,),
}
"""What a field may be; the others are text."""
_FIELDS: Final = frozenset(field.name for field in fields(Answer))


class RecordedTarget:
    """Recorded answers, looked up by the prompt's very text; used by many threads."""

    def __init__(self, answers: Mapping[str, list[Answer]], name: str) -> None:
        """`answers` by prompt; `name` is the recording's, for results and messages."""
        self._name = name
        self._lock = threading.Lock()
        self._given: Counter[str] = Counter()
        self._answers = answers

    @property
    def id(self) -> str:
        """Return `recorded:` and the file's or the suite's name."""
        return f"{RECORDED}{self._name}"

    def ask(self, request: Request) -> Answer:
        """Return the recorded answer, the next one when asked again; an error where none is.

        Whatever the recording says of an endpoint: nobody was asked, so it is never AWS's answer.
        """
        answers = self._answers.get(request.prompt, [])
        with self._lock:
            turn = self._given[request.prompt]
            self._given[request.prompt] += 1
        if not answers:
            why = f"{self._name} has no answer to this prompt."
            return Answer(error=why, error_kind=ErrorKind.NOT_RECORDED)
        return replace(answers[turn % len(answers)], attempts=0, endpoint="", synthetic=True)


def recording(path: Path) -> RecordedTarget:
    """Return the target of a file; raise `UsageError`, with the line, where it cannot be read."""
    found: dict[str, list[Answer]] = {}
    for number, line in _lines(path):
        prompt, answer = _entry(path, number, line)
        found.setdefault(prompt, []).append(answer)
    return RecordedTarget(found, path.name)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        if path.stat().st_size > MAX_FILE:
            raise UsageError(
                f"{path} is larger than {MAX_FILE} bytes",
                why="A recording is kept in memory.",
                todo="Split it.",
            )
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), ""), start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read", why=str(error), todo="Give a file of JSON lines in UTF-8."
        ) from error


def _entry(path: Path, number: int, line: str) -> tuple[str, Answer]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _refusal(path, number, f"It is not JSON: {error}") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("prompt"), str):
        raise _refusal(path, number, "Each line is an object with a `prompt`.")
    known = {name: value for name, value in entry.items() if name in _FIELDS}
    if "text" not in known:
        known |= _response(path, number, entry)
    for name, value in known.items():
        if not isinstance(value, _KINDS.get(name, (str,))):
            raise _refusal(path, number, f"`{name}` is {type(value).__name__}.")
    if not known.keys() & {"text", "error", "stop_reason", "guardrail_action"}:
        raise _refusal(path, number, "It has no `text`, `error` or `modelResponses`.")
    return entry["prompt"], Answer(**known)


def _response(path: Path, number: int, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer in the form of Bedrock's evaluation jobs."""
    responses = entry.get("modelResponses")
    if responses is None:
        return {}
    first = responses[0] if isinstance(responses, list) and responses else None
    if not isinstance(first, dict) or "response" not in first:
        raise _refusal(path, number, "`modelResponses` is a list of {response, modelIdentifier}.")
    return {"text": first["response"], "model_id": first.get("modelIdentifier", "")}


def _refusal(path: Path, number: int, why: str) -> UsageError:
    return UsageError(f"{path}, line {number} cannot be used", why=why, todo="Correct the line.")
