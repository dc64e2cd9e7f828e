"""One tenant sees, changes and learns nothing of another: all 62 operations, every id of theirs."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import botocore.session
import pytest
import sqlalchemy as sa

from affidavit.operations import standard
from affidavit.operations.faults import Fault, NotFoundFault, ValidationFault
from affidavit.operations.pages import Pages
from affidavit.store.schema import document as documents

MODEL: Final = botocore.session.get_session().get_service_model("auditmanager")
NAMES: Final = tuple(MODEL.operation_names)
MARK: Final = "Zanzibar"
"""Stands in every name and text of the first tenant, and nowhere else."""
ALL_62: Final = 62
PAGED: Final = 16
ROLES: Final = ("owner", "admin", "auditor", "delegate")
LAST: Final = ("Update", "BatchDelete", "Disassociate", "Delete", "Deregister")
"""Operations that begin so come after the others, in this order: they take away."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDS: Final = ("UUID", "AuditManagerArn")
"""Shapes of the model that name somebody's resource."""
_OMITTED: Final = frozenset(
    {"nextToken", "queryStatement", "controlCatalogId", "s3ResourcePath", "evidenceFileName"}
)
"""Members that exclude others; those that name a place have tests of their own."""
_ACCOUNT: Final = "999988887777"
"""A third account, of no tenant here."""
_VALUES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("destinationAccount", "adminAccountId", "delegatedAdminAccount"), _ACCOUNT),
    "accountId": _ACCOUNT,
    "action": "REVOKE",
    "attribute": "ALL",
    "controlDomainId": standard.UNCATEGORIZED,
    "controlStatus": "REVIEWED",
    "controlType": "Custom",
    "deleteResources": "DEFAULT",
    "destination": "s3://stranger-reports",
    "destinationRegion": "eu-west-1",
    "destinationType": "S3",
    "emailAddress": "someone@example.com",
    "evidenceFinderEnabled": False,
    "fileName": "raci.csv",
    "frameworkType": "Custom",
    "keywordInputType": "UPLOAD_FILE",
    "keywordValue": "Paper",
    "kmsKey": "DEFAULT",
    "maxResults": 100,
    "requestType": "SENT",
    "s3RelativePath": "s3://stranger-reports/report.zip",
    "serviceName": "Amazon Bedrock",
    "snsTopic": "NONE",
    "source": "AWS_Config",
    "sourceFrequency": "DAILY",
    "sourceSetUpOption": "Procedural_Controls_Mapping",
    "sourceType": "MANUAL",
    "status": "INACTIVE",
    "tagKeys": ["Team"],
    "tags": {"Team": "strangers"},
    "textResponse": "A text",
}
"""Valid values by member; texts are made, ids come from a tenant's own things."""
_OF_OPERATION: Final[Mapping[str, Any]] = {
    "ListAssessments.status": "ACTIVE",
    "UpdateAssessmentControlSetStatus.status": "REVIEWED",
}
_TEXTS: Final = re.compile(
    r"(?i).*(name|description|comment|body|title|instructions|information|text)$|complianceType"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One tenant with something of everything."""

    call: Any
    """An `Installation` called by its owner."""
    ids: Mapping[str, str]
    """Id or ARN by the member that asks for it."""


def furnish(owner: Any, collected: Any, *, mark: str) -> Tenant:
    """Make everything that a tenant can have, each with `mark` in its texts."""
    assessment = {"assessmentId": collected.assessment.id}
    collected.run(judged=False)
    control = next(c for s in _sets(collected) for c in s.controls if c.manual_evidence is not None)
    place = {**assessment, "controlSetId": control.control_set, "controlId": control.uuid}
    place["controlSetId"] = next(s.name for s in _sets(collected) if control in s.controls)
    roles = [{"roleType": "RESOURCE_OWNER", "roleArn": owner.caller.principal_arn}]
    request = {"controlSetId": place["controlSetId"], "comment": f"{mark} please", **roles[0]}
    owner("BatchCreateDelegationByAssessment", **assessment, createDelegationRequests=[request])
    (delegation,) = owner("GetDelegations")["delegations"]
    owner("UpdateAssessmentControl", **place, commentBody=f"{mark} comment")
    text = {"textResponse": f"{mark} was asked"}
    owner("BatchImportEvidenceToAssessmentControl", **place, manualEvidence=[text])
    folder = owner("GetEvidenceFoldersByAssessmentControl", **place)["evidenceFolders"][0]
    owner("AssociateAssessmentReportEvidenceFolder", **assessment, evidenceFolderId=folder["id"])
    report = owner("CreateAssessmentReport", **assessment, name=mark)["assessmentReport"]
    held = {"controlSetId": folder["controlSetId"], "evidenceFolderId": folder["id"]}
    evidence = owner("GetEvidenceByEvidenceFolder", **assessment, **held)["evidence"][0]
    sources = [{"sourceName": f"{mark} paper", "sourceType": "MANUAL"}]
    own = owner("CreateControl", name=f"{mark} control", controlMappingSources=sources)["control"]
    sets = [{"name": f"{mark} set", "controls": [{"id": own["id"]}]}]
    framework = owner("CreateAssessmentFramework", name=f"{mark} framework", controlSets=sets)
    framework = framework["framework"]
    to = {"destinationAccount": "123412341234", "destinationRegion": "us-east-1"}
    share = owner("StartAssessmentFrameworkShare", frameworkId=framework["id"], **to, comment=mark)
    ids = {
        "assessmentId": assessment["assessmentId"],
        "assessmentReportId": report["id"],
        "controlId": own["id"],
        "controlSets[].controls[].id": own["id"],
        "controlMappingSources[].sourceId": own["controlMappingSources"][0]["sourceId"],
        "delegationIds[]": delegation["id"],
        "evidenceFolderId": folder["id"],
        "evidenceId": evidence["id"],
        "evidenceIds[]": evidence["id"],
        "frameworkId": framework["id"],
        "requestId": share["assessmentFrameworkShareRequest"]["id"],
        "resourceArn": own["arn"],
        "assessed controlId": control.uuid,
        "assessed controlSetId": place["controlSetId"],
        "folder controlSetId": folder["controlSetId"],
        "roleArn": owner.caller.principal_arn,
    }
    return Tenant(call=owner, ids=ids)


def _sets(collected: Any) -> Any:
    return collected.catalogue.framework.control_sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Fills in requests of one operation."""

    operation: str
    ids: Mapping[str, str]
    used: set[str]
    """Paths of ids that were filled in."""

    def request(self) -> dict[str, Any]:
        """Return a request with every member that has no test of its own."""
        shape = MODEL.operation_model(self.operation).input_shape
        made: dict[str, Any] = self._of(shape, "") if shape is not None else {}
        return made

    def _of(self, shape: Any, path: str) -> Any:
        if shape.type_name == "structure":
            members = {n: s for n, s in shape.members.items() if n not in _OMITTED}
            below = {n: f"{path}.{n}" if path else n for n in members}
            return {n: self._of(s, below[n]) for n, s in members.items()}
        member = re.split(r"[.\[]", path.removesuffix("[]"))[-1]
        known = _OF_OPERATION.get(f"{self.operation}.{path}", _VALUES.get(member))
        if known is not None and not (path == member == "controlId"):
            return known
        if shape.type_name == "list":
            return [self._of(shape.member, f"{path}[]")]
        return self._leaf(shape, path, member)

    def _leaf(self, shape: Any, path: str, member: str) -> Any:
        in_assessment = "assessmentId" in _members(self.operation)
        if member == "controlSetId":
            folder = "Folder" in self.operation or self.operation == "GetEvidence"
            return self.ids["folder controlSetId" if folder else "assessed controlSetId"]
        if member == "controlId" and in_assessment:
            return self.ids["assessed controlId"]
        if shape.name in _IDS:
            self.used.add(path)
            return self.ids[path]
        role = "RESOURCE_OWNER" if "Delegation" in self.operation else "PROCESS_OWNER"
        fixed = {"roleArn": self.ids["roleArn"], "roleType": role}
        if member in fixed or shape.name == "AccountId":
            return fixed.get(member, _ACCOUNT)
        assert _TEXTS.fullmatch(member) or path.endswith("controlSets[].id"), path
        return "Strangers"


def paths(operation: str, ids: Mapping[str, str]) -> list[str]:
    """Return the paths of an operation's members that name somebody's resource."""
    asking = Asking(operation=operation, ids=ids, used=set())
    asking.request()
    return sorted(asking.used)


def unknown(ids: Mapping[str, str]) -> dict[str, str]:
    """Return ids of the same forms that nobody has."""
    return {name: _UUID.sub(lambda _: str(uuid4()), value) for name, value in ids.items()}


def outcome(tenant: Tenant, role: str, operation: str, ids: Mapping[str, str]) -> str:
    """Return what a caller of the tenant is told: answer or error, in full."""
    caller = tenant.call.as_(role=role)
    request = Asking(operation=operation, ids=ids, used=set()).request()
    try:
        told: Any = {"answer": caller(operation, **request)}
    except Fault as fault:
        told = {"error": fault.code, "message": fault.what, **fault.members()}
    return json.dumps(told, sort_keys=True, default=str, ensure_ascii=False)


def order(operation: str) -> tuple[int, str]:
    """Return where an operation stands: what takes away comes last."""
    begins = [n for n, word in enumerate(LAST, 1) if operation.startswith(word)]
    rank = 8 if operation == "DeleteAssessment" else 0
    rank = 9 if "Account" in operation and not operation.startswith("Get") else rank
    return (rank or max(begins, default=0), operation)


def kept(tenant: Tenant) -> list[Any]:
    """Return all that is kept of a tenant."""
    store, name = tenant.call.context.store, tenant.call.caller.tenant
    with store._database.read() as connection:
        chosen = sa.select(documents).where(documents.c.tenant == name)
        rows = [tuple(row) for row in connection.execute(chosen)]
    assessments = [repr(one) for one in store.assessments(name)]
    return [sorted(rows), assessments, store.log(name).size]


@pytest.fixture
def first(owner: Any, collected: Any) -> Tenant:
    """Give the tenant whose things must stay hidden."""
    return furnish(owner, collected, mark=MARK)


@pytest.fixture(params=["another account", "another Region"])
def second(request: Any, owner: Any, collected: Any) -> Tenant:
    """Give another tenant, with as much of its own."""
    account, region = owner.caller.account_id, owner.caller.region
    if request.param == "another account":
        account = "444455556666"
    else:
        region = "eu-central-1"
    arn = f"arn:aws:iam::{account}:role/AuditOwner"
    other = owner.as_(account_id=account, region=region, principal_arn=arn)
    other.as_(role="admin")("RegisterAccount")
    return furnish(other, type(collected)(other), mark="Strangers")


def _variants(operation: str, first: Tenant, second: Tenant) -> Iterator[dict[str, str]]:
    """Yield ids: all of the first tenant's, then each one of them among the second's own."""
    known = paths(operation, first.ids)
    if len(known) > 1:
        yield {**second.ids, **{path: first.ids[path] for path in known}}
    for path in known:
        yield {**second.ids, path: first.ids[path]}


def _echoed(told: str, ids: Mapping[str, str]) -> str:
    """Return an outcome with the ids that the caller sent taken out, and new ones."""
    for name, value in ids.items():
        if name == "roleArn" or name.startswith(("assessed", "folder")):
            continue
        told = told.replace(value, "<sent>")
    return _UUID.sub("<id>", told)


def test_every_operation_is_walked(first: Tenant) -> None:
    """Each of the 62 operations gets a request, and each id of the model is some tenant's."""
    assert len(NAMES) == ALL_62
    for operation in NAMES:
        shape = MODEL.operation_model(operation).input_shape
        request = Asking(operation=operation, ids=first.ids, used=set()).request()
        missing = set(shape.required_members if shape else ()) - set(request)
        assert not missing, operation


def test_the_walk_meets_real_things(first: Tenant) -> None:
    """With its own ids, the tenant itself is never told that something does not exist."""
    lost = [
        (operation, role, told)
        for operation in sorted(NAMES, key=order)
        if operation not in _GONE_BEFORE
        for role in ROLES
        if NotFoundFault.code in (told := outcome(first, role, operation, first.ids))
    ]
    assert lost == []


_GONE_BEFORE: Final = frozenset(
    {
        "DeregisterOrganizationAdminAccount",
        "UpdateAssessmentFrameworkShare",
    }
)
"""Who has nothing to take back, and what only the receiver of a share accepts."""


def test_nothing_of_another_tenant_is_seen_changed_or_told(first: Tenant, second: Tenant) -> None:
    """Ids of another tenant's things answer as ids of nothing do, to the byte; nothing changes."""
    before = kept(first)
    wrong = [
        (role, *difference)
        for operation in sorted(NAMES, key=order)
        for role in ROLES
        for difference in _differences(first, second, role, operation)
    ]
    assert wrong == []
    assert kept(first) == before


def _differences(
    first: Tenant, second: Tenant, role: str, operation: str
) -> Iterator[tuple[str, ...]]:
    """Yield what the second tenant can tell of the first by one operation."""
    if not paths(operation, first.ids):
        told = outcome(second, role, operation, second.ids)
        if MARK in told:
            yield operation, told
    for sent in _variants(operation, first, second):
        strange = {name: value for name, value in sent.items() if second.ids[name] != value}
        nobodys = {**sent, **unknown(strange)}
        nothing = _echoed(outcome(second, role, operation, nobodys), nobodys)
        real = outcome(second, role, operation, sent)
        if _echoed(real, sent) != nothing or MARK in real:
            yield operation, *sorted(strange), real, nothing


def test_another_tenants_page_is_no_page(first: Tenant, second: Tenant) -> None:
    """A token of another tenant's list is refused as a made-up one is, by every list."""
    paged = [name for name in NAMES if "nextToken" in _members(name)]
    assert len(paged) == PAGED
    for operation in paged:
        role = "admin" if operation == "ListNotifications" else "owner"
        caller = first.call.as_(role=role).caller
        theirs = Asking(operation=operation, ids=first.ids, used=set()).request()
        request = Asking(operation=operation, ids=second.ids, used=set()).request()
        context = first.call.context
        pages = Pages(context=context, caller=caller, operation=operation, request=theirs)
        told = []
        for token in (pages.token(("", "")), "AbC+/=09"):
            with pytest.raises(ValidationFault) as caught:
                second.call.as_(role=role)(operation, **{**request, "nextToken": token})
            told.append((caught.value.what, caught.value.members()))
        assert told[0] == told[1], operation


def _members(operation: str) -> Mapping[str, Any]:
    shape = MODEL.operation_model(operation).input_shape
    members: Mapping[str, Any] = {} if shape is None else shape.members
    return members
