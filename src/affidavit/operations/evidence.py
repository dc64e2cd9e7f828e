"""Evidence items in Audit Manager's shape.

What Audit Manager's shape has no member for (the reason in words, the gap, the check, the leaf of
the ledger) stands in `attributes`, and the reason in full beside the resource.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from affidavit.model.evidence import Evidence
from affidavit.model.verdict import Verdict
from affidavit.operations.assessed import Assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.evidence_folders import Folder, folder_of, service_of
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.keywords import SHOWN_AS
from affidavit.operations.manual_items import ManualItem
from affidavit.operations.pages import Pages
from affidavit.operations.selections import Item, Selection, selection
from affidavit.operations.standard import control_sources

MAX_ATTRIBUTE: Final = 200
"""The model's longest EvidenceAttributeValue."""
MAX_TEXT: Final = 2048
AFTER_SIGN_OFF: Final = "after sign-off"
"""The mark of evidence that is later than its control's review."""
_MIN_ARN: Final = 20
_MAX_SOURCE: Final = 40
_MAX_NAME: Final = 100
_LEAF_DIGITS: Final = 15

Found = tuple[int, Evidence] | ManualItem
"""(leaf, record) of collected evidence, or an item that a person added."""


def get_evidence(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one evidence item of a folder."""
    found, folder = folder_of(context, caller, "GetEvidence", request)
    wanted = request["evidenceId"]
    for one in items_of(context, found, folder):
        if identity(one).id == wanted:
            chosen = selection(context, caller.tenant, found.id)
            return {"evidence": _shown(caller, folder, chosen, one)}
    raise NotFoundFault(wanted, "evidence")


def get_evidence_by_evidence_folder(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer a folder's evidence: what was collected in the ledger's order, then manual items."""
    operation = "GetEvidenceByEvidenceFolder"
    found, folder = folder_of(context, caller, operation, request)
    pages = Pages(context=context, caller=caller, operation=operation, request=request)
    after = pages.after
    rest = (one for one in items_of(context, found, folder) if after is None or _place(one) > after)
    page, more = pages.of(islice(rest, pages.limit + 1), _place)
    chosen = selection(context, caller.tenant, found.id)
    return {"evidence": [_shown(caller, folder, chosen, one) for one in page], **more}


def items_of(context: Context, found: Assessed, folder: Folder) -> Iterator[Found]:
    """Yield a folder's evidence; only the rows of its day and control are read."""
    yield from context.store.evidence(found.id, folder.day, folder.day, folder.control.key)
    yield from sorted(folder.manual, key=lambda item: (item.time, item.id))


def identity(one: Found) -> Item:
    """Return an item as selections see it."""
    if isinstance(one, ManualItem):
        return one.item
    leaf, evidence = one
    return Item(id=evidence.id, leaf=leaf)


def _place(one: Found) -> tuple[str, str]:
    if isinstance(one, ManualItem):
        return f"manual {one.time.isoformat()}", one.id
    return f"leaf {one[0]:0{_LEAF_DIGITS}}", one[1].id


def _shown(caller: Caller, folder: Folder, chosen: Selection, one: Found) -> dict[str, Any]:
    selected = chosen.holds(folder.id, identity(one))
    shown = _added(caller, one) if isinstance(one, ManualItem) else _collected(*one)
    reviewed = folder.control.reviewed_at
    if reviewed is not None and shown["time"] > reviewed:
        shown["attributes"] = {**shown["attributes"], "review": AFTER_SIGN_OFF}
    return {
        **shown,
        "evidenceFolderId": folder.id,
        "assessmentReportSelection": "Yes" if selected else "No",
    }


def _collected(leaf: int, evidence: Evidence) -> dict[str, Any]:
    kind, keyword = _keyword(evidence)
    name = keyword.partition("_")[2]
    shown = {
        "id": evidence.id,
        "dataSource": control_sources([{"sourceType": kind}]),
        "evidenceAwsAccountId": evidence.account_id,
        "awsAccountId": evidence.account_id,
        "time": evidence.time,
        "eventSource": _event_source(service_of(evidence.source_type, evidence.keyword)),
        "eventName": (name if kind in ("AWS_API_Call", "AWS_Cloudtrail") else keyword)[:_MAX_NAME],
        "evidenceByType": evidence.evidence_type,
        "resourcesIncluded": _resources(evidence),
        "attributes": _attributes(leaf, evidence),
        "iamId": _iam(evidence.attributes.get("actor", "")),
        "complianceCheck": evidence.verdict.value,
    }
    return {name: value for name, value in shown.items() if value != ""}


def _keyword(evidence: Evidence) -> tuple[str, str]:
    """Return the source's type and keyword as the API shows them."""
    for kind, shown in SHOWN_AS.items():
        if evidence.source_type == kind.value:
            return shown
    return evidence.source_type, evidence.keyword


def _event_source(service: str) -> str:
    name = f"{service}.amazonaws.com"
    return (name if len(name) <= _MAX_SOURCE else service[:_MAX_SOURCE]) if service else ""


def _resources(evidence: Evidence) -> list[dict[str, Any]]:
    resource = {"value": _line(evidence.reason), "complianceCheck": evidence.verdict.value}
    arn = evidence.resource_arn
    if arn.startswith("arn:") and _MIN_ARN <= len(arn) <= MAX_TEXT:
        resource["arn"] = arn
    elif not arn:
        return [resource] if evidence.verdict is not Verdict.NOT_APPLICABLE else []
    return [resource]


def _attributes(leaf: int, evidence: Evidence) -> dict[str, str]:
    ours = {
        "reason": evidence.reason,
        "gap": evidence.gap.replace("_", " "),
        "region": evidence.region,
        "resourceArn": evidence.resource_arn,
        "resourceType": evidence.resource_type,
        "check": evidence.check_id,
        "origin": evidence.origin,
        "runId": evidence.run_id,
        "ledgerLeaf": str(leaf),
        "ledgerEntry": evidence.entry,
        "synthetic": "true" if evidence.synthetic else "",
    }
    everything = {**evidence.attributes, **ours}
    return {name[:100]: cut(value) for name, value in everything.items() if value}


def _added(caller: Caller, item: ManualItem) -> dict[str, Any]:
    body = item.body
    attributes = {
        "fileName": body.get("fileName", ""),
        "s3ResourcePath": body.get("s3ResourcePath", ""),
        "textResponse": body.get("textResponse", ""),
        "sha256": body.get("sha256", ""),
        "bytes": str(body.get("size", "")),
        "state": body["state"],
        "why": body.get("why", ""),
        "addedBy": body["createdBy"],
    }
    text = body.get("textResponse", "")
    shown = {
        "id": item.id,
        "dataSource": control_sources([]),
        "evidenceAwsAccountId": caller.account_id,
        "awsAccountId": caller.account_id,
        "time": item.time,
        "eventName": "manual",
        "evidenceByType": "Manual",
        "resourcesIncluded": [{"value": _line(text)}] if text else [],
        "attributes": {name: cut(value) for name, value in attributes.items() if value},
        "iamId": _iam(body["createdBy"]),
        "complianceCheck": Verdict.NOT_APPLICABLE.value,
    }
    return {name: value for name, value in shown.items() if value != ""}


def _iam(arn: str) -> str:
    return arn if ":iam:" in arn and _MIN_ARN <= len(arn) <= MAX_TEXT else ""


def cut(text: str) -> str:
    """Return an attribute's value as long as the model allows, marked where it was cut."""
    return text if len(text) <= MAX_ATTRIBUTE else text[: MAX_ATTRIBUTE - 1] + "…"


def _line(text: str) -> str:
    """Return a text as the model's String allows: one line, at most 2048 characters."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


HANDLERS: Mapping[str, Operation] = {
    "GetEvidence": get_evidence,
    "GetEvidenceByEvidenceFolder": get_evidence_by_evidence_folder,
}
