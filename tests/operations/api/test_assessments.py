"""Assessments: made, shown, changed, ended and deleted."""

from typing import Any

import pytest

from affidavit.operations import assessments
from affidavit.operations.faults import (
    AccessDeniedFault,
    NotFoundFault,
    QuotaFault,
    ValidationFault,
)

OTHER_OWNER = "arn:aws:iam::111122223333:role/Second"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def _work(owner: Any) -> list[dict[str, Any]]:
    found = owner.context.store.documents.every(owner.caller.tenant, "work")
    return [document.body | {"_parent": document.parent} for document in found]


def test_an_assessment_is_a_frozen_copy_of_its_framework(
    owner: Any, an_assessment: Any, shipped: Any
) -> None:
    """Sets are named by their names and ACTIVE, controls are under review, counts are 0."""
    made = an_assessment(description="d", tags={"Team": "audit"})
    metadata, framework = made["metadata"], made["framework"]
    assert metadata["status"] == "ACTIVE"
    assert metadata["name"] == "Northwind"
    assert metadata["description"] == "d"
    assert metadata["complianceType"] == shipped.framework.compliance_type
    assert metadata["creationTime"] == metadata["lastUpdated"] == owner.clock()
    assert made["tags"] == {"Team": "audit"}
    assert made["awsAccount"] == {"id": "111122223333"}
    assert made["arn"].endswith(f":111122223333:assessment/{metadata['id']}")
    assert framework["id"] == shipped.framework.uuid
    assert [s["id"] for s in framework["controlSets"]] == [
        s.name for s in shipped.framework.control_sets
    ]
    assert {s["status"] for s in framework["controlSets"]} == {"ACTIVE"}
    controls = [c for s in framework["controlSets"] for c in s["controls"]]
    assert [c["id"] for c in controls] == [c.uuid for c in shipped.framework.controls()]
    assert {(c["status"], c["evidenceCount"]) for c in controls} == {("UNDER_REVIEW", 0)}
    assert owner("GetAssessment", assessmentId=metadata["id"])["assessment"] == made


def test_the_copy_stays_when_the_framework_changes(
    owner: Any, an_assessment: Any, a_framework: Any
) -> None:
    """Neither an edit of the framework nor its deletion changes an assessment's control sets."""
    framework = a_framework()
    made = an_assessment(frameworkId=framework["id"])
    sets = [{"name": "Another", "controls": framework["controlSets"][0]["controls"][:1]}]
    sets[0]["controls"] = [{"id": c["id"]} for c in sets[0]["controls"]]
    owner("UpdateAssessmentFramework", frameworkId=framework["id"], name="New", controlSets=sets)
    owner("DeleteAssessmentFramework", frameworkId=framework["id"])
    again = owner("GetAssessment", assessmentId=made["metadata"]["id"])["assessment"]
    assert again["framework"] == made["framework"]
    assert [s["id"] for s in again["framework"]["controlSets"]] == ["Set"]


def test_the_caller_is_an_owner_once(owner: Any, an_assessment: Any) -> None:
    """The caller is added to the owners; a session owns as its role; nobody is there twice."""
    given = [{"roleType": "PROCESS_OWNER", "roleArn": OTHER_OWNER}]
    made = an_assessment(roles=[*given, *given])
    own = {"roleType": "PROCESS_OWNER", "roleArn": owner.caller.principal_arn}
    assert made["metadata"]["roles"] == [*given, own]
    session = owner.as_(principal_arn="arn:aws:sts::111122223333:assumed-role/AuditOwner/jane")
    answer = session("GetAssessment", assessmentId=made["metadata"]["id"])
    assert answer["userRole"] == own


def test_services_in_scope_are_inferred(an_assessment: Any) -> None:
    """AwsServices that are sent are not kept, as with Audit Manager since June 2024."""
    scope = {
        "awsAccounts": [{"id": "111122223333", "name": "Prod"}, {"id": "111122223333"}],
        "awsServices": [{"serviceName": "s3"}],
    }
    shown = an_assessment(scope=scope)["metadata"]["scope"]
    assert shown["awsServices"] == []
    assert [account["id"] for account in shown["awsAccounts"]] == ["111122223333"]


def test_reports_need_no_bucket(an_assessment: Any) -> None:
    """Without a destination an assessment's reports are kept here only."""
    place = {"destinationType": "S3"}
    metadata = an_assessment(assessmentReportsDestination=place)["metadata"]
    assert metadata["assessmentReportsDestination"] == place


