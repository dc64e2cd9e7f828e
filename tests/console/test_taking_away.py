"""Saved searches, exports, samples and the download centre: made in the background, one's own."""

import copy
import csv
import io
import re
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.console.conftest import ACCOUNT, REGION, TENANT, Installation

from affidavit.finder.engine import Finder
from affidavit.operations import evidence_exports, export_work, work
from affidavit.operations.caller import Caller
from affidavit.operations.export_requests import KIND, Wanted
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault
from affidavit.operations.finding import Search
from affidavit.operations.reports import key_file
from affidavit.report.verify.exports import verify_export
from affidavit.report.verify.note import read_key

PRIVACY = "f=control+~+GENAI-PRIV-*&day=2026-10-31"


def _ask(made: Installation, client: Any, query: str = PRIVACY, **form: str) -> str:
    """Ask for an export; return the path of its page."""
    given = {"do": "all", "name": "evidence", "format": "csv", **form}
    answer = client.post(f"/console/finder/export?{query}", data=given)
    assert answer.status_code == 200, answer.text[:2000]
    assert made.store.documents.every(TENANT, KIND)
    return str(answer.url.path)


def _zip(client: Any, path: str) -> zipfile.ZipFile:
    answer = client.get(f"{path}/file")
    assert answer.headers["content-disposition"].startswith("attachment")
    return zipfile.ZipFile(io.BytesIO(answer.content))


