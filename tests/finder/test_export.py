"""Exports: what the file holds, what the manifest says of it, and what a failure leaves."""

import csv
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.finder.conftest import OF_A_DAY, TENANT, Estates, commit

from affidavit.errors import StoreDamagedError, StoreError
from affidavit.finder.export import Format
from affidavit.ledger.checkpoint import open_note, origin_of
from affidavit.model.evidence import Evidence
from affidavit.operations.find import Drawing, ExportRequest, FindRequest, export_rows
from affidavit.report.verify.dsse import check_envelope, open_envelope
from affidavit.report.verify.note import Key
from affidavit.store import Chosen

ASKED = FindRequest(query="compliance = NON_COMPLIANT", assessments=("Test",), tenant=TENANT)


def _held(estates: Estates) -> list[Evidence]:
    """Return what the query finds, in the order of leaves."""
    records = estates.records[estates.second.id]
    return [one for one in records if one.verdict.value == "NON_COMPLIANT"]


def _manifest(path: Path) -> dict[str, Any]:
    """Return the statement beside an export."""
    text = path.with_name(f"{path.name}.manifest.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def test_json_lines_are_what_the_ledger_hashed(fresh: Estates, tmp_path: Path) -> None:
    """Every line is a record in the order of leaves, and its entry stands in the ledger."""
    done = export_rows(fresh.settings, ASKED, ExportRequest(path=tmp_path / "o", kind="jsonl"))
    lines = [json.loads(x) for x in (tmp_path / "o").read_text(encoding="utf-8").split("\n")[:-1]]
    records = [Evidence.from_json(one["record"]) for one in lines]
    assert records == _held(fresh)
    assert done.rows == len(records)
    log = fresh.store.log(TENANT)
    for line, record in zip(lines, records, strict=True):
        assert log.entry(line["leaf"]).hex() == record.entry


def test_csv_opens_in_a_spreadsheet_without_running_anything(
    fresh: Estates, tmp_path: Path
) -> None:
    """The table is the report's: a header, CR LF, and no cell that begins like a formula."""
    path = tmp_path / "o.csv"
    export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind="csv"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [one.id for one in _held(fresh)]
    assert [row["reason"] for row in rows] == [one.reason for one in _held(fresh)]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_formula_in_evidence_is_written_as_text(fresh: Estates, tmp_path: Path) -> None:
    """A resource that is named like a formula gets an apostrophe in front."""
    from dataclasses import replace
    from datetime import date

    evil = replace(fresh.records[fresh.second.id][0], resource_arn="=HYPERLINK(1)", reason="@x")
    commit(fresh.store, fresh.second, date(2026, 10, 20), [evil])
    asked = FindRequest(query="day = 2026-10-01 and arn ~ =*".replace("=*", '"=*"'), tenant=TENANT)
    path = tmp_path / "o.csv"
    assert export_rows(fresh.settings, asked, ExportRequest(path=path, kind="csv")).rows == 1
    text = path.read_text(encoding="utf-8")
    assert ",'=HYPERLINK(1)," in text
    assert ",'@x," in text


def test_parquet_is_read_by_any_tool(fresh: Estates, tmp_path: Path) -> None:
    """The columns are a segment's, with the leaf before them."""
    import pyarrow.parquet as pq

    path = tmp_path / "o.parquet"
    export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind="parquet"))
    table = pq.read_table(path)
    assert table.column("id").to_pylist() == [one.id for one in _held(fresh)]
    assert table.column_names[0] == "leaf"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_the_manifest_holds_and_is_signed(fresh: Estates, tmp_path: Path, kind: Format) -> None:
    """Digest, rows, query, checkpoint and signature are those of the file and of the ledger."""
    path = tmp_path / f"o.{kind}"
    done = export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind=kind))
    statement = _manifest(path)
    digest = sha256(path.read_bytes()).hexdigest()
    assert statement["subject"] == [{"name": path.name, "digest": {"sha256": digest}}]
    said = statement["predicate"]
    assert said["rows"] == done.rows == len(_held(fresh))
    assert said["bytes"] == path.stat().st_size
    assert (said["query"], said["unreadable"]) == (ASKED.query, [])
    signer = fresh.store.keys.signer()
    signed = path.with_name(f"{path.name}.manifest.dsse.json").read_bytes()
    envelope = open_envelope(signed, "envelope")
    key = Key(origin_of(TENANT), signer.public.raw)
    check_envelope(envelope, key, origin_of(TENANT), "envelope")
    assert json.loads(envelope.payload) == statement
    checkpoint = open_note(said["checkpoint"]["note"], [signer.public.verifier(TENANT)])
    assert checkpoint.size == said["checkpoint"]["size"] == fresh.store.log(TENANT).size


