"""Delegations: one control set of an assessment, handed to one identity for review."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.operations.answers import answer
from affidavit.operations.assessed import (
    Assessed,
    assessed,
    is_same,
    is_whole,
    require_active,
)
from affidavit.operations.assessment_bodies import (
    delegations,
    document_of,
    newest_first,
    set_of,
    updated,
    with_set,
    writable,
)
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Action, Change, act_all
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault
from affidavit.operations.notifications import notification
from affidavit.operations.owners import DELEGATE, author, is_of_account
from affidavit.operations.pages import Pages
from affidavit.store.documents import Document

_WRONG: Final = "400"
_MISSING: Final = "404"
_ANSWERED: Final = ("id", "assessmentName", "assessmentId", "status", "roleArn", "creationTime")


def batch_create_delegation_by_assessment(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Delegate control sets; what cannot be done stands in `errors`, the rest is done.

    Delegating a set again to an identity that still has it changes the comment only. The answer has
    all delegations of the assessment, as Audit Manager's has.
    """
    operation = "BatchCreateDelegationByAssessment"
    found = assessed(context, caller, operation, request["assessmentId"])
    require_active(found)
    document = writable(context, caller, found)
    errors, changes, told = [], [], []
    for wanted in request["createDelegationRequests"]:
        code, message = _problem(caller, document.body, wanted)
        if code:
            errors.append(_refused(wanted, code, message))
            continue
        document, given, is_new = _delegated(context, caller, document, wanted)
        changes.append(_change("CREATE" if is_new else "UPDATE_METADATA", found, given))
        if is_new:
            told.append(_told(context, caller, document.body, given))
    if changes:
        document = updated(context, document, document.body)
        act_all(context, caller, changes, puts=[document, *told])
    shown = [answer({**one, "assessmentId": None}) for one in delegations(document.body)]
    return {"delegations": shown, "errors": errors}


