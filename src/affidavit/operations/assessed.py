"""An assessment as evidence operations see it: which controls it has, and who may see which.

An assessment that was made by the API has a document in the API's shape; one that was made by
`affidavit run` has none, and is the whole standard framework. Control sets are named in an
assessment by their name, as Audit Manager does; evidence names controls by the catalogue's ids.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Framework
from affidavit.model.run import Assessment
from affidavit.model.times import parse
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ValidationFault
from affidavit.store.documents import Document

_ASSUMED: Final = re.compile(
    r"arn:(?P<partition>[^:]+):sts::(?P<account>[0-9]{12}):assumed-role/(?P<name>[^/]+)/.+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessedControl:
    """One control of an assessment."""

    id: str
    """UUID, as the API names it."""
    key: str
    """As evidence names it: GENAI-PRIV-02 for a standard control, else the UUID."""
    name: str
    set_id: str
    """The control set's id in the assessment."""
    status: str
    """UNDER_REVIEW, REVIEWED or INACTIVE."""
    reviewed_at: datetime | None = None
    """When it was signed off; evidence later than that is marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """An assessment with the controls that the caller may see."""

    id: str
    name: str
    active: bool
    document: Document | None
    """None where the assessment was made by the command line."""
    stored: Assessment
    """What the collector runs."""
    controls: tuple[AssessedControl, ...]

    def control(self, set_id: str, control_id: str) -> AssessedControl:
        """Return a control by set and id; `NotFoundFault` where the set has no such control."""
        for control in self.controls:
            if (control.set_id, control.id) == (set_id, control_id):
                return control
        raise NotFoundFault(control_id, "control")

    def by_key(self) -> dict[str, AssessedControl]:
        """Return evidence's control id -> control."""
        return {control.key: control for control in self.controls}

    @property
    def destination(self) -> str:
        """Return the S3 URL that reports go to, or empty."""
        if self.document is None:
            return ""
        given = self.document.body["metadata"].get("assessmentReportsDestination", {})
        return str(given.get("destination", ""))


def assessed(context: Context, caller: Caller, operation: str, assessment_id: str) -> Assessed:
    """Return an assessment of the caller's tenant, with the controls that the caller may see.

    Raises `NotFoundFault` where the tenant has no such assessment, `AccessDeniedFault` where it is
    not the caller's own and the caller's role may use `operation` on its own only. A delegation
    gives no more than what delegates may do, whatever the caller's role.
    """
    found = find(context, caller.tenant, assessment_id)
    if found is None:
        raise NotFoundFault(assessment_id, "assessment")
    if scope(caller.role, operation) is Scope.ALLOW:
        return found
    sets = _own_sets(found, caller)
    if sets is not None and (not sets or scope("delegate", operation) is Scope.DENY):
        raise AccessDeniedFault(
            f"User: {caller.principal_arn} is not authorized to perform: "
            f"auditmanager:{operation} on assessment {assessment_id}"
        )
    if sets is None:
        return found
    return replace(found, controls=tuple(c for c in found.controls if c.set_id in sets))


def is_whole(caller: Caller, found: Assessed) -> bool:
    """Tell whether the assessment is the caller's as a whole, and not by delegated sets only.

    Not the persona decides: an owner or auditor whom one set was delegated to has that set.
    """
    if scope(caller.role, "GetAssessment") is Scope.ALLOW:
        return True
    return _own_sets(found, caller) is None


def is_assigned(context: Context, caller: Caller, assessment_id: str) -> bool:
    """Tell whether an assessment is the caller's own as a whole."""
    found = find(context, caller.tenant, assessment_id)
    return found is not None and is_whole(caller, found)


def require_active(found: Assessed) -> None:
    """Raise `ValidationFault` for an assessment that is INACTIVE: it is read-only for everybody.

    Audit Manager's own error is not public. Where others of a state are, they are of this kind,
    and a client that is told that its rights do not suffice would ask for more rights.
    """
    if not found.active:
        raise ValidationFault(
            f"The assessment {found.id} is INACTIVE and cannot be changed any more."
        )