def test_creation_leaves_a_collection_to_the_worker(owner: Any, an_assessment: Any) -> None:
    """What the collector runs is there under the same id, and a first collection waits."""
    identifier = an_assessment(scope={})["metadata"]["id"]
    stored = owner.context.store.assessment(identifier)
    assert stored.estate.accounts == ("111122223333",)
    assert stored.estate.regions == ("us-east-1",)
    (task,) = _work(owner)
    assert (task["task"], task["_parent"]) == ("collect", identifier)
    assert "CREATE" in [x["action"] for x in owner.leaves() if x["object_id"] == identifier]


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": [{"roleType": "RESOURCE_OWNER", "roleArn": OTHER_OWNER}]},
        {"roles": [{"roleType": "PROCESS_OWNER", "roleArn": "arn:aws:iam::444455556666:role/A"}]},
    ],
)
def test_what_cannot_be_is_refused(owner: Any, an_assessment: Any, wrong: Any) -> None:
    """Delegates among the owners, foreign identities and a missing destination are named."""
    with pytest.raises(ValidationFault) as caught:
        an_assessment(**wrong)
    assert caught.value.fields
    assert owner("ListAssessments")["assessmentMetadata"] == []


def test_a_management_account_makes_none(owner: Any, admin: Any, an_assessment: Any) -> None:
    """After it designated a delegated administrator, an account creates no assessments."""
    admin("RegisterOrganizationAdminAccount", adminAccountId="444455556666")
    with pytest.raises(ValidationFault, match="management account"):
        an_assessment()
    assert _work(owner) == []


def test_an_unknown_framework_is_not_found(
    stranger: Any, an_assessment: Any, a_framework: Any
) -> None:
    """A framework that is not the tenant's is the same as none."""
    with pytest.raises(NotFoundFault):
        an_assessment(frameworkId=UNKNOWN)
    with pytest.raises(NotFoundFault):
        stranger(
            "CreateAssessment",
            name="n",
            frameworkId=a_framework()["id"],
            scope={},
            roles=[],
            assessmentReportsDestination={"destinationType": "S3", "destination": "s3://bucket"},
        )


def test_two_assessments_may_have_one_name(owner: Any, an_assessment: Any) -> None:
    """Names need not be unique; ids tell assessments apart."""
    first, second = an_assessment()["metadata"], an_assessment()["metadata"]
    assert first["name"] == second["name"]
    listed = owner("ListAssessments")["assessmentMetadata"]
    assert {one["id"] for one in listed} == {first["id"], second["id"]}


