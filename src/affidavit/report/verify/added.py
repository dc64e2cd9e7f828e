"""Items of manual evidence as the ledger tells of them, from its change records in their order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .canonical import load
from .failure import VerificationError

FOLDER = "manual/"
KEPT = "KEPT"
_ADDED, _DELETED = ("change", "IMPORT_EVIDENCE"), ("change", "DELETE")
_TOLD = "manualEvidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item, as the ledger tells of it."""

    leaf: int
    """Of the record that tells of its import."""
    id: str
    control_id: str
    control: str
    file_name: str
    """Empty for a text."""
    size: int
    digest: str
    """SHA-256 of its content, hexadecimal; empty while it is not here."""
    time: str
    by: str
    state: str
    """KEPT, FETCHING, FAILED or DELETED."""
    fetched_from: str
    deleted: str = ""
    """When, by whom and why it was deleted, as a record of the ledger says."""

    @property
    def is_text(self) -> bool:
        """Tell whether it is a text that somebody wrote."""
        return not self.file_name

    @property
    def path(self) -> str:
        """Return where its file lies in a package that includes files."""
        ending = self.file_name.rpartition(".")[2].lower()
        return f"{FOLDER}{self.digest}.{ending}" if ending.isalnum() else FOLDER + self.digest

    @property
    def has_text(self) -> bool:
        """Tell whether it is a text that is kept."""
        return self.is_text and self.state == KEPT

    @property
    def is_file(self) -> bool:
        """Tell whether it is a file whose content is here."""
        return not self.is_text and self.state == KEPT


class Items:
    """The items of an assessment, from the records of the ledger in their order."""

    def __init__(self, assessment: str) -> None:
        self._assessment = assessment
        self._items: dict[str, Item] = {}

    def add(self, leaf: int, record: Mapping[str, Any], where: str) -> None:
        """Take in what a record tells of manual evidence, if it does."""
        if not is_told(record, self._assessment):
            return
        try:
            details = load(str(record["details"]).encode(), where)
            if record["action"] == _DELETED[1]:
                self._delete(record, details)
            else:
                self._import(leaf, record, details)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise VerificationError(where, "does not say what was added") from error

    def _import(self, leaf: int, record: Mapping[str, Any], details: Mapping[str, Any]) -> None:
        for told in details.get(_TOLD, ()):
            self._items.setdefault(str(told["id"]), _item(leaf, record, told))
        known = self._items.get(details.get("id", ""))
        if known is not None:
            self._items[known.id] = _finished(known, details)

    def _delete(self, record: Mapping[str, Any], details: Mapping[str, Any]) -> None:
        for told in details.get(_TOLD, ()):
            known = self._items.get(str(told["id"]))
            if known is not None:
                said = f"{record['time']} by {record['by']}: {details['why']}"
                self._items[known.id] = replace(known, state="DELETED", deleted=said)

    def listed(self, chosen: Iterable[str] | None) -> list[Item]:
        """Return all items, or the chosen ones, in the order in which they were logged."""
        wanted = None if chosen is None else set(chosen)
        found = [one for one in self._items.values() if wanted is None or one.id in wanted]
        return sorted(found, key=lambda one: (one.leaf, one.id))


def _item(leaf: int, record: Mapping[str, Any], told: Mapping[str, Any]) -> Item:
    return Item(
        leaf=leaf,
        id=str(told["id"]),
        control_id=str(record["object_id"]),
        control=str(record["object_name"]),
        file_name=str(told.get("fileName", "")),
        size=int(told.get("size", 0)),
        digest=str(told.get("sha256", "")),
        time=str(record["time"]),
        by=str(record["by"]),
        state=str(told["state"]),
        fetched_from=str(told.get("s3ResourcePath", "")),
    )


def _finished(known: Item, told: Mapping[str, Any]) -> Item:
    """Return an item after it was fetched, or could not be; what is here stays as it is."""
    if known.state != "FETCHING":
        return known
    digest, size = str(told.get("sha256", "")), int(told.get("size", 0))
    return replace(known, state=str(told["state"]), digest=digest, size=size)


def is_told(record: Mapping[str, Any], assessment: str) -> bool:
    """Tell whether a record of the ledger tells of manual evidence of an assessment.

    That some was added, was fetched or could not be, or was deleted.
    """
    told = record.get("kind"), record.get("action")
    deleted = told == _DELETED and record.get("object_type") == "CONTROL"
    return (told == _ADDED or deleted) and record.get("assessment_id") == assessment
