"""What checks are run over: places, sets of records, records, and what is unknown about each.

A `Place` is one Region of one account (or GLOBAL_REGION for what exists once per account). Unknown
is never absent: what could not be observed stands in a `gaps` member, never as an empty value.

Metric sums depend on how far a check looks back, so they are kept by window and put in by
`Place.seen_by(check, parameters)`, **which the judge calls before it runs a check**. Until then no
record has a `metric` member, and a check that reads one cannot be decided.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from affidavit.checks.invocation_logs import outputs_with
from affidavit.model.catalogue import Check
from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, GapReason, Unit

IN_USE_DAYS = 13
"""Days within which a model must have been invoked to be in use (scoping of model_in_use).

With today as far as it has come: all of it lies within the two weeks in which CloudWatch lists a
metric after its last data point (API reference, ListMetrics). Whoever looks back further cannot see
every model that was invoked.
"""

SCOPED_BY_INVOCATIONS = "model_in_use"
"""The set of models with invocations within IN_USE_DAYS, or within a check's longer lookback."""

METRIC_OPERATION = "GetMetricData"
"""Key under which a metric that could not be read stands in `Record.gaps` and `Place.acct_gaps`."""

PROMPT_RUNS = "prompt_run"
"""The set of runs of prompt suites: a check sees those of its own suite, and its gaps."""

INVOCATION_SCANS = "invocation_scan"
"""The set of scans of invocation logs: a check counts the personal data of its own detectors."""

