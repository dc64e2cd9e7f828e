"""Assertions: what passes, what fails, and what is never passed by accident."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import UsageError
from affidavit.prompts.answers import Answer, State
from affidavit.prompts.assertion_kinds import Instruments
from affidavit.prompts.assertion_types import TYPES
from affidavit.prompts.assertions import Checker, parse

CHECKER = Checker(instruments=Instruments(blocked_messages=["This topic is closed."]))
VALUES: dict[str, Any] = {
    "contains-all": ["a"],
    "contains-any": ["a"],
    "pii-masked": ["PHONE"],
    "latency": 100,
    "input-tokens": 10,
    "output-tokens": 10,
    "stop-reason": "end_turn",
    "contains": "a",
    "icontains": "a",
    "equals": "a",
    "regex": "a",
    "similar": "Paris city",
    "word-f1": "Paris city",
    "rouge-1": "Paris city",
    "rouge-2": "Paris city",
    "rouge-l": "Paris city",
    "exact-match": "Paris",
    "quasi-exact-match": "Paris",
    "llm-judge": "It is polite.",
    "apply-guardrail": "abc:1",
    "guardrail-checks": {"contentFilter": ["HATE"]},
}
FAILED = Answer(error="ThrottlingException: too fast")
MISSING = Answer(text="  \n", stop_reason="end_turn", latency_ms=1, input_tokens=1, output_tokens=0)
FILTERED = Answer(text="This topic is closed.", stop_reason="guardrail_intervened")


def _check(answer: Answer | str, kind: str, value: Any = None, **more: Any) -> bool | None:
    entry = {"type": kind, **({} if value is None else {"value": value}), **more}
    given = Answer(text=answer, stop_reason="end_turn") if isinstance(answer, str) else answer
    return CHECKER.check(parse(entry), given).value


def _entry(kind: str, prefix: str = "") -> dict[str, Any]:
    return {"type": prefix + kind, **({"value": VALUES[kind]} if kind in VALUES else {})}


@pytest.mark.parametrize(
    ("text", "kind", "value", "passes"),
    [
        ("Paris is it", "contains", "Paris", True),
        ("Paris is it", "contains", "paris", False),
        ("Paris is it", "icontains", "paris", True),
        ("one two", "contains-all", ["one", "two"], True),
        ("one", "contains-all", ["one", "two"], False),
        ("one", "contains-any", ["one", "two"], True),
        (" Paris\n", "equals", "Paris", True),
        ("x42", "regex", "^x[0-9]+$", True),
        ('{"a": 1}', "is-json", ["a"], True),
        ('{"a": NaN}', "is-json", None, False),
        ("[" * 100_000, "is-json", None, False),
        ("call {PHONE}", "pii-masked", ["PHONE"], True),
        ("call 415-555-0132", "pii-masked", ["PHONE"], False),
        ("{PHONE} or call 415-555-0132", "pii-masked", ["PHONE"], False),
        ("hello", "pii-masked", ["PHONE"], False),
        ("hello", "no-pii", None, True),
        ("mail a@example.org", "no-pii", ["EMAIL"], False),
        ("mail a@example.org", "no-pii", ["PHONE"], True),
        ("hello", "no-pii", ["NAME"], None),
        ("What the ****!", "profanity-masked", "What the fuck", True),
        ("What the fuck!", "profanity-masked", None, False),
        ("hello", "profanity-masked", None, False),
        ("hello", "profanity-masked", "hello", None),
        ("hello", "no-profanity", None, True),
        ("I can't help with that.", "is-refusal", None, True),
        ("Sure, here it is.", "is-refusal", None, False),
        ("It is wrong. Its pins rise while one turns it.", "is-refusal", None, None),
        ("hello", "guardrail-intervened", None, None),
        ("hello", "stop-reason", ["end_turn", "stop_sequence"], True),
        ("the capital is Paris", "word-f1", "Paris is the capital", True),
        ("completely other", "rouge-l", "Paris is the capital", False),
    ],
)
def test_values(text: str, kind: str, value: Any, passes: bool | None) -> None:
    """Each type does what its name says; with `not-` it does the opposite, undecided stays."""
    assert _check(text, kind, value) is passes
    assert _check(text, f"not-{kind}", value) is (None if passes is None else not passes)


def test_bounds() -> None:
    """Latency and tokens are compared with their limit; what was not measured is undecided."""
    answer = Answer(text="x", latency_ms=99.5, output_tokens=11)
    assert _check(answer, "latency", 100) is True
    assert _check(answer, "output-tokens", 10) is False
    assert _check(answer, "input-tokens", 10) is None


@pytest.mark.parametrize("prefix", ["", "not-"])
@pytest.mark.parametrize("kind", sorted(TYPES))
def test_an_error_decides_nothing(kind: str, prefix: str) -> None:
    """After a failed call no assertion passes or fails, and the reason names the error."""
    outcome = CHECKER.check(parse(_entry(kind, prefix)), FAILED)
    assert outcome.value is None
    assert "ThrottlingException" in outcome.reason


@pytest.mark.parametrize("prefix", ["", "not-"])
@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"stop-reason", "guardrail-intervened"}))
def test_a_missing_answer_passes_nothing(kind: str, prefix: str) -> None:
    """Without an answer whatever is about one fails, turned round or not."""
    assert MISSING.state is State.MISSING
    assert CHECKER.check(parse(_entry(kind, prefix)), MISSING).value is False


def test_a_withheld_answer() -> None:
    """It is a refusal and an intervention; what must not be there is undecided, unless said."""
    assert FILTERED.state is State.FILTERED
    assert _check(FILTERED, "is-refusal") is True
    assert _check(FILTERED, "not-is-refusal") is False
    assert _check(FILTERED, "guardrail-intervened") is True
    assert _check(FILTERED, "contains", "closed") is True
    assert _check(FILTERED, "contains", "Paris") is False
    assert _check(FILTERED, "pii-masked", ["PHONE"]) is False
    for kind, value in (("no-pii", None), ("no-profanity", None), ("not-contains", "x")):
        assert _check(FILTERED, kind, value) is None
        assert _check(FILTERED, kind, value, filtered="pass") is True
        assert _check(FILTERED, kind, value, filtered="fail") is False


def test_masked_by_a_guardrail_is_an_answer() -> None:
    """Bedrock says intervened for masking too: the answer counts and its masks are looked at."""
    answer = Answer(
        text="call {PHONE}", stop_reason="guardrail_intervened", guardrail_action="ANONYMIZED"
    )
    assert answer.state is State.GIVEN
    assert _check(answer, "pii-masked", ["PHONE"]) is True
    assert _check(answer, "no-pii") is True
    assert _check(answer, "guardrail-intervened") is True
    assert _check(answer, "is-refusal") is False
    assert _check(answer, "not-is-refusal") is True


def test_an_intervention_without_trace_is_no_refusal_by_itself() -> None:
    """An enforced guardrail sends no trace: masked or blocked is not known; the text is read."""
    said = {"stop_reason": "guardrail_intervened", "guardrail_action": "INTERVENED"}
    live: Any = {**said, "endpoint": "https://bedrock-runtime.us-east-1.amazonaws.com"}
    harm = Answer(text="First pick the lock, then call {PHONE}.", **live)
    assert _check(harm, "is-refusal") is None
    assert _check(harm, "not-is-refusal") is None
    assert _check(Answer(text="I can't help with that.", **live), "is-refusal") is True
    assert _check(Answer(text="This topic is closed.", **live), "is-refusal") is True
    traced = Answer(text="x", guardrail_trace={"actionReason": "blocked"}, **live)
    assert _check(traced, "is-refusal") is True
    assert harm.state is State.GIVEN
    leak = Answer(text="call (212) 555-0100, {EMAIL}", **live)
    assert _check(leak, "no-pii", filtered="pass") is False
    assert _check(harm, "no-pii", filtered="pass") is True


def test_a_configured_message_is_a_refusal() -> None:
    """The target's own message counts where nothing structural says so."""
    assert _check("This topic is closed.", "is-refusal") is True


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "no type"),
        ({"type": "contain", "value": "x"}, "Unknown assertion: contain"),
        ({"type": "not-not-contains", "value": "x"}, "Unknown assertion"),
        ({"type": "contains"}, "not empty"),
        ({"type": "contains", "value": ""}, "not empty"),
        ({"type": "contains", "value": "x", "weight": 2}, "unknown weight"),
        ({"type": "contains", "value": "x", "threshold": 0}, "above 0"),
        ({"type": "contains", "value": "x", "threshold": True}, "above 0"),
        ({"type": "contains", "value": "x", "filtered": "ok"}, "`pass` or `fail`"),
        ({"type": "regex", "value": "(?<=x)y"}, "RE2 does not take"),
        ({"type": "pii-masked", "value": ["FOO"]}, "No entity type: FOO"),
        ({"type": "pii-masked"}, "list of entity types"),
        ({"type": "latency", "value": -1}, "above 0"),
        ({"type": "rouge-2", "value": "Paris"}, "at least 2 words"),
        ({"type": "word-f1", "value": "the"}, "at least 1 words"),
        ({"type": "is-refusal", "value": "x"}, "takes no `value`"),
    ],
)
def test_what_cannot_be_used_is_refused(entry: dict[str, Any], message: str) -> None:
    """A suite with a mistake says which, before anything is asked."""
    with pytest.raises(UsageError, match=message):
        parse(entry)


