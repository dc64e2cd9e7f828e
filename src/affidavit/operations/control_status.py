"""Review: the status of controls and control sets, with comments.

A control that is REVIEWED stays so: that is what a sign-off is. Evidence goes on arriving, and what
is later than the review is marked where it is shown (`evidence`).
"""

from collections.abc import Mapping
from typing import Any, Final

from affidavit.model.times import iso
from affidavit.operations.assessed import (
    Assessed,
    assessed,
    is_same,
    is_whole,
    require_active,
)
from affidavit.operations.assessment_bodies import (
    counted_set,
    delegations,
    set_of,
    updated,
    with_set,
    writable,
)
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Action, Change, act, act_all
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ValidationFault
from affidavit.operations.notifications import notification
from affidavit.operations.owners import author
from affidavit.store.documents import Document

_STATUS_ACTIONS: Final[Mapping[str, Action]] = {
    "UNDER_REVIEW": "UNDER_REVIEW",
    "REVIEWED": "REVIEWED",
    "INACTIVE": "INACTIVE",
    "ACTIVE": "ACTIVE",
}


def update_assessment_control(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Set a control's status, add a comment, or both.

    Raises `ValidationFault` for a control that is REVIEWED and is to become anything else: that is
    final. An INACTIVE control is not collected, and takes no manual evidence.
    """
    set_id, control_id = request["controlSetId"], request["controlId"]
    found = _own(context, caller, "UpdateAssessmentControl", request["assessmentId"], set_id)
    before = writable(context, caller, found)
    control_set = set_of(before.body, set_id)
    control = next((c for c in control_set["controls"] if c["id"] == control_id), None)
    if control is None:
        raise NotFoundFault(control_id, "control")
    changed = _changed(context, caller, control, request)
    if changed != control:
        control_set["controls"] = [
            changed if c["id"] == control_id else c for c in control_set["controls"]
        ]
        document = updated(context, before, with_set(before.body, control_set))
        change = _control_change(found, control, changed, set_id, request)
        act(context, caller, change, puts=[document])
    shown = counted_set(context, caller, found, control_set)
    return {"control": next(c for c in shown["controls"] if c["id"] == control_id)}


def update_assessment_control_set_status(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Submit a control set (a delegate, UNDER_REVIEW), or set its status (an owner).

    REVIEWED completes its delegations and is final. Who waits for it is notified.
    """
    set_id, status = request["controlSetId"], request["status"]
    found = _own(
        context, caller, "UpdateAssessmentControlSetStatus", request["assessmentId"], set_id
    )
    before = writable(context, caller, found)
    control_set = set_of(before.body, set_id)
    if not is_whole(caller, found) and status != "UNDER_REVIEW":
        raise AccessDeniedFault(
            f"User: {caller.principal_arn} is a delegate of the control set {set_id} and can only "
            "submit it: UNDER_REVIEW."
        )
    if control_set["status"] == "REVIEWED" and status != "REVIEWED":
        raise ValidationFault(f"The control set {set_id} is REVIEWED; that is final.")
    whole = is_whole(caller, found)
    told = _told(context, caller, before.body, control_set, status, whole=whole)
    changed = _set_status(context, caller, control_set, status)
    document = updated(context, before, with_set(before.body, changed))
    changes = [_set_change(found, set_id, status, request["comment"])]
    changes += _delegation_changes(found, control_set, changed)
    act_all(context, caller, changes, puts=[document, *told])
    return {"controlSet": counted_set(context, caller, found, changed)}


def _own(
    context: Context, caller: Caller, operation: str, assessment_id: str, set_id: str
) -> Assessed:
    """Return an active assessment whose control set the caller may change."""
    found = assessed(context, caller, operation, assessment_id)
    require_active(found)
    if set_id not in {control.set_id for control in found.controls}:
        raise NotFoundFault(set_id, "controlSet")
    return found


def _changed(
    context: Context, caller: Caller, control: Mapping[str, Any], request: Mapping[str, Any]
) -> dict[str, Any]:
    status = request.get("controlStatus", control["status"])
    changed = {**control, "status": status}
    if control["status"] == "REVIEWED" != status:
        raise ValidationFault(f"The control {control['id']} is REVIEWED; that is final.")
    if status == "REVIEWED" != control["status"]:
        changed |= {"_reviewedAt": iso(context.now()), "_reviewedBy": caller.principal_arn}
    if request.get("commentBody"):
        comment = {
            "authorName": author(caller),
            "commentBody": request["commentBody"],
            "postedDate": iso(context.now()),
        }
        changed["comments"] = [*control.get("comments", ()), comment]
    return changed


def _control_change(
    found: Assessed,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    set_id: str,
    request: Mapping[str, Any],
) -> Change:
    """Return the change; a comment alone is an update of metadata."""
    same = before["status"] == after["status"]
    details = {"status": after["status"]}
    if request.get("commentBody"):
        details["comment"] = request["commentBody"]
    return Change(
        action="UPDATE_METADATA" if same else _STATUS_ACTIONS[after["status"]],
        object_type="CONTROL",
        object_id=before["id"],
        object_name=before["name"],
        assessment_id=found.id,
        control_set_id=set_id,
        details=details,
    )


def _set_status(
    context: Context, caller: Caller, control_set: Mapping[str, Any], status: str
) -> dict[str, Any]:
    """Return the control set with its new status, its delegations moved on."""
    moved = []
    for one in control_set.get("delegations", ()):
        own = is_same(caller.principal_arn, one["roleArn"])
        state = one["status"]
        if status == "REVIEWED":
            state = "COMPLETE"
        elif status == "UNDER_REVIEW" and own and state == "IN_PROGRESS":
            state = "UNDER_REVIEW"
        same = state == one["status"]
        moved.append(one if same else {**one, "status": state, "lastUpdated": iso(context.now())})
    return {**control_set, "status": status, "delegations": moved}


def _set_change(found: Assessed, set_id: str, status: str, comment: str) -> Change:
    return Change(
        action=_STATUS_ACTIONS[status],
        object_type="CONTROL_SET",
        object_id=set_id,
        object_name=set_id,
        assessment_id=found.id,
        control_set_id=set_id,
        details={"status": status, "comment": comment},
    )


def _delegation_changes(
    found: Assessed, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Change]:
    known = {one["id"]: one["status"] for one in before.get("delegations", ())}
    return [
        Change(
            action="UNDER_REVIEW" if one["status"] == "UNDER_REVIEW" else "REVIEWED",
            object_type="DELEGATION",
            object_id=one["id"],
            object_name=after["id"],
            assessment_id=found.id,
            control_set_id=after["id"],
            details={"status": one["status"], "roleArn": one["roleArn"]},
        )
        for one in after["delegations"]
        if one["status"] != known[one["id"]]
    ]


def _told(
    context: Context,
    caller: Caller,
    body: Mapping[str, Any],
    control_set: Mapping[str, Any],
    status: str,
    *,
    whole: bool,
) -> list[Document]:
    """Return the notifications of a submission (to the owners) or completion (to delegates)."""
    set_id = control_set["id"]
    name = body["metadata"]["name"]
    if not whole:
        owners = [role["roleArn"] for role in body["metadata"]["roles"]]
        words = f"{author(caller)} submitted the control set {set_id} of {name} for review."
        return [notification(context, caller, one, body, set_id, words) for one in owners]
    if status != "REVIEWED":
        return []
    words = f"{author(caller)} completed the review of the control set {set_id} of {name}."
    waiting = [one for one in delegations(body) if one["controlSetId"] == set_id]
    to = dict.fromkeys(one["roleArn"] for one in waiting if one["status"] != "COMPLETE")
    return [notification(context, caller, one, body, set_id, words) for one in to]


HANDLERS: Mapping[str, Operation] = {
    "UpdateAssessmentControl": update_assessment_control,
    "UpdateAssessmentControlSetStatus": update_assessment_control_set_status,
}
