"""Delegations of control sets."""

from collections.abc import Callable
from typing import Any

import pytest

from affidavit.operations.faults import AccessDeniedFault

UNKNOWN = "00000000-0000-4000-8000-000000000000"
REVIEWER = "arn:aws:iam::111122223333:role/Reviewer"


@pytest.fixture
def assessment(an_assessment: Any) -> dict[str, Any]:
    """Return a new assessment."""
    made: dict[str, Any] = an_assessment()
    return made


@pytest.fixture
def delegated(owner: Any, assessment: Any) -> Callable[..., Any]:
    """Return the way to delegate the assessment's first control set; members replace its own."""

    def delegate_to(**members: Any) -> Any:
        wanted = {
            "controlSetId": assessment["framework"]["controlSets"][0]["id"],
            "roleArn": REVIEWER,
            "roleType": "RESOURCE_OWNER",
            "comment": "Please",
            **members,
        }
        return owner(
            "BatchCreateDelegationByAssessment",
            assessmentId=assessment["metadata"]["id"],
            createDelegationRequests=[{k: v for k, v in wanted.items() if v is not None}],
        )

    return delegate_to


def test_a_delegation_is_told_by_all_that_show_it(
    owner: Any, delegate: Any, assessment: Any, delegated: Any
) -> None:
    """Creation, the assessment, the lists and the delegate's own list agree on it."""
    (made,) = delegated()["delegations"]
    assert made["status"] == "IN_PROGRESS"
    assert made["comment"] == "Please"
    assert "assessmentId" not in made
    metadata = owner("GetAssessment", assessmentId=assessment["metadata"]["id"])["assessment"][
        "metadata"
    ]
    assert [one["id"] for one in metadata["delegations"]] == [made["id"]]
    for caller in (owner, delegate):
        (listed,) = caller("GetDelegations")["delegations"]
        assert listed["id"] == made["id"]
        assert listed["controlSetName"] == made["controlSetId"]
        assert listed["assessmentId"] == assessment["metadata"]["id"]
        (seen,) = caller("ListAssessments")["assessmentMetadata"]
        assert [one["id"] for one in seen["delegations"]] == [made["id"]]


def test_delegating_again_changes_the_comment(delegated: Any) -> None:
    """The same identity (in any case of letters) has a control set once."""
    (first,) = delegated()["delegations"]
    (second,) = delegated(
        roleArn=REVIEWER.upper().replace("ARN:AWS:IAM", "arn:aws:iam"), comment="Now"
    )["delegations"]
    assert first["id"] == second["id"]
    assert second["comment"] == "Now"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"roleType": "PROCESS_OWNER"}, "400"),
        ({"roleArn": "arn:aws:iam::444455556666:role/Other"}, "400"),
        ({"roleArn": None}, "400"),
        ({"controlSetId": "None such"}, "404"),
    ],
)
def test_what_cannot_be_delegated_stands_in_errors(delegated: Any, wrong: Any, code: str) -> None:
    """The request is echoed with a code of three digits and a reason; nothing is delegated."""
    answer = delegated(**wrong)
    (error,) = answer["errors"]
    assert answer["delegations"] == []
    assert error["errorCode"] == code
    assert error["errorMessage"]
    assert error["createDelegationRequest"]["comment"] == "Please"


def test_a_reviewed_set_is_not_delegated(owner: Any, assessment: Any, delegated: Any) -> None:
    """A control set that is REVIEWED is not handed out any more."""
    set_id = assessment["framework"]["controlSets"][0]["id"]
    owner(
        "UpdateAssessmentControlSetStatus",
        assessmentId=assessment["metadata"]["id"],
        controlSetId=set_id,
        status="REVIEWED",
        comment="",
    )
    assert delegated()["errors"][0]["errorCode"] == "400"


def test_taking_back_ends_the_access(
    owner: Any, delegate: Any, assessment: Any, delegated: Any
) -> None:
    """A deleted delegation is gone, its set is ACTIVE again, an unknown one is an error."""
    identifier = assessment["metadata"]["id"]
    (made,) = delegated()["delegations"]
    delegate("GetAssessment", assessmentId=identifier)
    answer = owner(
        "BatchDeleteDelegationByAssessment",
        assessmentId=identifier,
        delegationIds=[made["id"], UNKNOWN],
    )
    assert [error["delegationId"] for error in answer["errors"]] == [UNKNOWN]
    with pytest.raises(AccessDeniedFault):
        delegate("GetAssessment", assessmentId=identifier)
    shown = owner("GetAssessment", assessmentId=identifier)["assessment"]
    assert shown["framework"]["controlSets"][0]["status"] == "ACTIVE"
    assert owner("GetDelegations")["delegations"] == []


def test_others_delegate_nothing(owner: Any, assessment: Any, delegated: Any) -> None:
    """Delegates, auditors, administrators and owners of other assessments are refused."""
    delegated()
    request = {
        "assessmentId": assessment["metadata"]["id"],
        "createDelegationRequests": [{"roleArn": REVIEWER}],
    }
    for members in (
        {"role": "delegate", "principal_arn": REVIEWER},
        {"role": "auditor"},
        {"role": "admin"},
        {"principal_arn": "arn:aws:iam::111122223333:role/Second"},
    ):
        with pytest.raises(AccessDeniedFault):
            owner.as_(**members)("BatchCreateDelegationByAssessment", **request)


def test_notifications_follow_the_review(
    owner: Any, delegate: Any, assessment: Any, delegated: Any
) -> None:
    """The delegate is told of delegation and completion, the owner of the submission, only they."""
    delegated()
    where = {
        "assessmentId": assessment["metadata"]["id"],
        "controlSetId": assessment["framework"]["controlSets"][0]["id"],
        "comment": "done",
    }
    owner.clock.forward(minutes=1)
    delegate("UpdateAssessmentControlSetStatus", **where, status="UNDER_REVIEW")
    owner.clock.forward(minutes=1)
    owner("UpdateAssessmentControlSetStatus", **where, status="REVIEWED")
    first, second = delegate("ListNotifications")["notifications"]
    assert "completed" in first["description"]
    assert "delegated" in second["description"]
    assert first["id"].partition("_")[0] == str(int(owner.clock().timestamp() * 1000))
    assert first["controlSetId"] == where["controlSetId"]
    (told,) = owner("ListNotifications")["notifications"]
    assert "submitted" in told["description"]
    assert len(owner.as_(role="admin")("ListNotifications")["notifications"]) == 3
    page = delegate("ListNotifications", maxResults=1)
    rest = delegate("ListNotifications", maxResults=1, nextToken=page["nextToken"])
    assert [*page["notifications"], *rest["notifications"]] == [first, second]
