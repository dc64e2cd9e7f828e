"""One walk over all evidence records, with the table beside them, run by run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from . import csvcheck, evidence
from .answers import answers_of
from .failure import VerificationError
from .observations import Answer
from .proved import Proved, proved_records
from .rules import Rules, read_rules
from .runs import Run
from .state import State

_WORST_FIRST = ("NON_COMPLIANT", "NOT_APPLICABLE", "COMPLIANT")
_SHOWN = 8


def records(state: State) -> str:
    """Check every evidence record and its row in the table, and what the runs say of them."""
    rules = read_rules(state.archive, state.inside)
    walk = _Walk(state, rules)
    table = csvcheck.TableCheck(state.archive.chunks(csvcheck.NAME))
    for proved in proved_records(state.archive, evidence.NAME, state.checkpoint):
        tally = walk.run_of(proved)
        _one_record(state, proved, tally)
        table.compare(proved.leaf, proved.record)
    table.end()
    walk.end()
    state.observations.check_all_cited()
    versions = "one version" if len(rules) == 1 else f"{len(rules)} versions"
    state.deviations = deviations(rules, state.inside)
    return (
        f"{state.counts.total()} proved, whole, in the table, judged by the rules of "
        f"{versions} of the catalogue; omitted: none"
    )


class _Walk:
    """Finds each record's run; sums up what is missing; remembers the first run that is wrong."""

    def __init__(self, state: State, rules: Mapping[str, Rules]) -> None:
        self._state = state
        self._rules = rules
        self._runs = answers_of(state.archive, state.inside)
        self._tally: evidence.RunTally | None = None
        self._omitted: Counter[tuple[str, str]] = Counter()
        self._wrong: VerificationError | None = None

    def run_of(self, proved: Proved) -> evidence.RunTally:
        while self._tally is None or proved.leaf > self._tally.run.leaf:
            if not self._next():
                raise VerificationError(proved.where, "belongs to no run of the period")
        run = self._tally.run
        if not run.first_leaf <= proved.leaf < run.leaf:
            raise VerificationError(proved.where, "belongs to no run of the period")
        return self._tally

    def end(self) -> None:
        """Close the last run and those without any record; raise what was found."""
        while self._next():
            pass
        _raise_omitted(self._omitted)
        if self._wrong is not None:
            raise self._wrong

    def _next(self) -> bool:
        if self._tally is not None:
            left = self._tally.omitted()
            self._omitted.update(left)
            if self._wrong is None and not left:
                self._wrong = self._tally.difference()
            self._state.digests[self._tally.run.leaf] = self._tally.digest
        following = next(self._runs, None)
        if following is None:
            self._tally = None
            return False
        run, digests = following
        rules = self._rules[run.record["catalogue_digest"]]
        self._tally = evidence.RunTally(run, rules, frozenset(digests))
        return True


def _one_record(state: State, proved: Proved, tally: evidence.RunTally) -> None:
    record, where = proved.record, proved.where
    evidence.check_record(proved, tally.run)
    tally.rules.check_record(record, tally.run, where)
    cited: list[Answer] = []
    for hexadecimal, _ in record["inputs"]:
        key = _digest(hexadecimal, where)
        if key not in tally.answers:
            raise VerificationError(
                where,
                f"cites {hexadecimal[:16]}…, which is not among the answers that run "
                f"{tally.run.sequence} committed to",
            )
        answer = state.observations.cite(key, where)
        if answer is not None:
            _check_answer(record, answer, hexadecimal, where)
            cited.append(answer)
    if record["verdict"] == "COMPLIANT" and cited and all(answer.gap for answer in cited):
        raise VerificationError(where, "is COMPLIANT, but cites nothing but gaps")
    state.synthetic = state.synthetic or record["synthetic"]
    tally.add(proved)
    state.counts[record["verdict"]] += 1
    state.controls.setdefault(record["control_id"], Counter())[record["verdict"]] += 1


def _check_answer(record: Mapping[str, Any], answer: Answer, cited: str, where: str) -> None:
    if answer.synthetic and not record["synthetic"]:
        raise VerificationError(where, "is not marked synthetic, but its observation is")
    if answer.account_id != record["account_id"]:
        raise VerificationError(
            where,
            f"is of the account {record['account_id']}, but cites an answer of "
            f"{answer.account_id} ({cited[:16]}…)",
        )


def _digest(hexadecimal: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(hexadecimal)
    except ValueError as error:
        raise VerificationError(where, f"cites {hexadecimal!r}, no digest") from error
    if key.hex() != hexadecimal:
        raise VerificationError(
            where, f"cites {hexadecimal!r}, which is not how digests are written"
        )
    return key


def deviations(rules: Mapping[str, Rules], inside: Sequence[Run]) -> list[tuple[str, str, str]]:
    """Return (check, parameter, value) of all that any run set otherwise than its catalogue."""
    found = {
        one: None for run in inside for one in rules[run.record["catalogue_digest"]].deviations(run)
    }
    return list(found)


def _raise_omitted(omitted: Counter[tuple[str, str]]) -> None:
    left = [(number, verdict, control) for (control, verdict), number in omitted.items()]
    if not left:
        return
    left.sort(key=lambda item: (_WORST_FIRST.index(item[1]), item[2]))
    shown = "; ".join(f"{n} {verdict} of {control}" for n, verdict, control in left[:_SHOWN])
    more = f"; and {len(left) - _SHOWN} more kinds" if len(left) > _SHOWN else ""
    raise VerificationError(evidence.NAME, f"omitted: {shown}{more}")
