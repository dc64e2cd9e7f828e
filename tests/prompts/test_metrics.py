"""Metrics of runs: known figures come out as published, and what is unknown stays unknown."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.prompts.answers import Answer
from affidavit.prompts.assertion_kinds import Instruments
from affidavit.prompts.journal import Journal
from affidavit.prompts.metrics import in_words, measures, metrics
from affidavit.prompts.metrics.accuracy import classification, robustness
from affidavit.prompts.metrics.analysis import by_model, drift, worst_cases
from affidavit.prompts.metrics.fairness import parity
from affidavit.prompts.metrics.intervals import difference, wilson
from affidavit.prompts.metrics.measures import measures_sentiment, predicted
from affidavit.prompts.runner import Runner, RunSettings
from affidavit.prompts.suite import Case, from_yaml, load
from affidavit.prompts.target import Request


def _result(**members: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "case": "1#1",
        "family": "general",
        "metadata": {},
        "request": {"prompt": "p"},
        "answer": {"text": "a", "latencyMs": 10.0},
        "outcomes": [],
        "measures": {},
        "favour": "",
        "verdict": "passed",
    }
    return base | members


def test_newcombes_interval() -> None:
    """The interval of a difference is that of Newcombe's paper (56/70 and 48/80, method 10)."""
    found = difference((56, 70), (48, 80))
    assert found["difference"] == pytest.approx(0.2)
    assert found["interval"] == pytest.approx([0.0524, 0.3339], abs=1e-4)
    assert difference((0, 0), (1, 2)) == {"difference": None, "interval": [-1.0, 1.0]}


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_intervals_hold_their_rates(x: int, n: int, y: int, m: int) -> None:
    """Every interval holds its estimate and lies within what is possible."""
    x, y = min(x, n), min(y, m)
    low, high = wilson(x, n)
    assert 0 <= low <= x / n + 1e-12
    assert x / n - 1e-12 <= high <= 1
    found = difference((x, n), (y, m))
    low, high = found["interval"]
    assert -1 <= low <= found["difference"] + 1e-12
    assert found["difference"] - 1e-12 <= high <= 1


def test_classification() -> None:
    """Balanced accuracy is the mean of the recalls, so a frequent label hides nothing."""
    cases = [("spam", "spam")] * 2 + [("ham", "ham")] * 6 + [("ham", "spam")] * 2 + [("spam", "")]
    found = classification(
        [_result(label=true, measures={"predicted": said}) for true, said in cases]
    )
    assert found["accuracy"]["rate"] == pytest.approx(8 / 11)
    assert found["balancedAccuracy"] == pytest.approx((6 / 8 + 2 / 3) / 2)
    assert found["confusion"] == {"ham": {"ham": 6, "spam": 2}, "spam": {"": 1, "spam": 2}}
    assert found["labels"]["spam"]["precision"] == pytest.approx(0.5)
    unanswered = classification([_result(label="spam", verdict="undecided")])
    assert unanswered["accuracy"]["rate"] == 0
    assert predicted("It is Spam, surely.", ["spam", "ham"]) == "spam"
    assert predicted("spam or ham", ["spam", "ham"]) == ""
    assert predicted("hamster", ["spam", "ham"]) == ""


def test_robustness_is_the_cost_of_a_perturbation() -> None:
    """The delta is the perturbed prompts' pass rate less that of the plain ones."""
    results = [
        *[_result(family="plain")] * 9,
        _result(family="plain", verdict="failed"),
        *[_result(family="typos")] * 5,
        *[_result(family="typos", verdict="undecided")] * 5,
    ]
    found = robustness(results)
    assert found["perturbed"]["typos"]["delta"]["difference"] == pytest.approx(-0.4)
    assert robustness([_result(family="plain")]) == {}


def _group(group: str, favour: str, *, refused: bool = False, text: str = "Yes") -> dict[str, Any]:
    return _result(
        metadata={"attribute": "age", "group": group, "pair": "1.1"},
        favour=favour,
        measures={"words": 10 if group == "old" else 5, "refused": refused, "profane": 0},
        answer={"text": text},
    )


def test_parity_compares_groups() -> None:
    """Rates by group, the four-fifths rule on the worst-off, length, and how alike pairs are."""
    results = [
        *[_group("young", "yes")] * 10,
        *[_group("old", "yes", text="Yes old one")] * 7,
        *[_group("old", "no", refused=True, text="No")] * 3,
    ]
    found = parity(results)["age"]
    assert found["favourable"]["ratio"] == pytest.approx(0.7)
    assert found["favourable"]["belowFourFifths"] is True
    assert (found["favourable"]["lowest"], found["favourable"]["highest"]) == ("old", "young")
    assert found["favourable"]["difference"] == pytest.approx(0.3)
    low, high = found["favourable"]["interval"]
    assert low < 0.3 < high
    assert found["refused"]["ratio"] == pytest.approx(0.7)
    assert found["profane"]["ratio"] == 1.0
    assert found["length"]["ratio"] == 0.5
    assert 0 < found["pairs"]["meanRougeL"] < 1
    assert "negative" not in found or measures_sentiment()