_READ = re.compile(r"\b(r|acct)\.metric\.(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Metric sums over one window of days; each metric asked stands in `values` or in `gaps`."""

    values: Mapping[str, float] = field(default_factory=dict)
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    inputs: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that checks judge."""

    values: dict[str, Any]
    """What CEL sees as r. Do not change it: records share parts."""
    arn: str
    resource_type: str
    region: str
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    """Join (or operation that made the record) -> why it is unknown; it is not in `values`."""
    inputs: tuple[Input, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Short facts to show to people."""
    synthetic: bool = False
    windows: Mapping[int, Metrics] = field(default_factory=dict)
    """Metric sums by days of lookback, where the set derives `metric`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSet:
    """The records of a resource set in one place, and why there may be more."""

    records: tuple[Record, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """Why the set itself may be incomplete; empty where all of it is known, be it nothing."""
    cited: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)
    """Of gaps that we found ourselves, by digest: what they follow from. Their words say it all."""
    empty: str = ""
    """Why there is nothing, in words, where it is known to be nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One Region of an account, with everything that checks read there."""

    region: str
    acct: dict[str, Any]
    """What CEL sees as acct: answers that an expression reads, and fact, metric and set."""
    sets: Mapping[str, RecordSet]
    acct_gaps: Mapping[str, tuple[Gap, ...]] = field(default_factory=dict)
    """Operation key (or `fact.<name>`) -> why acct.<key> is unknown or incomplete."""
    acct_inputs: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)
    """Operation key (or `fact.<name>`) -> what acct.<key> was built from."""
    windows: Mapping[int, Metrics] = field(default_factory=dict)
    """Metric sums of the account by days of lookback."""
    synthetic: bool = False
    """True where any answer of this place was."""

    def seen_by(self, check: Check, parameters: Mapping[str, Any]) -> "Place":
        """Return this place as `check` sees it with its effective `parameters`.

        Puts in the metric sums of the check's own lookback, leaves out models that were not invoked
        within it, and lists metrics that the check reads and that are unknown as gaps of
        GetMetricData, of the record or of the account.
        """
        days = int(parameters.get("lookback_days", IN_USE_DAYS))
        names = metrics_read(check)
        sets = dict(self.sets)
        own = sets.get(check.resource_set)
        if own is not None and check.resource_set == PROMPT_RUNS:
            own = sets[PROMPT_RUNS] = _of_suite(own, str(parameters.get("suite", "")))
        if own is not None and check.resource_set == INVOCATION_SCANS:
            own = sets[INVOCATION_SCANS] = _by_detectors(own, parameters.get("detectors"))
        if own is not None and any(record.windows for record in own.records):
            sets[check.resource_set] = _seen_set(own, check, days, names["r"])
        if own is not None and check.resource_set == SCOPED_BY_INVOCATIONS and days > IN_USE_DAYS:
            seen = sets[check.resource_set]
            sets[check.resource_set] = replace(seen, gaps=(*seen.gaps, self._unlisted(days)))
        return replace(
            self,
            acct=self._seen_acct(names["acct"], days),
            sets=sets,
            acct_gaps=self._seen_gaps(names["acct"], days),
            acct_inputs=self._seen_inputs(names["acct"], days),
        )

    def _unlisted(self, days: int) -> Gap:
        """Return why the models of a long lookback cannot all be known."""
        words = (
            "CloudWatch lists what had data within two weeks; a model last invoked before, within"
            f" the {days} days of lookback_days, is not seen ({IN_USE_DAYS} days are seen whole)."
        )
        return Gap(
            unit=Unit(key="ListMetrics", account_id="", region=self.region, parameters={}),
            service="cloudwatch",
            operation="ListMetrics",
            reason=GapReason.NOT_CONFIGURED,
            code="",
            message=words,
            proof=None,
        )

    def _seen_acct(self, names: frozenset[str], days: int) -> dict[str, Any]:
        if not names or days not in self.windows:
            return self.acct
        return {**self.acct, "metric": dict(self.windows[days].values)}

    def _seen_gaps(self, names: frozenset[str], days: int) -> Mapping[str, tuple[Gap, ...]]:
        gaps = dict(self.acct_gaps)
        window = self.windows.get(days, Metrics())
        unknown = [window.gaps[name] for name in sorted(names) if name in window.gaps]
        if unknown:
            gaps[METRIC_OPERATION] = (*gaps.get(METRIC_OPERATION, ()), *unknown)
        return gaps

    def _seen_inputs(self, names: frozenset[str], days: int) -> Mapping[str, tuple[Input, ...]]:
        found = self.windows.get(days, Metrics()).inputs
        inputs = tuple(i for name in sorted(names) for i in found.get(name, ()))
        return {**self.acct_inputs, METRIC_OPERATION: inputs} if inputs else self.acct_inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecords:
    """Everything that checks are run over in one account."""

    places: tuple[Place, ...]


@cache
def _reads(text: str) -> frozenset[tuple[str, str]]:
    return frozenset((match[1], match[2]) for match in _READ.finditer(text))


def metrics_read(check: Check) -> Mapping[str, frozenset[str]]:
    """Return the names of the metrics that a check reads, by root: the record "r" and "acct"."""
    reads = _reads(
        f"{check.applies} ; {check.compliant} ; {check.inconclusive} ; {check.empty_when}"
    )
    return {root: frozenset(name for r, name in reads if r == root) for root in ("r", "acct")}


def _is_of_another(record: Record, suite: str) -> bool:
    """Tell whether a record names another suite; one that names none is left to be undecided."""
    fact = record.values.get("fact")
    named = fact.get("suite") if isinstance(fact, Mapping) else None
    return isinstance(named, str) and named != suite


def _of_suite(own: RecordSet, suite: str) -> RecordSet:
    """Return the runs of one suite, and why there is none.

    A gap whose question names no suite is about all of them.
    """
    return replace(
        own,
        records=tuple(r for r in own.records if not _is_of_another(r, suite)),
        gaps=tuple(g for g in own.gaps if g.unit.parameters.get("suite", suite) == suite),
    )


def _by_detectors(own: RecordSet, wanted: object) -> RecordSet:
    """Return the scans with fact.piiOutputs as a check's detectors see it; absent: not known."""
    records = []
    for record in own.records:
        fact = dict(record.values.get("fact", {}))
        if "personal" in fact:
            fact.pop("piiOutputs", None)
            looked = frozenset(fact.pop("looked"))
            count = outputs_with(fact.pop("personal"), wanted, looked)
            fact |= {} if count is None else {"piiOutputs": count}
        records.append(replace(record, values={**record.values, "fact": fact}))
    return replace(own, records=tuple(records))


def _seen_set(own: RecordSet, check: Check, days: int, names: frozenset[str]) -> RecordSet:
    """Return the set with the sums of `days`, without models that were not invoked."""
    scoped = check.resource_set == SCOPED_BY_INVOCATIONS
    scope_days = max(days, IN_USE_DAYS)
    records = []
    for record in own.records:
        scope = record.windows.get(scope_days, Metrics())
        if scoped and scope.values.get("invocations") == 0.0:
            continue
        unknown = dict(scope.gaps) if scoped else {}
        needed = {"invocations"} & unknown.keys()
        records.append(_seen_record(record, days, names, [unknown[n] for n in needed]))
    return replace(own, records=tuple(records))


def _seen_record(record: Record, days: int, names: frozenset[str], unknown: list[Gap]) -> Record:
    window = record.windows.get(days, Metrics())
    unknown = [*unknown, *(window.gaps[name] for name in sorted(names) if name in window.gaps)]
    inputs = tuple(i for name in sorted(names) for i in window.inputs.get(name, ()))
    return replace(
        record,
        values={**record.values, "metric": dict(window.values)},
        gaps={**record.gaps, METRIC_OPERATION: unknown[0]} if unknown else record.gaps,
        inputs=(*record.inputs, *inputs),
    )
