"""Personas at work: 62 operations x 4 roles, by who is assigned and by who is not."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from tests.operations.api.tenants.test_isolation import (
    MARK,
    NAMES,
    ROLES,
    Tenant,
    furnish,
    order,
    outcome,
)

from affidavit.operations.authorise import Scope, scope
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault

NOT_ALLOWED: Final = "is not authorized to perform"
NOBODY: Final = "arn:aws:iam::111122223333:role/NobodyInParticular"
REVIEWER: Final = "arn:aws:iam::111122223333:role/Reviewer"


@pytest.fixture
def tenant(owner: Any, collected: Any) -> Tenant:
    """Give a tenant with something of everything; its caller is owner and delegate of it."""
    return furnish(owner, collected, mark=MARK)


def _nobody(tenant: Tenant) -> Tenant:
    """Return the same tenant, called by an identity that nothing is assigned to."""
    return Tenant(call=tenant.call.as_(principal_arn=NOBODY), ids=tenant.ids)


@pytest.mark.parametrize("role", ROLES)
def test_who_is_assigned_may_what_the_cell_says(tenant: Tenant, role: str) -> None:
    """DENY is refused, naming the operation; ALLOW and OWN are not refused for the persona."""
    wrong = []
    for operation in sorted(NAMES, key=order):
        told = outcome(tenant, role, operation, tenant.ids)
        denied = NOT_ALLOWED in told
        if denied != (scope(role, operation) is Scope.DENY):
            wrong.append((operation, told))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_who_is_not_assigned_sees_and_changes_nothing_of_it(tenant: Tenant, role: str) -> None:
    """Where a cell says OWN, an identity that is not named is refused, or gets an empty list."""
    nobody, wrong = _nobody(tenant), []
    # Tags of the library are its owners'; those of an assessment are its own owner's.
    arn = tenant.ids["resourceArn"].rpartition(":")[0]
    ids = {**tenant.ids, "resourceArn": f"{arn}:assessment/{tenant.ids['assessmentId']}"}
    for operation in sorted(NAMES, key=order):
        cell = scope(role, operation)
        if cell is Scope.ALLOW:
            continue
        told = outcome(nobody, role, operation, ids)
        refused = AccessDeniedFault.code in told or NotFoundFault.code in told
        if MARK in told or not (refused or (cell is Scope.OWN and _is_list(operation))):
            wrong.append((operation, told))
    assert wrong == []


def _is_list(operation: str) -> bool:
    """Tell whether an operation answers what is the caller's own, and may answer nothing."""
    return operation.startswith("List") or operation in ("GetDelegations", "GetInsights")


@pytest.fixture
def delegated(owner: Any, collected: Any) -> tuple[Any, dict[str, str], dict[str, str]]:
    """Return a delegate, a control of the delegated set, and one of another set."""
    sets = collected.catalogue.framework.control_sets
    assessment = {"assessmentId": str(collected.assessment.id)}
    given = {"controlSetId": sets[0].name, "roleArn": REVIEWER, "roleType": "RESOURCE_OWNER"}
    owner("BatchCreateDelegationByAssessment", **assessment, createDelegationRequests=[given])
    own, other = (
        {**assessment, "controlSetId": one.name, "controlId": one.controls[0].uuid}
        for one in sets[:2]
    )
    return owner.as_(role="delegate", principal_arn=REVIEWER), own, other


TEXT: Final = {"manualEvidence": [{"textResponse": "We did it."}]}
WITHIN: Final[list[tuple[str, Mapping[str, Any]]]] = [
    ("UpdateAssessmentControl", {"commentBody": "seen"}),
    ("UpdateAssessmentControl", {"controlStatus": "REVIEWED"}),
    ("BatchImportEvidenceToAssessmentControl", TEXT),
    ("GetEvidenceFoldersByAssessmentControl", {}),
    ("GetChangeLogs", {}),
]


@pytest.mark.parametrize(("operation", "members"), WITHIN)
def test_a_delegate_works_in_their_own_control_sets_only(
    delegated: Any, operation: str, members: Mapping[str, Any]
) -> None:
    """Read, comment, upload, status: in the own set done, in another one not found."""
    delegate, own, other = delegated
    delegate(operation, **own, **members)
    with pytest.raises(NotFoundFault):
        delegate(operation, **other, **members)


def test_a_delegate_submits_their_own_control_sets_only(delegated: Any) -> None:
    """Submitting is UNDER_REVIEW; completing is the owner's; another set is not found."""
    delegate, own, other = delegated
    operation = "UpdateAssessmentControlSetStatus"
    mine, others = (
        {k: v for k, v in place.items() if k != "controlId"} | {"comment": "done"}
        for place in (own, other)
    )
    delegate(operation, **mine, status="UNDER_REVIEW")
    with pytest.raises(AccessDeniedFault):
        delegate(operation, **mine, status="REVIEWED")
    with pytest.raises(NotFoundFault):
        delegate(operation, **others, status="UNDER_REVIEW")


def test_a_delegate_is_shown_their_own_control_sets_only(
    owner: Any, collected: Any, delegated: Any
) -> None:
    """Assessment, folders, evidence and change log hold nothing of the other control sets."""
    delegate, own, other = delegated
    owner("BatchImportEvidenceToAssessmentControl", **other, **TEXT)
    collected.run()
    assessment = {"assessmentId": own["assessmentId"]}
    shown = delegate("GetAssessment", **assessment)["assessment"]["framework"]["controlSets"]
    assert [one["id"] for one in shown] == [own["controlSetId"]]
    folders = delegate("GetEvidenceFoldersByAssessment", **assessment)["evidenceFolders"]
    assert {one["controlSetId"] for one in folders} == {own["controlSetId"]}
    every = owner("GetEvidenceFoldersByAssessment", **assessment)["evidenceFolders"]
    (hidden,) = [one for one in every if one["controlSetId"] == other["controlSetId"]]
    place = {**assessment, "controlSetId": hidden["controlSetId"], "evidenceFolderId": hidden["id"]}
    for operation in ("GetEvidenceFolder", "GetEvidenceByEvidenceFolder"):
        with pytest.raises(NotFoundFault):
            delegate(operation, **place)
    logged = delegate("GetChangeLogs", **assessment)["changeLogs"]
    assert {one["objectType"] for one in logged} == {"DELEGATION"}


def test_an_auditor_reads_what_is_assigned(owner: Any, collected: Any) -> None:
    """An auditor named in an assessment reads it and its reports; another auditor does not."""
    collected.run()
    assessment = {"assessmentId": str(collected.assessment.id)}
    owner("UpdateAssessment", **assessment, scope={})
    auditor = owner.as_(role="auditor")
    assert auditor("GetEvidenceFoldersByAssessment", **assessment)["evidenceFolders"]
    assert len(auditor("ListAssessments")["assessmentMetadata"]) == 1
    other = auditor.as_(principal_arn=NOBODY)
    assert other("ListAssessments")["assessmentMetadata"] == []
    with pytest.raises(AccessDeniedFault):
        other("GetEvidenceFoldersByAssessment", **assessment)
