"""The runs that a report speaks of, and where the ledger range begins that it accounts for.

The report's runs are those of its assessment in its period. The package holds besides the
assessment's last run before the period and every later run of the tenant, so that the verifier can
see that nothing was left out (`verify.runs`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from affidavit.errors import ReportError
from affidavit.model.run import Assessment, is_whole
from affidavit.report.source import ReportSource

WINDOW = timedelta(days=31)
"""How many days of run records are in memory at once; each has some 20 kB."""


@dataclass(frozen=True, slots=True)
class History:
    """The report's runs, summed up."""

    first_day: date
    last_day: date
    begin: int
    """First leaf that the package accounts for; the run before the period stands right before."""
    before: dict[str, Any] | None
    """The record of the assessment's last run before the period; it is leaf `begin - 1`."""
    runs: int
    activity: int
    """How many of them are of activity alone."""
    latest: dict[str, Any]
    """The record of the last whole run in the period."""
    latest_leaf: int
    days: dict[str, Counter[str]]
    """Days by verdict, for each control; a day's last whole run counts."""
    days_without: tuple[date, ...]
    synthetic: bool
    evidence: int
    questions: int
    requests: int
    catalogues: frozenset[str]
    """Digests of the versions of the catalogue that the runs used."""
    records: dict[str, Counter[str]]
    """Evidence records of the period by verdict, for each control, as the run records count."""


@dataclass(slots=True)
class _Seen:
    """What is kept while the run records pass."""

    runs: int = 0
    activity: int = 0
    newest: str = ""
    """Day of the last run of any scope."""
    first: dict[str, Any] = field(default_factory=dict)
    latest: dict[str, Any] = field(default_factory=dict)
    latest_leaf: int = -1
    verdicts: dict[str, dict[str, str]] = field(default_factory=dict)
    """By day, then by control."""
    synthetic: bool = False
    sums: Counter[str] = field(default_factory=Counter)
    catalogues: set[str] = field(default_factory=set)
    records: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, leaf: int, record: dict[str, Any]) -> None:
        self.runs += 1
        self.first = self.first or record
        self.newest = record["day"]
        self.synthetic = self.synthetic or record["synthetic"]
        self.catalogues.add(record["catalogue_digest"])
        for name in ("evidence", "operations", "calls"):
            self.sums[name] += record[name]
        for control, said in record["controls"].items():
            self.records.setdefault(control, Counter()).update(said["records"])
        if not is_whole(record):
            self.activity += 1
            return
        self.latest, self.latest_leaf = record, leaf
        self.verdicts[record["day"]] = {k: c["verdict"] for k, c in record["controls"].items()}


def windows(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield spans of at most `WINDOW` that cover the days `first` to `last`."""
    while first <= last:
        end = min(last, first + WINDOW - timedelta(days=1))
        yield first, end
        first = end + timedelta(days=1)


def runs_of(
    source: ReportSource, tenant: str, first: date, last: date
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (leaf, run record) of the tenant's runs of these days, in the order of the leaves."""
    for start, end in windows(first, last):
        yield from sorted(source.run_records(tenant, start, end), key=lambda pair: pair[0])


def read_history(
    source: ReportSource,
    assessment: Assessment,
    first_day: date | None,
    last_day: date | None,
    checkpoint: tuple[int, date],
) -> History:
    """Return the assessment's runs from `first_day` to `last_day`, by default all of them.

    That is, to the day of its last whole run. Only what lies in the tree of `checkpoint` (its size,
    today) counts. Raises `ReportError` where there is no whole run in the period; it says when
    there were some.
    """
    size, today = checkpoint
    created = assessment.created_at.date() - timedelta(days=1)
    first, last = first_day or created, last_day or today
    if last < first:
        raise ReportError(
            f"The period from {first} to {last} is empty", todo="Correct --from, --to."
        )
    seen = _Seen()
    for leaf, record in runs_of(source, assessment.tenant, first, last):
        if record["assessment_id"] == assessment.id and leaf < size:
            seen.add(leaf, record)
    if not seen.latest:
        raise _no_runs(source, assessment, first, last, (created, today))
    first = first_day or date.fromisoformat(seen.first["day"])
    last = last_day or date.fromisoformat(seen.latest["day"])
    if last_day is None and last.isoformat() < seen.newest:
        return read_history(source, assessment, first_day, last, checkpoint)
    begin, before = _begin(source, assessment, seen.first, created)
    days: dict[str, Counter[str]] = {}
    for verdicts in seen.verdicts.values():
        for control, verdict in verdicts.items():
            days.setdefault(control, Counter())[verdict] += 1
    span = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return History(
        first_day=first,
        last_day=last,
        begin=begin,
        before=before,
        runs=seen.runs,
        activity=seen.activity,
        latest=seen.latest,
        latest_leaf=seen.latest_leaf,
        days=days,
        days_without=tuple(day for day in span if day.isoformat() not in seen.verdicts),
        synthetic=seen.synthetic,
        evidence=seen.sums["evidence"],
        questions=seen.sums["operations"],
        requests=seen.sums["calls"],
        catalogues=frozenset(seen.catalogues),
        records=seen.records,
    )


def _begin(
    source: ReportSource, assessment: Assessment, first: dict[str, Any], created: date
) -> tuple[int, dict[str, Any] | None]:
    """Return the leaf behind the run before `first` and that run's record.

    Where `first` is the assessment's first run: its first leaf, and None.
    """
    if first["sequence"] == 1:
        return int(first["first_leaf"]), None
    end = date.fromisoformat(first["day"])
    while end >= created:
        start = end - WINDOW
        for leaf, record in source.run_records(assessment.tenant, start, end):
            same = record["assessment_id"] == assessment.id
            if same and record["sequence"] == first["sequence"] - 1:
                return leaf + 1, record
        end = start - timedelta(days=1)
    raise ReportError(
        f"Run {first['sequence'] - 1} of the assessment {assessment.name} is not in the store",
        why="Its successor names it, and without it no report can show that nothing was left out.",
        todo="Run `affidavit ledger verify`; restore the store from a backup.",
    )


def _no_runs(
    source: ReportSource,
    assessment: Assessment,
    first: date,
    last: date,
    known: tuple[date, date],
) -> ReportError:
    days = [
        record["day"]
        for _, record in runs_of(source, assessment.tenant, *known)
        if record["assessment_id"] == assessment.id and is_whole(record)
    ]
    why = f"Its runs are from {days[0]} to {days[-1]}." if days else "It has never been run."
    return ReportError(
        f"The assessment {assessment.name} has no run from {first} to {last}",
        why=why,
        todo="Choose other days with --from and --to." if days else "Run `affidavit run`.",
    )
