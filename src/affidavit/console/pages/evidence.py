"""An evidence folder, and one item of it with its proof."""

import json
from typing import Any, Final

from starlette.responses import Response

from affidavit.console.page import Page, path_to
from affidavit.console.views import act, attachment, view
from affidavit.operations import proofs
from affidavit.operations.assessed import assessed
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.origins import is_synthetic
from affidavit.operations.proofs import EvidenceDetails

ITEMS: Final = 100
"""Items of a page."""
_MAX_SHOWN: Final = 200_000
"""Characters of an answer that are shown."""
_BATCH: Final = 50
"""Items that the API takes at once."""


def show_folder(page: Page) -> Response:
    """Show what a folder holds."""
    assessment, folder = page.identifier("assessment"), page.identifier("folder")
    found = page.ask(
        "GetEvidenceFolder",
        assessmentId=assessment,
        evidenceFolderId=folder,
        controlSetId=folder,
    )
    items = page.ask(
        "GetEvidenceByEvidenceFolder",
        assessmentId=assessment,
        controlSetId=folder,
        evidenceFolderId=folder,
        maxResults=ITEMS,
        nextToken=page.query("next") or None,
    )
    return page.show(
        "evidence/folder.html",
        folder=found["evidenceFolder"],
        assessment=assessed(page.context, page.caller, "GetEvidenceFolder", assessment).name,
        items=items["evidence"],
        synthetic=is_synthetic(
            page.context, page.caller.tenant, {assessment}, found["evidenceFolder"]["date"].date()
        ),
        token=items.get("nextToken", ""),
    )


def select(page: Page) -> Response:
    """Add to the report selection, or take out of it: the whole folder or what is checked."""
    page.require("AssociateAssessmentReportEvidenceFolder")
    assessment, folder = page.identifier("assessment"), page.identifier("folder")
    adding = page.form.text("do").startswith("add")
    if page.form.text("do") in ("add-all", "drop-all"):
        verb = "Associate" if adding else "Disassociate"
        page.ask(
            f"{verb}AssessmentReportEvidenceFolder",
            assessmentId=assessment,
            evidenceFolderId=folder,
        )
    chosen = page.form.many("item") if page.form.text("do") in ("add", "drop") else []
    for first in range(0, len(chosen), _BATCH):
        verb = "BatchAssociate" if adding else "BatchDisassociate"
        page.ask(
            f"{verb}AssessmentReportEvidence",
            assessmentId=assessment,
            evidenceFolderId=folder,
            evidenceIds=chosen[first : first + _BATCH],
        )
    path = path_to("assessments", assessment, "folders", folder)
    return page.go(path, "selected" if adding else "unselected")


def _details(page: Page) -> EvidenceDetails:
    return proofs.evidence_details(
        page.context,
        page.caller,
        page.identifier("assessment"),
        page.identifier("folder"),
        page.identifier("item"),
    )


def show_item(page: Page) -> Response:
    """Show one item; with `verify`, its place in the ledger is recomputed."""
    one = _details(page)
    steps = proofs.verified(page.context, page.caller, one) if page.query("verify") else []
    return page.show("evidence/item.html", one=one, steps=steps, text=_text)


def _text(value: Any) -> str:
    """Return a part of an answer as indented JSON, cut where it is very long."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}\n…"


def download(page: Page) -> Response:
    """Send the file of manual evidence: only ever as an attachment."""
    found = proofs.manual_file(page.context, page.caller, _details(page))
    if found is None:
        raise NotFoundFault(page.part("item"), "file")
    return attachment(*found, "application/octet-stream")


_FOLDER = "/assessments/{assessment}/folders/{folder}"
VIEWS = (
    view(_FOLDER, show_folder, "Evidence folder"),
    act(f"{_FOLDER}/selection", select, show_folder),
    view(f"{_FOLDER}/evidence/{{item}}", show_item, "Evidence, with its proof"),
    view(f"{_FOLDER}/evidence/{{item}}/file", download, ""),
)
