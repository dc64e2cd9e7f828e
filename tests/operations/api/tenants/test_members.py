"""Every member of a request that names something of AWS's is known, and held to the tenant."""

from collections.abc import Iterator
from typing import Any

import botocore.session

TESTED: dict[str, set[str]] = {
    "AccountId": {
        "CreateAssessment.scope.awsAccounts[].id",
        "DeregisterOrganizationAdminAccount.adminAccountId",
        "RegisterAccount.delegatedAdminAccount",
        "RegisterOrganizationAdminAccount.adminAccountId",
        "StartAssessmentFrameworkShare.destinationAccount",
        "UpdateAssessment.scope.awsAccounts[].id",
    },
    "AuditManagerArn": {
        "ListTagsForResource.resourceArn",
        "TagResource.resourceArn",
        "UntagResource.resourceArn",
    },
    "IamArn": {
        "BatchCreateDelegationByAssessment.createDelegationRequests[].roleArn",
        "CreateAssessment.roles[].roleArn",
        "UpdateAssessment.roles[].roleArn",
        "UpdateSettings.defaultProcessOwners[].roleArn",
    },
    "KmsKey": {"RegisterAccount.kmsKey", "UpdateSettings.kmsKey"},
    "Region": {"StartAssessmentFrameworkShare.destinationRegion"},
    "S3Url": {
        "BatchImportEvidenceToAssessmentControl.manualEvidence[].s3ResourcePath",
        "CreateAssessment.assessmentReportsDestination.destination",
        "UpdateAssessment.assessmentReportsDestination.destination",
        "UpdateSettings.defaultAssessmentReportsDestination.destination",
        "UpdateSettings.defaultExportDestination.destination",
        "ValidateAssessmentReportIntegrity.s3RelativePath",
    },
    "SnsArn": {"UpdateSettings.snsTopic"},
}
"""Members that take an ARN, account, Region or URL; each has a test in `test_tenants`.

Ids (shape UUID) have theirs in `test_isolation`.
"""


def test_every_member_that_names_something_has_a_test() -> None:
    """A member that AWS's model gets anew fails here until it has a test of its own."""
    model = botocore.session.get_session().get_service_model("auditmanager")
    found: dict[str, set[str]] = {shape: set() for shape in TESTED}
    for operation in model.operation_names:
        for path, shape in _leaves(model.operation_model(operation).input_shape, operation):
            pattern = shape.metadata.get("pattern", "")
            if shape.name in TESTED or "arn" in pattern or "3:" in pattern:
                found.setdefault(shape.name, set()).add(path)
    catalogued = {"ControlCatalogId", "ControlDomainId"}
    assert {name: paths for name, paths in found.items() if name not in catalogued} == TESTED


def _leaves(shape: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield (path, shape) of every text of a request."""
    kind = "" if shape is None else shape.type_name
    if kind == "structure":
        for name, member in shape.members.items():
            yield from _leaves(member, f"{path}.{name}")
    elif kind == "list":
        yield from _leaves(shape.member, f"{path}[]")
    elif kind == "string":
        yield path, shape
