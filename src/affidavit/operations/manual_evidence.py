"""Manual evidence: what people add to a control, as text, as an upload, or from their S3 bucket.

What is added is a change of the ledger with the SHA-256 of its content (salted, so that the leaf
tells nothing by itself). From S3 the server fetches it afterwards; until then it counts for
nothing, and what could not be fetched says why.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from affidavit.errors import StoreConflictError
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.times import iso
from affidavit.operations import work
from affidavit.operations.assessed import Assessed, AssessedControl, assessed, require_active
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import ValidationFault
from affidavit.operations.manual_items import FETCHING, KEPT, KIND, manual_items
from affidavit.operations.tenant_bindings import place_problem
from affidavit.operations.uploads import name_problem, newest
from affidavit.store.documents import Document, Rule

MAX_A_DAY: Final = 100
"""Items a control and day (behaviour notes, 2.12)."""
_MEMBERS: Final = ("s3ResourcePath", "textResponse", "evidenceFileName")
_WRONG: Final = "400"
_QUOTA: Final = "402"
_MISSING: Final = "404"


class _RefusedError(Exception):
    """One item cannot be imported; the others can."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def batch_import_evidence_to_assessment_control(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Add items to a control of an active assessment; items that cannot be stand in `errors`.

    Raises `ValidationFault` for a control that is INACTIVE.
    """
    operation = "BatchImportEvidenceToAssessmentControl"
    found = assessed(context, caller, operation, request["assessmentId"])
    require_active(found)
    control = found.control(request["controlSetId"], request["controlId"])
    if control.status == "INACTIVE":
        raise ValidationFault(
            f"The control {control.id} is INACTIVE: manual evidence cannot be added to it."
        )
    mark = context.store.attachments.mark()
    puts, errors = _prepare(context, caller, found, control, request["manualEvidence"])
    if puts:
        _write(context, caller, found, control, (puts, mark))
    return {"errors": errors}


def _prepare(
    context: Context,
    caller: Caller,
    found: Assessed,
    control: AssessedControl,
    items: list[dict[str, Any]],
) -> tuple[list[Document], list[dict[str, Any]]]:
    now = context.now()
    left = MAX_A_DAY - _added_today(context, caller, found, control, now)
    leaf = context.store.log(caller.tenant).size
    puts: list[Document] = []
    errors = []
    for given in items:
        try:
            content = _content(context, caller, given, left - len(puts))
        except _RefusedError as refused:
            errors.append(
                {
                    "manualEvidence": given,
                    "errorCode": refused.code,
                    "errorMessage": refused.message[:300],
                }
            )
            continue
        body = {
            "controlSetId": control.set_id,
            "controlId": control.id,
            "controlKey": control.key,
            "createdAt": iso(now),
            "createdBy": caller.principal_arn,
            "leaf": leaf,
            "salt": new_salt(),
            **content,
        }
        identifier = new_id(now)
        puts.append(Document(kind=KIND, id=identifier, parent=found.id, sort=iso(now), body=body))
    return puts, errors


def _added_today(
    context: Context, caller: Caller, found: Assessed, control: AssessedControl, now: datetime
) -> int:
    items = manual_items(context, caller.tenant, found.id)
    return sum(item.control_key == control.key and item.time.date() == now.date() for item in items)


def _content(
    context: Context, caller: Caller, given: Mapping[str, Any], left: int
) -> dict[str, Any]:
    """Return the members of an item that are its content; exactly one kind must be given.

    `left` is how many items the control takes today.
    """
    if left <= 0:
        what = f"A control takes {MAX_A_DAY} items of manual evidence a day."
        raise _RefusedError(_QUOTA, what)
    kinds = [name for name in _MEMBERS if name in given]
    if len(kinds) != 1:
        raise _RefusedError(_WRONG, f"Give exactly one of {', '.join(_MEMBERS)}.")
    value = given[kinds[0]]
    if kinds[0] == "textResponse":
        data = value.encode()
        digest = sha256(data).hexdigest()
        return {"textResponse": value, "sha256": digest, "size": len(data), "state": KEPT}
    name = value.rpartition("/")[2]
    problem = name_problem(name)
    if problem:
        raise _RefusedError(_WRONG, problem)
    if kinds[0] == "s3ResourcePath":
        problem = place_problem(context, caller.tenant, value, "evidence")
        if problem:
            raise _RefusedError(_WRONG, problem)
        return {"s3ResourcePath": value, "fileName": name, "state": FETCHING}
    upload = newest(context, caller, name)
    if upload is None:
        raise _RefusedError(
            _MISSING, "You have not uploaded a file of this name. Ask GetEvidenceFileUploadUrl."
        )
    return {"fileName": name, **upload.body, "state": KEPT}


def _write(
    context: Context,
    caller: Caller,
    found: Assessed,
    control: AssessedControl,
    made: tuple[list[Document], int],
) -> None:
    puts, mark = made
    told = ("fileName", "s3ResourcePath", "sha256", "size", "salt", "state")
    details = [
        {"id": put.id, **{name: put.body[name] for name in told if name in put.body}}
        for put in puts
    ]
    change = Change(
        action="IMPORT_EVIDENCE",
        object_type="CONTROL",
        object_id=control.id,
        object_name=control.name,
        assessment_id=found.id,
        details={"manualEvidence": details},
    )
    fetches = [
        work.queued(context, "fetch", found.id, subject=put.id)
        for put in puts
        if put.body["state"] == FETCHING
    ]
    files = [put.body["sha256"] for put in puts if "fileName" in put.body and "sha256" in put.body]
    brought = context.store.attachments.brought(caller.tenant, files, mark)
    rules = [_room(context, caller, puts)]
    act(context, caller, change, puts=[*puts, *fetches], rules=rules, brought=brought)
    if fetches:
        context.wake()


def _room(context: Context, caller: Caller, puts: list[Document]) -> Rule:
    """Return the rule that a day's items are not too many; counted as they are written.

    Where others were quicker it is a conflict: which items are too many is found out again.
    """
    own = _of_item(puts[0])

    def check(every: list[tuple[str, str, str]]) -> None:
        if every.count(own) + len(puts) > MAX_A_DAY:
            raise StoreConflictError("Others added manual evidence to the control meanwhile")

    return context.store.documents.rule(caller.tenant, KIND, _of_item, check)


def _of_item(document: Document) -> tuple[str, str, str]:
    """Return assessment, control and day of an item."""
    return document.parent, document.body["controlKey"], document.body["createdAt"][:10]


HANDLERS: Mapping[str, Operation] = {
    "BatchImportEvidenceToAssessmentControl": batch_import_evidence_to_assessment_control
}
