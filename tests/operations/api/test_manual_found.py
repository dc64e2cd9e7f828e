"""Manual evidence is found by the finder, and stands in exports with its text answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.operations.api.test_manual_evidence import control  # noqa: F401 - a fixture

from affidavit.finder import export as exporting
from affidavit.ledger.checkpoint import origin_of
from affidavit.operations import find
from affidavit.operations.find import Drawing, ExportRequest, FindRequest
from affidavit.report.verify.exports import verify_export
from affidavit.report.verify.note import Key
from affidavit.settings import Settings

ANSWERS = ("We asked the works council.", "=HYPERLINK(1)", "Minutes of March, ü")


@pytest.fixture
def settings(owner: Any, collected: Any, control: dict[str, str]) -> Settings:  # noqa: F811 - see above
    """Give the settings of a store with a day's evidence and three text answers of one import."""
    collected.run()
    items = [{"textResponse": text} for text in ANSWERS]
    owner("BatchImportEvidenceToAssessmentControl", **control, manualEvidence=items)
    home = owner.context.store.objects.parent
    return Settings(home=home, keys=home.parent / "keys")


def _asked(text: str, **members: Any) -> FindRequest:
    return FindRequest(query=text, **members)


def test_what_people_added_is_found(settings: Settings) -> None:
    """Items are rows with the text as reason, no verdict, and the leaf of their import's change."""
    page = find.find(settings, _asked("type = Manual"))
    assert {row.evidence.reason for row in page.rows} == set(ANSWERS)
    assert {row.evidence.verdict.value for row in page.rows} == {"NOT_APPLICABLE"}
    assert len({row.leaf for row in page.rows}) == 1
    (one,) = find.find(settings, _asked('origin = manual and "works council"')).rows
    assert one.evidence.attributes["textResponse"] == ANSWERS[0]
    assert one.evidence.evidence_type == "Manual"
    assert find.find(settings, _asked(f"id = {one.evidence.id}")).rows == (one,)
    assert find.count(settings, _asked("origin = manual"))[0] == len(ANSWERS)
    assert find.count(settings, _asked("origin = manual and time < 2020-01-01"))[0] == 0
    every = find.count(settings, _asked(""))[0]
    grouped = find.group(settings, _asked(""), ("type",))
    assert (("Manual",), len(ANSWERS)) in grouped.rows
    assert grouped.total == every
    drawn = find.sample(settings, _asked("origin = manual"), Drawing(count=2, seed="s", by="test"))
    assert (len(drawn.sample.rows), drawn.sample.population) == (2, len(ANSWERS))


def test_pages_go_through_both(settings: Settings) -> None:
    """Pages of two rows hold every record and every item once, the newest first."""
    found, cursor = [], ""
    while True:
        page = find.find(settings, _asked("", limit=2, cursor=cursor))
        found += [row.evidence for row in page.rows]
        cursor = page.cursor
        if not cursor:
            break
    assert len({one.id for one in found}) == len(found) == find.count(settings, _asked(""))[0]
    assert [one.time for one in found] == sorted((one.time for one in found), reverse=True)


def test_text_answers_stand_in_exports(
    owner: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CSV has the answers, safe against formulas; JSON lines tell them from logged records."""
    monkeypatch.setattr(exporting, "PART_ROWS", 2)
    request = _asked("")
    find.export_rows(settings, request, ExportRequest(path=tmp_path / "e.csv", kind="csv"))
    table = (tmp_path / "e.csv").read_text(encoding="utf-8-sig")
    assert ANSWERS[0] in table
    assert "'=HYPERLINK(1)" in table
    done = find.export_rows(
        settings, request, ExportRequest(path=tmp_path / "e.jsonl", kind="jsonl")
    )
    lines = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert len(lines) == done.rows == find.count(settings, request)[0]
    assert {line["manual"]["reason"] for line in lines if "manual" in line} == set(ANSWERS)
    assert [line["leaf"] for line in lines] == sorted(line["leaf"] for line in lines)
    find.export_rows(settings, request, ExportRequest(path=tmp_path / "e.parquet", kind="parquet"))
    tenant = owner.caller.tenant
    key = Key(origin_of(tenant), owner.context.store.keys.signer().public.raw)
    for kind in ("csv", "jsonl", "parquet"):
        outcome = verify_export(tmp_path / f"e.{kind}", key)
        assert outcome.verified, outcome.failure