def test_a_sample_stands_in_manifest_and_ledger(fresh: Estates, tmp_path: Path) -> None:
    """Seed, population and the ids drawn are a leaf below the manifest's checkpoint."""
    path = tmp_path / "o.jsonl"
    drawing = Drawing(count=4, seed="s1", by="auditor")
    export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind="jsonl"), drawing)
    said = _manifest(path)["predicate"]
    sample = said["sample"]
    assert (sample["seed"], sample["population"]) == ("s1", len(_held(fresh)))
    assert sample["leaf"] == said["checkpoint"]["size"] - 1
    ((leaf, record),) = fresh.store.records_between(TENANT, sample["leaf"], sample["leaf"])
    details = json.loads(record["details"])
    drawn = [json.loads(x)["record"]["id"] for x in path.read_text("utf-8").split("\n")[:-1]]
    assert (leaf, record["object_type"], record["by"]) == (sample["leaf"], "SAMPLE", "auditor")
    assert (details["seed"], details["population"]) == ("s1", len(_held(fresh)))
    assert details["drawn"] == drawn
    assert len(drawn) == 4
    fresh.store.verify(tenants=[TENANT])


def test_what_is_missing_is_told_in_the_manifest(fresh: Estates, tmp_path: Path) -> None:
    """A damaged segment is left out, named with its rows; the others are written."""
    files = fresh.store.segment_files(Chosen(tenant=TENANT, assessments=(fresh.second.id,)))
    files[1].path.write_bytes(b"x")
    path = tmp_path / "o.csv"
    asked = FindRequest(assessments=("Test",), tenant=TENANT)
    done = export_rows(fresh.settings, asked, ExportRequest(path=path, kind="csv"))
    assert done.rows == 2 * OF_A_DAY
    (missing,) = _manifest(path)["predicate"]["unreadable"]
    assert (missing["segment"], missing["rows"]) == (files[1].path.name, OF_A_DAY)


def test_an_export_that_fails_leaves_nothing(fresh: Estates, tmp_path: Path) -> None:
    """Neither a torn file nor a manifest without one stays behind; an older export is kept."""
    path = tmp_path / "out" / "o.csv"

    def stop(rows: int) -> None:
        if rows == 5:
            raise StoreDamagedError("stopped")

    with pytest.raises(StoreDamagedError):
        export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind="csv"), progress=stop)
    assert list(path.parent.iterdir()) == []
    with pytest.raises(StoreError):
        export_rows(fresh.settings, ASKED, ExportRequest(path=tmp_path, kind="csv"))


def test_the_first_rows_come_in_the_order_asked(fresh: Estates, tmp_path: Path) -> None:
    """With a limit the export is the page that would be shown."""
    path = tmp_path / "o.jsonl"
    request = ExportRequest(path=path, kind="jsonl", first=3)
    export_rows(fresh.settings, ASKED, request)
    ids = [json.loads(x)["record"]["id"] for x in path.read_text("utf-8").split("\n")[:-1]]
    newest = sorted(_held(fresh), key=lambda one: (one.time, one.id), reverse=True)
    assert ids == [one.id for one in newest[:3]]
    assert _manifest(path)["predicate"]["first"] == {"rows": 3, "sort": "-time"}
