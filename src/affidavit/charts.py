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
