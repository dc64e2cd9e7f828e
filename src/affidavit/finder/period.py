"""The period view: of each control and day of an assessment what was known, and what changed.

A Type II audit asks whether a control held over months. A day is what its last run says; a day
without a run is nothing, and never counts as covered.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Final

from affidavit.errors import QueryError
from affidavit.finder.bound import AllOf, OneOf
from affidavit.finder.engine import Finder
from affidavit.finder.fields import FIELDS
from affidavit.finder.query import Question, Scope, Unreadable
from affidavit.model.observation import GapReason
from affidavit.model.run import Assessment, ControlVerdict
from affidavit.model.verdict import Verdict
from affidavit.report.history import runs_of
from affidavit.store import Store, VerdictDay
from affidavit.store.runs import verdict_from_json

MAX_DAYS = 1100
"""Three years."""
_REASONS = 3
_DAY = timedelta(days=1)


class State(StrEnum):
    """What is known of a control on a day."""

    COMPLIANT = "compliant"
    NON_COMPLIANT = "non_compliant"
    INCONCLUSIVE = "inconclusive"
    """Something was collected, but it decides nothing."""
    GAP = "gap"
    """Nothing could be judged, because something could not be observed."""
    NOTHING = "nothing"
    """No run of that day speaks of the control."""

    @property
    def words(self) -> str:
        """Return the word shown to people."""
        return _WORDS[self]


_WORDS = {one: one.value.replace("_", "-").capitalize() for one in State}
KNOWN = (State.COMPLIANT, State.NON_COMPLIANT, State.INCONCLUSIVE)
"""The states of a day that is covered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A control on a day."""

    day: date
    state: State
    run_id: str
    """Empty where there was none."""
    counts: Mapping[str, int]
    """Records by verdict."""
    gaps: Mapping[str, int]
    """Gap reasons and how often."""
    manual: str = ""
    """Of a partial control: missing, expired or present; its state speaks of its automated part."""

    @property
    def kind(self) -> str:
        """Return the state's value, or automated: a partial control is never plainly compliant."""
        return "automated" if self.manual and self.state is State.COMPLIANT else self.state

    @property
    def open_part(self) -> str:
        """Return how the manual part stands where all else is compliant; else an empty text."""
        return self.manual if self.kind == "automated" else ""

    @property
    def words(self) -> str:
        """Return what is shown to people."""
        return "Automated part compliant" if self.kind == "automated" else self.state.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A day on which a control was another than on the day before it that had evidence."""

    before: Day
    after: Day
    why: str

    @property
    def day(self) -> date:
        """Return the day of the change."""
        return self.after.day


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPeriod:
    """A control over the period."""

    control_id: str
    control_set_id: str
    days: tuple[Day, ...]
    """Every day of the period, in order."""
    changes: tuple[Change, ...]

    @property
    def counts(self) -> Mapping[State, int]:
        """Return the number of days by state."""
        return Counter(day.state for day in self.days)

    @property
    def partial(self) -> bool:
        """Tell whether a person's evidence is asked for too: compliant is of the rest only."""
        return any(day.manual for day in self.days)

    @property
    def covered(self) -> int:
        """Return the number of days with evidence that was seen."""
        return sum(day.state in KNOWN for day in self.days)

    @property
    def covered_percent(self) -> str:
        """Return the covered days in percent, cut to a tenth: only all days are 100.0."""
        tenths = self.covered * 1000 // len(self.days)
        return f"{tenths // 10}.{tenths % 10}"

    @property
    def longest_gap(self) -> tuple[date, date] | None:
        """Return the first and last day of the longest stretch that is not covered, or None."""
        longest: list[Day] = []
        for covered, stretch in groupby(self.days, lambda day: day.state in KNOWN):
            days = list(stretch)
            if not covered and len(days) > len(longest):
                longest = days
        return (longest[0].day, longest[-1].day) if longest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """All controls of an assessment over a period."""

    assessment: Assessment
    first: date
    last: date
    controls: tuple[ControlPeriod, ...]
    """By control set and id."""
    days_without_run: tuple[date, ...]
    unreadable: tuple[Unreadable, ...]
    """Segments that reasons for changes would have come from."""

    @property
    def days(self) -> int:
        """Return the number of days."""
        return (self.last - self.first).days + 1


def view(
    store: Store, finder: Finder, assessment: Assessment, first: date, last: date, today: date
) -> Period:
    """Return the period view; `QueryError` for a period that is empty, too long or not over yet."""
    _check(first, last, today)
    known = _known(store, assessment, first, last)
    calendar = [first + _DAY * number for number in range((last - first).days + 1)]
    sets = {
        control: said.control_set_id
        for one in known.values()
        for control, said in one.controls.items()
    }
    days = {
        control: tuple(_day(day, known.get(day), control) for day in calendar) for control in sets
    }
    reasons, unreadable = _reasons(finder, assessment, days)
    controls = [
        ControlPeriod(
            control_id=control,
            control_set_id=control_set,
            days=days[control],
            changes=tuple(_changes(control, days[control], reasons)),
        )
        for control, control_set in sets.items()
    ]
    return Period(
        assessment=assessment,
        first=first,
        last=last,
        controls=tuple(sorted(controls, key=lambda one: (one.control_set_id, one.control_id))),
        days_without_run=tuple(day for day in calendar if day not in known),
        unreadable=unreadable,
    )


