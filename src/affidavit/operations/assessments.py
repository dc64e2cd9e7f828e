"""Assessments: a frozen copy of a framework, put to work on accounts.

An assessment is two things under one id: the document that the API shows, and what the collector
runs (`store.create_assessment`). One that `affidavit run` made has no document until it is first
changed here, and is shown as what it is: the whole standard framework.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate
from affidavit.model.times import iso
from affidavit.operations import account_settings, erasing, holds, standard, work
from affidavit.operations.accounts import is_management_account
from affidavit.operations.answers import answer
from affidavit.operations.assessed import Assessed, assessed, is_same, require_active
from affidavit.operations.assessment_bodies import (
    KIND,
    document_of,
    new_body,
    newest_first,
    scope_of,
    shown,
    shown_new,
    updated,
    writable,
)
from affidavit.operations.assessment_frameworks import framework
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Action, Change, act, writes
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import AccessDeniedFault, QuotaFault, ValidationFault
from affidavit.operations.owners import DELEGATE, OWNER, iam_arn, owner_problems, with_caller
from affidavit.operations.pages import Pages
from affidavit.operations.tenant_bindings import destination_problem, unbound_accounts
from affidavit.store.documents import Document, Rule, Writes

MAX_ACTIVE: Final = 100
"""Active assessments in an account and Region (behaviour notes, 2.12)."""
MAX_ACCOUNTS: Final = 250
"""Different accounts in scope of all active assessments (behaviour notes, 2.4)."""
_METADATA: Final = (
    *("name", "id", "complianceType", "status", "roles", "delegations"),
    *("creationTime", "lastUpdated"),
)
_GONE_WITH_IT: Final = (
    *("change_log", "manual_evidence", "notification", "selection", "source_runs", "activity"),
    *("prompt_run", "prompt_raw"),
    work.KIND,
)
"""Kinds of documents that go when their assessment is deleted; reports stay."""


def create_assessment(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Make an assessment of a framework; its first collection begins at once, not in a day.

    The caller is added to the owners; services in scope are inferred. Raises `QuotaFault` for more
    than 100 active assessments or 250 accounts, `NotFoundFault` for an unknown framework,
    `ValidationFault` for a management account, and for roles or a destination that cannot be.
    """
    _check(context, caller, request, request["roles"])
    if is_management_account(context, caller.tenant):
        raise ValidationFault(
            "The management account cannot create assessments after it designated a delegated "
            "administrator."
        )
    accounts = _accounts(caller, request["scope"])
    source = framework(context, caller, request["frameworkId"])
    document = _document(context, caller, request, source, accounts)
    task = work.of_day(context, document.id, context.now().date())
    along = writes(context, caller, [_change("CREATE", document)], puts=[document, task])
    along = replace(along, rules=[_room(context, caller, document.id, accounts)])
    stored = Assessment(
        id=document.id,
        name=request["name"],
        tenant=caller.tenant,
        framework_id=_short_id(context, source["id"]),
        estate=Estate(accounts=accounts, regions=(caller.region,)),
        created_at=context.now(),
        created_by=caller.principal_arn,
        parameters={},
    )
    _keep(context, caller, stored, along)
    context.wake()
    return {"assessment": shown_new(document)}


