"""Where records stand in the ledger, for engines that cannot tell from which row they come.

A record is hashed anew and its hash looked for among the leaves of the segments that can hold it:
what the engine gave is the record that was logged, or it is refused.
"""

from collections.abc import Sequence
from hashlib import sha256

from affidavit.errors import StoreDamagedError
from affidavit.ledger.tree import HASH_SIZE
from affidavit.model.canonical import canonical
from affidavit.model.evidence import Evidence
from affidavit.store import SegmentFile
from affidavit.store.log import Log


class Places:
    """Looks leaves up in one tenant's log; the leaves of a segment are read once."""

    def __init__(self, log: Log, files: Sequence[SegmentFile]) -> None:
        self._log = log
        self._files = files
        self._leaves: dict[int, bytes] = {}

    def leaf(self, evidence: Evidence) -> int:
        """Return the leaf of a record; `StoreDamagedError` where it was not logged so."""
        entry = sha256(canonical(evidence.to_json())).digest()
        for file in self._files:
            if not _may_hold(file, evidence):
                continue
            for first, number in file.leaves():
                at = _place(self._of(first, number), entry)
                if at is not None:
                    return first + at
        raise StoreDamagedError(
            f"The engine gave a record {evidence.id} that is not in the ledger",
            why="Its hash is no leaf of the segments that were searched: what the engine reads is "
            "not what was committed.",
            todo="Run `affidavit ledger verify`, and check which files the engine reads.",
        )

    def _of(self, first: int, number: int) -> bytes:
        if first not in self._leaves:
            self._leaves[first] = self._log.entries(first, number)
        return self._leaves[first]


def _may_hold(file: SegmentFile, evidence: Evidence) -> bool:
    return (
        file.assessment_id == evidence.assessment_id
        and file.min_time <= evidence.time <= file.max_time
        and file.min_id <= evidence.id <= file.max_id
    )


def _place(leaves: bytes, entry: bytes) -> int | None:
    """Return the number of the leaf that is `entry`, or None."""
    at = leaves.find(entry)
    while at >= 0:
        number, rest = divmod(at, HASH_SIZE)
        if not rest:
            return number
        at = leaves.find(entry, at + 1)
    return None