def batch_delete_delegation_by_assessment(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Take delegations back: the identity loses its access to the control set at once."""
    operation = "BatchDeleteDelegationByAssessment"
    found = assessed(context, caller, operation, request["assessmentId"])
    require_active(found)
    document = writable(context, caller, found)
    known = {one["id"]: one for one in delegations(document.body)}
    wanted = list(dict.fromkeys(request["delegationIds"]))
    gone = [known[one] for one in wanted if one in known]
    for one in gone:
        document = replace(document, body=_without(document.body, one))
    if gone:
        changes = [_change("DELETE", found, one) for one in gone]
        act_all(context, caller, changes, puts=[updated(context, document, document.body)])
    message = "The assessment has no delegation of this id."
    errors = [
        {"delegationId": one, "errorCode": _MISSING, "errorMessage": message}
        for one in wanted
        if one not in known
    ]
    return {"errors": errors}


def get_delegations(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer the delegations of the caller's assessments, or to the caller; the newest first."""
    operation = "GetDelegations"
    found: list[dict[str, Any]] = []
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            one = assessed(context, caller, operation, stored.id)
            found += _seen(context, caller, one)
    pages = Pages(context=context, caller=caller, operation=operation, request=request)
    page, more = pages.of(found, lambda item: newest_first(item["creationTime"], item["id"]))
    return {"delegations": [answer(item) for item in page], **more}


def _seen(context: Context, caller: Caller, found: Assessed) -> list[dict[str, Any]]:
    own = not is_whole(caller, found)
    return [
        {
            **{name: one[name] for name in _ANSWERED},
            "assessmentName": found.name,
            "controlSetName": one["controlSetId"],
        }
        for one in delegations(document_of(context, caller, found).body)
        if not own or is_same(caller.principal_arn, one["roleArn"])
    ]


def _problem(caller: Caller, body: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, str]:
    """Return code and message of why a delegation cannot be, or two empty texts."""
    missing = [name for name in ("controlSetId", "roleArn", "roleType") if not wanted.get(name)]
    if missing:
        return _WRONG, f"Value at '{missing[0]}' failed to satisfy constraint: Member is null"
    if wanted["roleType"] != DELEGATE:
        return _WRONG, f"Value at 'roleType' failed to satisfy constraint: it must be {DELEGATE}"
    if not is_of_account(caller, wanted["roleArn"]):
        return _WRONG, f"The delegate must be an identity of account {caller.account_id}"
    try:
        status = set_of(body, wanted["controlSetId"])["status"]
    except NotFoundFault:
        return _MISSING, "The assessment has no control set of this id."
    if status == "REVIEWED":
        return _WRONG, "The control set is REVIEWED; that is final."
    return "", ""


def _refused(wanted: Mapping[str, Any], code: str, message: str) -> dict[str, Any]:
    return {
        "createDelegationRequest": dict(wanted),
        "errorCode": code,
        "errorMessage": message,
    }


def _delegated(
    context: Context, caller: Caller, document: Document, wanted: Mapping[str, Any]
) -> tuple[Document, dict[str, Any], bool]:
    """Return the document with the delegation, the delegation, and whether it is new."""
    control_set = set_of(document.body, wanted["controlSetId"])
    present = list(control_set.get("delegations", ()))
    now = iso(context.now())
    old = _open(present, wanted["roleArn"])
    given = dict(old) if old else _new(context, caller, document.body, wanted)
    given["lastUpdated"] = now
    if wanted.get("comment"):
        given["comment"] = wanted["comment"]
    control_set["delegations"] = [*(one for one in present if one["id"] != given["id"]), given]
    if control_set["status"] == "ACTIVE":
        control_set["status"] = "UNDER_REVIEW"
    body = with_set(document.body, control_set)
    return replace(document, body=body), given, old is None


def _open(present: Sequence[Mapping[str, Any]], role_arn: str) -> Mapping[str, Any] | None:
    """Return the delegation to an identity that is not complete; ARNs are compared without case."""
    return next(
        (
            one
            for one in present
            if one["roleArn"].lower() == role_arn.lower() and one["status"] != "COMPLETE"
        ),
        None,
    )


def _new(
    context: Context, caller: Caller, body: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": new_id(context.now()),
        "assessmentName": body["metadata"]["name"],
        "assessmentId": body["metadata"]["id"],
        "status": "IN_PROGRESS",
        "roleArn": wanted["roleArn"],
        "roleType": DELEGATE,
        "creationTime": iso(context.now()),
        "controlSetId": wanted["controlSetId"],
        "createdBy": caller.principal_arn,
    }


def _without(body: Mapping[str, Any], gone: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body without a delegation; a set that nobody reviews is ACTIVE again."""
    control_set = set_of(body, gone["controlSetId"])
    left = [one for one in control_set["delegations"] if one["id"] != gone["id"]]
    control_set["delegations"] = left
    reviewed = any(one["status"] != "COMPLETE" for one in left)
    if control_set["status"] == "UNDER_REVIEW" and not reviewed:
        control_set["status"] = "ACTIVE"
    return with_set(body, control_set)


def _change(action: Action, found: Assessed, given: Mapping[str, Any]) -> Change:
    return Change(
        action=action,
        object_type="DELEGATION",
        object_id=given["id"],
        object_name=given["controlSetId"],
        assessment_id=found.id,
        control_set_id=given["controlSetId"],
        details=given,
    )


def _told(
    context: Context, caller: Caller, body: Mapping[str, Any], given: Mapping[str, Any]
) -> Document:
    set_id, name = given["controlSetId"], body["metadata"]["name"]
    words = f"{author(caller)} delegated the control set {set_id} of {name} to you for review."
    return notification(context, caller, given["roleArn"], body, set_id, words)


HANDLERS: Mapping[str, Operation] = {
    "BatchCreateDelegationByAssessment": batch_create_delegation_by_assessment,
    "BatchDeleteDelegationByAssessment": batch_delete_delegation_by_assessment,
    "GetDelegations": get_delegations,
}
