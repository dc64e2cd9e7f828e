"""Charts of the console: numbers to SVG whose colours are the style sheet's, in light and dark.

As `affidavit.charts` for reports: no script, no style attribute, never colour alone, and every
chart says its numbers in words (`aria-label`). Here parts carry classes instead of colours.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

from affidavit.model.verdict import ControlState, Verdict
from affidavit.prompts.results import Tally

KINDS: Final[Mapping[str, str]] = {
    ControlState.NON_COMPLIANT: "bad",
    ControlState.NOT_APPLICABLE: "open",
    ControlState.AUTOMATED_MISSING: "part",
    ControlState.AUTOMATED_EXPIRED: "part",
    ControlState.AUTOMATED_PRESENT: "part",
    ControlState.COMPLIANT: "good",
}
"""State or verdict -> class that it is drawn with, the worst first in every chart and legend."""
_WEEK: Final = 7
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayCell:
    """A day of a calendar or strip."""

    day: date
    kind: str
    """good, part, bad, open, gap or none."""
    words: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a ring, bar or column, and its row of the legend."""

    kind: str
    """bad, open, part or good."""
    state: Verdict | None
    """None for compliant in the automated part only."""
    words: str
    value: int
    manual: Mapping[str, int]
    """Of `part`: how many manual parts are missing, expired and present."""

    @property
    def detail(self) -> str:
        """Return how it stands with the manual parts, or nothing."""
        told = ", ".join(f"{number:,} {name}" for name, number in self.manual.items() if number)
        return f"manual part: {told}" if told else ""

    @property
    def all_words(self) -> str:
        """Return words and detail."""
        return f"{self.words} ({self.detail})" if self.detail else self.words


Counts = Mapping[str, int] | Sequence[Piece]
"""By state or verdict; or pieces as they are."""


def pieces(counts: Counts) -> Sequence[Piece]:
    """Return what states or verdicts are drawn as; the partial only where there are any."""
    if not isinstance(counts, Mapping):
        return counts
    manual = {one.manual: counts.get(one, 0) for one in ControlState if one.manual}
    found = [
        Piece(KINDS[one], one, one.words, counts.get(one, 0), {})
        for one in (Verdict.NON_COMPLIANT, Verdict.NOT_APPLICABLE, Verdict.COMPLIANT)
    ]
    if total := sum(manual.values()):
        words = ControlState.AUTOMATED_MISSING.words
        found.insert(2, Piece("part", None, words, total, manual))
    return found


def outcomes(tally: Tally) -> list[Piece]:
    """Return what the cases of prompts came to as pieces."""
    return [
        Piece("bad", Verdict.NON_COMPLIANT, "Failed", tally.failed, {}),
        Piece("open", Verdict.NOT_APPLICABLE, "Undecided or not asked", tally.errors, {}),
        Piece("good", Verdict.COMPLIANT, "Passed", tally.passed, {}),
    ]


def counted(counts: Counts) -> str:
    """Return counts in words, the worst first."""
    return ", ".join(f"{one.value:,} {one.all_words.lower()}" for one in pieces(counts))


def ring(counts: Counts, title: str, unit: str) -> Markup:
    """Return a ring of verdicts with their sum in the middle."""
    radius, width = 60.0, 22.0
    around = 2 * math.pi * radius
    total = sum(one.value for one in pieces(counts))
    circle = f'<circle cx="80" cy="80" r="{radius}" fill="none" stroke-width="{width}"'
    parts = [f'{circle} class="line-none"/>']
    turned = 0.0
    for one in pieces(counts):
        value = one.value
        if not value:
            continue
        length = around * value / total
        gap = 2.0 if value < total else 0.0
        parts.append(
            f'{circle} class="line-{one.kind}" '
            f'stroke-dasharray="{max(length - gap, 0.5):.2f} {around:.2f}" '
            f'transform="rotate({turned * 360 / around - 90:.2f} 80 80)">'
            f"<title>{one.all_words}: {value:,}</title></circle>"
        )
        turned += length
    parts.append(f'<text x="80" y="84" class="big" text-anchor="middle">{total:,}</text>')
    parts.append(f'<text x="80" y="102" class="small" text-anchor="middle">{escape(unit)}</text>')
    return _svg(160, 160, f"{title}: {counted(counts)}", parts, "ring")