def test_a_group_without_answers_is_never_equal() -> None:
    """Where one group was not answered, nothing is compared: no ratio, no verdict of the rule."""
    found = parity([_group("young", "yes"), _group("old", "")])["age"]["favourable"]
    assert (found["ratio"], found["belowFourFifths"]) == (None, None)
    nobody = parity([_group("young", "no"), _group("old", "no")])["age"]["favourable"]
    assert nobody["ratio"] is None


def test_drift_and_models() -> None:
    """What broke, what was mended, and the newest run of each model."""
    before = {
        "run": {"runId": "r1", "finishedAt": "t", "suiteDigest": "d1"},
        "cases": [_result(case="a", verdict="passed"), _result(case="b", verdict="failed")],
    }
    now = [_result(case="a", verdict="undecided"), _result(case="b"), _result(case="c")]
    found = drift(before, now, "d2")
    assert (found["broken"], found["mended"], found["compared"]) == (["a"], ["b"], 2)
    assert found["suiteChanged"] is True
    assert drift(None, now, "d2") == {}
    run = {"guardrailId": "", "guardrailVersion": "", "suiteDigest": "d", "finishedAt": "t"}
    rows = by_model(
        [
            {"run": {**run, "modelId": "m", "runId": "2"}, "cases": [_result(verdict="failed")]},
            {"run": {**run, "modelId": "m", "runId": "1"}, "cases": [_result()]},
            {"run": {**run, "modelId": "n", "runId": "3"}, "cases": [_result()]},
        ]
    )
    assert [(row["modelId"], row["runId"]) for row in rows] == [("n", "3"), ("m", "2")]


def test_worst_cases_come_first() -> None:
    """A case that fails in every repetition stands before one that fails once."""
    bad = {"assertion": "no-pii", "value": False, "score": 0.0, "reason": "Found: PHONE."}
    results = [
        _result(case="once#1", verdict="failed", outcomes=[bad]),
        _result(case="once#2"),
        _result(case="always#1", verdict="failed", outcomes=[bad]),
        _result(case="always#2", verdict="failed", outcomes=[bad]),
    ]
    worst = worst_cases(results)
    assert [(w["case"], w["failed"], w["of"]) for w in worst] == [("always", 2, 2), ("once", 1, 2)]
    assert worst[0]["reasons"] == ["no-pii: Found: PHONE."]


def test_measures_hold_nothing_of_the_text() -> None:
    """Only numbers are kept of an answer, and of no answer nothing."""
    case = Case(id="1", prompt="p", assertions=(), metadata={"reference": "Paris", "label": "yes"})
    tools = Instruments()
    found = measures(case, Answer(text="Paris, call 212-555-0100, yes"), tools, {"yes", "no"})
    assert found["predicted"] == "yes"
    assert (found["exact"], found["refused"], found["words"]) == (False, False, 4)
    assert "212" not in json.dumps(found)
    assert measures(case, Answer(error="x"), tools, ()) == {}
    assert measures(case, Answer(text=""), tools, ()) == {}


class Favours:
    """Approves of some, declines others; the same each time."""

    id = "test:favours"

    def ask(self, request: Request) -> Answer:
        """Answer by who asks."""
        return Answer(text="Decline" if "67-year-old" in request.prompt else "Approve")


def test_the_shipped_pairs_are_compared(tmp_path: Path) -> None:
    """In the shipped parity suite each attribute is compared, pairs of the same question too."""
    suite = load("fairness-pairs")
    with Journal(tmp_path, {"x": "y"}, "run") as journal:
        how = RunSettings(requests_per_second=100_000)
        done = Runner(suite=suite, target=Favours(), settings=how, journal=journal).run()
    made = metrics(done, None, suite.digest)
    assert made["parity"]["age"]["favourable"]["belowFourFifths"] is True
    assert made["parity"]["gender"]["favourable"]["ratio"] == 1.0
    assert made["parity"]["gender"]["pairs"]["pairs"] == 9
    assert made["parity"]["age"]["pairs"]["meanRougeL"] < 1
    assert "below four fifths" in in_words(done, made)["parity, age"]
    json.dumps(made, allow_nan=False)


def test_labels_come_from_the_suite(tmp_path: Path) -> None:
    """A suite with labels is a classification: the answer is compared with all its labels."""
    suite = from_yaml(
        b"""
prompts: ['Is it spam or ham: {{text}}']
tests:
  - {vars: {text: win now}, metadata: {label: spam}, assert: [{type: icontains, value: spam}]}
  - {vars: {text: hello}, metadata: {label: ham}, assert: [{type: icontains, value: ham}]}
""",
        "labels.yaml",
    )

    class Always:
        """Says the same."""

        id = "test:always"

        def ask(self, request: Request) -> Answer:
            """Return the one answer."""
            return Answer(text=f"Spam. ({len(request.prompt)})")

    with Journal(tmp_path, {"x": "y"}, "run") as journal:
        how = RunSettings(requests_per_second=100_000)
        done = Runner(suite=suite, target=Always(), settings=how, journal=journal).run()
    made = metrics(done, None, suite.digest)["classification"]
    assert made["confusion"] == {"ham": {"spam": 1}, "spam": {"spam": 1}}
    assert made["balancedAccuracy"] == 0.5
