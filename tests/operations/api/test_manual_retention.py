"""Manual evidence goes by age as collected evidence does; uploads that nobody imports go too."""

from typing import Any

import pytest

from affidavit.errors import StoreConflictError
from affidavit.operations import holds, manual_retention, retention, uploads
from affidavit.operations.presigned import Pass
from affidavit.operations.retention import Expired

CONTENT = b"minutes of the works council"


@pytest.fixture
def control(collected: Any) -> dict[str, str]:
    """Give a control of an assessment."""
    one = collected.catalogue.framework.control_sets[0]
    return {
        "assessmentId": collected.assessment.id,
        "controlSetId": one.name,
        "controlId": one.controls[0].uuid,
    }


def _upload(owner: Any, name: str, content: bytes = CONTENT) -> str:
    """Upload a file as a client does; return its digest."""
    store, tenant = owner.context.store, owner.caller.tenant
    tag = uploads.tag_of(owner.caller, name)
    given = Pass(purpose="upload", tenant=tenant, id=f"u-{name}", tag=tag)
    with store.attachments.new(tenant) as new:
        new.write(content)
        new.close()
    uploads.received(owner.context, given, new)
    return str(new.digest)


def _import(owner: Any, control: dict[str, str], *items: dict[str, str]) -> Any:
    asked = {**control, "manualEvidence": list(items)}
    return owner("BatchImportEvidenceToAssessmentControl", **asked)["errors"]


def _expire(owner: Any, days: int = 100) -> Expired:
    store, tenant, today = owner.context.store, owner.caller.tenant, owner.clock().date()
    return retention.expire_due(store, tenant, today, default=days, by="me")


def _is_there(owner: Any, digest: str) -> bool:
    return bool(owner.context.store.attachments.is_there(owner.caller.tenant, digest))


def test_items_go_by_age_with_their_files(owner: Any, control: dict[str, str]) -> None:
    """Items of before go with file and text, the change log and the ledger say so; others stay."""
    store, tenant = owner.context.store, owner.caller.tenant
    digest = _upload(owner, "a.pdf")
    assert _import(owner, control, {"evidenceFileName": "a.pdf"}, {"textResponse": "Yes."}) == []
    owner.clock.forward(days=60)
    assert _import(owner, control, {"textResponse": "Still."}) == []
    uploads.expire(owner.context, tenant)
    assert _expire(owner) == Expired(files=0)
    assert _is_there(owner, digest)
    owner.clock.forward(days=41)
    assert _expire(owner) == Expired(files=0, manual=2)
    assert not _is_there(owner, digest)
    (left,) = store.documents.every(tenant, "manual_evidence")
    assert left.body["textResponse"] == "Still."
    logs = owner("GetChangeLogs", assessmentId=control["assessmentId"])["changeLogs"]
    assert [one["createdBy"] for one in logs if one["action"] == "DELETE"] == ["me"]
    leaf = owner.leaves()[-1]
    assert (leaf["object_type"], digest in leaf["details"]) == ("CONTROL", True)
    (content,) = store.verify_content(tenants=[tenant])
    assert (content.damages, content.deleted, content.attachments) == ((), 2, 1)
    assert _expire(owner) == Expired(files=0)


def test_a_legal_hold_keeps_them(owner: Any, control: dict[str, str]) -> None:
    """Nothing goes while the assessment or the tenant is held, also if the hold comes late."""
    store, tenant, one = owner.context.store, owner.caller.tenant, control["assessmentId"]
    assert _import(owner, control, {"textResponse": "Yes."}) == []
    owner.clock.forward(days=200)
    holds.place(store, tenant, one, why="case", by="counsel")
    assert _expire(owner) == Expired(files=0)
    with pytest.raises(StoreConflictError, match="legal hold"):
        manual_retention.expire(
            store, tenant, one, owner.clock().date(), why="age", by="me", now=owner.clock()
        )
    holds.lift(store, tenant, one, why="settled", by="counsel")
    assert _expire(owner) == Expired(files=0, manual=1)


def test_a_file_that_others_name_stays(owner: Any, control: dict[str, str]) -> None:
    """The same file under a younger item is not removed with the older one."""
    digest = _upload(owner, "a.pdf")
    assert _import(owner, control, {"evidenceFileName": "a.pdf"}) == []
    owner.clock.forward(days=60)
    assert _upload(owner, "b.pdf") == digest
    assert _import(owner, control, {"evidenceFileName": "b.pdf"}) == []
    owner.clock.forward(days=41)
    assert _expire(owner).manual == 1
    assert _is_there(owner, digest)
    owner.clock.forward(days=60)
    uploads.expire(owner.context, owner.caller.tenant)
    assert _expire(owner).manual == 1
    assert not _is_there(owner, digest)


def test_uploads_that_nobody_imports_go(owner: Any, control: dict[str, str]) -> None:
    """After the documented days an upload is forgotten with its file; an imported file stays."""
    tenant = owner.caller.tenant
    mine, other = _upload(owner, "a.pdf"), _upload(owner, "b.pdf", b"other")
    assert _import(owner, control, {"evidenceFileName": "a.pdf"}) == []
    owner.clock.forward(days=uploads.KEPT_DAYS - 1)
    assert uploads.expire(owner.context, tenant) == 0
    owner.clock.forward(days=2)
    hold = holds.place(owner.context.store, tenant, "", why="case", by="counsel")
    assert uploads.expire(owner.context, tenant) == 0
    holds.lift(owner.context.store, hold.tenant, "", why="settled", by="counsel")
    assert uploads.expire(owner.context, tenant) == 2
    assert _is_there(owner, mine)
    assert not _is_there(owner, other)
    (missing,) = _import(owner, control, {"evidenceFileName": "b.pdf"})
    assert missing["errorCode"] == "404"


def test_a_file_that_is_removed_meanwhile_is_not_named(owner: Any) -> None:
    """A document never names a file that was given up since it came: the sender sends it again."""
    store, tenant = owner.context.store, owner.caller.tenant
    with store.attachments.new(tenant) as new:
        new.write(CONTENT)
        digest = new.close()
    files = store.attachments.given_up(tenant, [digest])
    store.documents.act(tenant, now=owner.clock(), given_up=files)
    store.attachments.remove_given_up(files)
    tag = uploads.tag_of(owner.caller, "a.pdf")
    given = Pass(purpose="upload", tenant=tenant, id="u", tag=tag)
    assert uploads.received(owner.context, given, new) is None
    assert uploads.newest(owner.context, owner.caller, "a.pdf") is None