def get_assessment(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer an assessment; a delegate gets the control sets that are delegated to them."""
    found = assessed(context, caller, "GetAssessment", request["assessmentId"])
    document = document_of(context, caller, found)
    return {
        "assessment": shown(context, caller, found, document),
        **_user_role(caller, document.body),
    }


def list_assessments(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer the assessments that are the caller's own, the newest first."""
    wanted = request.get("status")
    found = []
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            one = assessed(context, caller, "ListAssessments", stored.id)
            metadata = _metadata(one, document_of(context, caller, one))
            if wanted in (None, metadata["status"]):
                found.append(metadata)
    pages = Pages(context=context, caller=caller, operation="ListAssessments", request=request)
    page, more = pages.of(found, lambda item: newest_first(item["creationTime"], item["id"]))
    return {"assessmentMetadata": [answer(item) for item in page], **more}


def update_assessment(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Change what is given; the scope, always given, counts from the next collection on."""
    found = assessed(context, caller, "UpdateAssessment", request["assessmentId"])
    require_active(found)
    _check(context, caller, request, request.get("roles", []))
    before = writable(context, caller, found)
    accounts = _accounts(caller, request["scope"])
    metadata = dict(before.body["metadata"])
    metadata["scope"] = _scope(request["scope"], accounts)
    for name, member in (("assessmentName", "name"), ("assessmentDescription", "description")):
        if name in request:
            metadata[member] = request[name]
    if "assessmentReportsDestination" in request:
        metadata["assessmentReportsDestination"] = request["assessmentReportsDestination"]
    if "roles" in request:
        metadata["roles"] = with_caller(caller, request["roles"])
    document = updated(context, before, {**before.body, "metadata": metadata})
    along = writes(context, caller, [_change("UPDATE_METADATA", document)], puts=[document])
    along = replace(along, rules=[_room(context, caller, found.id, accounts)])
    stored = replace(found.stored, estate=replace(found.stored.estate, accounts=accounts))
    context.store.update_assessment(stored, by=caller.principal_arn, along=along)
    return {"assessment": shown(context, caller, found, document)}


def update_assessment_status(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Make an assessment INACTIVE, for ever: read-only, everything under review REVIEWED.

    Raises `ValidationFault` for one that is INACTIVE already, also to make it ACTIVE again.
    """
    found = assessed(context, caller, "UpdateAssessmentStatus", request["assessmentId"])
    before = writable(context, caller, found)
    if not found.active:
        if request["status"] == "INACTIVE":
            raise ValidationFault("Assessment already in INACTIVE state")
        raise ValidationFault("An INACTIVE assessment cannot be made ACTIVE again.")
    if request["status"] == "ACTIVE":
        return {"assessment": shown(context, caller, found, before)}
    body = _inactive(context, caller, before.body)
    document = updated(context, before, body)
    waiting = _documents(context, caller, found.id, (work.KIND,))
    collections = [one for one in waiting if one.body["task"] == "collect"]
    change = _change("INACTIVE", document)
    act(context, caller, change, puts=[document], deletes=collections)
    return {"assessment": shown(context, caller, found, document)}


def delete_assessment(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Delete an assessment with its evidence: nothing of it is answered or collected any more.

    Its reports stay in their bucket. The ledger keeps the hashes of its leaves, and that it was
    deleted, when and by whom.
    """
    found = assessed(context, caller, "DeleteAssessment", request["assessmentId"])
    document = document_of(context, caller, found)
    gone = _documents(context, caller, found.id, _GONE_WITH_IT)
    own = [document] if document.version else []
    manual = [one for one in gone if one.kind == "manual_evidence"]
    task = erasing.erasure(context, found.id, manual)
    change = _change("DELETE", document)
    along = writes(context, caller, [change], puts=[task], deletes=[*own, *gone])
    along = replace(along, absent=holds.unless_held(found.id))
    context.store.delete_assessment(found.stored, by=caller.principal_arn, along=along)
    context.wake()
    return {}


def _document(
    context: Context,
    caller: Caller,
    request: Mapping[str, Any],
    source: Mapping[str, Any],
    accounts: Sequence[str],
) -> Document:
    now = context.now()
    identifier = new_id(now)
    metadata = {
        "name": request["name"],
        "id": identifier,
        **({"description": request["description"]} if request.get("description") else {}),
        "assessmentReportsDestination": request["assessmentReportsDestination"],
        "scope": _scope(request["scope"], accounts),
        "roles": with_caller(caller, request["roles"]),
        "creationTime": iso(now),
        "lastUpdated": iso(now),
    }
    arn = standard.arn(caller, KIND, identifier)
    body = new_body(source, arn=arn, account_id=caller.account_id, metadata=metadata)
    key = account_settings.document(context, caller).body["kmsKey"]
    body |= {"tags": dict(request.get("tags", {})), "_kmsKey": key}
    return Document(kind=KIND, id=identifier, body=body, sort=iso(now))


def _keep(context: Context, caller: Caller, stored: Assessment, along: Writes) -> None:
    """Keep what the collector runs; a name that is taken there gets the id behind."""
    try:
        context.store.create_assessment(stored, by=caller.principal_arn, along=along)
    except UsageError:
        stored = replace(stored, name=f"{stored.name} ({stored.id})")
        context.store.create_assessment(stored, by=caller.principal_arn, along=along)


def _short_id(context: Context, framework_id: str) -> str:
    own = context.catalogue.framework
    return own.id if framework_id == own.uuid else framework_id


def _check(
    context: Context,
    caller: Caller,
    request: Mapping[str, Any],
    roles: Sequence[Mapping[str, Any]],
) -> None:
    """Raise `ValidationFault` for what is not the tenant's: roles, accounts, a destination."""
    problems = owner_problems(caller, roles, "roles")
    problems += _scope_problems(context, caller, request["scope"])
    destination = request.get("assessmentReportsDestination")
    if destination is not None:
        url = destination.get("destination")  # without one reports are kept here only
        problem = destination_problem(context, caller.tenant, url) if url else ""
        if problem:
            problems.append(("assessmentReportsDestination.destination", problem))
    if problems:
        raise ValidationFault.of_members(problems)


def _scope_problems(
    context: Context, caller: Caller, scope: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return (member, what it must be) for each account that the tenant is not bound to."""
    given = [one.get("id") or caller.account_id for one in scope.get("awsAccounts", ())]
    unbound = unbound_accounts(context, caller.tenant, given or [caller.account_id])
    text = f"Member must be an account that is bound to {caller.tenant} (affidavit tenant bind)"
    names = [f"scope.awsAccounts[{n}].id" if given else "scope.awsAccounts" for n in unbound]
    return [(name, text) for name in names]


def _accounts(caller: Caller, scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the accounts in scope, each once: the caller's own where none is named."""
    named = [one["id"] for one in scope.get("awsAccounts", ()) if one.get("id")]
    return tuple(dict.fromkeys(named)) or (caller.account_id,)


def _scope(given: Mapping[str, Any], accounts: Sequence[str]) -> dict[str, Any]:
    """Return the scope as it was given, without services."""
    known = {one["id"]: one for one in given.get("awsAccounts", ()) if one.get("id")}
    shown = scope_of(accounts)
    shown["awsAccounts"] = [dict(known.get(a, {"id": a})) for a in accounts]
    return shown


def _room(context: Context, caller: Caller, own: str, accounts: Sequence[str]) -> Rule:
    """Return the rule that there is room for an assessment on these accounts, asked as it is kept.

    Raises `QuotaFault` where there is none beside the others that are ACTIVE and have a document.
    """

    def check(every: list[dict[str, Any]]) -> None:
        others = [one for one in every if one["status"] == "ACTIVE" and one["id"] != own]
        if len(others) >= MAX_ACTIVE:
            raise QuotaFault(
                f"There are {len(others)} active assessments; an account and Region has "
                f"{MAX_ACTIVE}."
            )
        known = {account["id"] for one in others for account in one["scope"]["awsAccounts"]}
        total = len(known | set(accounts))
        if total > MAX_ACCOUNTS:
            raise QuotaFault(
                f"{total} accounts would be in scope of active assessments; there is room for "
                f"{MAX_ACCOUNTS}."
            )

    return context.store.documents.rule(caller.tenant, KIND, _metadata_of, check)


def _metadata_of(document: Document) -> dict[str, Any]:
    return {name: document.body["metadata"][name] for name in ("id", "status", "scope")}


def _documents(
    context: Context, caller: Caller, assessment_id: str, kinds: Sequence[str]
) -> list[Document]:
    documents = context.store.documents
    return [
        one for kind in kinds for one in documents.every(caller.tenant, kind, parent=assessment_id)
    ]


def _inactive(context: Context, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body INACTIVE: control sets and what is under review in them REVIEWED."""
    review = {"_reviewedAt": iso(context.now()), "_reviewedBy": caller.principal_arn}
    sets = [
        {
            **one,
            "status": "REVIEWED",
            "controls": [
                {**c, "status": "REVIEWED", **review} if c["status"] == "UNDER_REVIEW" else c
                for c in one["controls"]
            ],
        }
        for one in body["framework"]["controlSets"]
    ]
    return {
        **body,
        "metadata": {**body["metadata"], "status": "INACTIVE"},
        "framework": {**body["framework"], "controlSets": sets},
    }


def _metadata(found: Assessed, document: Document) -> dict[str, Any]:
    metadata = document.body["metadata"]
    sets = {control.set_id for control in found.controls}
    given = [
        delegation
        for one in document.body["framework"]["controlSets"]
        if one["id"] in sets
        for delegation in one.get("delegations", ())
    ]
    full = {**metadata, "delegations": given}
    return {name: full[name] for name in _METADATA if name in full}


def _user_role(caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the assessment says the caller is; nothing for whom it does not name."""
    own = iam_arn(caller.principal_arn)
    if any(is_same(caller.principal_arn, r["roleArn"]) for r in body["metadata"]["roles"]):
        return {"userRole": {"roleType": OWNER, "roleArn": own}}
    if caller.role == "delegate":
        return {"userRole": {"roleType": DELEGATE, "roleArn": own}}
    return {}


def _change(action: Action, document: Document) -> Change:
    metadata = document.body["metadata"]
    return Change(
        action=action,
        object_type="ASSESSMENT",
        object_id=document.id,
        object_name=metadata["name"],
        assessment_id=document.id,
        details=document.body if action == "CREATE" else metadata,
    )


HANDLERS: Mapping[str, Operation] = {
    "CreateAssessment": create_assessment,
    "DeleteAssessment": delete_assessment,
    "GetAssessment": get_assessment,
    "ListAssessments": list_assessments,
    "UpdateAssessment": update_assessment,
    "UpdateAssessmentStatus": update_assessment_status,
}
