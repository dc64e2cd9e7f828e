"""Legal hold: while one is set, nothing that it covers is deleted, whoever asks.

A hold is on a whole tenant or on one assessment (document kind legal_hold); setting and lifting it
are leaves of the ledger. A hold on any assessment also keeps the tenant's controls and frameworks,
because the assessment's evidence is read with them. Taking back a delegation or a tag is no
deletion: access can always be ended, and the ledger has what was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, parse, utc_now
from affidavit.operations import account_settings
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import ValidationFault
from affidavit.store import Store
from affidavit.store.documents import Document
from affidavit.store.sweeping import HOLD

_KIND: Final = HOLD
_TENANT: Final = "tenant"
"""Id of the hold on everything of a tenant."""
_OF_ASSESSMENT: Final = frozenset({"DeleteAssessment", "DeleteAssessmentReport"})
_OF_LIBRARY: Final = frozenset(
    {"DeleteAssessmentFramework", "DeleteAssessmentFrameworkShare", "DeleteControl"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One legal hold."""

    tenant: str
    assessment_id: str
    """Empty: the whole tenant."""
    why: str
    by: str
    since: datetime

    def covers(self, assessment_id: str) -> bool:
        """Tell whether it keeps an assessment."""
        return self.assessment_id in ("", assessment_id)

    def to_json(self) -> dict[str, str]:
        """Return it for `--json`."""
        return {
            "tenant": self.tenant,
            "assessmentId": self.assessment_id,
            "why": self.why,
            "by": self.by,
            "since": iso(self.since),
        }


def every(store: Store, tenant: str | None = None) -> list[Hold]:
    """Return the holds of a tenant, or of all."""
    found = store.documents.of_all_tenants(_KIND)
    return [_hold(owner, one) for owner, one in found if tenant in (None, owner)]


def place(store: Store, tenant: str, assessment_id: str, *, why: str, by: str) -> Hold:
    """Set a hold; `UsageError` where it is set, or where the tenant has no such assessment."""
    if assessment_id and assessment_id not in {one.id for one in store.assessments(tenant)}:
        raise UsageError(
            f"There is no assessment {assessment_id} in {tenant}",
            todo="Check the id and the tenant; without --assessment everything is held.",
        )
    identifier = assessment_id or _TENANT
    if store.documents.get(tenant, _KIND, identifier):
        raise UsageError(f"The legal hold on {identifier} of {tenant} is set already")
    now = utc_now()
    body = {"why": why, "by": by, "since": iso(now)}
    document = Document(kind=_KIND, id=identifier, sort=iso(now), body=body)
    change = _change("CREATE", tenant, document, why, by, now)
    store.documents.act(tenant, now=now, puts=[document], changes=[change])
    return _hold(tenant, document)


def lift(store: Store, tenant: str, assessment_id: str, *, why: str, by: str) -> Hold:
    """Lift a hold; `UsageError` where there is none."""
    identifier = assessment_id or _TENANT
    found = store.documents.get(tenant, _KIND, identifier)
    if found is None:
        raise UsageError(
            f"There is no legal hold on {identifier} of {tenant}",
            todo="`affidavit hold list` shows what is held.",
        )
    now = utc_now()
    change = _change("DELETE", tenant, found, why, by, now)
    store.documents.act(tenant, now=now, deletes=[found], changes=[change])
    return _hold(tenant, found)


def require_none(
    context: Context, caller: Caller, operation: str, request: Mapping[str, Any]
) -> None:
    """Raise `ValidationFault` where an operation would delete what is under legal hold."""
    if operation in _OF_ASSESSMENT:
        wanted = str(request["assessmentId"])
        holds = [one for one in every(context.store, caller.tenant) if one.covers(wanted)]
    elif operation in _OF_LIBRARY or _deletes_all(context, caller, operation):
        holds = every(context.store, caller.tenant)
    else:
        return
    if holds:
        what = f"assessment {holds[0].assessment_id}" if holds[0].assessment_id else "the account"
        raise ValidationFault(
            f"{operation} is refused: {what} is under legal hold since {iso(holds[0].since)}. "
            "Nothing is deleted until an administrator lifts it."
        )


def unless_held(assessment_id: str | None = None) -> Sequence[tuple[str, str | None]]:
    """Return what must still be absent when something is deleted, for `changes.act`.

    `require_none` looked before; a hold that was set since counts as well. `assessment_id`: only
    that assessment, or its report, is deleted; None: what any hold keeps.
    """
    if assessment_id is None:
        return [(_KIND, None)]
    return [(_KIND, _TENANT), (_KIND, assessment_id)]


def _deletes_all(context: Context, caller: Caller, operation: str) -> bool:
    if operation != "DeregisterAccount":
        return False
    policy = account_settings.document(context, caller).body["deregistrationPolicy"]
    return bool(policy["deleteResources"] == "ALL")


def _hold(tenant: str, document: Document) -> Hold:
    return Hold(
        tenant=tenant,
        assessment_id="" if document.id == _TENANT else document.id,
        why=document.body["why"],
        by=document.body["by"],
        since=parse(document.body["since"]),
    )


def _change(
    action: str, tenant: str, document: Document, why: str, by: str, now: datetime
) -> dict[str, Any]:
    return {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": by,
        "action": action,
        "object_type": "LEGAL_HOLD",
        "object_id": document.id,
        "object_name": document.id,
        "assessment_id": "" if document.id == _TENANT else document.id,
        "tenant": tenant,
        "details": plain_json({"why": why}).decode(),
    }