def test_quotas(owner: Any, an_assessment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More active assessments, or more accounts in scope, than there may be are a quota fault."""
    an_assessment()
    monkeypatch.setattr(assessments, "MAX_ACCOUNTS", 2)
    accounts = [{"id": f"{n:012}"} for n in range(2)]
    with pytest.raises(QuotaFault, match="accounts"):
        an_assessment(scope={"awsAccounts": accounts})
    monkeypatch.setattr(assessments, "MAX_ACTIVE", 1)
    with pytest.raises(QuotaFault, match="active assessments"):
        an_assessment()
    (only,) = owner("ListAssessments")["assessmentMetadata"]
    owner("UpdateAssessmentStatus", assessmentId=only["id"], status="INACTIVE")
    an_assessment()


def test_lists_are_newest_first_by_status_and_paged(owner: Any, an_assessment: Any) -> None:
    """A page ends where asked, the token goes on, and a status chooses."""
    made = []
    for number in range(3):
        owner.clock.forward(minutes=1)
        made.append(an_assessment(f"A{number}")["metadata"]["id"])
    first = owner("ListAssessments", maxResults=2)
    rest = owner("ListAssessments", maxResults=2, nextToken=first["nextToken"])
    listed = [*first["assessmentMetadata"], *rest["assessmentMetadata"]]
    assert [one["id"] for one in listed] == made[::-1]
    assert "nextToken" not in rest
    owner("UpdateAssessmentStatus", assessmentId=made[1], status="INACTIVE")
    (inactive,) = owner("ListAssessments", status="INACTIVE")["assessmentMetadata"]
    assert inactive["id"] == made[1]
    assert len(owner("ListAssessments", status="ACTIVE")["assessmentMetadata"]) == 2


def test_others_see_only_their_own(
    owner: Any, stranger: Any, delegate: Any, an_assessment: Any
) -> None:
    """A stranger is told nothing, who is not named is denied, an administrator reads."""
    identifier = an_assessment()["metadata"]["id"]
    for operation in ("GetAssessment", "DeleteAssessment"):
        with pytest.raises(NotFoundFault):
            stranger(operation, assessmentId=identifier)
    assert stranger("ListAssessments")["assessmentMetadata"] == []
    nobody = owner.as_(principal_arn=OTHER_OWNER)
    for caller in (nobody, nobody.as_(role="auditor"), delegate):
        assert caller("ListAssessments")["assessmentMetadata"] == []
        with pytest.raises(AccessDeniedFault):
            caller("GetAssessment", assessmentId=identifier)
    admin = nobody.as_(role="admin")
    assert "userRole" not in admin("GetAssessment", assessmentId=identifier)
    with pytest.raises(AccessDeniedFault):
        admin("DeleteAssessment", assessmentId=identifier)


def test_an_update_changes_what_is_given(owner: Any, an_assessment: Any) -> None:
    """Name, description, owners, destination and scope change; the collector follows the scope."""
    made = an_assessment(description="before")
    identifier = made["metadata"]["id"]
    owner.clock.forward(hours=1)
    scope = {"awsAccounts": [{"id": "111122223333"}, {"id": "222233334444"}]}
    changed = owner("UpdateAssessment", assessmentId=identifier, scope=scope)["assessment"]
    assert changed["metadata"]["description"] == "before"
    assert changed["metadata"]["lastUpdated"] == owner.clock()
    stored = owner.context.store.assessment(identifier)
    assert stored.estate.accounts == ("111122223333", "222233334444")
    destination = {"destinationType": "S3", "destination": "s3://elsewhere"}
    changed = owner(
        "UpdateAssessment",
        assessmentId=identifier,
        scope=scope,
        assessmentName="After",
        assessmentDescription="after",
        assessmentReportsDestination=destination,
        roles=[{"roleType": "PROCESS_OWNER", "roleArn": OTHER_OWNER}],
    )["assessment"]
    assert changed["metadata"]["name"] == "After"
    assert changed["metadata"]["description"] == "after"
    assert changed["metadata"]["assessmentReportsDestination"] == destination
    assert len(changed["metadata"]["roles"]) == 2
    assert owner("GetAssessment", assessmentId=identifier)["assessment"] == changed


def test_inactive_is_for_ever(owner: Any, an_assessment: Any) -> None:
    """INACTIVE reviews what was under review, refuses every change, and cannot be taken back."""
    identifier = an_assessment()["metadata"]["id"]
    status = {"assessmentId": identifier, "status": "ACTIVE"}
    assert owner("UpdateAssessmentStatus", **status)["assessment"]["metadata"]["status"] == "ACTIVE"
    ended = owner("UpdateAssessmentStatus", **status | {"status": "INACTIVE"})["assessment"]
    assert ended["metadata"]["status"] == "INACTIVE"
    sets = ended["framework"]["controlSets"]
    assert {one["status"] for one in sets} == {"REVIEWED"}
    assert {c["status"] for one in sets for c in one["controls"]} == {"REVIEWED"}
    assert _work(owner) == []
    with pytest.raises(ValidationFault, match="already in INACTIVE state"):
        owner("UpdateAssessmentStatus", **status | {"status": "INACTIVE"})
    with pytest.raises(ValidationFault, match="cannot be made ACTIVE"):
        owner("UpdateAssessmentStatus", **status)
    with pytest.raises(ValidationFault, match="INACTIVE"):
        owner("UpdateAssessment", assessmentId=identifier, scope={})
    assert owner("GetAssessment", assessmentId=identifier)["assessment"] == ended


def test_a_deleted_assessment_is_gone(owner: Any, an_assessment: Any) -> None:
    """Nothing of it is found or collected; the ledger says who deleted it; its name is free."""
    identifier = an_assessment()["metadata"]["id"]
    owner("DeleteAssessment", assessmentId=identifier)
    assert owner("ListAssessments")["assessmentMetadata"] == []
    assert [one["task"] for one in _work(owner)] == ["erase"]
    for operation in ("GetAssessment", "DeleteAssessment", "GetChangeLogs"):
        with pytest.raises(NotFoundFault):
            owner(operation, assessmentId=identifier)
    (first, *_) = [x for x in owner.leaves() if x["action"] == "DELETE"]
    assert (first["object_id"], first["by"]) == (identifier, owner.caller.principal_arn)
    assert owner.context.store.find_assessment(owner.caller.tenant, "Northwind") is None
    assert owner.context.store.verify()
    an_assessment()


def test_an_assessment_of_the_command_line_is_the_same_thing(owner: Any, collected: Any) -> None:
    """It is listed and shown with its evidence counted, and can be changed and deleted."""
    collected.run()
    identifier = collected.assessment.id
    (listed,) = owner("ListAssessments")["assessmentMetadata"]
    assert (listed["id"], listed["name"]) == (identifier, "Northwind")
    shown = owner("GetAssessment", assessmentId=identifier)["assessment"]
    control_set = shown["framework"]["controlSets"][0]
    assert [c["evidenceCount"] for c in control_set["controls"][:3]] == [6, 6, 0]
    assert (control_set["systemEvidenceCount"], control_set["manualEvidenceCount"]) == (12, 0)
    owner("UpdateAssessment", assessmentId=identifier, scope={}, assessmentName="Renamed")
    again = owner("GetAssessment", assessmentId=identifier)
    assert again["assessment"]["metadata"]["name"] == "Renamed"
    assert again["userRole"]["roleType"] == "PROCESS_OWNER"
    owner("DeleteAssessment", assessmentId=identifier)
    assert owner("ListAssessments")["assessmentMetadata"] == []
    assert owner.context.store.verify()
