"""The period as pictures for the PDF: a row for each control, its days as bars of their state."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby

from affidavit.charts import Span, SpanRow, day_rows
from affidavit.report.verify.matrix import NOTHING, Matrix, Row

ROWS = 27
"""Controls of one picture: a page, below a heading."""
_FEWEST_DAYS = 2
"""A single day is what the summary and each control's page say."""
_TICKS = 5
_LENGTH = 400.0
"""Of the days: short, so that the words are read when the chart is as wide as the page."""


def charts(matrix: Matrix, first: date, last: date) -> tuple[tuple[str, str], ...]:
    """Return (SVG, the same in words) of each page of controls; none for a period of one day."""
    days = (last - first).days + 1
    if days < _FEWEST_DAYS:
        return ()
    rows = list(matrix.rows(first, last))
    return tuple(_chart(rows[at : at + ROWS], first, days) for at in range(0, len(rows), ROWS))


def _chart(rows: Sequence[Row], first: date, days: int) -> tuple[str, str]:
    shown = [SpanRow(_label(row.control), tuple(_spans(row)), _note(row)) for row in rows]
    words = "; ".join(f"{row.control}: {_in_words(row)}" for row in rows)
    return day_rows(shown, days, list(_ticks(first, days)), words, _LENGTH), words


def _label(control: str) -> str:
    """Return a control's id as far as there is room for it: custom ones are UUIDs."""
    return control if len(control) <= 18 else f"{control[:8]}…"  # noqa: PLR2004 - of the chart


def _note(row: Row) -> str:
    return f"{row.percent} % covered"


def _in_words(row: Row) -> str:
    gap = f", longest gap {row.longest_gap} days" if row.longest_gap else ""
    return f"{row.percent} % of the days covered, {row.changes} changes{gap}"


def _spans(row: Row) -> Iterator[Span]:
    at = 0
    for state, stretch in groupby(row.days, lambda one: one.state if one else NOTHING):
        number = len(list(stretch))
        yield Span(at, number, state, f"{number} days {state.replace('_', '-')}")
        at += number


def _ticks(first: date, days: int) -> Iterator[tuple[int, str]]:
    step = max(1, -(-days // _TICKS))
    for at in range(0, days, step):
        yield at, (first + timedelta(days=at)).isoformat()