def _rows(archive: zipfile.ZipFile, name: str = "evidence.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(archive.read(name).decode().splitlines()))


def test_a_saved_search_is_ones_own_and_shared_by_address(fresh: Installation) -> None:
    """A colleague who opens it asks the same; only its owner sees it listed and deletes it."""
    olga, dora = fresh.client("olga"), fresh.client("dora")
    page = olga.post(f"/console/finder/searches?{PRIVACY}&sort=time", data={"name": "Priv <i>"})
    assert "The change was saved" in page.text
    assert "Priv &lt;i&gt;" in page.text
    assert "sort=time" in str(page.url)
    match = re.search(r"/console/finder/searches/[0-9a-f-]{36}", page.text)
    assert match is not None
    assert "Priv &lt;i&gt;" not in dora.get("/console/finder").text
    shared = dora.get(match[0])
    assert "GENAI-PRIV-" in str(shared.url)
    assert "GENAI-PRIV-" in shared.text
    assert dora.post(f"{match[0]}/delete").status_code == 404
    again = olga.post("/console/finder/searches?f=control+%3D+X", data={"name": "Priv <i>"})
    assert "(1)" in again.text
    assert "control+%3D+X" in str(dora.get(match[0]).url)
    assert "It was deleted" in olga.post(f"{match[0]}/delete").text
    assert olga.get(match[0]).status_code == 404


@pytest.mark.parametrize(
    ("query", "name"), [("f=nonsense+%3D", "n"), ("", ""), ("", "n" * 101)]
)  # fmt: skip
def test_what_is_no_search_is_not_saved(filled: Installation, query: str, name: str) -> None:
    """A filter that cannot be parsed, no name, a name that is too long: 422 on the finder."""
    answer = filled.client("olga").post(f"/console/finder/searches?{query}", data={"name": name})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert filled.store.documents.every(TENANT, "saved_search") == []


def test_an_export_is_made_in_the_background_and_verifies(
    fresh: Installation, tmp_path: Path
) -> None:
    """Its page tells the state; the ZIP has exactly what the query finds, and verifies offline."""
    olga = fresh.client("olga")
    size = fresh.store.log(TENANT).size
    assert '<dd class="figure">21</dd>' in olga.get(f"/console/finder/export?{PRIVACY}").text
    path = _ask(fresh, olga)
    assert "In progress" in olga.get(path).text
    assert olga.get(f"{path}/file").status_code == 404
    assert olga.post(f"{path}/delete").status_code == 422
    fresh.work()
    assert "Complete" in olga.get(path).text
    archive = _zip(olga, path)
    assert len(_rows(archive)) == 21
    archive.extractall(tmp_path)
    key = read_key(str(key_file(fresh.store, fresh.store.public_keys()[0])))
    assert verify_export(tmp_path / "evidence.csv", key).verified
    (document,) = fresh.store.documents.every(TENANT, KIND)
    assert document.body["rows"] == 21
    assert fresh.store.log(TENANT).size == size + 1
    listed = olga.get("/console/downloads").text
    assert document.body["sha256"] in listed
    assert not (fresh.context.settings.home / "exports" / document.id).exists()
    assert "It was deleted" in olga.post(f"{path}/delete").text
    assert fresh.store.attachments.report(TENANT, document.id) is None


def test_parquet_and_json_lines_hold_the_same(fresh: Installation) -> None:
    """Every format has all rows of the query."""
    olga = fresh.client("olga")
    paths = {kind: _ask(fresh, olga, format=kind) for kind in ("parquet", "jsonl")}
    fresh.work()
    table = pq.read_table(io.BytesIO(_zip(olga, paths["parquet"]).read("evidence.parquet")))
    assert table.num_rows == 21
    assert _zip(olga, paths["jsonl"]).read("evidence.jsonl").count(b"\n") == 21


def test_a_sample_is_drawn_again_by_its_seed(fresh: Installation) -> None:
    """Seed and population are shown, kept in the manifest and the ledger; an auditor may draw."""
    arthur = fresh.client("arthur")
    drawn, page = [], ""
    for _ in range(2):
        path = _ask(fresh, arthur, do="sample", count="5", seed="2026-Q4")
        fresh.work()
        page = arthur.get(path).text
        assert "2026-Q4" in page
        assert "<dt>Population</dt><dd>21</dd>" in page
        items = re.findall(r'/evidence/([0-9a-f-]{36})"', page)
        assert len(items) == 5
        archive = _zip(arthur, path)
        assert {row["id"] for row in _rows(archive)} == set(items)
        manifest = archive.read("evidence.csv.manifest.json").decode()
        assert '"population":21,"seed":"2026-Q4"' in manifest
        drawn.append(items)
    assert drawn[0] == drawn[1]
    link = re.search(r'href="(/console/assessments/[^"]+/evidence/[^"]+)"', page)
    assert link is not None
    assert arthur.get(link[1]).status_code == 200
    random = _ask(fresh, arthur, do="sample", count="5")
    fresh.work()
    found = fresh.store.documents.get(TENANT, KIND, random.rpartition("/")[2])
    assert found is not None
    assert len(found.body["seed"]) == 16


def test_an_export_holds_what_its_owner_may_see(fresh: Installation) -> None:
    """A delegate's export has the delegated set only, and nobody else sees, gets or deletes it."""
    dora = fresh.client("dora")
    path = _ask(fresh, dora, "")
    fresh.work()
    controls = {row["control_id"] for row in _rows(_zip(dora, path))}
    assert controls
    assert all(one.startswith("GENAI-PRIV-") for one in controls)
    for other in (fresh.client("olga"), fresh.client("olga", "admin"), fresh.client("arthur")):
        assert other.get(path).status_code == 404
        assert other.get(f"{path}/file").status_code == 404
        assert other.post(f"{path}/delete").status_code == 404
        assert path not in other.get("/console/downloads").text


@pytest.mark.parametrize(
    "form",
    [
        {"name": "../../etc"},
        {"name": ""},
        {"format": "exe"},
        {"do": "sample", "count": "0"},
        {"do": "sample", "count": "1001"},
        {"do": "sample", "count": "many"},
        {"do": "sample", "count": "5", "seed": "a b"},
    ],
)
def test_what_cannot_be_exported_is_said_on_the_form(
    filled: Installation, form: dict[str, str]
) -> None:
    """A name that is none of a file, an unknown format, a number out of range: 422, and no task."""
    given = {"do": "all", "name": "evidence", "format": "csv", **form}
    answer = filled.client("olga").post(f"/console/finder/export?{PRIVACY}", data=given)
    assert answer.status_code == 422
    assert 'class="wrong"' in answer.text or 'role="alert"' in answer.text
    assert filled.store.documents.every(TENANT, KIND) == []
    wrong = filled.client("olga").post("/console/finder/export?f=nonsense+%3D", data=given)
    assert wrong.status_code == 422


def test_a_killed_export_is_made_again_and_a_deleted_one_is_not(fresh: Installation) -> None:
    """The task outlives its worker; where the document is gone, nothing is kept."""
    olga = fresh.client("olga")
    path = _ask(fresh, olga)
    (document,) = fresh.store.documents.every(TENANT, KIND)
    folder = fresh.context.settings.home / "exports" / document.id
    folder.mkdir(parents=True)
    (folder / "evidence.csv").write_text("half of it", encoding="utf-8")
    fresh.work()
    assert len(_rows(_zip(olga, path))) == 21
    _ask(fresh, olga)
    newest = fresh.store.documents.every(TENANT, KIND, newest_first=True)[0]
    evidence_exports.forget_assessment(fresh.context, TENANT, fresh.assessment.id)
    fresh.work()
    assert fresh.store.documents.every(TENANT, KIND) == []
    assert fresh.store.attachments.report(TENANT, newest.id) is None


def test_an_export_whose_assessment_is_erased_meanwhile_ends_no_worker(
    fresh: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder goes under the worker's hands: the export ends, the server works on."""
    _ask(fresh, fresh.client("olga"))
    (document,) = fresh.store.documents.every(TENANT, KIND)
    real = export_work._zip

    def erased(path: Path, files: list[Path]) -> None:
        evidence_exports.forget_assessment(fresh.context, TENANT, fresh.assessment.id)
        real(path, files)

    monkeypatch.setattr(export_work, "_zip", erased)
    fresh.work()
    assert fresh.store.documents.every(TENANT, KIND) == []
    assert fresh.store.attachments.report(TENANT, document.id) is None
    assert not (fresh.context.settings.home / "exports" / document.id).exists()


def test_who_may_not_see_it_any_more_takes_no_export_away(fresh: Installation) -> None:
    """A persona that was withdrawn, a delegation that ended: what was made before is closed too."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/dora"
    with Finder(fresh.store) as finder:
        wanted = Wanted(name="all", kind="csv", query="")
        made = {}
        for role in ("auditor", "delegate"):
            caller = replace(_caller(arn), role=role)
            search = Search(fresh.context, caller, finder)
            made[role] = evidence_exports.ask(fresh.context, search, wanted).id
    fresh.work()
    delegate, auditor = _caller(arn), replace(_caller(arn), role="auditor")
    evidence_exports.file_of(fresh.context, auditor, made["auditor"])
    evidence_exports.file_of(fresh.context, delegate, made["delegate"])
    for caller, role in ((delegate, "auditor"), (auditor, "delegate")):
        with pytest.raises(NotFoundFault):
            evidence_exports.file_of(fresh.context, caller, made[role])
        assert made[role] not in [one.id for one in evidence_exports.listed(fresh.context, caller)]
    (assessment,) = fresh.store.documents.every(TENANT, "assessment")
    body = copy.deepcopy(assessment.body)
    body["metadata"]["delegations"] = []
    for one in body["framework"]["controlSets"]:
        one["delegations"] = []
    put = replace(assessment, body=body)
    fresh.store.documents.act(TENANT, now=fresh.time, puts=[put])
    with pytest.raises(AccessDeniedFault):
        evidence_exports.file_of(fresh.context, delegate, made["delegate"])


def _caller(arn: str) -> Caller:
    return Caller(
        account_id=ACCOUNT, region=REGION, principal_arn=arn, role="delegate", request_id="test"
    )


def test_exports_expire_after_a_week(fresh: Installation) -> None:
    """What is older goes with the daily upkeep, with its file; what is younger stays."""
    olga = fresh.client("olga")
    _ask(fresh, olga)
    fresh.work()
    (document,) = fresh.store.documents.every(TENANT, KIND)
    fresh.time += timedelta(days=6)
    evidence_exports.expire(fresh.context, TENANT)
    assert fresh.store.documents.every(TENANT, KIND) != []
    fresh.time += timedelta(days=1)
    evidence_exports.expire(fresh.context, TENANT)
    assert fresh.store.documents.every(TENANT, KIND) == []
    assert fresh.store.attachments.report(TENANT, document.id) is None


def test_what_is_left_of_a_killed_export_that_is_gone_goes_too(fresh: Installation) -> None:
    """A folder without its document is removed by the daily upkeep; one that is resumed stays."""
    _ask(fresh, fresh.client("olga"))
    (document,) = fresh.store.documents.every(TENANT, KIND)
    left, resumed = (
        fresh.context.settings.home / "exports" / name for name in ("gone", document.id)
    )
    for folder in (left, resumed):
        folder.mkdir(parents=True)
        (folder / "half.csv").write_text("x")
    evidence_exports.expire(fresh.context, TENANT)
    assert not left.exists()
    assert resumed.exists()


def test_no_race_makes_more_exports_than_there_may_be(
    fresh: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for at the same moment counts too."""
    olga, real = fresh.client("olga"), work.queued
    monkeypatch.setattr(evidence_exports, "MOST", 2)

    def meanwhile(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(work, "queued", real)
        for _ in range(2):
            _ask(fresh, olga)
        return real(*args, **more)

    monkeypatch.setattr(work, "queued", meanwhile)
    given = {"do": "all", "name": "evidence", "format": "csv"}
    assert olga.post(f"/console/finder/export?{PRIVACY}", data=given).status_code == 422
    assert len(fresh.store.documents.every(TENANT, KIND)) == 2


def test_nobody_fills_the_disk_with_exports(fresh: Installation) -> None:
    """The number of one person's exports is bounded, and the refusal says what to do."""
    olga = fresh.client("olga")
    for _ in range(evidence_exports.MOST):
        _ask(fresh, olga, "f=control+%3D+NONE")
    given = {"do": "all", "name": "one-more", "format": "csv"}
    answer = olga.post("/console/finder/export", data=given)
    assert answer.status_code == 422
    assert "delete some" in answer.text


def test_an_expression_is_a_filter_too(filled: Installation) -> None:
    """What `or` joins is one filter, taken as it is written."""
    given = {"field": "expression", "value": "control = GENAI-PRIV-01 or control = GENAI-PRIV-02"}
    page = filled.client("olga").get("/console/finder", params=given)
    assert page.status_code == 200
    assert set(re.findall(r">(GENAI-[A-Z]+-[0-9]+)<", page.text)) == {
        "GENAI-PRIV-01",
        "GENAI-PRIV-02",
    }
