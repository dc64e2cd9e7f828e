"""What of an assessment's evidence is selected for its report.

One document (kind selection) for each selected folder and for each evidence selected by itself. A
folder's selection is of what was in it then: later evidence is never added by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from affidavit.operations.context import Context
from affidavit.store.documents import Document

KIND: Final = "selection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An evidence item, as far as a selection needs it."""

    id: str
    leaf: int
    """Its leaf in the tenant's log: its own record's, or its import's for manual evidence."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The selection of one assessment."""

    folders: Mapping[str, Document]
    items: Mapping[str, Document]

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is selected."""
        return not self.folders and not self.items

    def holds(self, folder: str, item: Item) -> bool:
        """Tell whether an evidence item of a folder is selected."""
        return item.id in self.items or self.covers(folder, item)

    def covers(self, folder: str, item: Item) -> bool:
        """Tell whether the item is selected with its folder."""
        whole = self.folders.get(folder)
        if whole is None:
            return False
        return item.leaf < whole.body["leaves"] and item.id not in whole.body["except"]

    def of_folder(self, folder: str) -> list[Document]:
        """Return the selections of single items of a folder."""
        return [one for one in self.items.values() if one.body["folderId"] == folder]

    def days(self) -> list[date]:
        """Return the days that have selected evidence, in order, each once."""
        documents = [*self.folders.values(), *self.items.values()]
        return sorted({date.fromisoformat(one.body["day"]) for one in documents})


def selection(context: Context, tenant: str, assessment_id: str) -> Selection:
    """Return the selection of an assessment."""
    documents = context.store.documents.every(tenant, KIND, parent=assessment_id)
    folders = {one.id: one for one in documents if one.id == one.body["folderId"]}
    return Selection(folders, {one.id: one for one in documents if one.id not in folders})


def of_folder(assessment_id: str, folder: str, day: date, leaves: int) -> Document:
    """Return the document that selects all of a folder whose leaves are below `leaves`."""
    members: dict[str, Any] = {"leaves": leaves, "except": []}
    return _document(assessment_id, folder, folder, day, members)


def of_item(assessment_id: str, folder: str, day: date, item: Item) -> Document:
    """Return the document that selects one item."""
    return _document(assessment_id, item.id, folder, day, {"leaf": item.leaf})


def _document(
    assessment_id: str, identifier: str, folder: str, day: date, members: dict[str, Any]
) -> Document:
    body = {"folderId": folder, "day": day.isoformat(), **members}
    return Document(kind=KIND, id=identifier, parent=assessment_id, body=body)
