"""Change logs of assessments."""

from typing import Any

import pytest

from affidavit.operations.faults import NotFoundFault


def _log(installation: Any, assessment_id: str, **request: Any) -> list[tuple[str, str]]:
    logs = installation("GetChangeLogs", assessmentId=assessment_id, **request)["changeLogs"]
    return [(one["objectType"], one["action"]) for one in logs]


@pytest.fixture
def story(owner: Any, delegate: Any, an_assessment: Any) -> dict[str, Any]:
    """Return an assessment with a life behind it: delegated, commented, reviewed, renamed."""
    made: dict[str, Any] = an_assessment()
    identifier = made["metadata"]["id"]
    first, second = made["framework"]["controlSets"][:2]
    wanted = {
        "controlSetId": first["id"],
        "roleArn": delegate.caller.principal_arn,
        "roleType": "RESOURCE_OWNER",
    }
    steps: list[tuple[str, dict[str, Any]]] = [
        ("BatchCreateDelegationByAssessment", {"createDelegationRequests": [wanted]}),
        (
            "UpdateAssessmentControl",
            {
                "controlSetId": first["id"],
                "controlId": first["controls"][0]["id"],
                "commentBody": "c",
            },
        ),
        (
            "UpdateAssessmentControl",
            {
                "controlSetId": second["id"],
                "controlId": second["controls"][0]["id"],
                "controlStatus": "REVIEWED",
            },
        ),
        ("UpdateAssessment", {"scope": {}, "assessmentName": "New"}),
    ]
    for operation, request in steps:
        owner.clock.forward(minutes=1)
        owner(operation, assessmentId=identifier, **request)
    return made


def test_the_log_is_newest_first_with_who_and_when(owner: Any, story: Any) -> None:
    """Every act is there once, as the ledger has it."""
    identifier = story["metadata"]["id"]
    logs = owner("GetChangeLogs", assessmentId=identifier)["changeLogs"]
    assert [(one["objectType"], one["action"]) for one in logs] == [
        ("ASSESSMENT", "UPDATE_METADATA"),
        ("CONTROL", "REVIEWED"),
        ("CONTROL", "UPDATE_METADATA"),
        ("DELEGATION", "CREATE"),
        ("ASSESSMENT", "CREATE"),
    ]
    assert {one["createdBy"] for one in logs} == {owner.caller.principal_arn}
    assert logs[0]["createdAt"] == owner.clock()
    leaves = [leaf for leaf in owner.leaves() if leaf.get("assessment_id") == identifier]
    assert [(x["object_type"], x["action"]) for x in leaves] == [
        (one["objectType"], one["action"]) for one in reversed(logs)
    ]


def test_the_log_of_a_set_and_of_a_control(owner: Any, story: Any) -> None:
    """A control set's log has its delegations and controls; a control's log has its own."""
    identifier = story["metadata"]["id"]
    first, second = story["framework"]["controlSets"][:2]
    assert _log(owner, identifier, controlSetId=first["id"]) == [
        ("CONTROL", "UPDATE_METADATA"),
        ("DELEGATION", "CREATE"),
    ]
    assert _log(owner, identifier, controlId=second["controls"][0]["id"]) == [
        ("CONTROL", "REVIEWED")
    ]
    request = {"controlSetId": first["id"], "controlId": second["controls"][0]["id"]}
    with pytest.raises(NotFoundFault):
        _log(owner, identifier, **request)
    with pytest.raises(NotFoundFault):
        _log(owner, identifier, controlSetId="None such")


def test_a_delegate_sees_the_log_of_their_sets(delegate: Any, story: Any) -> None:
    """Neither the assessment's own changes nor other sets' are shown to a delegate."""
    assert _log(delegate, story["metadata"]["id"]) == [
        ("CONTROL", "UPDATE_METADATA"),
        ("DELEGATION", "CREATE"),
    ]


def test_pages(owner: Any, story: Any) -> None:
    """Pages follow one another without loss."""
    identifier, found = story["metadata"]["id"], []
    token: dict[str, str] = {}
    while True:
        page = owner("GetChangeLogs", assessmentId=identifier, maxResults=2, **token)
        found += page["changeLogs"]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert found == owner("GetChangeLogs", assessmentId=identifier)["changeLogs"]


def test_an_assessment_of_the_command_line_was_created_too(owner: Any, collected: Any) -> None:
    """Its creation by `affidavit run` is the first entry, before and after a change here."""
    identifier = collected.assessment.id
    assert _log(owner, identifier) == [("ASSESSMENT", "CREATE")]
    owner.clock.forward(minutes=1)
    owner("UpdateAssessment", assessmentId=identifier, scope={})
    assert _log(owner, identifier) == [("ASSESSMENT", "UPDATE_METADATA"), ("ASSESSMENT", "CREATE")]
