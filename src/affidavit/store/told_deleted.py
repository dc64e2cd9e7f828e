"""What the ledger itself says was deleted: that is gone, and not damaged."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from affidavit.store.deleting import OBJECT_TYPE as EVIDENCE

MANUAL: Final = "manualEvidence"
"""Member of the details of a control's change that names its manual evidence."""
_IMPORT: Final = "IMPORT_EVIDENCE"


class ToldDeleted:
    """Read from a tenant's change records, in the order of their leaves."""

    def __init__(self, changes: Iterable[Mapping[str, Any]]) -> None:
        self._leaves: set[int] = set()
        """First leaves of segments."""
        self._items: set[str] = set()
        self._assessments: set[str] = set()
        added: set[str] = set()
        for change in changes:
            added.update(item["id"] for item in added_by(change))
            if (change.get("action"), change.get("object_type")) == ("DELETE", "ACCOUNT"):
                self._items |= added  # what the account added until then; it may come back
            if change.get("action") == "DELETE":
                self._take(change)

    def run(self, record: Mapping[str, Any]) -> bool:
        """Tell whether evidence of a run was deleted, and its answers with it."""
        first = record["first_leaf"]
        return not self._leaves.isdisjoint(range(first, first + record["evidence"]))

    def item(self, identifier: str, assessment_id: str) -> bool:
        """Tell whether an item of manual evidence was: by age, with its assessment or account."""
        return identifier in self._items or assessment_id in self._assessments

    def _take(self, change: Mapping[str, Any]) -> None:
        kind, details = change.get("object_type"), json.loads(change.get("details") or "{}")
        if kind == EVIDENCE:
            self._leaves |= {one["firstLeaf"] for one in details["segments"]}
        elif kind == "CONTROL":
            self._items |= {one["id"] for one in details.get(MANUAL, ())}
        elif kind == "ASSESSMENT":
            self._assessments.add(str(change["object_id"]))


def added_by(change: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the items of manual evidence that a change says were added, those with a digest."""
    if change.get("action") != _IMPORT:
        return
    details = json.loads(change.get("details") or "{}")
    yield from (item for item in details.get(MANUAL, ()) if "sha256" in item)
    if "sha256" in details:
        yield {"id": details["id"], "sha256": details["sha256"], "isFile": True}
