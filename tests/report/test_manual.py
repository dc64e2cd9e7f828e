"""Manual evidence in a report: a table that the ledger bears out, and the files on request."""

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import ReportError
from affidavit.report.verify.csvcheck import MARK
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import verify

WHY = "Retention of 730 days is over."
NOW = datetime(2026, 1, 8, 6, tzinfo=UTC)


def _steps(world: Any, path: Path) -> dict[str, str]:
    outcome = verify(path, read_key(str(world.key)))
    assert outcome.failure is None
    return dict(outcome.steps)


def _table(path: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        data = archive.read("manual.csv").removeprefix(MARK).decode()
    return list(csv.DictReader(io.StringIO(data, newline="")))


def test_table_and_files(world: Any, good: Path) -> None:
    """Each item has its row with what the ledger says of it; the files are there, by their hash."""
    rows = _table(good)

    assert [row["state"] for row in rows] == ["KEPT", "KEPT", "KEPT", "FAILED"]
    assert rows[0]["text"].startswith("'=HYPERLINK")
    assert rows[1]["file_name"] == "board minutes.pdf"
    assert rows[2]["fetched_from"] == "s3://evidence/training.csv"
    assert (rows[3]["sha256"], rows[3]["bytes"]) == ("", "")
    with zipfile.ZipFile(good) as archive:
        files = {name for name in archive.namelist() if name.startswith("manual/")}
        assert archive.read(f"manual/{rows[1]['sha256']}.pdf").startswith(b"%PDF-1.7")
    assert files == {f"manual/{rows[1]['sha256']}.pdf", f"manual/{rows[2]['sha256']}.csv"}
    words = _steps(world, good)["manual evidence"]
    assert words == "4 items, each as the ledger says; 2 files included"


def test_files_are_left_out_by_default(world: Any) -> None:
    """Without being asked for, no file is in the package; their digests are."""
    path = world.build("digests.zip")

    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if name.startswith("manual/")]
    assert len(_table(path)) == 4
    assert _steps(world, path)["manual evidence"].endswith("files by digest only")


def test_earlier_items_are_in_a_later_report(fresh: Any) -> None:
    """What was added before the report's first run still counts, and stands in the table."""
    world = fresh()
    runs = world.maker.ledger.run_records(world.assessment.tenant, date.min, date.max)
    last = date.fromisoformat(runs[-1][1]["day"])
    later = world.maker.run(world.assessment, last + timedelta(days=1))

    path = world.build("later.zip", now=NOW + timedelta(days=2), first_day=later.day)

    assert len(_table(path)) == 4
    assert "4 items" in _steps(world, path)["manual evidence"]


def test_deleted_items_are_told(fresh: Any) -> None:
    """What retention deleted has its row with when, by whom and why, and no text and no file."""
    world = fresh()
    ledger = world.maker.ledger
    named = [{"id": "item-1"}, {"id": "item-2"}]
    ledger.append(
        {
            "kind": "change",
            "time": "2026-01-08T05:30:00Z",
            "by": "the auditor",
            "action": "DELETE",
            "object_type": "CONTROL",
            "assessment_id": world.assessment.id,
            "details": json.dumps(
                {"why": "Retention of 730 days is over.", "manualEvidence": named}
            ),
        }
    )
    ledger.sign()
    for key in ("item-1", *(row for row in ledger.contents if row != "item-1")):
        if ledger.contents[key] != b"name,done\n":
            del ledger.contents[key]

    path = world.build("deleted.zip", attachments="included")

    rows = _table(path)
    assert [row["state"] for row in rows] == ["DELETED", "DELETED", "KEPT", "FAILED"]
    said = "2026-01-08T05:30:00Z by the auditor: " + WHY
    assert [row["deleted"] for row in rows] == [said, said, "", ""]
    assert [row["text"] for row in rows] == [""] * 4
    assert _steps(world, path)["manual evidence"].endswith("1 file included")


def test_a_text_that_is_gone_is_refused(fresh: Any) -> None:
    """A text that the ledger tells of and nobody keeps any more makes no report."""
    world = fresh()
    del world.maker.ledger.contents["item-1"]

    with pytest.raises(ReportError, match="item-1 is not in the store"):
        world.build("gone.zip")


def test_a_way_that_there_is_not(world: Any) -> None:
    """An unknown way to include files is refused."""
    with pytest.raises(ReportError, match="no way to include attachments"):
        world.build("x.zip", attachments="some")
