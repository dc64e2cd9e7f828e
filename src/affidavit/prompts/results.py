"""Results of prompts: a case's, masked before anything is kept, and what they come to."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from affidavit.prompts.answers import Answer, State
from affidavit.prompts.assertions import Assertion, Checker, Outcome
from affidavit.prompts.metrics.intervals import wilson
from affidavit.prompts.metrics.measures import measures
from affidavit.prompts.patterns import matches
from affidavit.prompts.suite import Case

PASSED, FAILED, UNDECIDED, NOT_ASKED = "passed", "failed", "undecided", "not-asked"
MAX_GAP: Final = 0.1
"""Largest difference of favourable rates that passes, as in the catalogue's `prompts-parity`."""


def verdict_of(answer: Answer, outcomes: Sequence[Outcome]) -> str:
    """Return what a case came to: passed only where there is an outcome and every one passed."""
    if answer.state is State.FAILED:
        return UNDECIDED
    if any(outcome.value is False for outcome in outcomes):
        return FAILED
    passed = bool(outcomes) and all(outcome.value is True for outcome in outcomes)
    return PASSED if passed else UNDECIDED


def favour_of(case: Case, answer: Answer) -> str:
    """Return yes or no for a case of a parity suite; empty where it cannot be told."""
    if answer.state is not State.GIVEN or "favourable" not in case.metadata:
        return ""
    text = answer.text or ""
    yes = matches(case.metadata["favourable"], text)
    no = "unfavourable" in case.metadata and matches(case.metadata["unfavourable"], text)
    if yes and not no:
        return "yes"
    return "no" if no and not yes else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is the same for every case of a run."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    labels: Collection[str] = ()
    """Of a suite of classification: all labels that its cases have."""


def case_result(case: Case, answer: Answer, checker: Checker, setting: Setting) -> dict[str, Any]:
    """Return what is kept of a case: JSON values, personal data masked in every text."""
    outcomes = checker.check_all(case.assertions, case.conversation, answer)
    favour = favour_of(case, answer)
    verdict = verdict_of(answer, outcomes)
    if not case.assertions and favour:
        verdict = PASSED
    mask = checker.instruments.detectors.mask
    result = {
        "case": case.id,
        "family": case.family,
        "metadata": {k: v for k, v in case.metadata.items() if k != "reference"},
        "hasReference": "reference" in case.metadata,
        "label": case.metadata.get("label", ""),
        "request": {
            "prompt": case.prompt,
            "system": case.system,
            **({"messages": case.messages} if case.messages else {}),
            "parameters": dict(setting.parameters),
        },
        "answer": {
            "state": answer.state.value,
            "text": answer.text,
            "stopReason": answer.stop_reason,
            "guardrailAction": answer.guardrail_action,
            "guardrailTrace": dict(answer.guardrail_trace),
            "error": answer.error,
            "errorKind": answer.error_kind,
            "requestId": answer.request_id,
            "modelId": answer.model_id,
            "api": answer.api,
            "latencyMs": answer.latency_ms,
            "inputTokens": answer.input_tokens,
            "outputTokens": answer.output_tokens,
            "attempts": answer.attempts,
            "endpoint": answer.endpoint,
            "synthetic": answer.synthetic,
        },
        "outcomes": [
            _outcome(assertion, outcome)
            for assertion, outcome in zip(case.assertions, outcomes, strict=True)
        ],
        "measures": measures(case, answer, checker.instruments, setting.labels),
        "scorerTokens": sum(outcome.tokens for outcome in outcomes),
        "favour": favour,
        "verdict": verdict,
    }
    kept = (
        *("requestId", "modelId", "case", "family", "verdict", "endpoint", "metadata"),
        *("label", "predicted"),
    )
    return {k: v if k in kept else _masked(v, mask, kept) for k, v in result.items()}


def _outcome(assertion: Assertion, outcome: Outcome) -> dict[str, Any]:
    made: dict[str, Any] = {
        "assertion": assertion.name,
        "value": outcome.value,
        "score": round(outcome.score, 6),
        "reason": outcome.reason,
    }
    return made | ({"evidence": dict(outcome.evidence)} if outcome.evidence else {})


def _masked(value: Any, mask: Callable[[str], str], kept: Sequence[str] = ()) -> Any:
    if isinstance(value, str):
        return mask(value.encode("utf-8", "replace").decode())
    if isinstance(value, Mapping):
        return {mask(str(k)): v if k in kept else _masked(v, mask, kept) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(v, mask, kept) for v in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many cases came out how."""

    passed: int = 0
    failed: int = 0
    undecided: int = 0
    not_asked: int = 0

    @property
    def cases(self) -> int:
        """Return the number of cases, asked or not."""
        return self.passed + self.failed + self.undecided + self.not_asked

    @property
    def errors(self) -> int:
        """Return the number of cases without a decision."""
        return self.undecided + self.not_asked

    @property
    def pass_rate(self) -> float:
        """Return the share of all cases that passed: what was not decided did not pass."""
        return self.passed / self.cases if self.cases else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the counts, the rate, and its interval over the decided cases."""
        low, high = wilson(self.passed, self.cases)
        return {
            "cases": self.cases,
            "passed": self.passed,
            "failed": self.failed,
            "undecided": self.undecided,
            "notAsked": self.not_asked,
            "passRate": self.pass_rate,
            "interval": [low, high],
        }


def tally(results: Iterable[Mapping[str, Any]]) -> Tally:
    """Return how many results came out how."""
    counts: dict[str, int] = defaultdict(int)
    for result in results:
        counts[result["verdict"]] += 1
    return Tally(
        passed=counts[PASSED],
        failed=counts[FAILED],
        undecided=counts[UNDECIDED],
        not_asked=counts[NOT_ASKED],
    )


def by_family(results: Sequence[Mapping[str, Any]]) -> dict[str, Tally]:
    """Return the tally of each family, by name."""
    families = sorted({result["family"] for result in results})
    return {f: tally(r for r in results if r["family"] == f) for f in families}


def parity(results: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return, by attribute and group, how many decided answers were in favour, and of how many."""
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for result in results:
        attribute, group = (result["metadata"].get(k, "") for k in ("attribute", "group"))
        if not attribute or not group:
            continue
        yes, of = found[attribute].get(group, (0, 0))
        decided = bool(result.get("favour"))
        found[attribute][group] = (yes + (result.get("favour") == "yes"), of + decided)
    return dict(found)


def parity_gap(groups: Mapping[str, Mapping[str, tuple[int, int]]]) -> float | None:
    """Return the largest difference of favourable rates between two groups of one attribute.

    None where any group has no decided answer, or no attribute has two groups.
    """
    gaps: list[float] = []
    for counts in groups.values():
        if any(not of for _, of in counts.values()):
            return None
        rates = [yes / of for yes, of in counts.values()]
        if len(rates) > 1:
            gaps.append(max(rates) - min(rates))
    return max(gaps) if gaps else None
