"""The period view: a calendar of the whole assessment, a strip for each control, what changed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from starlette.responses import Response

from affidavit.console.charts import DayCell
from affidavit.console.page import Page
from affidavit.console.pages.assessments import details, tabs
from affidavit.console.pages.dashboard import day_of
from affidavit.console.texts import _
from affidavit.console.views import view
from affidavit.finder.period import ControlPeriod, Day, Period, State
from affidavit.finder.period_shown import csv_lines
from affidavit.operations.period_views import period_view

DAYS: Final = 90
_KINDS: Final[Mapping[str, str]] = {
    State.COMPLIANT: "good",
    "automated": "part",
    State.NON_COMPLIANT: "bad",
    State.INCONCLUSIVE: "open",
    State.GAP: "gap",
    State.NOTHING: "none",
}
_WORST: Final = (State.NON_COMPLIANT, State.GAP, State.INCONCLUSIVE, "automated", State.COMPLIANT)


def _period(page: Page) -> Period:
    last = day_of(page, "to") or page.now.date()
    first = day_of(page, "from") or last - timedelta(days=DAYS - 1)
    found = period_view(
        page.context,
        page.caller,
        page.console.finder,
        page.identifier("assessment"),
        (first, last),
    )
    return found[1]


def show(page: Page) -> Response:
    """Show the period."""
    one, period = details(page), _period(page)
    known = one.found.by_key()
    return page.show(
        "period/period.html",
        one=one,
        tabs=tabs(one, "period"),
        period=period,
        turned=_day_words,
        whole=[*_whole(period)],
        rows=[(each, known[each.control_id], [*_cells(each)]) for each in period.controls],
    )


def csv(page: Page) -> Response:
    """Send a row for each control and day."""
    headers = {"content-disposition": 'attachment; filename="period.csv"'}
    body = b"".join(csv_lines(_period(page)))
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


def _whole(period: Period) -> Iterator[DayCell]:
    """Yield what the assessment was on each day: the worst that any control was."""
    for number in range(period.days):
        day = period.first + timedelta(days=number)
        days = {one.kind: one for one in (held.days[number] for held in period.controls)}
        kinds = Counter(held.days[number].kind for held in period.controls)
        if not kinds or kinds[State.NOTHING] == len(period.controls):
            yield DayCell(day, "none", _("no run"))
            continue
        worst = next(kind for kind in _WORST if kinds[kind])
        named = {kind: one.words.lower() for kind, one in days.items()}
        words = ", ".join(
            f"{kinds[kind]} {named[kind]}" for kind in (*_WORST, State.NOTHING) if kinds[kind]
        )
        yield DayCell(day, _KINDS[worst], words)


def _cells(one: ControlPeriod) -> Iterator[DayCell]:
    for day in one.days:
        yield DayCell(day.day, _KINDS[day.kind], _day_words(day))


def _day_words(day: Day) -> str:
    return f"{day.words}, manual part {day.manual}" if day.open_part else day.words


VIEWS = (
    view("/assessments/{assessment}/period", show, "Assessment: period"),
    view("/assessments/{assessment}/period.csv", csv, ""),
)
