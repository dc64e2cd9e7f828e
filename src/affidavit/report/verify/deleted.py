"""Evidence that was deleted, as the ledger itself says: when, by whom, why, and which leaves.

A change record (object type EVIDENCE, action DELETE) names the leaves whose records are gone; their
hashes stay, and so do the run records that count them. A run whose leaves such a record covers has
no evidence in a report, and its absence is told, not refused. What no record tells of is omitted.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .canonical import load
from .failure import VerificationError
from .runs import read_time

_PLACE = ("firstLeaf", "rows")


class Deletion(NamedTuple):
    """A record of the ledger that says what was deleted."""

    leaf: int
    """Of the record: it speaks of what stands before it."""
    assessment: str
    time: str
    by: str
    why: str
    leaves: tuple[tuple[int, int], ...]
    """First leaf and the one behind the last, of each stretch, in order."""

    def covers(self, first: int, end: int) -> bool:
        """Tell whether all leaves from `first` to before `end` are named."""
        for start, behind in self.leaves:
            if start <= first < behind:
                first = behind
        return first >= end

    def said(self) -> dict[str, Any]:
        """Return when, by whom and why, and where that stands."""
        return {"leaf": self.leaf, "time": self.time, "by": self.by, "why": self.why}


def deletion_in(leaf: int, record: Mapping[str, Any], where: str) -> Deletion | None:
    """Return what a record at `leaf` says was deleted; None where it says nothing of it."""
    told = record.get("kind"), record.get("object_type"), record.get("action")
    if told != ("change", "EVIDENCE", "DELETE"):
        return None
    try:
        details = load(str(record["details"]).encode(), where)
        read_time(record["time"], where)
        places = [tuple(int(one[name]) for name in _PLACE) for one in details["segments"]]
        return Deletion(
            leaf=leaf,
            assessment=str(record["assessment_id"]),
            time=str(record["time"]),
            by=str(record["by"]),
            why=str(details["why"]),
            leaves=tuple(sorted((first, first + rows) for first, rows in places)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(where, "says that evidence was deleted, but not which") from error


def of_run(record: Mapping[str, Any], leaf: int, deletions: Iterable[Deletion]) -> Deletion | None:
    """Return the record by which the evidence of the run at `leaf` was deleted, if there is one."""
    first = int(record["first_leaf"])
    for one in deletions:
        same = one.assessment == record["assessment_id"]
        if same and leaf < one.leaf and first < leaf and one.covers(first, leaf):
            return one
    return None