def bar(counts: Counts, title: str, most: int = 0) -> Markup:
    """Return one bar of verdicts; `most` is the sum that fills it (by default its own)."""
    width, height = 240.0, 12
    total = sum(one.value for one in pieces(counts))
    scale = width / (most or total or 1)
    parts = [f'<rect x="0" y="0" width="{width:.0f}" height="{height}" class="fill-none"/>']
    at = 0.0
    for one in pieces(counts):
        value = one.value
        if not value:
            continue
        length = value * scale
        parts.append(
            f'<rect x="{at:.2f}" y="0" width="{max(length - 1, 0.5):.2f}" height="{height}" '
            f'class="fill-{one.kind}"><title>{one.all_words}: {value:,}</title></rect>'
        )
        at += length
    return _svg(int(width), height, f"{title}: {counted(counts)}", parts, "bar")


def trend(days: Sequence[tuple[date, Mapping[str, int]]], title: str) -> Markup:
    """Return a column for each day, its controls by verdict; a day without any stays empty."""
    left, top, height, step = 34.0, 8.0, 120.0, 7.6
    most = max((sum(counts.values()) for _, counts in days), default=0) or 1
    width = left + step * len(days) + 4
    parts = [*_grid(most, left, width, top, height)]
    for number, (day, counts) in enumerate(days):
        x, y = left + number * step, top + height
        tall = []
        for one in reversed(pieces(counts)):
            high = height * one.value / most
            y -= high
            if high:
                tall.append(
                    f'<rect x="{x:.1f}" y="{y:.2f}" width="{step - 1.6:.1f}" '
                    f'height="{high:.2f}" class="fill-{one.kind}"/>'
                )
        words = counted(counts) if sum(counts.values()) else "nothing was collected"
        parts.append(f"<g><title>{day}: {words}</title>{''.join(tall)}</g>")
    for number in (0, len(days) // 2, len(days) - 1):
        if 0 <= number < len(days):
            anchor = "start" if number == 0 else "end" if number == len(days) - 1 else "middle"
            x = left + number * step + (step if anchor == "end" else 0)
            parts.append(
                f'<text x="{x:.1f}" y="{top + height + 18:.0f}" class="small" '
                f'text-anchor="{anchor}">{days[number][0]}</text>'
            )
    label = f"{title}. {_trend_words(days)}"
    return _svg(int(width), int(top + height + 26), label, parts, "trend")


def calendar(cells: Sequence[DayCell], title: str) -> Markup:
    """Return a calendar: a column for each week, a row for each weekday from Monday on."""
    size, gap, left, top = 13, 3, 34, 18
    if not cells:
        return Markup()
    monday = cells[0].day - _DAY * cells[0].day.weekday()
    weeks = (cells[-1].day - monday).days // _WEEK + 1
    parts = [
        f'<text x="{left - 6}" y="{top + row * (size + gap) + 10}" class="small" '
        f'text-anchor="end">{word}</text>'
        for row, word in ((0, "Mon"), (2, "Wed"), (4, "Fri"))
    ]
    month = ""
    for cell in cells:
        week, row = (cell.day - monday).days // _WEEK, cell.day.weekday()
        x, y = left + week * (size + gap), top + row * (size + gap)
        if f"{cell.day:%b}" != month and row < _WEEK - 1:
            month = f"{cell.day:%b}"
            parts.append(f'<text x="{x}" y="12" class="small">{month}</text>')
        parts.append(
            f'<rect x="{x}" y="{y}" width="{size}" height="{size}" rx="2" '
            f'class="fill-{cell.kind}"><title>{cell.day}: {escape(cell.words)}</title></rect>'
        )
    # A month that begins in the last week has a name wider than the week.
    width, height = left + (weeks + 1) * (size + gap), top + _WEEK * (size + gap)
    words = f"{title}. {_kinds_in_words(cells)}"
    return _svg(max(width, 120), height, words, parts, "calendar")


def strip(cells: Sequence[DayCell], title: str) -> Markup:
    """Return days side by side; neighbours that are the same are one piece."""
    width, height = 360.0, 14
    scale = width / (len(cells) or 1)
    parts = [f'<rect x="0" y="0" width="{width:.0f}" height="{height}" class="fill-none"/>']
    at = 0
    for _, same in groupby(cells, lambda cell: (cell.kind, cell.words)):
        held = list(same)
        if held[0].kind != "none":
            when = f"{held[0].day}" if len(held) == 1 else f"{held[0].day} to {held[-1].day}"
            high = height if held[0].kind in ("good", "part", "bad") else height // 2
            parts.append(
                f'<rect x="{at * scale:.2f}" y="{height - high}" '
                f'width="{max(len(held) * scale - 0.5, 0.5):.2f}" height="{high}" '
                f'class="fill-{held[0].kind}"><title>{when}: {escape(held[0].words)}</title></rect>'
            )
        at += len(held)
    return _svg(int(width), height, f"{title}. {_kinds_in_words(cells)}", parts, "strip")


def sparkline(rates: Sequence[tuple[str, float | None]], title: str, least: float) -> Markup:
    """Return rates from 0 to 1 as a line, the threshold as another; None: nothing was measured."""
    width, height, edge = 240.0, 40.0, 4.0
    step = (width - 2 * edge) / max(1, len(rates) - 1)
    places = [
        (edge + number * step, None if rate is None else edge + (height - 2 * edge) * (1 - rate))
        for number, (_, rate) in enumerate(rates)
    ]
    low = edge + (height - 2 * edge) * (1 - least)
    parts = [f'<line x1="0" x2="{width:.0f}" y1="{low:.1f}" y2="{low:.1f}" class="threshold"/>']
    for measured, run in groupby(places, lambda place: place[1] is not None):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in run if y is not None)
        if measured:
            parts.append(f'<polyline points="{line}" class="rate"/>')
    for (x, y), (when, rate) in zip(places, rates, strict=True):
        if rate is None or y is None:
            mark = f'<rect x="{x - 2:.1f}" y="{height - 5:.0f}" width="4" height="4"'
            parts.append(f'{mark} class="fill-gap"><title>{when}: not measured</title></rect>')
        else:
            kind = "good" if rate >= least else "bad"
            mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" class="fill-{kind}">'
            parts.append(f"{mark}<title>{when}: {rate:.1%}</title></circle>")
    known = [rate for _, rate in rates if rate is not None]
    words = f"{title}: {len(known)} of {len(rates)} runs were measured"
    if known:
        words += f"; the last rate is {known[-1]:.1%}, the lowest {min(known):.1%}"
    return _svg(int(width), int(height), f"{words}; alerts below {least:.1%}", parts, "sparkline")


