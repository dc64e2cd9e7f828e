"""Manual evidence as it is kept: one document (kind manual_evidence) for each item."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from affidavit.model.times import parse
from affidavit.operations.context import Context
from affidavit.operations.selections import Item
from affidavit.store.documents import Document

KIND: Final = "manual_evidence"
"""Also read by `collector.manual`."""
KEPT: Final = "KEPT"
"""Its content is here, and its digest in the ledger."""
FETCHING: Final = "FETCHING"
"""It is in S3, and not fetched yet."""
FAILED: Final = "FAILED"
"""It could not be fetched from S3; the body says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualItem:
    """One item of manual evidence."""

    id: str
    control_key: str
    """The control as evidence names it."""
    time: datetime
    """When it was added."""
    leaf: int
    """Size of the log before its import was logged: not more than the import's leaf."""
    body: dict[str, Any]

    @property
    def item(self) -> Item:
        """Return it as selections see it."""
        return Item(id=self.id, leaf=self.leaf)


def manual_items(context: Context, tenant: str, assessment_id: str) -> list[ManualItem]:
    """Return an assessment's manual evidence, the oldest first."""
    documents = context.store.documents.every(tenant, KIND, parent=assessment_id)
    return [manual_item(one) for one in documents]


def manual_item(document: Document) -> ManualItem:
    """Return the item that a document keeps."""
    body = document.body
    return ManualItem(
        id=document.id,
        control_key=body["controlKey"],
        time=parse(body["createdAt"]),
        leaf=body["leaf"],
        body=body,
    )
