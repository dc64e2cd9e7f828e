"""Assertions: what an answer must be, in the form that promptfoo's users know.

`{type, value, threshold}`; `not-` before the type turns it round. Each returns a value, a score and
a reason. What is no answer passes nothing by accident:

- after an error nothing is decided;
- a missing answer fails whatever looks at text, turned round or not;
- of a withheld answer the message in its place is looked at for what must be *there*; what must
  *not* be there is undecided, because nothing was there to look at, unless the assertion says
  `filtered: pass` or `filtered: fail`.

A regular expression is RE2's, so no suite can hang a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from affidavit.errors import UsageError
from affidavit.prompts.answers import Answer, State
from affidavit.prompts.assertion_kinds import Asked, Instruments, Kind, Score
from affidavit.prompts.assertion_types import TYPES

_FIELDS: Final = frozenset({"type", "value", "threshold", "filtered"})
_FILTERED: Final = frozenset({"", "pass", "fail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One thing that an answer must be; made by `parse`."""

    type: str
    """A name of `TYPES`, without `not-`."""
    negated: bool = False
    value: Any = None
    threshold: float | None = None
    filtered: str = ""
    """What a withheld answer means where something must not be there: `pass`, `fail`, neither."""

    @property
    def name(self) -> str:
        """Return the type as it was written."""
        return f"not-{self.type}" if self.negated else self.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one assertion."""

    value: bool | None
    """Passed, failed, or None: it could not be decided, and counts as not passed."""
    score: float
    """0 to 1; 1 is best also where the assertion is turned round."""
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What an online scorer sent, and what came back."""
    tokens: int = 0
    """What that cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Decides assertions with one set of instruments."""

    instruments: Instruments = field(default_factory=Instruments)

    def check_all(
        self, assertions: Sequence[Assertion], prompt: str, answer: Answer
    ) -> list[Outcome]:
        """Return an outcome for each; who is asked online is asked where nothing else failed."""
        outcomes = {
            place: self.check(assertion, answer, prompt)
            for place, assertion in enumerate(assertions)
            if TYPES[assertion.type].online is None
        }
        for place, assertion in enumerate(assertions):
            if place in outcomes:
                continue
            if any(outcome.value is False for outcome in outcomes.values()):
                reason = "Not asked: another assertion failed already."
                outcomes[place] = Outcome(value=None, score=0.0, reason=reason)
            else:
                outcomes[place] = self.check(assertion, answer, prompt)
        return [outcomes[place] for place in range(len(assertions))]

    def check(self, assertion: Assertion, answer: Answer, prompt: str = "") -> Outcome:
        """Return what becomes of an assertion for an answer; never raises for any text."""
        kind = TYPES[assertion.type]
        state = answer.state
        if state is State.FAILED:
            return Outcome(value=None, score=0.0, reason=f"The call failed: {answer.error}")
        if state is State.MISSING and kind.reads_text:
            return Outcome(value=False, score=0.0, reason="There is no answer.")
        if state is State.FILTERED and kind.reads_text and _wants_absence(assertion, kind):
            return _withheld(assertion)
        if kind.online is None or self.instruments.online is None:
            score = kind.score(assertion, answer, self.instruments)
            if kind.weigh is not None:
                score = kind.weigh(score, prompt, answer, self.instruments)
        elif state is State.FILTERED:
            return _withheld(assertion)
        else:
            score = _score(kind.online(assertion, prompt, answer, self.instruments.online))
        return _outcome(assertion, kind, score)


def _score(asked: Asked) -> Score:
    return Score(
        value=asked.score, reason=asked.reason, evidence=asked.evidence, tokens=asked.tokens
    )


def _wants_absence(assertion: Assertion, kind: Kind) -> bool:
    """Return whether the assertion passes because something is not in the text."""
    return kind.is_absence != assertion.negated and not kind.sees_withheld


def _withheld(assertion: Assertion) -> Outcome:
    """Return what a withheld answer means for something that must not be there."""
    reason = "The answer was withheld: there was nothing to look at."
    if assertion.filtered:
        passed = assertion.filtered == "pass"
        return Outcome(value=passed, score=float(passed), reason=reason)
    return Outcome(value=None, score=0.0, reason=reason)


def _outcome(assertion: Assertion, kind: Kind, score: Score) -> Outcome:
    if score.value is None:
        return Outcome(
            value=None,
            score=0.0,
            reason=score.reason,
            evidence=score.evidence,
            tokens=score.tokens,
        )
    limit = kind.threshold if assertion.threshold is None else assertion.threshold
    passed = score.value >= limit
    return Outcome(
        value=passed != assertion.negated,
        score=1.0 - score.value if assertion.negated else score.value,
        reason=score.reason,
        evidence=score.evidence,
        tokens=score.tokens,
    )


def parse(entry: Mapping[str, Any]) -> Assertion:
    """Return the assertion that a suite's entry describes.

    Raises `UsageError`, which names the entry's type, for an unknown type or field, a value of the
    wrong kind, a threshold that nothing or everything reaches, and a pattern
    that RE2 does not take.
    """
    name = entry.get("type")
    if not isinstance(name, str):
        _refuse("An assertion has no type", "Each has `type`, and most a `value`.")
    bare = name.removeprefix("not-")
    kind = TYPES.get(bare)
    if kind is None:
        _refuse(f"Unknown assertion: {name}", f"Known are {', '.join(sorted(TYPES))}, and `not-`.")
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        _refuse(f"{name}: unknown {', '.join(unknown)}", f"Known are {', '.join(sorted(_FIELDS))}.")
    value, threshold = entry.get("value"), entry.get("threshold")
    problem = kind.problem(value) or _threshold_problem(threshold)
    filtered = entry.get("filtered", "")
    if not problem and filtered not in _FILTERED:
        problem = "`filtered` is `pass` or `fail`."
    if problem:
        _refuse(f"The assertion {name} cannot be used", problem)
    return Assertion(
        type=bare,
        negated=bare != name,
        value=value,
        threshold=threshold,
        filtered=filtered,
    )


def _threshold_problem(threshold: object) -> str:
    if threshold is None:
        return ""
    number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    reachable = number and 0 < float(str(threshold)) <= 1
    return "" if reachable else "`threshold` is a number above 0, up to 1."


def _refuse(what: str, why: str) -> NoReturn:
    raise UsageError(what, why=why, todo="Correct the suite.")
