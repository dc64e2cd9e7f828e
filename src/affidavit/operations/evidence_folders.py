"""Evidence folders: what a control gathered on one UTC day, counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from affidavit.model.framework import SourceType
from affidavit.operations.assessed import Assessed, AssessedControl, assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.folder_ids import day_of, folder_id
from affidavit.operations.keywords import SHOWN_AS
from affidavit.operations.manual_items import ManualItem, manual_items
from affidavit.operations.pages import Pages
from affidavit.operations.selections import Selection, selection
from affidavit.operations.standard import AUTHOR, control_sources
from affidavit.store.folders import FolderCounts

_FAR: Final = date.max.toordinal()
_DIGITS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One control's evidence of one UTC day."""

    id: str
    control: AssessedControl
    day: date
    manual: tuple[ManualItem, ...]
    """Manual evidence added on that day."""

    @property
    def place(self) -> tuple[str, str]:
        """Return where it stands in lists: the newest day first, then by control."""
        return f"{_FAR - self.day.toordinal():0{_DIGITS}}", self.control.key


def get_evidence_folder(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer one folder."""
    found, folder = folder_of(context, caller, "GetEvidenceFolder", request)
    return {"evidenceFolder": _shown(context, caller, found, [folder])[0]}


def get_evidence_folders_by_assessment(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the assessment's folders that the caller may see, the newest day first."""
    operation = "GetEvidenceFoldersByAssessment"
    found = assessed(context, caller, operation, request["assessmentId"])
    folders = _folders(context, caller, found, found.controls)
    return _page(context, caller, operation, request, found, folders)


def get_evidence_folders_by_assessment_control(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer one control's folders, the newest day first."""
    operation = "GetEvidenceFoldersByAssessmentControl"
    found = assessed(context, caller, operation, request["assessmentId"])
    control = found.control(request["controlSetId"], request["controlId"])
    folders = _folders(context, caller, found, [control])
    return _page(context, caller, operation, request, found, folders)


def folder_of(
    context: Context, caller: Caller, operation: str, request: Mapping[str, Any]
) -> tuple[Assessed, Folder]:
    """Return assessment and folder that a request names.

    Where it names a control set, that must be the folder's own; the folder's id is taken there
    too, because AWS's own sample sends it. Raises `NotFoundFault`.
    """
    identifier = request["evidenceFolderId"]
    found = assessed(context, caller, operation, request["assessmentId"])
    day = day_of(identifier)
    for control in found.controls:
        if day is None or folder_id(found.id, control.key, day) != identifier:
            continue
        if request.get("controlSetId", identifier) not in (identifier, control.set_id):
            break
        for folder in _folders(context, caller, found, [control]):
            if folder.id == identifier:
                return found, folder
    raise NotFoundFault(identifier, "evidenceFolder")


def _folders(
    context: Context, caller: Caller, found: Assessed, controls: Iterable[AssessedControl]
) -> list[Folder]:
    """Return all folders of some controls: what was collected, and what people added."""
    by_key = {control.key: control for control in controls}
    only = next(iter(by_key)) if len(by_key) == 1 else None
    known = context.store.evidence_folders.every(found.id, only)
    days = {(key.control_id, key.day) for key in known if key.control_id in by_key}
    manual: dict[tuple[str, date], list[ManualItem]] = {}
    for item in manual_items(context, caller.tenant, found.id):
        if item.control_key in by_key:
            manual.setdefault((item.control_key, item.time.date()), []).append(item)
    return [
        Folder(
            id=folder_id(found.id, key, day),
            control=by_key[key],
            day=day,
            manual=tuple(manual.get((key, day), ())),
        )
        for key, day in days | manual.keys()
    ]


def _page(
    context: Context,
    caller: Caller,
    operation: str,
    request: dict[str, Any],
    found: Assessed,
    folders: list[Folder],
) -> dict[str, Any]:
    pages = Pages(context=context, caller=caller, operation=operation, request=request)
    page, more = pages.of(folders, lambda folder: folder.place)
    return {"evidenceFolders": _shown(context, caller, found, page), **more}


def _shown(
    context: Context, caller: Caller, found: Assessed, folders: list[Folder]
) -> list[dict[str, Any]]:
    days = {folder.day for folder in folders}
    reader = context.store.evidence_folders
    counts = reader.counts(found.id, days)
    chosen = selection(context, caller.tenant, found.id)
    sizes = {whole.body["leaves"] for whole in chosen.folders.values()}
    below = {size: reader.counts(found.id, days, size) for size in sizes}
    shown = []
    for folder in folders:
        key = (folder.control.key, folder.day)
        whole = chosen.folders.get(folder.id)
        then = below[whole.body["leaves"]].get(key, FolderCounts()) if whole else FolderCounts()
        selected = _selected(folder, chosen, then)
        shown.append(_folder(found, folder, counts.get(key, FolderCounts()), selected))
    return shown


def _selected(folder: Folder, chosen: Selection, then: FolderCounts) -> int:
    whole = chosen.folders.get(folder.id)
    count = len(chosen.of_folder(folder.id))
    if whole is not None:
        manual = sum(item.leaf < whole.body["leaves"] for item in folder.manual)
        count += then.evidence + manual - len(whole.body["except"])
    return count


def _folder(found: Assessed, folder: Folder, counts: FolderCounts, selected: int) -> dict[str, Any]:
    sources = {_source_type(kind) for kind, _ in counts.sources}
    services = {service_of(kind, keyword) for kind, keyword in counts.sources} - {""}
    return {
        "name": folder.day.isoformat(),
        "date": datetime.combine(folder.day, time(), UTC),
        "assessmentId": found.id,
        "controlSetId": folder.control.set_id,
        "controlId": folder.control.id,
        "id": folder.id,
        "dataSource": control_sources([{"sourceType": one} for one in sources]),
        "author": AUTHOR,
        "totalEvidence": counts.evidence + len(folder.manual),
        "assessmentReportSelectionCount": selected,
        "controlName": folder.control.name,
        "evidenceResourcesIncludedCount": counts.resources,
        "evidenceByTypeConfigurationDataCount": counts.types["Configuration data"],
        "evidenceByTypeManualCount": len(folder.manual),
        "evidenceByTypeComplianceCheckCount": counts.types["Compliance check"],
        "evidenceByTypeComplianceCheckIssuesCount": counts.issues,
        "evidenceByTypeUserActivityCount": counts.types["User activity"],
        "evidenceAwsServiceSourceCount": len(services),
    }


def _source_type(kind: str) -> str:
    return SHOWN_AS.get(SourceType(kind), (kind, ""))[0]


def service_of(source_type: str, keyword: str) -> str:
    """Return the AWS service that a source's evidence comes from; empty for manual evidence."""
    kind = SourceType(source_type)
    if kind is SourceType.MANUAL:
        return ""
    if kind is SourceType.CONFIG:
        return "config"
    if kind is SourceType.SECURITY_HUB:
        return "securityhub"
    shown = SHOWN_AS[kind][1] if kind in SHOWN_AS else keyword
    return shown.partition("_")[0]


HANDLERS: Mapping[str, Operation] = {
    "GetEvidenceFolder": get_evidence_folder,
    "GetEvidenceFoldersByAssessment": get_evidence_folders_by_assessment,
    "GetEvidenceFoldersByAssessmentControl": get_evidence_folders_by_assessment_control,
}
