"""Objects on a tenant's behalf: by its bound roles, in its own buckets, or not at all."""

import re
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from affidavit.operations import presigned, tasks, tenants, uploads, work
from affidavit.operations.assessment_reports import KIND as REPORT
from affidavit.operations.assessment_reports import report_file
from affidavit.operations.faults import ValidationFault
from affidavit.operations.manual_items import FAILED, KEPT
from affidavit.operations.manual_items import KIND as MANUAL

OWN = "111122223333"
ROLE = f"arn:aws:iam::{OWN}:role/AffidavitCollector"
CONTENT = b"control,owner\nGENAI-RESP-01,Ann\n"


@pytest.fixture
def control(collected: Any) -> dict[str, str]:
    """Return the names of a control that wants manual evidence."""
    sets = collected.catalogue.framework.control_sets
    return next(
        {"assessmentId": collected.assessment.id, "controlSetId": s.name, "controlId": c.uuid}
        for s in sets
        for c in s.controls
        if c.manual_evidence is not None
    )


def _import(tenant: Any, control: dict[str, str], url: str) -> dict[str, Any]:
    """Import an object as manual evidence, let the worker fetch it, and return what is kept."""
    items = [{"s3ResourcePath": url}]
    operation = "BatchImportEvidenceToAssessmentControl"
    assert tenant(operation, **control, manualEvidence=items)["errors"] == []
    assert tasks.run_one(tenant.context)
    (kept,) = tenant.context.store.documents.every(tenant.caller.tenant, MANUAL)
    body: dict[str, Any] = kept.body
    return body


def test_manual_evidence_is_fetched_by_the_bound_role(
    tenant: Any, aws: Any, control: dict[str, str]
) -> None:
    """Content, size and digest are kept; the server's own credentials only assumed the role."""
    kept = _import(tenant, control, "s3://evidence-bucket/raci.csv")
    assert (kept["state"], kept["size"]) == (KEPT, len(CONTENT))
    assert kept["sha256"] == sha256(CONTENT).hexdigest()
    parts = tenant.context.store.attachments.parts(tenant.caller.tenant, kept["sha256"])
    assert b"".join(parts) == CONTENT
    assert kept["sha256"] in tenant.leaves()[-1]["details"]
    assert [owner for _, owner in aws.of("s3")] == [OWN]
    assert aws.server_key not in {key for key, _ in aws.of("s3")}
    assert aws.server_key in {key for key, _ in aws.of("sts")}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://evidence-bucket/missing.csv", "NoSuchKey"),
        ("s3://no-such-bucket/raci.csv", "NoSuchBucket"),
        ("s3://evidence-bucket/secret.csv", "AccessDenied|Access Denied"),
        ("s3://others-bucket/raci.csv", "AccessDenied|Access Denied"),
        ("s3://evidence-bucket/large.csv", f"It may have {uploads.MAX_BYTES} bytes"),
    ],
    ids=["missing", "no bucket", "denied", "another owner", "too large"],
)
def test_what_s3_refuses_is_told_at_once(
    tenant: Any, aws: Any, control: dict[str, str], url: str, says: str
) -> None:
    """FAILED with the reason, not tried again; nothing is kept of it."""
    if "large" in url:
        with closing(aws.client("s3")) as s3:
            big = b"\0" * (uploads.MAX_BYTES + 1)
            s3.put_object(Bucket="evidence-bucket", Key="large.csv", Body=big)
    kept = _import(tenant, control, url)
    assert kept["state"] == FAILED
    assert re.search(says, kept["why"]), kept["why"]
    assert tenant.context.store.documents.every(tenant.caller.tenant, work.KIND) == []
    assert not list(Path(tenant.context.settings.home).rglob("attachments/*"))


def test_a_wrong_external_id_is_no_way_in(tenant: Any, aws: Any, control: dict[str, str]) -> None:
    """A role that asks for another external id is not assumed, and S3 is not asked at all."""
    aws.external_ids[ROLE] = "of another tenant"
    items = [{"s3ResourcePath": "s3://evidence-bucket/raci.csv"}]
    tenant("BatchImportEvidenceToAssessmentControl", **control, manualEvidence=items)
    assert tasks.run_one(tenant.context)
    (waiting,) = tenant.context.store.documents.every(tenant.caller.tenant, work.KIND)
    assert f"Account {OWN} cannot be entered by the role {ROLE}" in waiting.body["why"]
    assert aws.of("s3") == set()


