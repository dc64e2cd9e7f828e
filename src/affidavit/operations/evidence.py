"""Evidence items in Audit Manager's shape.

What Audit Manager's shape has no member for (the reason in words, the gap, the check, the leaf of
the ledger) stands in `attributes`, and the reason in full beside the resource.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from affidavit.model.verdict import Verdict
from affidavit.operations.answers import Fixed
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
from affidavit.store.evidence_pages import PageRow

MAX_ATTRIBUTE: Final = 200
"""The model's longest EvidenceAttributeValue."""
MAX_TEXT: Final = 2048
AFTER_SIGN_OFF: Final = "after sign-off"
"""The mark of evidence that is later than its control's review."""
_MIN_ARN: Final = 20
_MAX_SOURCE: Final = 40
_MAX_NAME: Final = 100
_LEAF: Final = "leaf "
_LEAF_DIGITS: Final = 15

_OURS: Final = frozenset(
    {
        *("reason", "gap", "region", "resourceArn", "resourceType", "check", "origin", "runId"),
        *("ledgerLeaf", "ledgerEntry", "synthetic"),
    }
)
"""Attributes that say what our record has and Audit Manager's shape has no member for."""
_AT_ONCE: Final = 500
"""Records that are read at once where a whole folder is walked."""

Found = tuple[int, PageRow] | ManualItem
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
    page, more = pages.cut(_behind(context, found, folder, pages), _place)
    chosen = selection(context, caller.tenant, found.id)
    return {"evidence": [_shown(caller, folder, chosen, one) for one in page], **more}


def items_of(context: Context, found: Assessed, folder: Folder) -> Iterator[Found]:
    """Yield a folder's evidence; only the rows of its day and control are read."""
    leaf = -1
    while rows := _rows(context, found, folder, leaf, _AT_ONCE):
        yield from rows
        leaf = rows[-1][0]
    yield from _manual(folder)


def _behind(context: Context, found: Assessed, folder: Folder, pages: Pages) -> list[Found]:
    """Return what stands behind the last page: as much as this one takes, and one more."""
    after, limit = pages.after, pages.limit + 1
    rest: list[Found] = []
    if after is None or after[0].startswith(_LEAF):
        leaf = int(after[0].removeprefix(_LEAF)) if after else -1
        rest += _rows(context, found, folder, leaf, limit)
    manual = (one for one in _manual(folder) if after is None or _place(one) > after)
    return [*rest, *islice(manual, limit - len(rest))]


def _rows(
    context: Context, found: Assessed, folder: Folder, after: int, limit: int
) -> list[tuple[int, PageRow]]:
    pages, control = context.store.evidence_pages, folder.control.key
    return pages.rows(found.id, folder.day, control, after, limit)


def _manual(folder: Folder) -> list[ManualItem]:
    return sorted(folder.manual, key=lambda item: (item.time, item.id))


def identity(one: Found) -> Item:
    """Return an item as selections see it."""
    if isinstance(one, ManualItem):
        return one.item
    leaf, evidence = one
    return Item(id=evidence.id, leaf=leaf)


def _place(one: Found) -> tuple[str, str]:
    if isinstance(one, ManualItem):
        return f"manual {one.time.isoformat()}", one.id
    return f"{_LEAF}{one[0]:0{_LEAF_DIGITS}}", one[1].id


def _shown(caller: Caller, folder: Folder, chosen: Selection, one: Found) -> Mapping[str, Any]:
    selected = not chosen.is_empty and chosen.holds(folder.id, identity(one))
    reviewed = folder.control.reviewed_at
    if isinstance(one, ManualItem):
        late = reviewed is not None and one.time > reviewed
        return _in_folder(_added(caller, one), folder, selected=selected, late=late)
    leaf, evidence = one
    late = reviewed is not None and evidence.time > reviewed
    known: Fixed | None = evidence.made.get((folder.id, selected, late))
    if known is None:
        made = _in_folder(_collected(leaf, evidence), folder, selected=selected, late=late)
        known = evidence.made[folder.id, selected, late] = Fixed(made)
    return known


