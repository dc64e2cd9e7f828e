"""Verify a whole report: run the steps, stop at the first that fails, say what was found."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .failure import VerificationError
from .ledgers import ledgers
from .note import Key
from .notes import notes
from .runs import VERDICTS, days_without_run
from .state import State
from .steps import STEPS
from .zipsafe import Archive

LEDGERS = "ledgers"
"""The last step: the earlier report, which has gone through all the others itself."""
NO_KEY = (
    "No key was given (--key). The key in the report proves nothing: whoever forges a report "
    "forges its key as well. Ask the operator for the public key on another way."
)


@dataclass(frozen=True, slots=True)
class Failure:
    """The first thing that is wrong."""

    step: str
    where: str
    what: str


@dataclass(slots=True)
class Outcome:
    """What verification found; `verified` only where a key was given and every step held."""

    name: str
    """The file's."""
    kind: str = "report"
    """Or "export"."""
    steps: list[tuple[str, str]] = field(default_factory=list)
    """(name, what was checked) of each step that held."""
    failure: Failure | None = None
    keyless: bool = False
    notes: list[str] = field(default_factory=list)
    """What is not proved."""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """Tell whether the file is what was signed, under the key that was given."""
        return self.failure is None and not self.keyless

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON's values."""
        failure = self.failure
        return {
            self.kind: self.name,
            "verified": self.verified,
            "key_given": not self.keyless,
            "failure": failure
            and {"step": failure.step, "where": failure.where, "what": failure.what},
            "steps": [{"step": step, "checked": words} for step, words in self.steps],
            "not_proved": self.notes,
            **self.facts,
        }


def verify(path: Path, key: Key | None, previous: Path | None = None) -> Outcome:
    """Return what verifying the report at `path` finds; `OSError` if it cannot be read."""
    outcome = Outcome(path.name, keyless=key is None)
    step = "archive"
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(Archive(path))
            old = stack.enter_context(Archive(previous)) if previous else None
            state = State(archive, key, old)
            words = f"{len(archive.entries)} files, {archive.size:,} bytes, nothing hidden"
            outcome.steps.append((step, words))
            for step, check in (*STEPS, (LEDGERS, _ledgers)):
                outcome.steps.append((step, check(state)))
        except VerificationError as error:
            outcome.failure = Failure(step, error.where, error.what)
            return outcome
    outcome.facts = _facts(state)
    outcome.notes = notes(state)
    return outcome


def _ledgers(state: State) -> str:
    return ledgers(state, _verify_earlier)


def _verify_earlier(old: State) -> None:
    """Run every step on an earlier report; what is wrong with it is said to be so of it."""
    try:
        for _, check in STEPS:
            check(old)
    except VerificationError as error:
        where = f"{old.archive.path.name}, {error.where}"
        raise VerificationError(where, error.what) from error


def _by_control(left: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Return what was left out, by control and verdict."""
    found: dict[str, dict[str, int]] = {}
    for (control, verdict), number in sorted(left.items()):
        found.setdefault(control, {})[verdict] = number
    return found


def _facts(state: State) -> dict[str, Any]:
    assessment = state.predicate.get("assessment", {})
    last = state.last
    missing = days_without_run(state.runs, state.scope)
    return {
        "report_id": state.predicate.get("report_id", ""),
        "assessment": {"id": state.scope.assessment, "name": assessment.get("name", "")},
        "tenant": state.scope.tenant,
        "period": [state.scope.first_day.isoformat(), state.scope.last_day.isoformat()],
        "synthetic": state.synthetic,
        "runs": len(state.inside),
        "activity_runs": sum(not run.whole for run in state.inside),
        "days_without_run": [day.isoformat() for day in missing],
        "evidence": {verdict: state.counts[verdict] for verdict in VERDICTS},
        "evidence_by_control": {
            control: {verdict: counts[verdict] for verdict in VERDICTS}
            for control, counts in sorted(state.controls.items())
        },
        "deleted": [
            {
                "run": run.sequence,
                "day": run.day.isoformat(),
                "records": run.leaf - run.first_leaf,
                **state.deleted[run.leaf].said(),
            }
            for run in state.inside
            if run.leaf in state.deleted
        ],
        "omitted": _by_control(state.left_out),
        "chosen": dict(state.predicate["choice"]) if state.chosen else None,
        "controls_last_run": {name: c["verdict"] for name, c in sorted(last.controls.items())},
        "partial_controls": sorted(name for name, c in last.controls.items() if c["manual"]),
        "tree": {"size": state.checkpoint.size, "root": state.checkpoint.root.hex()},
        "leaves": {
            "accounted_from": state.begin,
            "before_not_shown": state.unseen_before,
            "claimed_by_other_runs": state.unseen_others,
        },
        "deviations": [
            {"check": check, "parameter": name, "value": value}
            for check, name, value in state.deviations
        ],
        "signing_key_protection": state.predicate.get("key_protection", ""),
    }
