"""Everything that a person can download: reports, exports and samples, the newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from affidavit.model.times import parse
from affidavit.operations import evidence_exports, looking
from affidavit.operations.assessed import is_assigned
from affidavit.operations.assessment_reports import KIND as REPORT
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.finding import OPERATION
from affidavit.store.documents import Document

MOST: Final = 200
"""Of each kind that are listed."""
_REPORTS: Final = "ListAssessmentReports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One thing to download."""

    kind: Literal["report", "export", "sample"]
    id: str
    assessment_id: str
    """Of a report."""
    name: str
    detail: str
    """The assessment of a report, the query of an export."""
    status: str
    why: str
    """Why it failed."""
    created: datetime
    by: str
    size: int
    """Bytes; 0 where that was not noted."""
    sha256: str
    expires: datetime | None
    """None: kept until it is deleted, or not complete yet."""
    rows: int
    total: int
    """Rows written, of how many; 0 of 0 where nothing is counted."""

    @property
    def is_being_made(self) -> bool:
        """Tell whether it is on its way."""
        return self.status == "IN_PROGRESS"


def listed(context: Context, caller: Caller) -> list[Download]:
    """Return what the caller may download: reports of the own assessments, the own exports."""
    looking.require(context, caller, OPERATION)
    exports = evidence_exports.listed(context, caller)[:MOST]
    found = [*_reports(context, caller), *map(_export, exports)]
    return sorted(found, key=lambda one: (one.created, one.id), reverse=True)


def _reports(context: Context, caller: Caller) -> Iterator[Download]:
    allowed = scope(caller.role, _REPORTS)
    if allowed is Scope.DENY:
        return
    every = context.store.documents.every(caller.tenant, REPORT, newest_first=True)
    known: dict[str, bool] = {}
    for one in every[:MOST]:
        if one.parent not in known:
            known[one.parent] = allowed is Scope.ALLOW or is_assigned(context, caller, one.parent)
        if known[one.parent]:
            yield _report(one)


def _report(document: Document) -> Download:
    body = document.body
    return Download(
        kind="report",
        id=document.id,
        assessment_id=document.parent,
        name=body["name"],
        detail=body["assessmentName"],
        status=body["status"],
        why=body.get("_reason", ""),
        created=parse(body["creationTime"]),
        by=body["author"],
        size=body.get("_bytes", 0),
        sha256=body.get("_sha256", ""),
        expires=None,
        rows=0,
        total=0,
    )


def _export(document: Document) -> Download:
    body = document.body
    return Download(
        kind="sample" if body["sample"] else "export",
        id=document.id,
        assessment_id="",
        name=f"{body['name']} ({body['format']})",
        detail=body["query"],
        status=body["status"],
        why=body["why"],
        created=parse(body["requestedAt"]),
        by=body["requestedBy"],
        size=body["bytes"],
        sha256=body["sha256"],
        expires=parse(body["expiresAt"]) if body["expiresAt"] else None,
        rows=body["rows"],
        total=body["total"],
    )
