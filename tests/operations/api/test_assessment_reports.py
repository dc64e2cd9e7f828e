"""Assessment reports: asked for, built, listed, downloaded, deleted."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pypdf import PdfReader

from affidavit.model.times import iso
from affidavit.operations import presigned, tasks
from affidavit.operations.assessment_reports import KIND, author_of, report_file
from affidavit.operations.faults import NotFoundFault, ValidationFault
from affidavit.operations.reports import ReportRequest, build_in, build_report
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import verify


@pytest.fixture
def selected(owner: Any, collected: Any) -> dict[str, str]:
    """Return an assessment whose only folder is selected."""
    collected.run(judged=False)
    ask = {"assessmentId": str(collected.assessment.id)}
    folder = owner("GetEvidenceFoldersByAssessment", **ask)["evidenceFolders"][0]
    owner("AssociateAssessmentReportEvidenceFolder", **ask, evidenceFolderId=folder["id"])
    return ask


def test_nothing_selected_nothing_reported(owner: Any, collected: Any) -> None:
    """A report needs selected evidence."""
    ask = {"assessmentId": collected.assessment.id, "name": "r"}
    with pytest.raises(ValidationFault, match="No evidence has been added"):
        owner("CreateAssessmentReport", **ask)


def test_from_in_progress_to_a_verified_download(
    owner: Any, selected: dict[str, str], tmp_path: Path
) -> None:
    """The worker builds it, the URL gives the file, and the file verifies under our key."""
    made = owner("CreateAssessmentReport", **selected, name="r-1", description="d")
    report = made["assessmentReport"]
    assert (report["status"], report["author"]) == ("IN_PROGRESS", "AuditOwner")
    place = {**selected, "assessmentReportId": report["id"]}
    with pytest.raises(ValidationFault, match="IN_PROGRESS"):
        owner("GetAssessmentReportUrl", **place)
    with pytest.raises(ValidationFault, match="currently being generated"):
        owner("DeleteAssessmentReport", **place)
    assert tasks.run_one(owner.context)
    assert not tasks.run_one(owner.context)
    (listed,) = owner("ListAssessmentReports")["assessmentReports"]
    kept = owner.context.store.documents.get(owner.caller.tenant, KIND, report["id"])
    assert kept.body.get("_reason", "") == ""
    assert (listed["id"], listed["status"]) == (report["id"], "COMPLETE")
    url = urlsplit(owner("GetAssessmentReportUrl", **place)["preSignedUrl"]["link"])
    given = presigned.check(owner.context, "GET", url.path, dict(parse_qsl(url.query)))
    assert given is not None
    found = report_file(owner.context, given.tenant, given.id)
    assert found is not None
    assert found[1] == "r-1.zip"
    store = owner.context.store
    key = read_key(str(store.keys.folder / f"{store.keys.signer().public.fingerprint}.pub.pem"))
    path = tmp_path / "report.zip"
    path.write_bytes(b"".join(found[0]))
    outcome = verify(path, key)
    assert outcome.verified, outcome.failure
    owner("DeleteAssessmentReport", **place)
    assert not list(store.objects.glob("*/*/reports/*"))
    with pytest.raises(NotFoundFault):
        owner("GetAssessmentReportUrl", **place)


def test_a_report_holds_exactly_what_was_selected(
    owner: Any, collected: Any, selected: dict[str, str], tmp_path: Path
) -> None:
    """Two items of a folder, and what is selected after the report was asked for is not in it."""
    folder = owner("GetEvidenceFoldersByAssessment", **selected)["evidenceFolders"][0]
    place = {**selected, "evidenceFolderId": folder["id"]}
    owner("DisassociateAssessmentReportEvidenceFolder", **place)
    shown = owner("GetEvidenceByEvidenceFolder", **place, controlSetId=folder["controlSetId"])[
        "evidence"
    ]
    wanted = sorted(one["id"] for one in shown[:2])
    owner("BatchAssociateAssessmentReportEvidence", **place, evidenceIds=wanted)
    report = owner("CreateAssessmentReport", **selected, name="two")["assessmentReport"]
    owner("AssociateAssessmentReportEvidenceFolder", **place)
    assert tasks.run_one(owner.context)
    found = report_file(owner.context, owner.caller.tenant, report["id"])
    assert found is not None, owner.context.store.documents.get(
        owner.caller.tenant, KIND, report["id"]
    )
    path = tmp_path / "report.zip"
    path.write_bytes(b"".join(found[0]))
    with zipfile.ZipFile(path) as package:
        lines = package.read("evidence.jsonl").splitlines()
    assert sorted(json.loads(line)["record"]["id"] for line in lines) == wanted
    store = owner.context.store
    key = read_key(str(store.keys.folder / f"{store.keys.signer().public.fingerprint}.pub.pem"))
    outcome = verify(path, key)
    assert outcome.verified, outcome.failure
    whole = sum(1 for _ in store.evidence(collected.assessment.id, date.min, date.max))
    assert sum(sum(n.values()) for n in outcome.facts["omitted"].values()) == whole - 2
    assert outcome.facts["chosen"]["by"] == "selection"


def test_a_report_of_a_sample_is_drawn_again_by_its_seed(
    owner: Any, collected: Any, tmp_path: Path
) -> None:
    """Whatever was collected meanwhile, seed and query give the same records.

    Seed, population and number stand in the manifest and in the ledger's record of the choice; the
    report's period is all that was drawn from.
    """
    collected.run(judged=False)
    end = iso(owner.clock())
    request = ReportRequest(
        assessment=collected.assessment.id,
        out=tmp_path / "one.zip",
        query=f"time <= {end}",
        sample=5,
        seed="2026-Q1",
        by="auditor",
    )
    one = build_report(owner.context.settings, request, owner.clock())
    owner.clock.forward(days=1)
    collected.run(judged=False)
    again = replace(request, out=tmp_path / "two.zip")
    two = build_report(owner.context.settings, again, owner.clock())
    other = replace(request, out=tmp_path / "three.zip", seed="another")
    three = build_report(owner.context.settings, other, owner.clock())
    found: dict[str, list[str]] = {}
    populations: dict[str, int] = {}
    for name, built in (("one", one), ("two", two), ("three", three)):
        outcome = verify(built.path, read_key(str(built.key)))
        assert outcome.verified, outcome.failure
        chosen = outcome.facts["chosen"]
        assert (chosen["by"], chosen["records"]) == ("sample", 5)
        with zipfile.ZipFile(built.path) as package:
            lines = package.read("evidence.jsonl").splitlines()
        assert len({*outcome.facts["period"]}) == (1 if name == "one" else 2)
        found[name] = [json.loads(line)["record"]["id"] for line in lines]
        populations[name] = chosen["population"]
    assert found["one"] == found["two"]
    assert populations["one"] == populations["two"] > 5
    assert found["one"] != found["three"]


def test_a_bucket_that_cannot_be_written_fails_the_report(
    owner: Any, selected: dict[str, str], as_document: Any
) -> None:
    """FAILED, with the reason in words where the URL is asked for, and no file left."""
    as_document(destination="s3://bucket-1/reports")
    report = owner("CreateAssessmentReport", **selected, name="r")["assessmentReport"]
    assert tasks.run_one(owner.context)
    assert owner("ListAssessmentReports")["assessmentReports"][0]["status"] == "FAILED"
    place = {**selected, "assessmentReportId": report["id"]}
    with pytest.raises(ValidationFault, match="FAILED"):
        owner("GetAssessmentReportUrl", **place)
    assert report_file(owner.context, owner.caller.tenant, report["id"]) is None
    owner("DeleteAssessmentReport", **place)


def test_the_newest_first_by_pages_and_for_ones_own(
    owner: Any, collected: Any, selected: dict[str, str], as_document: Any
) -> None:
    """Each page goes on where the last one ended; who is not assigned sees none."""
    as_document()
    for number in range(3):
        collected.installation.clock.forward(minutes=1)
        owner("CreateAssessmentReport", **selected, name=f"r{number}")
    first = owner("ListAssessmentReports", maxResults=2)
    second = owner("ListAssessmentReports", maxResults=2, nextToken=first["nextToken"])
    names = [r["name"] for r in first["assessmentReports"] + second["assessmentReports"]]
    assert names == ["r2", "r1", "r0"]
    assert "nextToken" not in second
    other = owner.as_(principal_arn="arn:aws:iam::111122223333:role/Other")
    assert other("ListAssessmentReports")["assessmentReports"] == []
    assert len(owner.as_(role="admin")("ListAssessmentReports")["assessmentReports"]) == 3


@pytest.mark.parametrize(
    ("arn", "author"),
    [
        ("arn:aws:iam::111122223333:role/a/Owner", "Owner"),
        ("arn:aws:sts::111122223333:assumed-role/R/ann@example.com", "ann@example.com"),
        ("arn:aws:iam::111122223333:root", "root"),
    ],
)
def test_author_is_a_user_name(arn: str, author: str) -> None:
    """The last part of the ARN is shown as the author."""
    assert author_of(arn) == author


def test_evidence_later_than_a_review_is_marked(owner: Any, collected: Any, tmp_path: Path) -> None:
    """The control's page says when it was signed off, and marks the rows that came after."""
    place = {"assessmentId": str(collected.assessment.id), "controlSetId": collected.set_name}
    collected.run(judged=False)
    owner.clock.forward(hours=1)
    uuid = collected.control.uuid
    owner("UpdateAssessmentControl", **place, controlId=uuid, controlStatus="REVIEWED")
    owner.clock.forward(days=1)
    collected.run(judged=False)
    folders = owner("GetEvidenceFoldersByAssessment", assessmentId=place["assessmentId"])
    folder = next(one for one in folders["evidenceFolders"] if one["controlId"] == uuid)
    within = {"assessmentId": place["assessmentId"], "evidenceFolderId": folder["id"]}
    shown = owner("GetEvidenceByEvidenceFolder", **within, controlSetId=collected.set_name)[
        "evidence"
    ]
    marks = {one["attributes"].get("review") for one in shown}
    assert marks == {"after sign-off"}
    context = owner.context
    request = ReportRequest(assessment=collected.assessment.id, out=tmp_path / "r.zip")
    built = build_in(context.store, collected.assessment, request, context.now())
    assert verify(built.path, read_key(str(built.key))).verified
    with zipfile.ZipFile(built.path) as package, package.open("report.pdf") as file:
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(file.read())).pages)
    assert "signed off on 2026-03-01" in " ".join(text.split())
    assert "after sign-off" in " ".join(text.split())