def _in_folder(
    shown: dict[str, Any], folder: Folder, *, selected: bool, late: bool
) -> dict[str, Any]:
    """Return an item with what it is in its folder: selected, and later than the sign-off."""
    if late:
        shown["attributes"]["review"] = AFTER_SIGN_OFF
    shown["evidenceFolderId"] = folder.id
    shown["assessmentReportSelection"] = "Yes" if selected else "No"
    return shown


def _collected(leaf: int, evidence: PageRow) -> dict[str, Any]:
    verdict = evidence.verdict
    shown = {
        "id": evidence.id,
        "evidenceAwsAccountId": evidence.account_id,
        "awsAccountId": evidence.account_id,
        "time": evidence.time,
        **_of_source(evidence.source_type, evidence.keyword),
        "evidenceByType": evidence.evidence_type,
        "resourcesIncluded": _resources(evidence),
        "attributes": _attributes(leaf, evidence),
        "complianceCheck": verdict,
    }
    if actor := _iam(evidence.attributes.get("actor", "")):
        shown["iamId"] = actor
    return shown


@lru_cache(maxsize=4096)
def _of_source(source_type: str, keyword: str) -> Mapping[str, str]:
    """Return what a source says of all its evidence; do not change it."""
    kind, shown = _keyword(source_type, keyword)
    name = shown.partition("_")[2] if kind in ("AWS_API_Call", "AWS_Cloudtrail") else shown
    members = {
        "dataSource": control_sources([{"sourceType": kind}]),
        "eventSource": _event_source(service_of(source_type, keyword)),
        "eventName": name[:_MAX_NAME],
    }
    return {name: value for name, value in members.items() if value}


def _keyword(source_type: str, keyword: str) -> tuple[str, str]:
    """Return the source's type and keyword as the API shows them."""
    for kind, shown in SHOWN_AS.items():
        if source_type == kind.value:
            return shown
    return source_type, keyword


def _event_source(service: str) -> str:
    name = f"{service}.amazonaws.com"
    return (name if len(name) <= _MAX_SOURCE else service[:_MAX_SOURCE]) if service else ""


def _resources(evidence: PageRow) -> list[dict[str, Any]]:
    resource = {"value": _line(evidence.reason), "complianceCheck": evidence.verdict}
    arn = evidence.resource_arn
    if arn.startswith("arn:") and _MIN_ARN <= len(arn) <= MAX_TEXT:
        resource["arn"] = arn
    elif not arn:
        return [resource] if evidence.verdict != Verdict.NOT_APPLICABLE.value else []
    return [resource]


def _attributes(leaf: int, evidence: PageRow) -> dict[str, str]:
    """Return the attributes of the collector, then ours, which go before them; none that is empty.

    A loop over pairs: this is the costliest part of a page of evidence.
    """
    shown = {
        name[:_MAX_NAME]: cut(value)
        for name, value in evidence.attributes.items()
        if value and name not in _OURS
    }
    ours = (
        ("reason", evidence.reason),
        ("gap", evidence.gap and evidence.gap.replace("_", " ")),
        ("region", evidence.region),
        ("resourceArn", evidence.resource_arn),
        ("resourceType", evidence.resource_type),
        ("check", evidence.check_id),
        ("origin", evidence.origin),
        ("runId", evidence.run_id),
        ("ledgerLeaf", str(leaf)),
        ("ledgerEntry", evidence.entry.hex()),
        ("synthetic", "true" if evidence.synthetic else ""),
    )
    for name, value in ours:
        if value:
            shown[name] = value if len(value) <= MAX_ATTRIBUTE else cut(value)
    return shown


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


@lru_cache(maxsize=4096)
def _line(text: str) -> str:
    """Return a text as the model's String allows: one line, at most 2048 characters."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


HANDLERS: Mapping[str, Operation] = {
    "GetEvidence": get_evidence,
    "GetEvidenceByEvidenceFolder": get_evidence_by_evidence_folder,
}