def _known(store: Store, assessment: Assessment, first: date, last: date) -> dict[date, VerdictDay]:
    """Return what the last run of each day says.

    Where the evidence of a day was deleted, by age for example, its run record in the ledger still
    says what the controls were.
    """
    known = {one.day: one for one in store.verdict_days(assessment, first, last)}
    bare = {one.run_id: one.day for one in known.values() if not one.controls}
    if not bare:
        return known
    days = bare.values()
    for _, record in runs_of(store, assessment.tenant, min(days), max(days)):
        if record["run_id"] in bare:
            day = bare[record["run_id"]]
            controls = {
                name: verdict_from_json(name, said) for name, said in record["controls"].items()
            }
            known[day] = replace(known[day], controls=controls)
    return known


def _check(first: date, last: date, today: date) -> None:
    if first > last:
        raise QueryError(f"The period from {first} to {last} has no day")
    if (last - first).days >= MAX_DAYS:
        raise QueryError(f"The period from {first} to {last} is longer than {MAX_DAYS} days")
    if last > today:
        raise QueryError(
            f"The period ends on {last}, which is not over yet",
            why=f"Today is {today} (UTC): later days could only look like gaps.",
            todo="End the period today or earlier.",
        )


def _day(day: date, run: VerdictDay | None, control: str) -> Day:
    said = run.controls.get(control) if run else None
    if run is None or said is None:
        return Day(day=day, state=State.NOTHING, run_id="", counts={}, gaps={})
    return Day(
        day=day,
        state=state_of(said),
        run_id=run.run_id,
        counts=said.counts,
        gaps=said.gaps,
        manual=said.manual,
    )


def state_of(said: ControlVerdict) -> State:
    """Return the state that a run's verdict of a control stands for."""
    if said.verdict is Verdict.COMPLIANT:
        return State.COMPLIANT
    if said.verdict is Verdict.NON_COMPLIANT:
        return State.NON_COMPLIANT
    if said.judged:
        return State.INCONCLUSIVE
    hindered = [reason for reason, number in said.gaps.items() if number and reason != _NOTHING]
    return State.GAP if hindered else State.INCONCLUSIVE


_NOTHING: Final = GapReason.NOTHING_TO_COLLECT.value


def _turns(days: Sequence[Day]) -> Iterator[tuple[Day, Day]]:
    """Yield (before, after) of each change between days that had a run.

    Also where only the manual part came or went, of a control whose automated part is compliant.
    """
    seen = [day for day in days if day.state is not State.NOTHING]
    for before, after in pairwise(seen):
        if (before.kind, before.open_part) != (after.kind, after.open_part):
            yield before, after


_Reasons = Mapping[tuple[str, str], Sequence[tuple[str, int]]]


def _reasons(
    finder: Finder, assessment: Assessment, days: Mapping[str, Sequence[Day]]
) -> tuple[_Reasons, tuple[Unreadable, ...]]:
    """Return (control, run) -> the reasons of its failures, the most frequent first."""
    wanted = {
        (control, after.run_id)
        for control, of_control in days.items()
        for _, after in _turns(of_control)
        if after.state is State.NON_COMPLIANT
    }
    if not wanted:
        return {}, ()
    scope = Scope(tenant=assessment.tenant, assessments=(assessment.id,))
    where = AllOf(
        (
            OneOf("verdict", (Verdict.NON_COMPLIANT.value,)),
            OneOf("control_id", tuple(sorted({control for control, _ in wanted}))),
            OneOf("run_id", tuple(sorted({run for _, run in wanted}))),
        )
    )
    fields = [FIELDS["control"], FIELDS["run"], FIELDS["reason"]]
    groups = finder.groups(Question(scope=scope, where=where), fields)
    found: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for (control, run, reason), number in groups.rows:
        found.setdefault((control, run), []).append((reason, number))
    return found, groups.unreadable


def _changes(control: str, days: Sequence[Day], reasons: _Reasons) -> Iterator[Change]:
    for before, after in _turns(days):
        why = _why(after, reasons.get((control, after.run_id), ()))
        yield Change(before=before, after=after, why=why)


def _why(after: Day, reasons: Sequence[tuple[str, int]]) -> str:
    total = sum(after.counts.values())
    if after.state is State.COMPLIANT:
        words = f"{after.counts.get(Verdict.COMPLIANT.value, 0)} of {total} records are compliant"
        return f"{words}; the manual part is {after.open_part}" if after.open_part else words
    if after.state is State.NON_COMPLIANT:
        number = after.counts.get(Verdict.NON_COMPLIANT.value, 0)
        said = "; ".join(f"{reason} ({count})" for reason, count in reasons[:_REASONS])
        more = "; and others" if len(reasons) > _REASONS else ""
        words = f"{number} of {total} records are non-compliant"
        return f"{words}: {said}{more}" if said else words
    gaps = ", ".join(
        f"{name.replace('_', ' ')} ({n})" for name, n in sorted(after.gaps.items()) if n
    )
    return f"could not be observed: {gaps}" if gaps else f"nothing in {total} records decides it"
