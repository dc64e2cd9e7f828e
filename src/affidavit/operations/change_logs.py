"""Change logs: who did what to an assessment, newest first.

`changes.act` writes them, for every operation. What an assessment that was made by `affidavit run`
had before its first change here is its creation, told from the store.
"""

from collections.abc import Mapping
from typing import Any, Final

from affidavit.model.times import iso
from affidavit.operations.answers import answer
from affidavit.operations.assessed import Assessed, assessed, is_whole
from affidavit.operations.assessment_bodies import newest_first
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.pages import Pages
from affidavit.store.documents import Document

KIND: Final = "change_log"
OBJECT_TYPES: Final = frozenset(
    {"ASSESSMENT", "CONTROL_SET", "CONTROL", "DELEGATION", "ASSESSMENT_REPORT"}
)
"""Audit Manager's ObjectTypeEnum; other changes stand in the ledger alone."""


def get_change_logs(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer an assessment's changes, or those of a control set or control of it.

    Delegates see what is about their own control sets. `NotFoundFault` for a control set or control
    that the assessment does not have (or that is not the caller's).
    """
    operation = "GetChangeLogs"
    found = assessed(context, caller, operation, request["assessmentId"])
    set_id, control_id = request.get("controlSetId"), request.get("controlId")
    _require(found, set_id, control_id)
    entries = context.store.documents.every(caller.tenant, KIND, parent=found.id)
    chosen = [one for one in entries if one.body["objectType"] in OBJECT_TYPES]
    if found.document is None or "_madeBy" in found.document.body:
        chosen.append(_created(found))
    if not is_whole(caller, found):
        sets = {control.set_id for control in found.controls}
        chosen = [one for one in chosen if any(_about_set(found, one, s) for s in sets)]
    if set_id is not None:
        chosen = [one for one in chosen if _about_set(found, one, set_id)]
    if control_id is not None:
        chosen = [one for one in chosen if _about_control(one, control_id)]
    pages = Pages(context=context, caller=caller, operation=operation, request=request)
    page, more = pages.of(chosen, lambda one: newest_first(one.sort, one.id))
    return {"changeLogs": [answer(one.body) for one in page], **more}


def _require(found: Assessed, set_id: str | None, control_id: str | None) -> None:
    sets = {control.set_id for control in found.controls}
    if set_id is not None and set_id not in sets:
        raise NotFoundFault(set_id, "controlSet")
    inside = {c.id for c in found.controls if set_id in (None, c.set_id)}
    if control_id is not None and control_id not in inside:
        raise NotFoundFault(control_id, "control")


def _created(found: Assessed) -> Document:
    """Return the creation of an assessment by `affidavit run`; its leaf is the store's own."""
    time = iso(found.stored.created_at)
    body = {
        "objectType": "ASSESSMENT",
        "objectName": found.name,
        "action": "CREATE",
        "createdAt": time,
        "createdBy": found.stored.created_by,
        "_objectId": found.id,
        "_controlSetId": "",
    }
    return Document(kind=KIND, id=found.id, sort=time, body=body)


def _about_set(found: Assessed, entry: Document, set_id: str) -> bool:
    named = entry.body.get("_controlSetId")
    if named:
        return bool(named == set_id)
    if entry.body["objectType"] == "CONTROL_SET":
        return bool(entry.body["_objectId"] == set_id)
    controls = {control.id for control in found.controls if control.set_id == set_id}
    return entry.body["objectType"] == "CONTROL" and entry.body["_objectId"] in controls


def _about_control(entry: Document, control_id: str) -> bool:
    return bool(entry.body["objectType"] == "CONTROL" and entry.body["_objectId"] == control_id)


HANDLERS: Mapping[str, Operation] = {"GetChangeLogs": get_change_logs}
