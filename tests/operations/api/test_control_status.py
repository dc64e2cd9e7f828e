"""Review of controls and control sets."""

from typing import Any

import pytest

from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ValidationFault

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def where(an_assessment: Any) -> dict[str, str]:
    """Return the members that name the first control of a new assessment."""
    made = an_assessment()
    control_set = made["framework"]["controlSets"][0]
    return {
        "assessmentId": made["metadata"]["id"],
        "controlSetId": control_set["id"],
        "controlId": control_set["controls"][0]["id"],
    }


def _submit(installation: Any, where: Any, status: str) -> Any:
    set_only = {name: where[name] for name in ("assessmentId", "controlSetId")}
    request = {**set_only, "status": status, "comment": "c"}
    return installation("UpdateAssessmentControlSetStatus", **request)["controlSet"]


def _delegated(owner: Any, delegate: Any, where: Any) -> None:
    wanted = {
        "controlSetId": where["controlSetId"],
        "roleArn": delegate.caller.principal_arn,
        "roleType": "RESOURCE_OWNER",
    }
    answer = owner(
        "BatchCreateDelegationByAssessment",
        assessmentId=where["assessmentId"],
        createDelegationRequests=[wanted],
    )
    assert answer["errors"] == []


def test_a_comment_and_a_status_are_kept(owner: Any, where: Any) -> None:
    """A comment has its author's name and time; the control answers with both."""
    changed = owner(
        "UpdateAssessmentControl", **where, controlStatus="REVIEWED", commentBody="Looks good"
    )["control"]
    (comment,) = changed["comments"]
    assert comment == {
        "authorName": "AuditOwner",
        "commentBody": "Looks good",
        "postedDate": owner.clock(),
    }
    assert changed["status"] == "REVIEWED"
    assert changed["id"] == where["controlId"]
    shown = owner("GetAssessment", assessmentId=where["assessmentId"])["assessment"]
    assert shown["framework"]["controlSets"][0]["controls"][0] == changed


def test_reviewed_is_final(owner: Any, where: Any) -> None:
    """A REVIEWED control takes comments, and no other status; another control can change back."""
    owner("UpdateAssessmentControl", **where, controlStatus="REVIEWED")
    for status in ("UNDER_REVIEW", "INACTIVE"):
        with pytest.raises(ValidationFault, match="final"):
            owner("UpdateAssessmentControl", **where, controlStatus=status)
    again = owner("UpdateAssessmentControl", **where, controlStatus="REVIEWED", commentBody="x")
    assert len(again["control"]["comments"]) == 1


def test_an_inactive_control_can_come_back(owner: Any, where: Any) -> None:
    """INACTIVE is not final."""
    for status in ("INACTIVE", "UNDER_REVIEW"):
        changed = owner("UpdateAssessmentControl", **where, controlStatus=status)["control"]
        assert changed["status"] == status


def test_what_changes_nothing_leaves_no_trace(owner: Any, where: Any) -> None:
    """The present status without a comment is no act."""
    before = len(owner.leaves())
    owner("UpdateAssessmentControl", **where, controlStatus="UNDER_REVIEW", commentBody="")
    owner("UpdateAssessmentControl", **where)
    assert len(owner.leaves()) == before


@pytest.mark.parametrize("member", ["controlSetId", "controlId"])
def test_unknown_controls_are_not_found(owner: Any, where: Any, member: str) -> None:
    """A control set or control that the assessment does not have is not found."""
    with pytest.raises(NotFoundFault):
        owner("UpdateAssessmentControl", **where | {member: UNKNOWN}, commentBody="x")


def test_auditors_and_administrators_only_read(owner: Any, where: Any) -> None:
    """Neither may comment or review."""
    for role in ("auditor", "admin"):
        with pytest.raises(AccessDeniedFault):
            owner.as_(role=role)("UpdateAssessmentControl", **where, commentBody="x")


def test_a_delegate_works_on_their_sets_only(owner: Any, delegate: Any, where: Any) -> None:
    """A delegate comments, reviews and submits what was delegated; nothing else is there."""
    with pytest.raises(AccessDeniedFault):
        delegate("UpdateAssessmentControl", **where, commentBody="x")
    _delegated(owner, delegate, where)
    answer = delegate("GetAssessment", assessmentId=where["assessmentId"])
    assert answer["userRole"]["roleType"] == "RESOURCE_OWNER"
    (only,) = answer["assessment"]["framework"]["controlSets"]
    assert only["id"] == where["controlSetId"]
    delegate("UpdateAssessmentControl", **where, commentBody="x", controlStatus="REVIEWED")
    other = owner("GetAssessment", assessmentId=where["assessmentId"])
    second = other["assessment"]["framework"]["controlSets"][1]
    elsewhere = where | {"controlSetId": second["id"], "controlId": second["controls"][0]["id"]}
    with pytest.raises(NotFoundFault):
        delegate("UpdateAssessmentControl", **elsewhere, commentBody="x")
    with pytest.raises(AccessDeniedFault, match="submit"):
        _submit(delegate, where, "REVIEWED")


def test_a_set_goes_from_delegation_to_completion(owner: Any, delegate: Any, where: Any) -> None:
    """Delegated: under review; submitted by the delegate; REVIEWED by the owner, for ever."""
    _delegated(owner, delegate, where)
    shown = owner("GetAssessment", assessmentId=where["assessmentId"])["assessment"]
    assert shown["framework"]["controlSets"][0]["status"] == "UNDER_REVIEW"
    submitted = _submit(delegate, where, "UNDER_REVIEW")
    assert [one["status"] for one in submitted["delegations"]] == ["UNDER_REVIEW"]
    done = _submit(owner, where, "REVIEWED")
    assert done["status"] == "REVIEWED"
    assert [one["status"] for one in done["delegations"]] == ["COMPLETE"]
    with pytest.raises(ValidationFault, match="final"):
        _submit(owner, where, "ACTIVE")


def test_an_ended_assessment_takes_no_review(owner: Any, delegate: Any, where: Any) -> None:
    """After INACTIVE comments are refused, and the delegate has no access at all."""
    _delegated(owner, delegate, where)
    identifier = where["assessmentId"]
    owner("UpdateAssessmentStatus", assessmentId=identifier, status="INACTIVE")
    with pytest.raises(ValidationFault, match="INACTIVE"):
        owner("UpdateAssessmentControl", **where, commentBody="x")
    with pytest.raises(AccessDeniedFault):
        delegate("GetAssessment", assessmentId=identifier)


def test_evidence_later_than_the_review_is_marked(owner: Any, collected: Any) -> None:
    """What was there at the review is plain; what came after it says so."""
    identifier, control = collected.assessment.id, collected.control
    where = {
        "assessmentId": identifier,
        "controlSetId": collected.set_name,
        "controlId": control.uuid,
    }
    collected.run()
    owner.clock.forward(minutes=1)
    owner("UpdateAssessmentControl", **where, controlStatus="REVIEWED")
    owner.clock.forward(days=1)
    collected.run()
    folders = owner("GetEvidenceFoldersByAssessmentControl", **where)["evidenceFolders"]
    marks = [
        {
            evidence["attributes"].get("review")
            for evidence in owner(
                "GetEvidenceByEvidenceFolder",
                assessmentId=identifier,
                controlSetId=collected.set_name,
                evidenceFolderId=folder["id"],
            )["evidence"]
        }
        for folder in folders
    ]
    assert marks == [{"after sign-off"}, {None}]
