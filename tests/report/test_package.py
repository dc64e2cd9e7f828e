"""What a package holds, how it is written, and when none is built."""

import csv
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import ReportError
from affidavit.report.parts import resolve
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import verify
from affidavit.report.writer import ZipWriter

WHEN = datetime(2026, 1, 8, 6, tzinfo=UTC)


def lines(path: Path, name: str) -> list[dict[str, Any]]:
    """Return the records of a JSON lines file of the report."""
    with zipfile.ZipFile(path) as archive:
        return [json.loads(line) for line in archive.read(name).splitlines()]


def test_files(good: Path) -> None:
    """Every promised file is there, under a name that Windows can expand, in a fixed order."""
    with zipfile.ZipFile(good) as archive:
        names = archive.namelist()
    others = [n for n in names if not n.startswith(("observations/", "manual/"))]
    assert others == [
        *("evidence.jsonl", "evidence.csv", "runs.jsonl", "records.jsonl", "consistency.jsonl"),
        *("checkpoint.txt", "keys.txt", "catalogue.json", "manual.csv", "period.csv"),
        *(
            "answers.jsonl",
            "README.txt",
            "report.pdf",
            "oscal.json",
            "manifest.json",
            "manifest.dsse.json",
        ),
    ]
    observations = [n for n in names if n.startswith("observations/")]
    assert observations == sorted(observations)
    assert max(map(len, names)) <= 100


def test_records_for_completeness(world: Any, good: Path) -> None:
    """The run before the period and all later runs are there, and every change in between."""
    runs = [
        (r["record"]["assessment_name"], r["record"]["sequence"]) for r in lines(good, "runs.jsonl")
    ]
    assert runs == [
        ("Northwind Assistants", 1),
        ("Northwind Assistants", 2),
        ("Another one", 1),
        ("Northwind Assistants", 3),
        ("Northwind Assistants", 4),
    ]
    kinds = [r["record"]["kind"] for r in lines(good, "records.jsonl")]
    assert kinds == ["parameter", *["change"] * 5]
    assert len(lines(good, "consistency.jsonl")) == len(world.maker.ledger.signed) - 1


def test_table_is_safe(good: Path) -> None:
    """No cell of the table is one that a spreadsheet would take for a formula."""
    with zipfile.ZipFile(good) as archive:
        data = archive.read("evidence.csv")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    records = lines(good, "evidence.jsonl")
    assert len(rows) == len(records)
    for row, line in zip(rows, records, strict=True):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
        assert row["reason"].removeprefix("'") == line["record"]["reason"]
    assert any(row["reason"].startswith("'@") for row in rows)


@pytest.mark.parametrize("mode", ["pointers", "none"])
def test_fewer_observations(world: Any, mode: str) -> None:
    """With parts or digests only the report still verifies, and says what is missing."""
    path = world.build(f"{mode}.zip", observations=mode)
    outcome = verify(path, read_key(str(world.key)))
    assert outcome.verified, outcome.failure
    words = {"pointers": "The whole answers", "none": "What AWS answered"}[mode]
    assert any(note.startswith(words) for note in outcome.notes)
    with zipfile.ZipFile(path) as archive:
        found = [n for n in archive.namelist() if n.startswith("observations/")]
        assert bool(found) == (mode == "pointers")
        values = [json.loads(archive.read(name)) for name in found]
    parts = [value["parts"] for value in values if "parts" in value]
    assert all(part["/items/0"]["share"] == 0.25 for part in parts)


def test_pointers() -> None:
    """JSON pointers are followed as in RFC 6901; what leads nowhere is null."""
    body = {"a/b": [{"~x": 1}], "": 2}
    assert resolve(body, "") == body
    assert resolve(body, "/a~1b/0/~0x") == 1
    assert resolve(body, "/") == 2
    assert resolve(body, "/a~1b/1") is None


def test_same_input_same_pdf(world: Any) -> None:
    """Two reports of the same content differ in their id alone."""
    first = world.build("one.zip", observations="none")
    second = world.build("two.zip", observations="none")
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as two:
        same = [n for n in one.namelist() if one.read(n) == two.read(n)]
    assert set(same) >= {"evidence.jsonl", "evidence.csv", "runs.jsonl", "catalogue.json"}


def test_no_run_in_the_period(world: Any) -> None:
    """A period without run gives no report; the message says when there were runs."""
    with pytest.raises(ReportError, match="Its runs are from 2026-01-04 to 2026-01-08"):
        world.build("x.zip", first_day=date(2026, 1, 6), last_day=date(2026, 1, 6))
    with pytest.raises(ReportError, match=r"is empty"):
        world.build("x.zip", first_day=date(2026, 1, 7), last_day=date(2026, 1, 6))


def test_never_run(fresh: Callable[..., Any]) -> None:
    """An assessment that never ran gives no report."""
    world = fresh()
    with pytest.raises(ReportError, match="It has never been run"):
        replace(world, assessment=world.maker.assessment("Idle", {})).build("x.zip")


def test_nothing_signed(fresh: Callable[..., Any]) -> None:
    """A ledger without checkpoint gives no report."""
    world = fresh()
    world.maker.ledger.signed.clear()
    with pytest.raises(ReportError, match="has no checkpoint"):
        world.build("x.zip")


def test_unknown_mode(world: Any) -> None:
    """A way to include observations that does not exist is refused."""
    with pytest.raises(ReportError, match="Choose one of cited, pointers, none"):
        world.build("x.zip", observations="some")


def test_place_that_cannot_be_written(world: Any, tmp_path: Path) -> None:
    """A folder that is a file is a clear error, not a trace."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="could not be written"):
        replace(world, folder=tmp_path / "file").build("x.zip")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110 - a device
def test_no_space(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a clear error and leaves nothing half-written."""
    real = ZipWriter.sealed

    def full(self: ZipWriter) -> tuple[int, str]:
        with Path("/dev/full").open("wb", buffering=0) as device:
            device.write(b"x")
        return real(self)

    monkeypatch.setattr(ZipWriter, "sealed", full)
    with pytest.raises(ReportError, match="No space left on device"):
        world.build("full.zip")
    assert not list(world.folder.glob("*full*"))


def test_catalogue_and_parameters(world: Any, good: Path) -> None:
    """The catalogue holds each check's rule; its digest, and the parameters, are the runs'."""
    with zipfile.ZipFile(good) as archive:
        data = archive.read("catalogue.json")
        runs = [json.loads(line)["record"] for line in archive.read("runs.jsonl").splitlines()]
    value = json.loads(data)
    assert {run["catalogue_digest"] for run in runs} == {hashlib.sha256(data).hexdigest()}
    assert json.loads(runs[-1]["parameters"]) == world.assessment.parameters
    check = next(iter(world.maker.catalogue.checks.values()))
    assert value["checks"][check.id]["compliant"] == check.compliant
    assert value["checks"][check.id]["digest"] == check.digest
