"""Recorded answers: looked up by prompt, repetitions in turn, bad lines named."""

import json
from pathlib import Path

import pytest

from affidavit.errors import UsageError
from affidavit.model.answering import ErrorKind
from affidavit.prompts.answers import State
from affidavit.prompts.target import Request
from affidavit.prompts.targets_recorded import RecordedTarget, recording


def _target(folder: Path, *lines: object) -> RecordedTarget:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return recording(path)


def test_answers(tmp_path: Path) -> None:
    """Repetitions come in turn, errors stay errors, and an unknown prompt is an error."""
    target = _target(
        tmp_path,
        {"prompt": "a", "text": "1", "latency_ms": 3.5},
        {"prompt": "a", "text": "2"},
        {"prompt": "b", "error": "AccessDeniedException", "error_kind": "denied"},
        {"prompt": "c", "modelResponses": [{"response": "x", "modelIdentifier": "m"}]},
        {"prompt": "d", "text": None},
    )
    assert target.id == "recorded:answers.jsonl"
    assert [target.ask(Request(prompt="a")).text for _ in range(3)] == ["1", "2", "1"]
    assert target.ask(Request(prompt="b")).state is State.FAILED
    assert target.ask(Request(prompt="c")).model_id == "m"
    assert target.ask(Request(prompt="d")).state is State.MISSING
    assert target.ask(Request(prompt="e")).error_kind == ErrorKind.NOT_RECORDED


def test_a_recording_never_looks_like_aws(tmp_path: Path) -> None:
    """A recording that names AWS's endpoint is synthetic all the same: nobody was asked."""
    line = {
        "prompt": "a",
        "text": "No.",
        "endpoint": "https://bedrock-runtime.us-east-1.amazonaws.com:443",
        "synthetic": False,
        "attempts": 1,
    }
    answer = _target(tmp_path, line).ask(Request(prompt="a"))
    assert (answer.endpoint, answer.synthetic, answer.attempts) == ("", True, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[1]",
        b'{"prompt": 1, "text": "x"}',
        b'{"prompt": "x"}',
        b'{"prompt": "x", "text": 1}',
        b'{"prompt": "x", "modelResponses": []}',
        b'{"prompt": "\xff", "text": "x"}',
        b"[" * 100_000,
    ],
)
def test_bad_lines(content: bytes, tmp_path: Path) -> None:
    """A line that cannot be used is refused with its reason, not passed over."""
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.jsonl"):
        recording(path)