def _grid(most: int, left: float, width: float, top: float, height: float) -> Iterable[str]:
    for share in (0.0, 0.5, 1.0):
        y = top + height * (1 - share)
        yield f'<line x1="{left}" x2="{width:.0f}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield (
            f'<text x="{left - 6}" y="{y + 4:.1f}" class="small" text-anchor="end">'
            f"{round(most * share)}</text>"
        )


def _trend_words(days: Sequence[tuple[date, Mapping[str, int]]]) -> str:
    known = [(day, counts) for day, counts in days if sum(counts.values())]
    if not known:
        return "Nothing was collected."
    (first, then), (last, now) = known[0], known[-1]
    return (
        f"{len(known)} of {len(days)} days were collected. {first}: {counted(then)}. "
        f"{last}: {counted(now)}."
    )


def _kinds_in_words(cells: Sequence[DayCell]) -> str:
    part = ControlState.AUTOMATED_MISSING.words.lower()
    names = {
        "good": "compliant",
        "part": part,
        "bad": "non-compliant",
        "open": "inconclusive",
        "gap": "a gap",
    }
    counts = {kind: sum(cell.kind == kind for cell in cells) for kind in names}
    found = [f"{count} days {names[kind]}" for kind, count in counts.items() if count]
    empty = sum(cell.kind == "none" for cell in cells)
    return ", ".join([*found, *([f"{empty} days without a run"] if empty else [])])


def _svg(width: int, height: int, words: str, parts: Iterable[str], name: str) -> Markup:
    stretched = ' preserveAspectRatio="none"' if name in ("bar", "strip") else ""
    return Markup(  # noqa: S704 - made of numbers and escaped words
        f'<svg class="chart {name}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}"{stretched} role="img" aria-label="{escape(words)}">'
        f"{''.join(parts)}</svg>"
    )
