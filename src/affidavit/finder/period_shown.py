"""The period view as JSON, CSV and SVG."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any

from affidavit.charts import Span, SpanRow, day_rows
from affidavit.finder.period import ControlPeriod, Day, Period, State
from affidavit.model.verdict import Verdict
from affidavit.report.verify.csvcheck import MARK, cell

COLUMNS = (
    "control_set_id",
    "control_id",
    "day",
    "state",
    "compliant",
    "non_compliant",
    "not_applicable",
    "gaps",
    "changed_from",
    "why",
)
_TICKS = 8


def to_json(period: Period) -> dict[str, Any]:
    """Return the view for `--json`: controls with their days as words, and what changed."""
    return {
        "assessment": {"id": period.assessment.id, "name": period.assessment.name},
        "period": [period.first.isoformat(), period.last.isoformat()],
        "daysWithoutRun": [day.isoformat() for day in period.days_without_run],
        "controls": [_control(one) for one in period.controls],
        "unreadable": [
            {"segment": x.segment, "day": x.day, "rows": x.rows, "why": x.why}
            for x in period.unreadable
        ],
    }


def _control(one: ControlPeriod) -> dict[str, Any]:
    gap, kinds = one.longest_gap, Counter(day.kind for day in one.days)
    return {
        "control": one.control_id,
        "controlSet": one.control_set_id,
        "partial": one.partial,
        "days": {day.day.isoformat(): day.kind for day in one.days},
        "counts": {kind: kinds[kind] for kind in ("automated", *State)},
        "coveredDays": one.covered,
        "coveredPercent": one.covered_percent,
        "longestGap": [gap[0].isoformat(), gap[1].isoformat()] if gap else None,
        "changes": [
            {
                "day": change.day.isoformat(),
                "before": change.before.kind,
                "after": change.after.kind,
                "why": change.why,
            }
            for change in one.changes
        ],
    }


def csv_lines(period: Period) -> Iterator[bytes]:
    """Yield a table with a row for each control and day, safe against formulas."""
    yield MARK + ",".join(COLUMNS).encode() + b"\r\n"
    for one in period.controls:
        changes = {change.day: change for change in one.changes}
        for day in one.days:
            change = changes.get(day.day)
            cells = [
                one.control_set_id,
                one.control_id,
                day.day.isoformat(),
                day.kind,
                *(str(day.counts.get(verdict.value, 0)) for verdict in Verdict),
                " ".join(f"{name}:{number}" for name, number in sorted(day.gaps.items()) if number),
                change.before.kind if change else "",
                change.why if change else "",
            ]
            yield ",".join(map(cell, cells)).encode() + b"\r\n"


def svg(period: Period) -> str:
    """Return a row for each control, its days as bars of their state, the coverage behind."""
    rows = [
        SpanRow(
            one.control_id,
            tuple(_spans(one.days)),
            f"{one.covered_percent} % covered, {_changes(len(one.changes))}",
        )
        for one in period.controls
    ]
    title = f"{period.assessment.name}, {period.first} to {period.last}: what each control was"
    words = "; ".join(f"{row.label}: {row.note}" for row in rows)
    return day_rows(rows, period.days, _ticks(period.first, period.days), f"{title}. {words}")


def _changes(number: int) -> str:
    return "1 change" if number == 1 else f"{number} changes"


def _spans(days: tuple[Day, ...]) -> Iterator[Span]:
    at = 0
    for kind, stretch in groupby(days, lambda day: day.kind):
        same = list(stretch)
        first, last = same[0].day, same[-1].day
        when = f"{first}" if first == last else f"{first} to {last}"
        yield Span(at, len(same), kind, f"{when}: {same[0].words}")
        at += len(same)


def _ticks(first: date, days: int) -> list[tuple[int, str]]:
    step = max(1, -(-days // _TICKS))
    return [
        (at, date.fromordinal(first.toordinal() + at).isoformat()) for at in range(0, days, step)
    ]
