"""Run records: complete, in order, linked, and fit to account for every leaf of the ledger.

A run record stands right behind its evidence, so that together they cover a range of leaves. The
report's runs are those of its assessment within its period. The file holds besides the assessment's
last run before the period, and every later run of the tenant up to the checkpoint: only so can it
be seen that none was left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from typing import Any

from .canonical import load
from .failure import VerificationError
from .proved import Proved
from .shapes import CONTROL, RUN, check_counts, check_shape, check_texts

NAME = "runs.jsonl"
WHOLE, ACTIVITY = "whole", "activity"
"""Scopes of a run; one that does not say is whole."""
VERDICTS = ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE")
SLACK = timedelta(minutes=5)
"""How far a clock may have been set back between an answer and the run record that it is in.

A resumed run keeps the time at which it was first begun, so its answers need no allowance.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run record, read."""

    where: str
    leaf: int
    entry: str
    record: dict[str, Any]
    day: date
    started: datetime
    finished: datetime
    accounts: frozenset[str]
    """Accounts that it collected."""
    parameters: Mapping[str, Mapping[str, Any]]
    """The user's own, by check."""

    def slim(self) -> "Run":
        """Return it without what only matters for runs whose evidence the report holds."""
        members = ("run_id", "assessment_id", "sequence", "previous", "first_leaf", "finished_at")
        return replace(self, record={name: self.record[name] for name in members}, parameters={})

    @property
    def first_leaf(self) -> int:
        """Return the first leaf of its evidence, or its own where it has none."""
        return int(self.record["first_leaf"])

    @property
    def assessment(self) -> str:
        """Return the id of its assessment."""
        return str(self.record["assessment_id"])

    @property
    def sequence(self) -> int:
        """Return its number within the assessment."""
        return int(self.record["sequence"])

    @property
    def whole(self) -> bool:
        """Tell whether it says what controls are: not of CloudTrail's new events alone."""
        return bool(self.record.get("scope", WHOLE) == WHOLE)

    @property
    def controls(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what it says of each control."""
        controls: Mapping[str, Mapping[str, Any]] = self.record["controls"]
        return controls


@dataclass(frozen=True, slots=True)
class Scope:
    """What the report says that it is about."""

    tenant: str
    assessment: str
    first_day: date
    last_day: date

    def covers(self, run: Run) -> bool:
        """Tell whether a run's evidence belongs into the report."""
        return run.assessment == self.assessment and self.first_day <= run.day <= self.last_day


def read_time(text: Any, where: str) -> datetime:
    """Return an RFC 3339 time in UTC."""
    try:
        time = datetime.fromisoformat(str(text))
        if time.tzinfo is None:
            raise VerificationError(where, f"{text!r} has no time zone")
        time = time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise VerificationError(where, f"{text!r} is not a time") from error
    if time.year in (MINYEAR, MAXYEAR):
        raise VerificationError(where, f"{text!r} lies at the end of the calendar")
    return time


def read_day(text: Any, where: str) -> date:
    """Return a day written as 2026-01-31, and in no other way."""
    try:
        day = date.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise VerificationError(where, f"{text!r} is not a day") from error
    if day.isoformat() != text:
        raise VerificationError(where, f"{text!r} is not how a day is written")
    return day


def read_run(proved: Proved, tenant: str, *, scoped: bool = True) -> Run:
    """Return the run in a proved record, after checking that it is sound in itself.

    `scoped`: it may say its scope, as formats before v5 could not.
    """
    where, record = proved.where, proved.record
    if record.get("kind") != "run":
        raise VerificationError(where, f"is a {record.get('kind')!r} record, not a run")
    _check_run_shape(record, where, scoped=scoped)
    run = Run(
        where=where,
        leaf=proved.leaf,
        entry=proved.entry,
        record=record,
        day=read_day(record["day"], where),
        started=read_time(record["started_at"], where),
        finished=read_time(record["finished_at"], where),
        accounts=frozenset(record["accounts"]),
        parameters=_parameters(record["parameters"], where),
    )
    if record["tenant"] != tenant:
        raise VerificationError(where, f"is of another tenant, {record['tenant']!r}")
    _check_place(run)
    if run.finished < run.started:
        raise VerificationError(where, "its times contradict each other")
    if run.day != run.started.date():
        raise VerificationError(
            where, f"says that it is of {run.day}, but it started at {record['started_at']}"
        )
    return run


def _check_run_shape(record: Mapping[str, Any], where: str, *, scoped: bool) -> None:
    says = {"scope": str} if scoped and "scope" in record else {}
    check_shape(record, {**RUN, **says}, where, "a whole run record")
    if record.get("scope", WHOLE) not in (WHOLE, ACTIVITY):
        raise VerificationError(where, f"has the unknown scope {record['scope']!r}")
    numbers = {name: n for name, n in record.items() if type(n) is int}
    check_counts({**numbers, **record["gaps"]}, where, "record")
    check_texts(record["accounts"], where, "accounts")
    check_texts(record["regions"], where, "Regions")
    for control, said in record["controls"].items():
        at = f"{where}, control {control}"
        check_shape(said, CONTROL, at, "what a run says of a control")
        check_counts({**said["records"], **said["gaps"]}, at, "record")
        if set(said["records"]) - set(VERDICTS) or said["verdict"] not in VERDICTS:
            raise VerificationError(at, "names a verdict that there is not")


def _parameters(text: str, where: str) -> Mapping[str, Mapping[str, Any]]:
    value = load(text.encode(), where)
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise VerificationError(where, "its parameters are not by check and name")
    return value


def _check_place(run: Run) -> None:
    where, record = run.where, run.record
    evidence = record["evidence"]
    counted = sum(n for c in run.controls.values() for n in c["records"].values())
    if run.first_leaf + evidence != run.leaf:
        raise VerificationError(where, f"does not stand right behind its {evidence} records")
    if counted != evidence:
        raise VerificationError(
            where, f"counts {counted} records by control and verdict, but {evidence} in all"
        )
    if run.sequence < 1 or (run.sequence == 1) != (record["previous"] == ""):
        raise VerificationError(where, "its number and its link to the run before do not fit")


def check_links(runs: Iterable[Run]) -> None:
    """Check each assessment's runs: numbers without holes, links right, times not going back.

    No two runs, of whatever assessment, have the same id.
    """
    last: dict[str, Run] = {}
    ids: set[str] = set()
    for run in runs:
        if run.record["run_id"] in ids:
            raise VerificationError(run.where, "has the id of another run")
        ids.add(run.record["run_id"])
        before = last.get(run.assessment)
        last[run.assessment] = run
        if before is not None:
            _check_link(before, run)


def _check_link(before: Run, run: Run) -> None:
    if run.sequence != before.sequence + 1:
        missing = _numbers(before.sequence + 1, run.sequence - 1)
        raise VerificationError(
            run.where,
            f"omitted run: run {run.sequence} of assessment {run.assessment} follows run "
            f"{before.sequence}; {missing} missing",
        )
    if run.record["previous"] != before.entry:
        raise VerificationError(
            run.where, f"its link does not lead to run {before.sequence} ({before.where})"
        )
    if run.day < before.day or run.finished < before.finished:
        raise VerificationError(
            run.where,
            f"is backdated: it says {run.record['finished_at']}, but stands behind run "
            f"{before.sequence} of {before.record['finished_at']}",
        )


def _numbers(first: int, last: int) -> str:
    return f"run {first} is" if last <= first else f"runs {first} to {last} are"


def check_beginning(runs: list[Run], scope: Scope) -> int:
    """Return the leaf from which on all must be accounted for; check that no early run is missing.

    The assessment's first run in the report must be its number 1, or the run before must be there
    too and lie before the period.
    """
    own = [run for run in runs if run.assessment == scope.assessment]
    inside = [run for run in own if scope.covers(run)]
    if not any(run.whole for run in inside):
        raise VerificationError(NAME, "holds no whole run of the assessment in the period")
    first = own[0]
    if first.sequence > 1 and scope.covers(first):
        raise VerificationError(
            first.where,
            f"omitted run: the report begins with run {first.sequence}, but the run before it, "
            "which would show that nothing was left out, is missing",
        )
    if not scope.covers(first) and first.day < scope.first_day:
        return first.leaf + 1
    return min(run.first_leaf for run in runs)


def check_cover(runs: list[Run], others: list[int], begin: int, size: int) -> None:
    """Check that runs and single records cover the leaves from `begin` to `size` exactly once."""
    ranges = [(run.first_leaf, run.leaf) for run in runs] + [(leaf, leaf) for leaf in others]
    position = begin
    for first, last in sorted(ranges):
        if last < begin:
            continue
        if first > position:
            _raise_hole(position, first - 1)
        if first < position:
            raise VerificationError(f"leaf {first}", "is claimed twice by the report's records")
        position = last + 1
    if position < size:
        _raise_hole(position, size - 1)


def _raise_hole(first: int, last: int) -> None:
    leaves = f"leaf {first}" if first == last else f"leaves {first} to {last}"
    raise VerificationError(
        leaves,
        f"{last - first + 1} leaves of the ledger are accounted for by no record: "
        "a run or a change was left out",
    )


def days_without_run(runs: Iterable[Run], scope: Scope) -> list[date]:
    """Return the days of the period on which the assessment did not run as a whole."""
    ran = {run.day for run in runs if scope.covers(run) and run.whole}
    length = (scope.last_day - scope.first_day).days + 1
    days = (scope.first_day + timedelta(days=n) for n in range(length))
    return [day for day in days if day not in ran]
