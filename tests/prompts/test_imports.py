"""Imported suites: Bedrock's evaluation lines and CSV, judged with or without a model."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import UsageError
from affidavit.prompts.assertions import Checker
from affidavit.prompts.imports import ImportSettings, answers_of, as_yaml, from_bytes, from_file
from affidavit.prompts.journal import Journal
from affidavit.prompts.metrics import metrics
from affidavit.prompts.results import FAILED, PASSED, UNDECIDED
from affidavit.prompts.runner import Runner, RunSettings
from affidavit.prompts.suite import Suite, from_yaml
from affidavit.prompts.targets_recorded import RecordedTarget

LINES = (
    b"""
{"prompt": "What is the capital of France?", "referenceResponse": "Paris", "category": "geography",
""".replace(b",\n", b", ")
    + b"""\
"modelResponses": [{"response": "Paris", "modelIdentifier": "good"}, \
{"response": "Rome", "modelIdentifier": "bad"}]}
{"prompt": "And of Italy?", "referenceResponse": "Rome", "category": "geography", \
"modelResponses": [{"response": "The Rome.", "modelIdentifier": "good"}]}
"""
)
NAME = "eval.jsonl"


def _judged(suite: Suite, folder: Path) -> list[dict[str, object]]:
    target = RecordedTarget(answers_of(suite), suite.id)
    how = RunSettings(requests_per_second=100_000)
    with Journal(folder, {"suite": suite.digest}, "run") as journal:
        return Runner(
            suite=suite, target=target, settings=how, journal=journal, checker=Checker()
        ).run()


def test_evaluation_lines_become_a_suite() -> None:
    """Prompt, category and reference stand in each case; words are compared by default."""
    suite = from_bytes(LINES, NAME, ImportSettings())
    assert [c.prompt for c in suite.cases] == ["What is the capital of France?", "And of Italy?"]
    assert {c.family for c in suite.cases} == {"geography"}
    assert [c.assertions[0].value for c in suite.cases] == ["Paris", "Rome"]
    assert suite.cases[0].recorded == "Paris"
    assert suite.id == "eval"


def test_recorded_answers_are_judged_without_a_model(tmp_path: Path) -> None:
    """The named model's answers are judged; a case that it did not answer stays undecided."""
    good = _judged(from_bytes(LINES, NAME, ImportSettings(model="good")), tmp_path)
    assert [r["verdict"] for r in good] == [PASSED, PASSED]
    found = metrics(good, None, "")["accuracy"]
    assert (found["exactMatch"]["count"], found["quasiExactMatch"]["count"]) == (1, 2)
    bad = _judged(from_bytes(LINES, NAME, ImportSettings(model="bad")), tmp_path)
    assert [r["verdict"] for r in bad] == [FAILED, UNDECIDED]
    with pytest.raises(UsageError, match="no recorded answers"):
        answers_of(from_bytes(LINES, NAME, ImportSettings(model="another")))


def test_the_digest_covers_how_it_is_judged() -> None:
    """The same file judged otherwise is another suite."""
    one = from_bytes(LINES, NAME, ImportSettings())
    other = from_bytes(LINES, NAME, ImportSettings(assertions=({"type": "no-pii"},)))
    assert one.digest != other.digest
    assert other.cases[0].assertions[0].type == "no-pii"


def test_csv_has_its_own_assertions(tmp_path: Path) -> None:
    """A row may name its assertion; quoted fields may hold commas and lines; a mark is skipped."""
    path = tmp_path / "Own Cases.csv"
    rows = (
        "\ufeffprompt,category,referenceResponse,assertion,value,threshold,filtered,response\n"
        '"Say, hello\nagain",greeting,,contains,hello,,,hello there\n'
        "Call 212-555-0100,pii,,not-contains,555,,pass,no\n"
        "Capital?,geo,Paris,word-f1,,0.9,,Paris\n"
    )
    path.write_text(rows, encoding="utf-8")
    suite = from_file(path)
    assert suite.id == "own-cases"
    assert suite.cases[0].prompt == "Say, hello\nagain"
    assert [c.assertions[0].name for c in suite.cases] == ["contains", "not-contains", "word-f1"]
    assert suite.cases[1].assertions[0].filtered == "pass"
    assert suite.cases[2].assertions[0].threshold == 0.9
    assert [r["verdict"] for r in _judged(suite, tmp_path)] == [PASSED] * 3


def test_an_imported_suite_can_be_written_as_ours() -> None:
    """The YAML is read again as the same prompts, families and assertions."""
    suite = from_bytes(LINES, NAME, ImportSettings())
    again = from_yaml(as_yaml(suite).encode(), "eval.yaml")
    assert [(c.prompt, c.family, c.assertions) for c in again.cases] == [
        (c.prompt, c.family, c.assertions) for c in suite.cases
    ]


