"""One walk over all evidence records, with the table beside them, run by run."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from . import csvcheck, evidence
from .answers import answers_of
from .failure import VerificationError
from .observations import Answer
from .proved import Proved, proved_records
from .rules import Rules, read_rules
from .runs import Run
from .state import MANIFEST, State

_WORST_FIRST = ("NON_COMPLIANT", "NOT_APPLICABLE", "COMPLIANT")
_SHOWN = 8


def records(state: State) -> str:
    """Check every evidence record and its row in the table, and what the runs say of them."""
    rules = read_rules(state.archive, state.inside)
    walk = _Walk(state, rules)
    table = csvcheck.TableCheck(state.archive.chunks(csvcheck.NAME))
    leaves, last = sha256(), state.last.leaf
    for proved in proved_records(state.archive, evidence.NAME, state.checkpoint):
        leaves.update(b"%d\n" % proved.leaf)
        tally = walk.run_of(proved)
        _one_record(state, proved, tally)
        if tally.run.leaf == last:
            of_source = state.sources.setdefault(proved.record["source_id"], Counter())
            of_source[proved.record["verdict"]] += 1
        table.compare(proved.leaf, proved.record)
    table.end()
    walk.end()
    state.observations.check_all_cited()
    versions = "one version" if len(rules) == 1 else f"{len(rules)} versions"
    state.deviations = deviations(rules, state.inside)
    if state.chosen:
        return _chosen(state, leaves.hexdigest(), versions)
    return (
        f"{state.counts.total()} proved, whole, in the table, judged by the rules of "
        f"{versions} of the catalogue; omitted: none"
    )


def _chosen(state: State, digest: str, versions: str) -> str:
    """Check that the records are those that the ledger says were chosen; say what is left out."""
    choice, held = state.predicate["choice"], state.counts.total()
    record, said = state.chosen_at, {k: v for k, v in choice.items() if k != "leaf"}
    if record.get("kind") != "change" or record.get("assessment_id") != state.scope.assessment:
        raise VerificationError(
            MANIFEST, f"names leaf {choice['leaf']}, where the ledger says nothing of a choice"
        )
    try:
        logged = json.loads(record["details"])["choice"]
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(
            f"leaf {choice['leaf']}", "does not say what was chosen for a report"
        ) from error
    if logged != said:
        raise VerificationError(MANIFEST, f"says that {said} was chosen; the ledger: {logged}")
    if (held, digest) != (choice["records"], choice["digest"]):
        raise VerificationError(
            evidence.NAME,
            f"holds {held} records that are not the {choice['records']} which were chosen",
        )
    left = sum(state.left_out.values())
    return (
        f"{held} proved, whole, in the table, judged by the rules of {versions} of the catalogue; "
        f"exactly those chosen (leaf {choice['leaf']}); left out: {left}"
    )


class _Walk:
    """Finds each record's run; sums up what is missing; remembers the first run that is wrong."""

    def __init__(self, state: State, rules: Mapping[str, Rules]) -> None:
        self._state = state
        self._rules = rules
        self._runs = answers_of(state.archive, state.kept)
        self._tally: evidence.RunTally | None = None
        self._omitted: Counter[tuple[str, str]] = Counter()
        self._wrong: VerificationError | None = None

    def run_of(self, proved: Proved) -> evidence.RunTally:
        while self._tally is None or proved.leaf > self._tally.run.leaf:
            if not self._next():
                raise self._strange(proved)
        run = self._tally.run
        if not run.first_leaf <= proved.leaf < run.leaf:
            raise self._strange(proved)
        return self._tally

    def _strange(self, proved: Proved) -> VerificationError:
        """Return what is wrong with a record that is of no run whose evidence is here."""
        for run in self._state.inside:
            gone = self._state.deleted.get(run.leaf)
            if gone is not None and run.first_leaf <= proved.leaf < run.leaf:
                what = f"was deleted, says leaf {gone.leaf} of the ledger, and is here all the same"
                return VerificationError(proved.where, what)
        return VerificationError(proved.where, "belongs to no run of the period")

    def end(self) -> None:
        """Close the last run and those without any record; raise what was found."""
        while self._next():
            pass
        _raise_omitted(self._omitted)
        if self._wrong is not None:
            raise self._wrong

    def _next(self) -> bool:
        if self._tally is not None:
            self._close(self._tally)
        following = next(self._runs, None)
        if following is None:
            self._tally = None
            return False
        run, digests = following
        rules = self._rules[run.record["catalogue_digest"]]
        self._tally = evidence.RunTally(run, rules, frozenset(digests))
        return True

    def _close(self, tally: evidence.RunTally) -> None:
        """Note what a run counts beyond the records seen, and what it says of them wrongly."""
        tally.check_ids()
        self._check_seen(tally)
        left = tally.omitted()
        if not left:
            self._wrong = self._wrong or tally.difference()
            self._state.digests[tally.run.leaf] = tally.digest
        elif self._state.chosen:
            self._wrong = self._wrong or tally.difference_of_chosen()
            self._state.left_out.update(left)
        else:
            self._omitted.update(left)

    def _check_seen(self, tally: evidence.RunTally) -> None:
        """Look up what a run left out because an earlier one holds it."""
        found, held = self._state.observations, {run.sequence for run in self._state.kept}
        for digest in tally.answers:
            listed = found.lists.get(digest)
            if listed is not None:
                account, run = found.answers[digest].account_id, tally.run
                self._state.seen.check((run.sequence, run.where), account, listed, held)


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
    state.seen.add(tally.run.sequence, record)
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
