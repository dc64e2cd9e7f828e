"""The table period.csv: what each control was on each day of the period, as the run records say.

A day is what its last whole run says; a day without one is nothing, and is not covered. Made here,
for the report and for whoever verifies it: the verifier makes the table again and compares.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby, pairwise
from typing import Any

from .csvcheck import MARK, cell
from .runs import WHOLE

NAME = "period.csv"
COLUMNS = (
    *("control_set_id", "control_id", "day", "state", "compliant", "non_compliant"),
    *("not_applicable", "gaps", "changed_from", "run_id"),
)
NOTHING = "nothing"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """A control on a day with a run."""

    state: str
    """compliant, automated (a partial control whose automated part is compliant), non_compliant,
    inconclusive, or gap: nothing could be judged because something could not be observed."""
    run_id: str
    records: Mapping[str, int]
    gaps: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A control over the period."""

    control_set: str
    control: str
    days: tuple[Cell | None, ...]
    """Each day of the period in order; None: no run speaks of the control."""

    @property
    def covered(self) -> int:
        """Return the number of days on which something was seen."""
        return sum(one is not None and one.state != "gap" for one in self.days)

    @property
    def percent(self) -> str:
        """Return the covered days in percent, cut to a tenth: only all days are 100.0."""
        tenths = self.covered * 1000 // len(self.days)
        return f"{tenths // 10}.{tenths % 10}"

    @property
    def longest_gap(self) -> int:
        """Return the length in days of the longest stretch that is not covered."""
        stretches = groupby(self.days, lambda one: one is None or one.state == "gap")
        return max((len(list(days)) for bare, days in stretches if bare), default=0)

    @property
    def changes(self) -> int:
        """Return how often it was another than on the day with a run before."""
        states = [one.state for one in self.days if one is not None]
        return sum(a != b for a, b in pairwise(states))


@dataclass(slots=True)
class Matrix:
    """Takes in run records in their order."""

    _days: dict[date, dict[str, tuple[str, Cell]]] = field(default_factory=dict)

    def add(self, run: Mapping[str, Any]) -> None:
        """Take in a run record; it takes the place of an earlier one of its day.

        A run of activity alone says nothing of controls.
        """
        if run.get("scope", WHOLE) != WHOLE:
            return
        self._days[date.fromisoformat(run["day"])] = {
            control: (
                said["control_set_id"],
                Cell(
                    state_of(said),
                    run["run_id"],
                    {k: n for k, n in said["records"].items() if n},
                    {k: n for k, n in said["gaps"].items() if n},
                ),
            )
            for control, said in run["controls"].items()
        }

    def rows(self, first: date, last: date) -> Iterator[Row]:
        """Yield the controls by set and id, each over all days from `first` to `last`."""
        controls = sorted(
            {(said[0], name) for day in self._days.values() for name, said in day.items()}
        )
        calendar = [first + _DAY * number for number in range((last - first).days + 1)]
        for control_set, control in controls:
            found = (self._days.get(day, {}).get(control) for day in calendar)
            days = tuple(one[1] if one and one[0] == control_set else None for one in found)
            yield Row(control_set, control, days)

    def lines(self, first: date, last: date) -> Iterator[bytes]:
        """Yield the table, line by line."""
        yield MARK + ",".join(COLUMNS).encode() + b"\r\n"
        for row in self.rows(first, last):
            before = ""
            for number, one in enumerate(row.days):
                day = first + _DAY * number
                yield _line(row, day, one, before)
                before = one.state if one is not None else before


def state_of(said: Mapping[str, Any]) -> str:
    """Return the state that a run's word on a control stands for."""
    if said["verdict"] == "COMPLIANT":
        return "automated" if said["manual"] else "compliant"
    if said["verdict"] == "NON_COMPLIANT":
        return "non_compliant"
    hindered = any(n and reason != "nothing_to_collect" for reason, n in said["gaps"].items())
    return "gap" if hindered and not said["judged"] else "inconclusive"


def _line(row: Row, day: date, one: Cell | None, before: str) -> bytes:
    state = one.state if one is not None else NOTHING
    records = one.records if one is not None else {}
    changed = before if one is not None and before not in ("", state) else ""
    cells = [
        row.control_set,
        row.control,
        day.isoformat(),
        state,
        *(str(records.get(v, 0)) for v in ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE")),
        " ".join(f"{name}:{n}" for name, n in sorted(one.gaps.items())) if one is not None else "",
        changed,
        one.run_id if one is not None else "",
    ]
    return ",".join(map(cell, cells)).encode() + b"\r\n"
