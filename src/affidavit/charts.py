"""Charts: numbers to SVG, for console and report.

No script, no style element, no style attribute (a strict Content-Security-Policy forbids them), and
never colour alone: every part carries its word and its number. Lengths are SVG user units.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

FONT = "Open Sans, Libertinus Serif, sans-serif"
INK = "#16191f"
COLOURS = {
    "compliant": "#2a7a3b",
    "automated": "#8fbf8f",
    "non_compliant": "#b5332e",
    "inconclusive": "#9aa3ab",
}
"""Fill by kind: green, light green, red, grey; each at least 3:1 against its neighbour or white."""
ON = {
    "compliant": "#ffffff",
    "automated": "#16191f",
    "non_compliant": "#ffffff",
    "inconclusive": "#16191f",
}
"""Colour of text upon the fill."""
_ROW = 26
_BAR = 17
_DIGIT = 7.5
"""Width of a digit at the size used in bars."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a whole."""

    label: str
    value: int
    kind: str
    """A key of `COLOURS`."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a stacked bar chart."""

    label: str
    slices: tuple[Slice, ...]

    @property
    def total(self) -> int:
        """Return the sum of the parts."""
        return sum(part.value for part in self.slices)


def in_words(slices: Sequence[Slice]) -> str:
    """Return the numbers in words: the chart for who cannot see it."""
    return ", ".join(f"{part.value} {part.label.lower()}" for part in slices)


def donut(slices: Sequence[Slice], title: str, unit: str, font: str = FONT) -> str:
    """Return a ring of the parts, their sum and `unit` in the middle, a legend beside it."""
    radius, width = 62.0, 26.0
    around = 2 * math.pi * radius
    total = sum(part.value for part in slices)
    ring = f'<circle cx="90" cy="90" r="{radius}" fill="none" stroke-width="{width}"'
    parts = [f'{ring} stroke="#e9ebed"/>']
    turned = 0.0
    for part in slices:
        if not part.value:
            continue
        length = around * part.value / total
        gap = 1.5 if part.value < total else 0.0
        parts.append(
            f'{ring} stroke="{COLOURS[part.kind]}" '
            f'stroke-dasharray="{length - gap:.2f} {around:.2f}" '
            f'transform="rotate({turned * 360 / around - 90:.2f} 90 90)">'
            f"<title>{escape(part.label)}: {part.value}</title></circle>"
        )
        turned += length
    parts.append(_text(90, 92, str(total), 30, font, anchor="middle", bold=True))
    parts.append(_text(90, 110, unit, 12, font, anchor="middle"))
    parts.extend(_legend(slices, 205, 90 - 13 * len(slices), font))
    return _svg(430, 180, f"{title}: {in_words(slices)}", parts)


def stacked_bars(bars: Sequence[Bar], title: str, font: str = FONT) -> str:
    """Return one horizontal bar a row, its parts to a scale common to all rows."""
    left, length = 118.0, 352.0
    most = max((bar.total for bar in bars), default=0) or 1
    parts: list[str] = []
    for number, bar in enumerate(bars):
        top = number * _ROW + 4
        parts.append(_text(left - 10, top + 13, bar.label, 13, font, anchor="end"))
        at = left
        for part in bar.slices:
            width = length * part.value / most
            if not part.value:
                continue
            parts.append(
                f'<rect x="{at:.2f}" y="{top}" width="{width - 1:.2f}" height="{_BAR}" '
                f'fill="{COLOURS[part.kind]}"><title>{escape(bar.label)}, {escape(part.label)}: '
                f"{part.value}</title></rect>"
            )
            if width > _DIGIT * len(str(part.value)) + 4:
                parts.append(
                    _text(
                        at + width / 2,
                        top + 13,
                        str(part.value),
                        12,
                        font,
                        anchor="middle",
                        colour=ON[part.kind],
                    )
                )
            at += width
    words = "; ".join(f"{bar.label}: {in_words(bar.slices)}" for bar in bars)
    return _svg(480, len(bars) * _ROW + 4, f"{title}. {words}", parts)


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring days of one state."""

    first: int
    """Number of the first day in the chart, from 0."""
    days: int
    kind: str
    """A key of `COLOURS`, or gap, or nothing."""
    words: str
    """What is said of it where a pointer rests upon it."""


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A row of a chart over days."""

    label: str
    spans: tuple[Span, ...]
    note: str
    """Behind the row."""


