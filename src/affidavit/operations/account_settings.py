"""The tenant's settings, and the services that evidence can come from."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from affidavit.model.identifiers import stable_id
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.data_keys import use_key
from affidavit.operations.faults import ValidationFault
from affidavit.operations.services import services
from affidavit.operations.tenant_bindings import destination_problem, may_name
from affidavit.store.documents import Document

_KIND: Final = "settings"
_MEMBERS: Final[Mapping[str, str]] = {
    "IS_AWS_ORG_ENABLED": "isAwsOrgEnabled",
    "SNS_TOPIC": "snsTopic",
    "DEFAULT_ASSESSMENT_REPORTS_DESTINATION": "defaultAssessmentReportsDestination",
    "DEFAULT_PROCESS_OWNERS": "defaultProcessOwners",
    "EVIDENCE_FINDER_ENABLEMENT": "evidenceFinderEnablement",
    "DEREGISTRATION_POLICY": "deregistrationPolicy",
    "DEFAULT_EXPORT_DESTINATION": "defaultExportDestination",
}
"""Audit Manager's SettingAttribute and the member that it chooses."""
_KEPT: Final = (
    "snsTopic",
    "defaultAssessmentReportsDestination",
    "defaultProcessOwners",
    "kmsKey",
    "deregistrationPolicy",
    "defaultExportDestination",
)
"""Members that are kept as they were sent."""
_ARN: Final = re.compile(r"arn:[^:]+:(?P<service>[^:]+):(?P<region>[^:]*):(?P<account>[^:]*):.+")
_SERVICES: Final = {"snsTopic": ("sns", "NONE"), "kmsKey": ("kms", "DEFAULT")}
"""Member -> the service of its ARN, and the value that names none."""
_DEFAULTS: Final[Mapping[str, Any]] = {
    "snsTopic": "NONE",
    "kmsKey": "DEFAULT",
    "defaultProcessOwners": [],
    "evidenceFinderEnablement": {"enablementStatus": "DISABLED", "backfillStatus": "NOT_STARTED"},
    "deregistrationPolicy": {"deleteResources": "DEFAULT"},
}

Problem = tuple[str, str]
"""(member, what it must be)."""


def document(context: Context, caller: Caller) -> Document:
    """Return the tenant's settings; a new document of defaults before the registration."""
    found = context.store.documents.get(caller.tenant, _KIND, _KIND)
    return found or Document(kind=_KIND, id=_KIND, body=dict(_DEFAULTS))


def event_data_store(caller: Caller) -> str:
    """Return the ARN that stands for the evidence finder's store in queries and settings."""
    identifier = stable_id("event-data-store", caller.tenant)
    return f"arn:aws:cloudtrail:{caller.region}:{caller.account_id}:eventdatastore/{identifier}"


def get_settings(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer all settings, or the one that `attribute` names (no member where it is not set)."""
    settings = _answer(context, caller, document(context, caller).body)
    if request["attribute"] != "ALL":
        member = _MEMBERS[request["attribute"]]
        settings = {member: settings[member]} if member in settings else {}
    return {"settings": settings}


def update_settings(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Set the members that are given; a new destination counts for new assessments only.

    So does a new key for their reports; what we keep ourselves it protects from now on, all of it.

    The evidence finder needs no CloudTrail Lake here: it is on, with all past evidence, at once,
    and can be switched on again after it was switched off.
    """
    check(context, caller, request)
    if "kmsKey" in request:
        use_key(context, caller.tenant, request["kmsKey"])
    found = document(context, caller)
    body = found.body | {name: request[name] for name in _KEPT if name in request}
    if "evidenceFinderEnabled" in request:
        body["evidenceFinderEnablement"] = _finder(caller, enabled=request["evidenceFinderEnabled"])
    if body != found.body:
        change = Change(
            action="UPDATE_METADATA",
            object_type="SETTINGS",
            object_id=caller.account_id,
            object_name=caller.tenant,
            details=request,
        )
        act(context, caller, change, puts=[replace(found, body=body)])
    return {"settings": _answer(context, caller, body)}


def check(context: Context, caller: Caller, request: Mapping[str, Any]) -> None:
    """Raise `ValidationFault` for settings that name what is neither the tenant's nor bound to it.

    A topic or key of another account would let one tenant make the server write to, or lock data
    under, something of another's.
    """
    problems = [
        *_foreign(context, caller, request, "snsTopic"),
        *_foreign(context, caller, request, "kmsKey"),
        *_owners(caller, request.get("defaultProcessOwners", [])),
        *_destination(context, caller, request, "defaultAssessmentReportsDestination"),
        *_destination(context, caller, request, "defaultExportDestination"),
    ]
    if problems:
        raise ValidationFault.of_members(problems)


def get_services_in_scope(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the services that evidence can come from, by name."""
    del context, caller, request
    return {"serviceMetadata": [dict(service) for service in services()]}


def _answer(context: Context, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    account = context.store.documents.get(caller.tenant, "account", "account")
    organization = account is not None and bool(account.body.get("adminAccountId"))
    return {"isAwsOrgEnabled": organization, **body}


def _finder(caller: Caller, *, enabled: bool) -> dict[str, str]:
    if not enabled:
        return dict(_DEFAULTS["evidenceFinderEnablement"])
    return {
        "eventDataStoreArn": event_data_store(caller),
        "enablementStatus": "ENABLED",
        "backfillStatus": "COMPLETED",
    }


def _foreign(
    context: Context, caller: Caller, request: Mapping[str, Any], name: str
) -> list[Problem]:
    service, none = _SERVICES[name]
    value = request.get(name, none)
    if value == none or may_name(context, caller.tenant, service, value):
        return []
    own = f"of account {caller.account_id} in {caller.region}"
    return [(name, f"Member must be {none}, or {own}, or bound to this tenant")]


def _owners(caller: Caller, owners: list[dict[str, Any]]) -> list[Problem]:
    problems = []
    for index, owner in enumerate(owners):
        path = f"defaultProcessOwners[{index}]"
        if owner["roleType"] != "PROCESS_OWNER":
            problems.append((f"{path}.roleType", "Member must be PROCESS_OWNER"))
        arn = _ARN.fullmatch(owner["roleArn"])
        if arn is None or arn["account"] != caller.account_id:
            problems.append(
                (f"{path}.roleArn", f"Member must be an identity of account {caller.account_id}")
            )
    return problems


def _destination(
    context: Context, caller: Caller, request: Mapping[str, Any], name: str
) -> list[Problem]:
    given = request.get(name)
    if given is None:
        return []
    url = given.get("destination")
    problem = destination_problem(context, caller.tenant, url) if url else "Member must not be null"
    return [(f"{name}.destination", problem)] if problem else []


HANDLERS: Mapping[str, Operation] = {
    "GetServicesInScope": get_services_in_scope,
    "GetSettings": get_settings,
    "UpdateSettings": update_settings,
}