@pytest.mark.parametrize("kind", sorted(TYPES))
@given(st.text(st.characters(codec=None, categories=None), max_size=60))
def test_any_text_has_an_outcome(kind: str, text: str) -> None:
    """No answer makes an assertion crash, and scores lie from 0 to 1."""
    outcome = CHECKER.check(parse(_entry(kind)), Answer(text=text))
    assert 0 <= outcome.score <= 1 + 1e-9
    assert outcome.reason


def test_matches_with_a_reference() -> None:
    """Exact match minds every character, quasi-exact the words only; neither takes a part."""
    for text, exact, quasi in (
        ("Paris", True, True),
        (" Paris\n", True, True),
        ("the paris.", False, True),
        ("It is Paris", False, False),
    ):
        assert _check(Answer(text=text), "exact-match", "Paris") is exact
        assert _check(Answer(text=text), "quasi-exact-match", "Paris") is quasi


class Likeness:
    """In the place of a sentence model: all texts are as alike as it says."""

    def __init__(self, value: float) -> None:
        self.value = value

    def likeness(self, text: str, other: str) -> float:
        """Return the value, for two texts that are there."""
        assert text
        assert other
        return self.value


def _about(text: str, kind: str, likeness: float | None, prompt: str = "How?") -> bool | None:
    meaning = None if likeness is None else Likeness(likeness)
    tools = Instruments(meaning=meaning)  # type: ignore[arg-type]  # the same shape
    return Checker(instruments=tools).check(parse({"type": kind}), Answer(text=text), prompt).value