def find(context: Context, tenant: str, assessment_id: str) -> Assessed | None:
    """Return the tenant's assessment with all its controls, or None; for the server's own work."""
    stored = context.store.known_assessment(tenant, assessment_id)
    if stored is None:
        return None
    document = context.store.documents.get(tenant, "assessment", assessment_id)
    return as_assessed(context, stored, document)


def as_assessed(context: Context, stored: Assessment, document: Document | None) -> Assessed:
    """Return an assessment with all its controls, of what is kept of it."""
    controls = _standard(context.catalogue) if document is None else _own(context, document.body)
    return Assessed(
        id=stored.id,
        name=stored.name if document is None else document.body["metadata"]["name"],
        active=document is None or document.body["metadata"]["status"] == "ACTIVE",
        document=document,
        stored=stored,
        controls=tuple(controls),
    )


def is_same(principal_arn: str, role_arn: str) -> bool:
    """Tell whether a caller is the identity that a role names: a session is its role's.

    Compared without case, as Audit Manager's clients do; a session's ARN has lost its role's path.
    """
    assumed = _ASSUMED.fullmatch(principal_arn)
    if assumed is None:
        return principal_arn.lower() == role_arn.lower()
    prefix = f"arn:{assumed['partition']}:iam::{assumed['account']}:role/".lower()
    role = role_arn.lower()
    return role.startswith(prefix) and role.rpartition("/")[2] == assumed["name"].lower()


def _own_sets(found: Assessed, caller: Caller) -> set[str] | None:
    """Return ids of the control sets that are the caller's own; None: all, empty: none."""
    if found.document is None:
        return set() if caller.role == "delegate" else None
    metadata = found.document.body["metadata"]
    named = any(is_same(caller.principal_arn, r["roleArn"]) for r in metadata.get("roles", ()))
    if named and caller.role != "delegate":
        return None
    if not found.active and caller.role == "delegate":
        return set()
    return {
        str(one.get("controlSetId") or one.get("controlSetName"))
        for one in _delegations(found.document.body)
        if is_same(caller.principal_arn, one["roleArn"])
    }


def _delegations(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from body["metadata"].get("delegations", ())
    for one in body["framework"]["controlSets"]:
        for delegation in one.get("delegations", ()):
            yield {**delegation, "controlSetId": one["id"]}


_shipped: tuple[Framework, tuple[AssessedControl, ...]] | None = None
"""The standard framework as `_standard` last gave it: every request about it asks."""


def _standard(catalogue: Catalogue) -> tuple[AssessedControl, ...]:
    global _shipped  # noqa: PLW0603 - what is kept of a value that never changes
    kept, framework = _shipped, catalogue.framework
    if kept is not None and kept[0] is framework:
        return kept[1]
    controls = tuple(
        AssessedControl(
            id=control.uuid,
            key=control.id,
            name=control.title,
            set_id=control_set.name,
            status="UNDER_REVIEW",
        )
        for control_set in framework.control_sets
        for control in control_set.controls
    )
    _shipped = framework, controls
    return controls


def _own(context: Context, body: dict[str, Any]) -> Iterator[AssessedControl]:
    keys = {control.uuid: control.id for control in context.catalogue.framework.controls()}
    for one in body["framework"]["controlSets"]:
        for control in one["controls"]:
            yield AssessedControl(
                id=control["id"],
                key=keys.get(control["id"], control["id"]),
                name=control["name"],
                set_id=one["id"],
                status=control.get("status", "UNDER_REVIEW"),
                reviewed_at=_reviewed_at(control),
            )


def _reviewed_at(control: dict[str, Any]) -> datetime | None:
    time = control.get("_reviewedAt")
    return parse(time) if time and control.get("status") == "REVIEWED" else None
