"""Charts: well-formed, with every number in words, and nothing that a strict policy forbids."""

import xml.etree.ElementTree as ET

import pytest

from affidavit.charts import COLOURS, Bar, Slice, donut, in_words, stacked_bars

SLICES = (
    Slice("Compliant", 3, "compliant"),
    Slice("Automated part compliant", 0, "automated"),
    Slice("Non-compliant <b>", 2, "non_compliant"),
    Slice("Inconclusive", 1, "inconclusive"),
)


@pytest.mark.parametrize(
    "svg",
    [
        donut(SLICES, "Controls", "controls"),
        donut((), "Nothing", "controls"),
        donut((SLICES[0],), "One", "controls"),
        stacked_bars((Bar("Privacy & more", SLICES), Bar("Empty", ())), "By set"),
        stacked_bars((), "None"),
    ],
)
def test_charts_are_safe_svg(svg: str) -> None:
    """A chart is XML, says its numbers in its label, and has no script and no style."""
    root = ET.fromstring(svg)  # noqa: S314 - made by ourselves
    assert root.get("role") == "img"
    assert root.get("aria-label")
    for element in root.iter():
        assert not {"style", "onclick", "href"} & set(element.keys())
        assert not element.tag.endswith(("script", "style"))


def test_numbers_in_words() -> None:
    """The words hold every part, empty ones too."""
    words = "3 compliant, 0 automated part compliant, 2 non-compliant <b>, 1 inconclusive"
    assert in_words(SLICES) == words


def test_colours_are_semantic() -> None:
    """Every kind has a colour of its own, and empty parts draw nothing."""
    svg = stacked_bars((Bar("a", SLICES),), "t")
    assert len(set(COLOURS.values())) == len(COLOURS)
    assert svg.count("<rect") == 3
