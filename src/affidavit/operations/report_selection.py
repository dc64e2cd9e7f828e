"""Which evidence is selected for the assessment's report: whole folders, and single items.

A selection is a change of the ledger, so that a report carries who selected what. Selecting what is
selected, or taking back what is not, changes nothing and is no error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from affidavit.operations.assessed import Assessed
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.evidence import identity, items_of
from affidavit.operations.evidence_folders import Folder, folder_of
from affidavit.operations.faults import ValidationFault
from affidavit.operations.selections import Item, Selection, of_folder, of_item, selection
from affidavit.store.documents import Document

_NOT_FOUND: Final = "404"
_NO_SUCH: Final = "The evidence folder has no evidence of this id."


@dataclass(slots=True)
class _Plan:
    """Documents to write and to delete."""

    puts: list[Document]
    deletes: list[Document]


def associate_assessment_report_evidence_folder(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Select everything that is in a folder now; what comes later is not selected by itself."""
    operation = "AssociateAssessmentReportEvidenceFolder"
    found, folder = folder_of(context, caller, operation, request)
    chosen = selection(context, caller.tenant, found.id)
    leaves = context.store.log(caller.tenant).size
    put = of_folder(found.id, folder.id, folder.day, leaves)
    present = chosen.folders.get(folder.id)
    if present is not None:
        put = replace(put, version=present.version)
    plan = _Plan([put], chosen.of_folder(folder.id))
    _write(context, caller, found, folder, plan, {"selected": "all"})
    return {}


def disassociate_assessment_report_evidence_folder(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Take a folder, and every item of it, out of the selection."""
    operation = "DisassociateAssessmentReportEvidenceFolder"
    found, folder = folder_of(context, caller, operation, request)
    chosen = selection(context, caller.tenant, found.id)
    whole = chosen.folders.get(folder.id)
    deletes = [*chosen.of_folder(folder.id), *([whole] if whole else [])]
    if deletes:
        _write(context, caller, found, folder, _Plan([], deletes), {"selected": "none"})
    return {}


def batch_associate_assessment_report_evidence(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Select single items of a folder; what the folder does not have stands in `errors`."""
    operation = "BatchAssociateAssessmentReportEvidence"
    return _batch(context, caller, operation, request, _selected)


def batch_disassociate_assessment_report_evidence(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Take single items of a folder out of the selection."""
    operation = "BatchDisassociateAssessmentReportEvidence"
    return _batch(context, caller, operation, request, _taken_back)


def _batch(
    context: Context, caller: Caller, operation: str, request: dict[str, Any], change: Any
) -> dict[str, Any]:
    wanted = list(dict.fromkeys(request["evidenceIds"]))
    if not wanted:
        raise ValidationFault(
            "Value at 'evidenceIds' failed to satisfy constraint: Member must not be empty",
            reason="fieldValidationFailed",
            fields=[("evidenceIds", "Member must have at least one id")],
        )
    found, folder = folder_of(context, caller, operation, request)
    here = _here(context, found, folder, wanted)
    chosen = selection(context, caller.tenant, found.id)
    plan: _Plan = change(found, folder, chosen, list(here.values()))
    if plan.puts or plan.deletes:
        details = {"selected" if change is _selected else "takenBack": list(here)}
        _write(context, caller, found, folder, plan, details)
    errors = [
        {"evidenceId": one, "errorCode": _NOT_FOUND, "errorMessage": _NO_SUCH}
        for one in wanted
        if one not in here
    ]
    return {"evidenceIds": list(here), "errors": errors}


def _here(
    context: Context, found: Assessed, folder: Folder, wanted: Sequence[str]
) -> dict[str, Item]:
    """Return those of the wanted items that the folder has."""
    missing, here = set(wanted), {}
    for one in items_of(context, found, folder):
        item = identity(one)
        if item.id in missing:
            here[item.id] = item
            missing.remove(item.id)
            if not missing:
                break
    return {one: here[one] for one in wanted if one in here}


def _selected(found: Assessed, folder: Folder, chosen: Selection, items: list[Item]) -> _Plan:
    plan = _Plan([], [])
    back = set()
    for item in items:
        whole = chosen.folders.get(folder.id)
        if whole is not None and item.leaf < whole.body["leaves"]:
            back.add(item.id)
        elif item.id not in chosen.items:
            plan.puts.append(of_item(found.id, folder.id, folder.day, item))
    whole = chosen.folders.get(folder.id)
    if whole is not None and back & set(whole.body["except"]):
        plan.puts.append(_except(whole, [x for x in whole.body["except"] if x not in back]))
    return plan


def _taken_back(found: Assessed, folder: Folder, chosen: Selection, items: list[Item]) -> _Plan:
    del found
    plan = _Plan([], [chosen.items[item.id] for item in items if item.id in chosen.items])
    covered = [item.id for item in items if chosen.covers(folder.id, item)]
    if covered:
        whole = chosen.folders[folder.id]
        plan.puts.append(_except(whole, [*whole.body["except"], *covered]))
    return plan


def _except(whole: Document, identifiers: list[str]) -> Document:
    return replace(whole, body=whole.body | {"except": identifiers})


def _write(
    context: Context,
    caller: Caller,
    found: Assessed,
    folder: Folder,
    plan: _Plan,
    details: Mapping[str, Any],
) -> None:
    change = Change(
        action="UPDATE_METADATA",
        object_type="CONTROL",
        object_id=folder.control.id,
        object_name=folder.control.name,
        assessment_id=found.id,
        details={
            "reportSelection": {"folder": folder.id, "day": folder.day.isoformat(), **details}
        },
    )
    act(context, caller, change, puts=plan.puts, deletes=plan.deletes)


HANDLERS: Mapping[str, Operation] = {
    "AssociateAssessmentReportEvidenceFolder": associate_assessment_report_evidence_folder,
    "BatchAssociateAssessmentReportEvidence": batch_associate_assessment_report_evidence,
    "BatchDisassociateAssessmentReportEvidence": batch_disassociate_assessment_report_evidence,
    "DisassociateAssessmentReportEvidenceFolder": disassociate_assessment_report_evidence_folder,
}