SPAN_KINDS = {
    "compliant": "Compliant (whole bar)",
    "automated": "Automated part compliant (light bar, dark foot)",
    "non_compliant": "Non-compliant (bar with a line)",
    "inconclusive": "Inconclusive (half a bar)",
    "gap": "Gap (outline)",
    "nothing": "Nothing collected (thin line)",
}
"""What the shapes mean; each state has its own shape besides its colour."""


_NOTE = 150
"""Width that is left for what stands behind the rows, at least."""


def day_rows(
    rows: Sequence[SpanRow],
    days: int,
    ticks: Sequence[tuple[int, str]],
    title: str,
    length: float = 620.0,
) -> str:
    """Return a row for each subject over `days` days; `ticks` are (number of the day, label)."""
    left, top = 130.0, 22.0
    scale = length / max(1, days)
    parts = [
        _text(left + at * scale, 14, label, 11, FONT) for at, label in ticks if at * scale < length
    ]
    for number, row in enumerate(rows):
        y = top + number * _ROW
        parts.append(_text(left - 10, y + 13, row.label, 12, FONT, anchor="end"))
        for span in row.spans:
            x, width = left + span.first * scale, span.days * scale
            words = f"<title>{escape(row.label)}, {escape(span.words)}</title>"
            parts.append(_span(span.kind, x, y, max(width - 0.4, 0.6), words))
        parts.append(_text(left + length + 10, y + 13, row.note, 12, FONT))
    bottom = top + len(rows) * _ROW + 8
    for number, (kind, words) in enumerate(SPAN_KINDS.items()):
        y = bottom + number * 20
        parts.append(_span(kind, left, y, 24, ""))
        parts.append(_text(left + 34, y + 13, words, 12, FONT))
    height = int(bottom + len(SPAN_KINDS) * 20 + 6)
    room = max([_NOTE, *(20 + 7 * len(row.note) for row in rows)])
    return _svg(int(left + length + room), height, title, parts)


def _span(kind: str, x: float, y: float, width: float, words: str) -> str:
    def box(top: float, high: float, paint: str) -> str:
        return (
            f'<rect x="{x:.2f}" y="{top:.1f}" width="{width:.2f}" height="{high:.1f}" {paint}>'
            f"{words}</rect>"
        )

    if kind == "gap":
        return box(y + 0.5, _BAR - 1, f'fill="#ffffff" stroke="{INK}" stroke-width="1"')
    if kind == "nothing":
        return box(y + _BAR / 2 - 1, 2, f'fill="{COLOURS["inconclusive"]}"')
    paint = f'fill="{COLOURS[kind]}"'
    if kind == "inconclusive":
        return box(y + _BAR / 2, _BAR / 2, paint)
    if kind == "automated":
        foot = (
            f'<rect x="{x:.2f}" y="{y + _BAR - 3:.1f}" width="{width:.2f}" height="3" '
            f'fill="{COLOURS["compliant"]}"/>'
        )
        return box(y, _BAR, paint) + foot
    if kind == "non_compliant":
        line = (
            f'<rect x="{x:.2f}" y="{y + _BAR / 2 - 1:.1f}" width="{width:.2f}" height="2" '
            'fill="#ffffff"/>'
        )
        return box(y, _BAR, paint) + line
    return box(y, _BAR, paint)


def _legend(slices: Sequence[Slice], left: float, top: float, font: str) -> list[str]:
    parts = []
    for number, part in enumerate(slices):
        y = top + number * 26
        parts.append(
            f'<rect x="{left}" y="{y:.0f}" width="13" height="13" rx="2" '
            f'fill="{COLOURS[part.kind]}"/>'
        )
        parts.append(_text(left + 48, y + 11.5, str(part.value), 14, font, anchor="end", bold=True))
        parts.append(_text(left + 57, y + 11.5, part.label, 14, font))
    return parts


def _text(  # noqa: PLR0913 - one for each attribute
    x: float,
    y: float,
    text: str,
    size: float,
    font: str,
    *,
    anchor: str = "start",
    bold: bool = False,
    colour: str = INK,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="{escape(font)}" font-size="{size}"{weight} '
        f'text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )


def _svg(width: int, height: int, words: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(words)}">{"".join(parts)}</svg>'
    )
