"""The dashboard: what all of the caller's assessments were on a day, and how that came about.

Of each day the last run counts, as in the insights of the API; unlike there any day can be asked
for, and what changed since the day before is told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from affidavit.model.run import ControlVerdict
from affidavit.model.times import parse
from affidavit.model.verdict import ControlState, Verdict
from affidavit.operations import looking, work
from affidavit.operations.assessed import Assessed, assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault
from affidavit.operations.insights import UNCATEGORIZED_NAME
from affidavit.operations.origins import is_synthetic
from affidavit.operations.tenant_bindings import binding_of
from affidavit.store.documents import Document

TREND_DAYS: Final = 90
_OPERATION: Final = "GetInsights"
_DAY: Final = timedelta(days=1)

Grouping = Literal["set", "domain"]
State = Literal["done", "running", "waiting", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlOfDay:
    """A control of an assessment on the day."""

    assessment_id: str
    assessment: str
    set_id: str
    domain: str
    id: str
    name: str
    said: ControlVerdict
    before: ControlState | None
    """What it was on the day before; None where it was nothing."""

    @property
    def gaps(self) -> int:
        """Return how many of its records say that something could not be observed."""
        return sum(self.said.gaps.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some controls, counted."""

    name: str
    assessment_id: str
    """Empty where the group is of several assessments."""
    controls: Mapping[ControlState, int]
    evidence: Mapping[Verdict, int]
    gaps: int

    @property
    def total(self) -> int:
        """Return the number of controls."""
        return sum(self.controls.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendDay:
    """A day of the trend; no counts where nothing was collected."""

    day: date
    controls: Mapping[ControlState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """How it stands with an assessment's daily collection."""

    assessment_id: str
    assessment: str
    state: State
    at: datetime
    """When it was done, began, or is due."""
    why: str
    """Why it failed, or empty."""
    following: datetime | None
    """When it is collected next; None: not by itself, for no account is bound."""
    account: str = ""
    """Where it is asking, while it is collecting."""
    asked: int = 0
    known: int = 0
    """Questions answered there, of those that are known so far."""

    def is_due(self, now: datetime) -> bool:
        """Tell whether it begins as soon as a worker takes it."""
        return self.state == "waiting" and self.at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """All that the page shows."""

    day: date
    newest: date | None
    """The newest day with evidence, or None."""
    synthetic: bool
    """Whether a run of either day was not answered by AWS."""
    active: int
    """Active assessments."""
    assessments: Sequence[tuple[str, str]]
    """(id, name) of all that can be chosen."""
    controls: Sequence[ControlOfDay]
    groups: Sequence[Group]
    trend: Sequence[TrendDay]
    collecting: Sequence[Collecting]

    @property
    def total(self) -> Group:
        """Return all controls, counted."""
        return _group("", "", self.controls)

    @property
    def worst(self) -> list[ControlOfDay]:
        """Return the non-compliant controls, those with the most evidence of it first."""
        bad = [one for one in self.controls if one.said.verdict is Verdict.NON_COMPLIANT]
        return sorted(bad, key=lambda one: (-one.said.counts.get("NON_COMPLIANT", 0), one.name))

    @property
    def has_before(self) -> bool:
        """Tell whether anything was judged on the day before."""
        return any(one.before is not None for one in self.controls)

    @property
    def changed(self) -> list[ControlOfDay]:
        """Return the controls that are something else than on the day before, the worst first."""
        found = [
            one
            for one in self.controls
            if one.before is not None and one.before is not one.said.state
        ]
        order = list(ControlState)
        return sorted(found, key=lambda one: (order.index(one.said.state), one.name))


def dashboard(
    context: Context,
    caller: Caller,
    *,
    day: date | None = None,
    assessment_id: str = "",
    grouping: Grouping = "set",
) -> Dashboard:
    """Return the dashboard of a day (the newest with evidence where none is given)."""
    looking.require(context, caller, _OPERATION)
    everything = list(_own(context, caller))
    if assessment_id:
        chosen = [assessed(context, caller, "GetInsightsByAssessment", assessment_id)]
    else:
        chosen = everything
    newest = max(filter(None, (context.store.last_day(one.id) for one in chosen)), default=None)
    wanted = day or newest or context.now().date()
    controls = [one for found in chosen for one in _controls(context, found, wanted)]
    return Dashboard(
        day=wanted,
        newest=newest,
        synthetic=is_synthetic(context, caller.tenant, {one.id for one in chosen}, wanted, newest),
        active=sum(one.active for one in everything),
        assessments=[(one.id, one.name) for one in everything],
        controls=controls,
        groups=_groups(controls, grouping),
        trend=_trend(context, chosen, wanted),
        collecting=[_collecting(context, caller, one) for one in chosen if one.active],
    )


def _own(context: Context, caller: Caller) -> Iterator[Assessed]:
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            yield assessed(context, caller, _OPERATION, stored.id)


def _controls(context: Context, found: Assessed, day: date) -> Iterator[ControlOfDay]:
    said = context.store.verdicts(found.id, day)
    before = context.store.verdicts(found.id, day - _DAY)
    domains = {
        control.id: one.name
        for one in context.catalogue.framework.control_sets
        for control in one.controls
    }
    seen: set[str] = set()
    for control in found.controls:
        if control.key not in said or control.key in seen:
            continue
        seen.add(control.key)
        yesterday = before.get(control.key)
        yield ControlOfDay(
            assessment_id=found.id,
            assessment=found.name,
            set_id=control.set_id,
            domain=domains.get(control.key, UNCATEGORIZED_NAME),
            id=control.id,
            name=control.name,
            said=said[control.key],
            before=yesterday.state if yesterday else None,
        )


def _groups(controls: Sequence[ControlOfDay], grouping: Grouping) -> list[Group]:
    """Return the controls by control domain, or by control set within each assessment."""
    several = len({one.assessment_id for one in controls}) > 1
    parts: dict[tuple[str, str], list[ControlOfDay]] = {}
    for one in controls:
        key = ("", one.domain) if grouping == "domain" else (one.assessment_id, one.set_id)
        parts.setdefault(key, []).append(one)
    return [
        _group(
            f"{name} ({held[0].assessment})" if several and assessment_id else name,
            assessment_id,
            held,
        )
        for (assessment_id, name), held in parts.items()
    ]


def _group(name: str, assessment_id: str, controls: Iterable[ControlOfDay]) -> Group:
    held = list(controls)
    evidence: Counter[Verdict] = Counter()
    for one in held:
        evidence.update({Verdict(name): count for name, count in one.said.counts.items()})
    return Group(
        name=name,
        assessment_id=assessment_id,
        controls=Counter(one.said.state for one in held),
        evidence=evidence,
        gaps=sum(one.gaps for one in held),
    )


def _trend(context: Context, chosen: Sequence[Assessed], last: date) -> list[TrendDay]:
    first = last - _DAY * (TREND_DAYS - 1)
    counts: dict[date, Counter[ControlState]] = {}
    for found in chosen:
        for day, known in context.store.verdict_history.totals(found.stored, first, last).items():
            counts.setdefault(day, Counter()).update(known)
    days = (first + _DAY * number for number in range(TREND_DAYS))
    return [TrendDay(day=day, controls=counts.get(day, Counter())) for day in days]


def _collecting(context: Context, caller: Caller, found: Assessed) -> Collecting:
    """Return how it stands today: tasks are looked at before runs, as the scheduler does."""
    today = context.now().date()
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC) + _DAY
    bound = binding_of(context.store, caller.tenant)
    following = midnight if bound is not None and bound.accounts else None
    tasks = context.store.documents.every(caller.tenant, work.KIND, parent=found.id)
    task = next((one for one in reversed(tasks) if one.body["task"] == "collect"), None)
    if task is not None:
        told = task.body.get("progress") or {"account": "", "done": 0, "total": 0}
        return Collecting(
            assessment_id=found.id,
            assessment=found.name,
            state=_state(task),
            at=parse(task.body["heartbeat"] or task.body["notBefore"]),
            why=str(task.body.get("why", "")),
            following=following,
            account=told["account"],
            asked=told["done"],
            known=told["total"],
        )
    ends = [one["finished_at"] for one in context.store.whole_runs(found.stored, today)]
    return Collecting(
        assessment_id=found.id,
        assessment=found.name,
        state="done" if ends else "waiting",
        at=parse(ends[-1]) if ends else midnight,
        why="",
        following=following,
    )


def _state(task: Document) -> State:
    if task.body["holder"]:
        return "running"
    return "failed" if work.is_given_up(task) else "waiting"
