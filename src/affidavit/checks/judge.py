"""Verdicts: a check over the records of one place. Uncertain is never COMPLIANT.

For each record, in this order: a gap in anything that the check reads, a member of the wrong kind,
`inconclusive`, `applies`, `compliant`. Whatever cannot be evaluated leaves the record undecided. A
set that may be incomplete gives an undecided judgement of its own besides those of its records: a
record that is known to fail is not hidden by another that could not be seen.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from affidavit.checks.members import Names, malformed, names_read, seen, short
from affidavit.checks.places import Place, Record, RecordSet
from affidavit.checks.rules import (
    EVALUATION_ERRORS,
    Evaluator,
    Evaluators,
    Rules,
    RuleStoppedError,
)
from affidavit.model.catalogue import Catalogue, Check, ResourceSet
from affidavit.model.evidence import Input
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Unit
from affidavit.model.verdict import Standing, Verdict

ACCOUNT_SET = "account"
METRIC_OPERATION = "GetMetricData"
"""Operation behind r.metric and acct.metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a check says of one record, or of a place where there is none."""

    check_id: str
    verdict: Verdict
    standing: Standing
    reason: str
    gap: Gap | None = None
    arn: str = ""
    """Empty where the judgement is about the account or a set."""
    resource_type: str = ""
    region: str = ""
    inputs: tuple[Input, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False


def judged_here(catalogue: Catalogue, check: Check, place: Place) -> bool:
    """Tell whether a check is run in this place.

    What exists once per account is judged in GLOBAL_REGION, all else in real Regions. A check over
    the account belongs to GLOBAL_REGION when all its operations are asked once per account.
    """
    if check.resource_set == ACCOUNT_SET:
        per_account = all(catalogue.operations[key].per_account for key in check.operations)
    else:
        per_account = catalogue.resource_sets[check.resource_set].per_account
    return per_account == (place.region == GLOBAL_REGION)


def judge(
    catalogue: Catalogue,
    place: Place,
    check_id: str,
    params: Mapping[str, Any],
    now: datetime,
    evaluators: Evaluators = Rules,
) -> Iterator[Judgement]:
    """Yield the judgements of a check in a place, at least one; none where it is not run there.

    `params` are the effective parameters (`rules.effective_parameters`).
    """
    check = catalogue.checks[check_id]
    if judged_here(catalogue, check, place):
        seen = place.seen_by(check, params)
        rules = partial(evaluators, params=params, now=now)
        yield from _Judge(catalogue, seen, check, params, rules).run()


class _Judge:
    """One check in one place."""

    def __init__(
        self,
        catalogue: Catalogue,
        place: Place,
        check: Check,
        params: Mapping[str, Any],
        rules: Callable[[Mapping[str, Any]], Evaluator],
    ) -> None:
        self.place = place
        self.check = check
        self.params = params
        self.resource_set: ResourceSet = catalogue.resource_sets[check.resource_set]
        self.names: Names = names_read(check)
        self.acct = self._acct()
        self.rules = rules(self.acct)
        self.account_inputs = self._account_inputs()

    def run(self) -> Iterator[Judgement]:
        """Yield the judgements."""
        if self.check.resource_set == ACCOUNT_SET:
            yield self._account()
            return
        records = self.place.sets.get(self.check.resource_set)
        if records is None:
            yield self._undecided(f"The {self.resource_set.title} were not collected here.")
            return
        for gap in records.gaps:
            own = records.cited.get(gap.digest)
            yield self._set_gap(gap) if own is None else self._found_gap(gap, own)
        account_gaps = self._account_gaps()
        for record in records.records:
            yield self._record(record, account_gaps)
        if not records.records and not records.gaps:
            yield self._empty(account_gaps, records.empty)

    def _acct(self) -> dict[str, Any]:
        """Return the part of acct that the check reads: the rest need not be handed to CEL."""
        known = self.place.acct
        first = {name.partition(".")[0] for name in self.names.account}
        acct = {name: known[name] for name in first if name in known}
        if self.names.sets:
            sets = known.get("set", {})
            acct["set"] = {name: sets[name] for name in self.names.sets if name in sets}
        return acct

    def _account_gaps(self) -> list[Gap]:
        """Return the gaps in what the check reads of the account and of other sets."""
        gaps: list[Gap] = []
        for key in self._account_keys(self.place.acct_gaps):
            gaps += self.place.acct_gaps.get(key, ())
        for identifier, names in self.names.sets.items():
            found = self.place.sets.get(identifier, RecordSet())
            gaps += found.gaps
            for record in found.records:
                gaps += self._gaps_of(record, names)
        return gaps

    def _account_keys(self, known: Iterable[str]) -> Iterator[str]:
        """Yield the keys of what the check reads of the account; of all facts, who reads them."""
        for name in sorted(self.names.account):
            if name == "fact":
                yield from (key for key in known if key.startswith("fact."))
            yield METRIC_OPERATION if name == "metric" else name

    def _gaps_of(self, record: Record, names: frozenset[str]) -> list[Gap]:
        relevant = names | set(self.check.operations)
        return [
            gap
            for name, gap in record.gaps.items()
            if name in relevant or name.partition(".")[0] in names
        ]

    def _account(self) -> Judgement:
        gaps = self._account_gaps()
        inputs = self.account_inputs
        if gaps:
            return self._undecided(_words(gaps), gap=gaps[0], inputs=inputs)
        verdict, standing, reason = self._decide({})
        return Judgement(
            check_id=self.check.id,
            verdict=verdict,
            standing=standing,
            reason=reason,
            resource_type=self.resource_set.resource_type,
            region=self.place.region,
            inputs=inputs,
            synthetic=self.place.synthetic,
        )

    def _record(self, record: Record, account_gaps: list[Gap]) -> Judgement:
        gaps = [*self._gaps_of(record, self.names.record), *account_gaps]
        if gaps:
            verdict, standing = Verdict.NOT_APPLICABLE, Standing.UNDECIDED
            reason = _words(gaps)
        else:
            verdict, standing, reason = self._decide(record.values)
        return Judgement(
            check_id=self.check.id,
            verdict=verdict,
            standing=standing,
            reason=reason,
            gap=gaps[0] if gaps else None,
            arn=record.arn,
            resource_type=record.resource_type,
            region=record.region,
            inputs=_once((*record.inputs, *self.account_inputs)),
            attributes=record.attributes,
            synthetic=record.synthetic or (bool(self.names.account) and self.place.synthetic),
        )

    def _decide(self, record: Mapping[str, Any]) -> tuple[Verdict, Standing, str]:
        """Return the verdict on a record without gaps, and why."""
        record = {name: record[name] for name in self.names.record if name in record}
        values = {"r": record, "acct": self.acct}
        undecided = Verdict.NOT_APPLICABLE, Standing.UNDECIDED
        wrong = malformed(self.check, values)
        if wrong:
            return *undecided, f"The answer is malformed: {short(wrong)} is of the wrong kind."
        try:
            if self.check.inconclusive and self.rules.holds(self.check.inconclusive, record):
                return *undecided, self._inconclusive(values)
            if not self.rules.holds(self.check.applies, record):
                reason = "The check does not apply here" + _because(seen(self.check, values))
                return Verdict.NOT_APPLICABLE, Standing.OUT_OF_SCOPE, reason
            if self.rules.holds(self.check.compliant, record):
                return Verdict.COMPLIANT, Standing.JUDGED, self.check.words
        except EVALUATION_ERRORS as error:
            return *undecided, self._unevaluated(error)
        reason = f"Expected: {self.check.words}"
        shown = seen(self.check, values)
        return (
            Verdict.NON_COMPLIANT,
            Standing.JUDGED,
            reason + (f" Seen: {shown}." if shown else ""),
        )

    def _inconclusive(self, values: Mapping[str, Any]) -> str:
        empty = [name for name, value in sorted(self.params.items()) if value in ([], "")]
        if empty:
            return f"Not decided: the parameter {', '.join(empty)} is empty. Set it to be judged."
        return "What was answered does not suffice for a verdict" + _because(
            seen(self.check, values)
        )

    def _unevaluated(self, error: Exception) -> str:
        if isinstance(error, RuleStoppedError):
            return f"{error}"
        if isinstance(error, KeyError):
            name = str(error.args[0])
            paths = [m.path for m in self.check.reads if m.path.split(".")[-1] == name]
            if paths:
                return f"Not decided: the answer lacks {short(paths[0])}."
            return f"Not decided: the answer lacks {name}, or holds it as an unknown value."
        return f"Not decided: {self.check.id} cannot be evaluated on this answer ({error})."

    def _empty(self, account_gaps: list[Gap], words: str) -> Judgement:
        """Return the judgement of a set that is known to be empty."""
        none = words or f"There are no {self.resource_set.title} here."
        inputs = self._set_inputs()
        if self.check.empty_verdict is Verdict.NOT_APPLICABLE:
            return self._nothing(none, inputs)
        if account_gaps:
            return self._undecided(_words(account_gaps), gap=account_gaps[0], inputs=inputs)
        try:
            counts = self.rules.holds(self.check.empty_when)
        except EVALUATION_ERRORS as error:
            return self._undecided(f"{none} {self._unevaluated(error)}", inputs=inputs)
        if not counts:
            return self._nothing(none, inputs)
        return Judgement(
            check_id=self.check.id,
            verdict=self.check.empty_verdict,
            standing=Standing.JUDGED,
            reason=f"{none} Expected: {self.check.words}",
            region=self.place.region,
            inputs=inputs,
            synthetic=self.place.synthetic,
        )

    def _nothing(self, reason: str, inputs: tuple[Input, ...]) -> Judgement:
        key = self.resource_set.item_operation or next(iter(self.check.operations))
        unit = Unit(key=key, account_id="", region=self.place.region, parameters={})
        gap = Gap(
            unit=unit,
            service="",
            operation=key,
            reason=GapReason.NOTHING_TO_COLLECT,
            code="",
            message=reason,
            proof=None,
        )
        return Judgement(
            check_id=self.check.id,
            verdict=Verdict.NOT_APPLICABLE,
            standing=Standing.OUT_OF_SCOPE,
            reason=reason,
            gap=gap,
            region=self.place.region,
            inputs=inputs,
            synthetic=self.place.synthetic,
        )

    def _set_gap(self, gap: Gap) -> Judgement:
        known = self.place.acct_inputs.get(gap.unit.key, ())
        own = tuple(one for one in known if one.digest == gap.digest)
        reason = f"The list of {self.resource_set.title} may be incomplete. {_words([gap])}"
        return self._undecided(reason, gap=gap, inputs=own or known)

    def _found_gap(self, gap: Gap, inputs: tuple[Input, ...]) -> Judgement:
        """Return the judgement of a gap that we found ourselves, in its own words."""
        return self._undecided(gap.message, gap=gap, inputs=inputs)

    def _undecided(
        self, reason: str, *, gap: Gap | None = None, inputs: tuple[Input, ...] = ()
    ) -> Judgement:
        account = self.check.resource_set == ACCOUNT_SET
        return Judgement(
            check_id=self.check.id,
            verdict=Verdict.NOT_APPLICABLE,
            standing=Standing.UNDECIDED,
            reason=reason,
            gap=gap,
            resource_type=self.resource_set.resource_type if account else "",
            region=self.place.region,
            inputs=inputs,
            synthetic=self.place.synthetic,
        )

    def _account_inputs(self) -> tuple[Input, ...]:
        """Return what acct was built from, as far as the check reads it."""
        inputs: list[Input] = []
        for key in self._account_keys(self.place.acct_inputs):
            inputs += self.place.acct_inputs.get(key, ())
        for identifier in sorted(self.names.sets):
            found = self.place.sets.get(identifier, RecordSet())
            for record in found.records:
                inputs += record.inputs
        return _once(tuple(inputs))

    def _set_inputs(self) -> tuple[Input, ...]:
        """Return what an empty set was found from."""
        keys = dict.fromkeys(
            (self.resource_set.item_operation, *self.resource_set.scoping_operations)
        )
        inputs = [i for key in keys for i in self.place.acct_inputs.get(key, ())]
        return _once((*inputs, *self.account_inputs))


def _once(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    return tuple(dict.fromkeys(inputs))


def _because(text: str) -> str:
    return f": {text}." if text else "."


def _words(gaps: list[Gap]) -> str:
    """Return what is unknown, in words; the same words once."""
    return " ".join(dict.fromkeys(_gap_words(gap) for gap in gaps))


def _gap_words(gap: Gap) -> str:
    name = gap.unit.key or gap.operation
    return f"{name} is unknown ({gap.reason.words}): {gap.message.rstrip('.')}."
