"""Exports: what the file holds, what the manifest says of it, and what a failure leaves."""

import csv
import json
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.finder.conftest import OF_A_DAY, Estates, commit
from tests.samples import TENANT

from affidavit.errors import StoreDamagedError, StoreError, UsageError
from affidavit.finder import export as exporting
from affidavit.finder.export_formats import Format
from affidavit.finder.export_parts import Parts
from affidavit.ledger.checkpoint import open_note, origin_of
from affidavit.model.canonical import canonical
from affidavit.model.evidence import Evidence
from affidavit.operations.find import Drawing, ExportRequest, FindRequest, export_rows
from affidavit.operations.reports import verify_file
from affidavit.report.manifest import envelope
from affidavit.report.verify.dsse import check_envelope, open_envelope
from affidavit.report.verify.exports import is_export, verify_export
from affidavit.report.verify.main import WRONG_USE
from affidavit.report.verify.main import main as verify_alone
from affidavit.report.verify.note import Key
from affidavit.report.verify.summary import render
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
    opened = open_envelope(signed, "envelope")
    key = Key(origin_of(TENANT), signer.public.raw)
    check_envelope(opened, key, origin_of(TENANT), "envelope")
    assert json.loads(opened.payload) == statement
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


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_what_was_cut_off_is_gone_on_with(
    fresh: Estates, tmp_path: Path, kind: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again, an export goes on behind its last part and becomes the very same file.

    Until then there is no file of its name, or an older one as it was; what was collected meanwhile
    is not in it, and another query begins anew.
    """
    monkeypatch.setattr(exporting, "PART_ROWS", 3)
    path, whole = tmp_path / f"o.{kind}", tmp_path / f"whole.{kind}"
    export_rows(fresh.settings, ASKED, ExportRequest(path=whole, kind=kind))
    rows = len(_held(fresh))
    path.write_bytes(b"older")
    for stop in (1, 2, 3):
        _cut_off(fresh, ExportRequest(path=path, kind=kind), stop)
        assert path.read_bytes() == b"older"
    commit(fresh.store, fresh.second, date(2026, 10, 20), [_held(fresh)[0]])
    done = export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind=kind))
    assert (done.rows, done.resumed) == (rows, 9)
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []
    _cut_off(fresh, ExportRequest(path=path, kind=kind), 1)
    other = replace(ASKED, query="")
    assert export_rows(fresh.settings, other, ExportRequest(path=path, kind=kind)).resumed == 0


def _cut_off(estates: Estates, where: ExportRequest, parts: int) -> None:
    """Export until so many parts are complete, and then fail."""
    add = Parts.add

    def stopping(self: Parts, *given: Any) -> None:
        add(self, *given)
        if len(self.parts) == parts:
            raise StoreDamagedError("stopped")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts, "add", stopping)
        with pytest.raises(StoreDamagedError):
            export_rows(estates.settings, ASKED, where)


def test_an_export_that_cannot_begin_leaves_nothing(fresh: Estates, tmp_path: Path) -> None:
    """A folder is no file; two exports do not write one file at the same time."""
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(StoreError):
        export_rows(fresh.settings, ASKED, ExportRequest(path=folder, kind="csv"))
    assert list(folder.iterdir()) == []
    path = folder / "o.csv"
    with Parts(path, {}), pytest.raises(UsageError, match="another export"):
        export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind="csv"))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_export_is_verified_offline(fresh: Estates, tmp_path: Path, kind: Format) -> None:
    """With the key alone: what was changed in file, manifest or name is named."""
    path = tmp_path / f"o.{kind}"
    export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind=kind))
    key = Key(origin_of(TENANT), fresh.store.keys.signer().public.raw)
    assert is_export(path)
    outcome = verify_export(path, key)
    assert outcome.verified, outcome.failure
    assert "VERIFIED: the file" in render(outcome)
    assert not verify_export(path, None).verified
    other = verify_export(path, Key("", bytes(32)))
    assert other.failure is not None
    assert "signed by the key" in other.failure.what
    data = path.read_bytes()
    for changed, said in ((data[:-1], "SHA-256"), (data + b"x", "SHA-256")):
        path.write_bytes(changed)
        found = verify_export(path, key)
        assert found.failure is not None
        assert said in found.failure.what
    path.write_bytes(data)
    manifest = path.with_name(f"{path.name}.manifest.json")
    manifest.write_bytes(manifest.read_bytes() + b" ")
    found = verify_export(path, key)
    assert found.failure is not None
    assert "differs from the signed" in found.failure.what


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_are_counted_whatever_the_manifest_says(
    fresh: Estates, tmp_path: Path, kind: Format
) -> None:
    """A manifest that is signed over another number or order of rows is found out."""
    path = tmp_path / f"o.{kind}"
    key = Key(origin_of(TENANT), fresh.store.keys.signer().public.raw)
    for change, said in ((_without_last, "rows; the manifest"), (_turned, "behind leaf")):
        export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind=kind))
        _sign_again(fresh, path, change(path.read_bytes()))
        found = verify_export(path, key)
        assert found.failure is not None
        assert said in found.failure.what


def _without_last(data: bytes) -> bytes:
    return data[: data[:-2].rindex(_end(data)) + len(_end(data))]


def _turned(data: bytes) -> bytes:
    *lines, before, last, _ = data.split(_end(data))
    return _end(data).join([*lines, last, before, b""])


def _end(data: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in data else b"\n"


def _sign_again(estates: Estates, path: Path, data: bytes) -> None:
    """Write the file and sign a manifest over it that says the rest as before."""
    path.write_bytes(data)
    statement = _manifest(path)
    statement["subject"][0]["digest"]["sha256"] = sha256(data).hexdigest()
    statement["predicate"]["bytes"] = len(data)
    payload = canonical(statement)
    path.with_name(f"{path.name}.manifest.json").write_bytes(payload)
    signed = envelope(payload, estates.store.keys.signer(), origin_of(TENANT))
    path.with_name(f"{path.name}.manifest.dsse.json").write_bytes(signed)


def test_the_first_rows_come_in_the_order_asked(fresh: Estates, tmp_path: Path) -> None:
    """With a limit the export is the page that would be shown."""
    path = tmp_path / "o.jsonl"
    request = ExportRequest(path=path, kind="jsonl", first=3)
    export_rows(fresh.settings, ASKED, request)
    ids = [json.loads(x)["record"]["id"] for x in path.read_text("utf-8").split("\n")[:-1]]
    newest = sorted(_held(fresh), key=lambda one: (one.time, one.id), reverse=True)
    assert ids == [one.id for one in newest[:3]]
    assert _manifest(path)["predicate"]["first"] == {"rows": 3, "sort": "-time"}


def test_what_cannot_be_done_with_an_export_is_not_passed_over(
    fresh: Estates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever wants it compared or judged again is told that it was not, instead of VERIFIED."""
    path = tmp_path / "o.csv"
    export_rows(fresh.settings, ASKED, ExportRequest(path=path, kind="csv"))
    for given in ({"previous": path}, {"again": True}):
        with pytest.raises(UsageError, match="is an export"):
            verify_file(path, "", **given)
    assert verify_alone([str(path), "--previous", str(path)]) == WRONG_USE
    assert "VERIFIED" not in capsys.readouterr().out


@pytest.mark.parametrize(("first", "expected"), [(None, None), (3, 3)])
def test_progress_says_of_how_many(
    fresh: Estates, tmp_path: Path, first: int | None, expected: int | None
) -> None:
    """Who listens hears how many rows there will be, before the first and with the last."""
    heard: list[tuple[int, int]] = []
    where = ExportRequest(path=tmp_path / "o.csv", kind="csv", first=first)
    export_rows(
        fresh.settings, ASKED, where, progress=lambda rows, total: heard.append((rows, total))
    )
    total = expected or len(_held(fresh))
    assert heard[0] == (0, total)
    assert heard[-1] == (total, total)
