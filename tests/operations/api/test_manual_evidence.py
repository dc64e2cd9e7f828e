"""Manual evidence: text, uploads and S3 URIs, their limits, and what counts."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from affidavit.collector import manual
from affidavit.operations import access_keys, presigned, uploads, work
from affidavit.operations.faults import NotFoundFault, ValidationFault


@pytest.fixture
def control(collected: Any) -> dict[str, str]:
    """Return the names of a control that wants manual evidence, as requests need them."""
    for one in collected.catalogue.framework.control_sets:
        for found in one.controls:
            if found.manual_evidence is not None:
                return {
                    "assessmentId": collected.assessment.id,
                    "controlSetId": one.name,
                    "controlId": found.uuid,
                }
    raise AssertionError("the catalogue wants no manual evidence")


def _import(owner: Any, control: dict[str, str], *items: dict[str, str]) -> list[dict[str, Any]]:
    answer = owner("BatchImportEvidenceToAssessmentControl", **control, manualEvidence=items)
    errors: list[dict[str, Any]] = answer["errors"]
    return errors


def _upload(owner: Any, name: str) -> presigned.Pass | None:
    """Ask for a URL as the owner and return what it allows."""
    answer = owner("GetEvidenceFileUploadUrl", fileName=name)
    assert answer["evidenceFileName"] == name
    return _check(owner, "PUT", answer["uploadUrl"])


def _check(owner: Any, method: str, url: str) -> presigned.Pass | None:
    parts = urlsplit(url)
    return presigned.check(owner.context, method, parts.path, dict(parse_qsl(parts.query)))


def _state(owner: Any, collected: Any, control: dict[str, str]) -> str:
    framework = collected.catalogue.framework
    states = manual.states(
        owner.context.store, framework, collected.assessment, owner.context.now()
    )
    key = next(c.id for c in framework.controls() if c.uuid == control["controlId"])
    return states[key]


def test_text_is_evidence_with_a_leaf(owner: Any, collected: Any, control: dict[str, str]) -> None:
    """A text shows in the day's folder, its digest in the ledger, and the manual part is there."""
    assert _state(owner, collected, control) == manual.MISSING
    assert _import(owner, control, {"textResponse": "We asked the works council."}) == []
    ask = {k: control[k] for k in ("assessmentId", "controlSetId")}
    (folder,) = owner("GetEvidenceFoldersByAssessmentControl", **control)["evidenceFolders"]
    assert (folder["totalEvidence"], folder["evidenceByTypeManualCount"]) == (1, 1)
    (item,) = owner("GetEvidenceByEvidenceFolder", **ask, evidenceFolderId=folder["id"])["evidence"]
    assert item["evidenceByType"] == "Manual"
    assert item["attributes"]["textResponse"] == "We asked the works council."
    leaf = owner.leaves()[-1]
    assert leaf["action"] == "IMPORT_EVIDENCE"
    assert item["attributes"]["sha256"] in leaf["details"]
    assert "works council" not in leaf["details"]
    assert _state(owner, collected, control) == manual.PRESENT
    collected.installation.clock.forward(days=4000)
    assert _state(owner, collected, control) == manual.EXPIRED


def test_an_upload_is_imported_by_its_name(owner: Any, control: dict[str, str]) -> None:
    """A file that was sent to its URL is imported by name, by the caller who asked for the URL."""
    given = _upload(owner, "Prüfung 1.PDF")
    assert given is not None
    (missing,) = _import(owner, control, {"evidenceFileName": "Prüfung 1.PDF"})
    assert missing["errorCode"] == "404"
    with owner.context.store.attachments.new(owner.caller.tenant) as new:
        new.write(b"checked")
        new.close()
    uploads.received(owner.context, given, new)
    other = owner.as_(role="owner", principal_arn="arn:aws:iam::111122223333:role/Other")
    assert _import(other, control, {"evidenceFileName": "Prüfung 1.PDF"})[0]["errorCode"] == "404"
    assert _import(owner, control, {"evidenceFileName": "Prüfung 1.PDF"}) == []
    (folder,) = owner("GetEvidenceFoldersByAssessmentControl", **control)["evidenceFolders"]
    assert folder["totalEvidence"] == 1


def test_urls_are_for_one_thing_and_a_quarter_of_an_hour(
    owner: Any, stranger: Any, collected: Any
) -> None:
    """A URL that was altered, is used otherwise, or has expired allows nothing."""
    url = owner("GetEvidenceFileUploadUrl", fileName="a.pdf")["uploadUrl"]
    assert _check(owner, "PUT", url) is not None
    assert _check(owner, "GET", url) is None
    assert _check(owner, "PUT", url.replace("111122223333", "444455556666")) is None
    assert _check(owner, "PUT", url.replace("us-east-1", "us-west-2")) is None
    assert _check(owner, "PUT", url.replace("expires=1", "expires=2")) is None
    assert _check(owner, "PUT", url.replace("tag=", "tag=0")) is None
    assert _check(owner, "PUT", url.partition("?")[0]) is None
    collected.installation.clock.forward(minutes=16)
    assert _check(owner, "PUT", url) is None
    assert stranger("GetEvidenceFileUploadUrl", fileName="a.pdf")


