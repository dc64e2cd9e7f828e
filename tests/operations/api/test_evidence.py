"""Evidence folders and evidence: one folder a control and UTC day, paged, for those who may see."""

from collections.abc import Callable
from typing import Any

import pytest

from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ValidationFault

DAYS = 3


@pytest.fixture
def assessment(collected: Any) -> str:
    """Return the id of an assessment with a run on each of three days."""
    for day in range(DAYS):
        if day:
            collected.installation.clock.forward(days=1)
        collected.run()
    return str(collected.assessment.id)


@pytest.fixture
def folders(owner: Any, assessment: str) -> list[dict[str, Any]]:
    """Return the assessment's folders as answered."""
    answer = owner("GetEvidenceFoldersByAssessment", assessmentId=assessment)
    found: list[dict[str, Any]] = answer["evidenceFolders"]
    return found


def test_a_folder_a_control_and_day_the_newest_first(
    folders: list[dict[str, Any]], collected: Any
) -> None:
    """Two controls on three days are six folders, counted by type, issue and resource."""
    assert [f["name"] for f in folders] == ["2026-03-03"] * 2 + ["2026-03-02"] * 2 + [
        "2026-03-01"
    ] * 2
    assert len({f["id"] for f in folders}) == 6
    first = folders[0]
    assert first["controlId"] == collected.control.uuid
    assert first["controlSetId"] == collected.set_name
    assert first["totalEvidence"] == 6
    assert first["evidenceByTypeComplianceCheckIssuesCount"] == 2
    assert first["evidenceResourcesIncludedCount"] == 3
    assert first["evidenceByTypeManualCount"] == 0
    by_type = ("ConfigurationData", "ComplianceCheck", "UserActivity")
    assert sum(first[f"evidenceByType{kind}Count"] for kind in by_type) == 6


def test_two_runs_of_a_day_share_a_folder(owner: Any, collected: Any) -> None:
    """A second run on the same day adds to the folder, under the same id."""
    collected.run()
    ask = {"assessmentId": collected.assessment.id}
    before = owner("GetEvidenceFoldersByAssessment", **ask)["evidenceFolders"][0]
    collected.installation.clock.forward(minutes=5)
    collected.run(3)
    after = owner("GetEvidenceFoldersByAssessment", **ask)["evidenceFolders"][0]
    assert after["id"] == before["id"]
    assert (before["totalEvidence"], after["totalEvidence"]) == (6, 9)


def test_folders_of_one_control_by_pages(owner: Any, assessment: str, collected: Any) -> None:
    """One control's folders come page by page, each once, and none of another control."""
    ask = {
        "assessmentId": assessment,
        "controlSetId": collected.set_name,
        "controlId": collected.control.uuid,
    }
    names: list[str] = []
    more: dict[str, str] = {}
    for _ in range(DAYS):
        page = owner("GetEvidenceFoldersByAssessmentControl", **ask, maxResults=1, **more)
        names += [f["name"] for f in page["evidenceFolders"]]
        more = {"nextToken": page["nextToken"]} if "nextToken" in page else {}
    assert names == ["2026-03-03", "2026-03-02", "2026-03-01"]
    assert not more
    for wrong in ({"controlSetId": "Another"}, {"controlId": assessment}):
        with pytest.raises(NotFoundFault):
            owner("GetEvidenceFoldersByAssessmentControl", **{**ask, **wrong})