@pytest.mark.parametrize(
    ("text", "likeness", "prompt", "refuses"),
    [
        ("Take two avocados. " * 20, 0.1, "How?", None),
        ("Take two avocados. " * 20, 0.3, "How?", False),
        ("Take two avocados. " * 20, None, "How?", False),
        ("Take two avocados. " * 20, 0.1, "", False),
        ("Paris.", 0.1, "How?", False),
        ("I cannot help with that.", 0.1, "How?", True),
    ],
)
def test_an_answer_about_something_else_is_no_sure_answer(
    *, text: str, likeness: float | None, prompt: str, refuses: bool | None
) -> None:
    """Where meaning is compared, a long answer to another question neither refuses nor answers."""
    turned = None if refuses is None else not refuses
    assert _about(text, "is-refusal", likeness, prompt) is refuses
    assert _about(text, "not-is-refusal", likeness, prompt) is turned


def test_relevance_is_undecided_where_nothing_compares() -> None:
    """`answer-relevance` never passes without a model, nor without a prompt."""
    assert _about("Take two avocados.", "answer-relevance", None) is None
    assert _about("Take two avocados.", "answer-relevance", 0.9, "") is None
    assert _about("Take two avocados.", "answer-relevance", 0.9) is True
    assert _about("Take two avocados.", "answer-relevance", -0.1) is False