def test_braces_of_an_imported_suite_stay_braces() -> None:
    """What another file says in braces stands for nothing: not in ours either."""
    line = {"prompt": "Fill {{x}} and {% if %} in", "referenceResponse": "{{ x | upper }} y"}
    suite = from_bytes(json.dumps(line).encode(), NAME, ImportSettings())
    (again,) = from_yaml(as_yaml(suite).encode(), "eval.yaml").cases
    assert again.prompt == line["prompt"]
    assert [a.value for a in again.assertions] == [line["referenceResponse"]]
    ends = json.dumps({"prompt": "{{x}} {% endraw %}", "referenceResponse": "y"}).encode()
    with pytest.raises(UsageError, match="endraw"):
        as_yaml(from_bytes(ends, NAME, ImportSettings()))


@pytest.mark.parametrize(
    ("data", "name", "line", "says"),
    [
        (b"", NAME, 1, "no case"),
        (b"{}\n", NAME, 1, "`prompt`"),
        (b'\n{"prompt": "a"}\n', NAME, 2, "prove nothing"),
        (b'{"prompt": "a", "referenceResponse": 3}', NAME, 1, "is a text"),
        (b'{"prompt": "a", "answer": "b"}', NAME, 1, "Unknown: answer"),
        (b'{"prompt": "a", "referenceResponse": "b", "modelResponses": {}}', NAME, 1, "list of"),
        (b'{"prompt": "a", "referenceResponse": "b", "modelResponses": [3]}', NAME, 1, "list of"),
        (b'{"prompt": "a"', NAME, 1, "not JSON"),
        (b"[" * 100_000, NAME, 1, "not JSON"),
        (b'{"prompt": "a", "referenceResponse": "the"}', NAME, 1, "words"),
        (b'{"prompt": "a", "referenceResponse": "x"}\n\xff', NAME, 2, "UTF-8"),
        (b"question\nx\n", "a.csv", 1, "`prompt` is one"),
        (b"prompt,prompt\nx,y\n", "a.csv", 1, "each once"),
        (b"prompt,colour\nx,y\n", "a.csv", 1, "Unknown: colour"),
        (b"prompt,value\nx,y\n", "a.csv", 2, "no `assertion`"),
        (b"prompt,assertion\nx,is-nice\n", "a.csv", 2, "Unknown assertion"),
        (b"prompt,assertion,threshold\nx,no-pii,high\n", "a.csv", 2, "is a number"),
        (b"prompt,category\nx\n", "a.csv", 2, "another number of fields"),
        (b'prompt\n"x\n', "a.csv", 2, "not CSV"),
    ],
)
def test_what_does_not_hold_is_refused_with_its_line(
    data: bytes, name: str, line: int, says: str
) -> None:
    """A wrong file is refused as a whole, naming the line and what is wrong."""
    with pytest.raises(UsageError) as caught:
        from_bytes(data, name, ImportSettings())
    assert f"{name}:{line}:" in caught.value.what
    assert says in caught.value.why


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large a file, too long a line, too many cases are refused before they are kept."""
    monkeypatch.setattr("affidavit.prompts.imports.MAX_FILE", 100)
    monkeypatch.setattr("affidavit.prompts.imports.MAX_LINE", 60)
    monkeypatch.setattr("affidavit.prompts.imports.MAX_CASES", 2)
    path = tmp_path / NAME
    path.write_bytes(b" " * 101)
    with pytest.raises(UsageError, match="cannot be used"):
        from_file(path)
    how = ImportSettings(assertions=({"type": "no-pii"},))
    with pytest.raises(UsageError):
        from_bytes(json.dumps({"prompt": "a" * 60}).encode(), NAME, how)
    with pytest.raises(UsageError):
        from_bytes(b'{"prompt": "a"}\n' * 3, NAME, how)
    assert len(from_bytes(b'{"prompt": "a"}\n' * 2, NAME, how).cases) == 2
    monkeypatch.setattr("affidavit.prompts.imports.MAX_ASSERTIONS", 1)
    with pytest.raises(UsageError, match="more than 1 assertions"):
        from_bytes(b'{"prompt": "a"}\n' * 2, NAME, how)
    with pytest.raises(UsageError):
        from_file(tmp_path / "missing.jsonl")


@given(st.binary(max_size=200), st.sampled_from([NAME, "a.csv"]))
def test_any_bytes_are_a_suite_or_refused(data: bytes, name: str) -> None:
    """Whatever the file holds, it becomes a suite or is refused in words."""
    how = ImportSettings(assertions=({"type": "no-pii"},))
    try:
        said = f"{len(from_bytes(data, name, how).cases)} cases of {name}"
    except UsageError as error:
        said = error.what
    assert name in said