@pytest.fixture
def selected(tenant: Any, collected: Any) -> dict[str, str]:
    """Return an assessment whose only folder is selected for reports."""
    collected.run(judged=False)
    ask = {"assessmentId": str(collected.assessment.id)}
    folder = tenant("GetEvidenceFoldersByAssessment", **ask)["evidenceFolders"][0]
    tenant("AssociateAssessmentReportEvidenceFolder", **ask, evidenceFolderId=folder["id"])
    return ask


def _report(tenant: Any, selected: dict[str, str], destination: str) -> Any:
    """Ask for a report to a destination, let the worker build it, and return its document."""
    there = {"destinationType": "S3", "destination": destination}
    tenant("UpdateAssessment", **selected, scope={}, assessmentReportsDestination=there)
    made = tenant("CreateAssessmentReport", **selected, name="r")["assessmentReport"]
    assert tasks.run_one(tenant.context)
    return tenant.context.store.documents.get(tenant.caller.tenant, REPORT, made["id"])


def test_a_report_is_written_validated_and_deleted_in_its_bucket(
    tenant: Any, aws: Any, selected: dict[str, str]
) -> None:
    """COMPLETE: the object is the file that the URL gives, verifies, and goes when deleted."""
    report = _report(tenant, selected, "s3://reports-bucket/audit/2026")
    assert report.body["status"] == "COMPLETE", report.body.get("_reason")
    key = f"audit/2026/r-{report.id}.zip"
    with closing(aws.client("s3")) as s3:
        written = s3.get_object(Bucket="reports-bucket", Key=key)["Body"].read()
    place = {**selected, "assessmentReportId": report.id}
    link = urlsplit(tenant("GetAssessmentReportUrl", **place)["preSignedUrl"]["link"])
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    given = presigned.check(tenant.context, "GET", link.path, query)
    assert given is not None
    found = report_file(tenant.context, given.tenant, given.id)
    assert found is not None
    assert b"".join(found[0]) == written
    url = f"s3://reports-bucket/{key}"
    told = tenant("ValidateAssessmentReportIntegrity", s3RelativePath=url)
    assert (told["signatureValid"], told["validationErrors"]) == (True, [])
    tenant("DeleteAssessmentReport", **place)
    assert tasks.run_one(tenant.context)
    with closing(aws.client("s3")) as s3:
        assert s3.list_objects_v2(Bucket="reports-bucket").get("Contents", []) == []
    with pytest.raises(ValidationFault, match="cannot be read"):
        tenant("ValidateAssessmentReportIntegrity", s3RelativePath=url)


def test_a_report_is_encrypted_under_the_key_of_its_assessment(
    tenant: Any, aws: Any, collected: Any, selected: dict[str, str]
) -> None:
    """The key that was set when the assessment was made; taken back, the report FAILS."""
    key = "arn:aws:kms:eu-west-1:222233334444:key/1"
    tenant.bind(keys=[key])
    tenant("UpdateAssessment", **selected, scope={}, assessmentName="Made")
    documents, name = tenant.context.store.documents, tenant.caller.tenant
    kept = documents.get(name, "assessment", collected.assessment.id)
    put = replace(kept, body={**kept.body, "_kmsKey": key})
    documents.act(name, now=tenant.context.now(), puts=[put])
    report = _report(tenant, selected, "s3://reports-bucket")
    with closing(aws.client("s3")) as s3:
        head = s3.head_object(Bucket="reports-bucket", Key=f"r-{report.id}.zip")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    store = tenant.context.store
    tenants.unbind(store, name, tenants.Revocation(keys=[key]), by="test")
    failed = _report(tenant, selected, "s3://reports-bucket")
    assert failed.body["status"] == "FAILED"
    assert "nor bound" in failed.body["_reason"]


def test_a_bucket_of_another_owner_takes_no_report(tenant: Any, selected: dict[str, str]) -> None:
    """Bound under the wrong account, S3 itself refuses: FAILED, with the reason in words."""
    report = _report(tenant, selected, "s3://others-bucket")
    assert report.body["status"] == "FAILED"
    assert "Access Denied" in report.body["_reason"]


def test_a_report_of_an_unbound_tenant_says_what_to_do(
    owner: Any, aws: Any, reaching: Any, selected: dict[str, str]
) -> None:
    """No bucket is written with the server's own credentials: FAILED, with the reason."""
    unbound = reaching(owner)
    tenants.unbind(owner.context.store, owner.caller.tenant, tenants.Revocation(), by="test")
    report = _report(unbound, selected, "s3://reports-bucket")
    assert report.body["status"] == "FAILED"
    assert "reports-bucket is not bound to this tenant" in report.body["_reason"]
    assert aws.asked == []
