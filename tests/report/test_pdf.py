"""What the PDF says, read back from it; and that equal content gives equal bytes."""

import io
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from affidavit.errors import ReportError
from affidavit.report import Request, build
from affidavit.report.content import Content
from affidavit.report.gather import ROWS, Gatherer, status_of
from affidavit.report.pdf import write_pdf

SCRIPTS = "Prüfung 監査 Привет 🙂 \u0e01 \u0001 e\u0489"


@pytest.fixture(scope="session")
def pages(good: Path) -> list[str]:
    """Return the words of every page of the good report's PDF."""
    with zipfile.ZipFile(good) as archive:
        reader = PdfReader(io.BytesIO(archive.read("report.pdf")))
    return [" ".join(page.extract_text().replace("\u200b", "").split()) for page in reader.pages]


def content_of(world: Any) -> Content:
    """Return the content of a report of the world."""
    request = Request(assessment_id=world.assessment.id, path=world.folder / "content.zip")
    ledger, now = world.maker.ledger, datetime(2026, 1, 8, 6, tzinfo=UTC)
    return build(request, ledger, ledger.signer, world.maker.catalogue, now, ledger).content


def test_cover(pages: list[str]) -> None:
    """The cover says what the report is about, what it does not say, and how its key is kept."""
    cover = pages[0]
    for words in (
        "Northwind Assistants",
        "2026-01-05 to 2026-01-08",
        "Evidence is not compliance",
        "not judged by machine",
        "not AWS's text".replace("'", "\u2019"),
        "1 parameter deviates",
        "without passphrase",
        "the operator",
    ):
        assert words in cover or words.replace("\u2019", "'") in cover, words


def test_every_page_is_marked(pages: list[str]) -> None:
    """Synthetic evidence is marked on every single page."""
    assert len(pages) > 10
    assert all("SYNTHETIC" in page for page in pages)


def test_every_control_has_its_page(world: Any, pages: list[str]) -> None:
    """Every control has a page with title, statement, testing information and action plan."""
    text = " ".join(pages[4:])
    for control in world.maker.catalogue.framework.controls():
        assert control.title in text
        assert f"Action plan: {control.action_plan.title}" in text
    assert text.count("Testing information") == len(
        list(world.maker.catalogue.framework.controls())
    )


def test_parameters_are_listed(pages: list[str]) -> None:
    """A parameter that deviates stands with its value, by whom, when and why."""
    text = " ".join(pages)
    for words in ("model-approved", "ms.owner@example.com", "board decision 2025-11"):
        assert words in text


def test_left_out_and_days(pages: list[str]) -> None:
    """Accounts left out, days without run and reasons of gaps stand in the completeness page."""
    text = " ".join(pages)
    for words in ("777788889999", "AssumeRole was denied", "2026-01-06", "denied"):
        assert words in text


def test_partial_control_is_never_plainly_compliant() -> None:
    """A partial control's words and count always speak of its automated part."""
    assert status_of("COMPLIANT", "") == ("compliant", "Compliant")
    for manual in ("missing", "expired", "present"):
        kind, words = status_of("COMPLIANT", manual)
        assert kind == "automated"
        assert words == f"Automated part compliant, manual part {manual}"
    assert status_of("NOT_APPLICABLE", "present")[0] == "inconclusive"
    assert status_of("NON_COMPLIANT", "")[0] == "non_compliant"


def test_rows_are_bounded_and_the_worst_first(world: Any) -> None:
    """A control with many records shows a bounded table, the worst first, and counts the rest."""
    ledger = world.maker.ledger
    run = max((r for r in ledger.records.values() if r["kind"] == "run"), key=lambda r: r["day"])
    gatherer = Gatherer(world.maker.catalogue, run)
    control = next(world.maker.catalogue.framework.controls()).id
    mine = [e for _, e in ledger.kept if e.run_id == run["run_id"] and e.control_id == control]
    for leaf in range(500):
        gatherer.add(leaf, mine[leaf % len(mine)])
    page = gatherer.sections({})[0].controls[0]
    assert len(page.rows) == ROWS
    assert page.rest + page.out_of_scope == 500 - ROWS
    bad = sum(mine[n % len(mine)].verdict == "NON_COMPLIANT" for n in range(500))
    shown = Counter(row.verdict for row in page.rows)
    assert shown["NON_COMPLIANT"] == min(bad, ROWS)
    assert list(page.rows) == sorted(page.rows, key=lambda r: r.verdict != "NON_COMPLIANT")


def test_equal_content_equal_bytes(world: Any, tmp_path: Path) -> None:
    """The PDF depends on its content alone; what is written in it is never taken for a program."""
    content = content_of(world)
    hostile = replace(content, assessment='#panic("boom") $x$ *bold* @ref <label> \\')
    first = write_pdf(hostile, tmp_path).read_bytes()
    assert write_pdf(hostile, tmp_path).read_bytes() == first
    title = PdfReader(io.BytesIO(first)).metadata
    assert title is not None
    assert '#panic("boom")' in str(title.title)


def test_texts_in_any_script(world: Any, tmp_path: Path) -> None:
    """What the PDF's fonts cannot show stands as its code point: the report is made anyway."""
    named = replace(content_of(world), assessment=SCRIPTS)
    made = PdfReader(io.BytesIO(write_pdf(named, tmp_path).read_bytes()))
    cover = " ".join(made.pages[0].extract_text().replace("\u200b", "").split())
    for words in ("Prüfung [U+76E3][U+67FB]", SCRIPTS.split()[2], "[U+1F642]", "[U+0E01]"):
        assert words in cover


def test_broken_content(world: Any, tmp_path: Path) -> None:
    """What the template cannot read is an error with typst's words, not a trace."""
    broken = replace(content_of(world), donut="this is no SVG")
    with pytest.raises(ReportError, match="The PDF could not be made"):
        write_pdf(broken, tmp_path)