def test_urls_end_with_the_key_that_asked_for_them(owner: Any) -> None:
    """A key that was disabled opens nothing any more, whatever URL it got before."""
    store, caller = owner.context.store, owner.caller
    made = access_keys.add(
        store,
        account_id=caller.account_id,
        principal_arn=caller.principal_arn,
        role="owner",
        by="test",
    )
    keyed = owner.as_(access_key_id=made.access_key_id)
    url = keyed("GetEvidenceFileUploadUrl", fileName="a.pdf")["uploadUrl"]
    assert _check(owner, "PUT", url) is not None
    assert _check(owner, "PUT", url.replace(f"key={made.access_key_id}", "key=")) is None
    access_keys.disable(store, made.access_key_id, by="test")
    assert _check(owner, "PUT", url) is None


@pytest.mark.parametrize("name", ["script.exe", "no extension", "a.pdf\n", ".", "a.pdf."])
def test_other_files_are_refused(owner: Any, name: str) -> None:
    """Only Audit Manager's extensions, and no control characters."""
    with pytest.raises(ValidationFault, match="fileName"):
        owner("GetEvidenceFileUploadUrl", fileName=name)


def test_s3_counts_once_it_is_fetched(owner: Any, collected: Any, control: dict[str, str]) -> None:
    """An S3 URI leaves a task to fetch it; until then the manual part is missing."""
    owner.bind(ambient=True, evidence_buckets={"bucket-1": "111122223333"})
    assert _import(owner, control, {"s3ResourcePath": "s3://bucket-1/a/raci.csv"}) == []
    (task,) = owner.context.store.documents.every(owner.caller.tenant, work.KIND)
    assert task.body["task"] == "fetch"
    assert _state(owner, collected, control) == manual.MISSING


def test_one_wrong_item_does_not_stop_the_others(owner: Any, control: dict[str, str]) -> None:
    """Each item is one of three kinds; the wrong one is echoed with a code."""
    both = {"textResponse": "a", "s3ResourcePath": "s3://bucket-1/a.csv"}
    wrong = {"s3ResourcePath": "s3://bucket-1/a.exe"}
    errors = _import(owner, control, both, {"textResponse": "fine"}, wrong)
    assert [(e["errorCode"], e["manualEvidence"]) for e in errors] == [
        ("400", both),
        ("400", wrong),
    ]
    (folder,) = owner("GetEvidenceFoldersByAssessmentControl", **control)["evidenceFolders"]
    assert folder["totalEvidence"] == 1


def test_a_hundred_a_day(owner: Any, collected: Any, control: dict[str, str]) -> None:
    """The hundred and first item of a control and day is refused, the next day's is not."""
    fifty = [{"textResponse": str(n)} for n in range(50)]
    assert _import(owner, control, *fifty) == []
    assert _import(owner, control, *fifty) == []
    (refused,) = _import(owner, control, {"textResponse": "one more"})
    assert refused["errorCode"] == "402"
    collected.installation.clock.forward(days=1)
    assert _import(owner, control, {"textResponse": "next day"}) == []


def test_what_is_inactive_takes_nothing(
    owner: Any, as_document: Any, control: dict[str, str]
) -> None:
    """An INACTIVE assessment, an unknown control and another's assessment are refused."""
    with pytest.raises(NotFoundFault):
        _import(owner, {**control, "controlId": control["assessmentId"]}, {"textResponse": "a"})
    as_document(status="INACTIVE")
    with pytest.raises(ValidationFault, match="INACTIVE"):
        _import(owner, control, {"textResponse": "a"})


def test_a_lease_is_taken_over_when_its_holder_is_silent(
    owner: Any, collected: Any, control: dict[str, str]
) -> None:
    """A task is taken once; a silent holder's is taken again, a failed one after a pause."""
    owner.bind(ambient=True, evidence_buckets={"bucket-1": "111122223333"})
    _import(owner, control, {"s3ResourcePath": "s3://bucket-1/a/raci.csv"})
    context, clock = owner.context, collected.installation.clock
    first = work.take(context)
    assert first is not None
    assert work.take(context) is None
    clock.forward(seconds=61)
    second = work.take(context)
    assert second is not None
    first.done()
    second.beat()
    assert second.failed("no such bucket")
    assert work.take(context) is None
    clock.time += timedelta(minutes=3)
    third = work.take(context)
    assert third is not None
    third.done()
    assert work.take(context) is None