def test_evidence_in_audit_managers_shape(
    owner: Any, assessment: str, folders: list[dict[str, Any]], collected: Any
) -> None:
    """An item names source, service, event, resource and verdict, and its leaf in the ledger."""
    place = {
        "assessmentId": assessment,
        "controlSetId": collected.set_name,
        "evidenceFolderId": folders[0]["id"],
    }
    items = owner("GetEvidenceByEvidenceFolder", **place)["evidence"]
    items.sort(key=lambda item: item["attributes"]["reason"])
    assert [i["complianceCheck"] for i in items[:3]] == [
        "COMPLIANT",
        "NON_COMPLIANT",
        "NOT_APPLICABLE",
    ]
    bad = items[1]
    assert bad["eventSource"].endswith(".amazonaws.com")
    assert bad["resourcesIncluded"] == [
        {"arn": "arn:aws:s3:::bucket-001", "value": "Reason 1", "complianceCheck": "NON_COMPLIANT"}
    ]
    assert bad["assessmentReportSelection"] == "No"
    leaf, kept = owner.context.store.evidence_by_id(bad["id"])
    assert bad["attributes"]["ledgerLeaf"] == str(leaf)
    assert bad["attributes"]["ledgerEntry"] == kept.entry
    assert owner("GetEvidence", **place, evidenceId=bad["id"])["evidence"] == bad
    other = folders[2]["id"]
    with pytest.raises(NotFoundFault):
        owner("GetEvidence", **{**place, "evidenceFolderId": other}, evidenceId=bad["id"])


def test_evidence_by_pages(owner: Any, assessment: str, folders: list[dict[str, Any]]) -> None:
    """Pages hold each item once, in the order of the ledger; a token is of its folder only."""
    ask = {"assessmentId": assessment, "evidenceFolderId": folders[0]["id"], "maxResults": 4}
    ask["controlSetId"] = folders[0]["controlSetId"]
    first = owner("GetEvidenceByEvidenceFolder", **ask)
    second = owner("GetEvidenceByEvidenceFolder", **ask, nextToken=first["nextToken"])
    ids = [one["id"] for one in first["evidence"] + second["evidence"]]
    assert len(set(ids)) == 6
    assert "nextToken" not in second
    other = {**ask, "evidenceFolderId": folders[2]["id"]}
    with pytest.raises(ValidationFault, match="nextToken"):
        owner("GetEvidenceByEvidenceFolder", **other, nextToken=first["nextToken"])


def test_a_folder_id_serves_as_control_set_id(
    owner: Any, assessment: str, folders: list[dict[str, Any]]
) -> None:
    """AWS's own sample sends the folder's id as controlSetId; another set is not found."""
    folder = folders[0]["id"]
    ask = {"assessmentId": assessment, "evidenceFolderId": folder}
    assert owner("GetEvidenceByEvidenceFolder", **ask, controlSetId=folder)["evidence"]
    assert owner("GetEvidenceFolder", **ask, controlSetId=folder)["evidenceFolder"] == folders[0]
    with pytest.raises(NotFoundFault):
        owner("GetEvidenceFolder", **ask, controlSetId="Another")


def test_strangers_and_delegates_see_nothing(
    owner: Any,
    stranger: Any,
    assessment: str,
    folders: list[dict[str, Any]],
    as_document: Callable[..., None],
) -> None:
    """Another tenant finds no assessment; a delegate sees the delegated control sets only."""
    ask = {"assessmentId": assessment}
    with pytest.raises(NotFoundFault) as refused:
        stranger("GetEvidenceFoldersByAssessment", **ask)
    with pytest.raises(NotFoundFault) as unknown:
        stranger("GetEvidenceFoldersByAssessment", assessmentId=folders[0]["id"])
    assert refused.value.what == unknown.value.what
    delegate = owner.as_(
        role="delegate", principal_arn="arn:aws:sts::111122223333:assumed-role/Legal/ann"
    )
    with pytest.raises(AccessDeniedFault):
        delegate("GetEvidenceFoldersByAssessment", **ask)
    as_document(delegate_to="arn:aws:iam::111122223333:role/teams/Legal")
    shown = delegate("GetEvidenceFoldersByAssessment", **ask)["evidenceFolders"]
    assert {f["controlSetId"] for f in shown} == {folders[0]["controlSetId"]}
    another = owner.as_(principal_arn="arn:aws:iam::111122223333:role/Other")
    with pytest.raises(AccessDeniedFault):
        another("GetEvidenceFoldersByAssessment", **ask)
