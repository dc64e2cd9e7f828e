"""Evidence folders: one for each control and UTC day, with counters by type.

The rows of the `folder` table say which folders there are. The finer counters are read from the
segments, which never change: each segment is counted once a process, over five columns.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any, Self

import sqlalchemy as sa

from affidavit.errors import StoreDamagedError
from affidavit.store.database import Database
from affidavit.store.schema import folder as table
from affidavit.store.schema import segment
from affidavit.store.segment_places import SegmentPlaces

KEPT: int = 2048
"""Segments whose counters are kept in memory: some KB each."""
_KEY_BYTES: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderKey:
    """A folder of committed evidence."""

    control_id: str
    """As the evidence names it."""
    control_set_id: str
    day: date


@dataclass(slots=True)
class FolderCounts:
    """What is in a folder, or in a part of one."""

    evidence: int = 0
    types: Counter[str] = field(default_factory=Counter)
    """Records by evidenceByType."""
    issues: int = 0
    """Records with the verdict NON_COMPLIANT."""
    resources: int = 0
    """Records that name a resource."""
    sources: set[tuple[str, str]] = field(default_factory=set)
    """(source type, keyword) of every source that gave a record."""

    def add(self, more: Self) -> None:
        """Add another part's counters."""
        self.evidence += more.evidence
        self.types += more.types
        self.issues += more.issues
        self.resources += more.resources
        self.sources |= more.sources


class FolderReader:
    """The folders of all assessments; safe to share between threads."""

    def __init__(self, database: Database, places: SegmentPlaces) -> None:
        self._database = database
        self._places = places
        self._lock = Lock()
        self._counted: OrderedDict[str, Mapping[str, FolderCounts]] = OrderedDict()

    def every(self, assessment_id: str, control_id: str | None = None) -> Sequence[FolderKey]:
        """Return the assessment's folders, only one control's if given, the newest day first."""

        def read() -> Sequence[FolderKey]:
            chosen = sa.select(table.c.control_id, table.c.control_set_id, table.c.day)
            chosen = chosen.where(table.c.assessment_id == assessment_id)
            if control_id is not None:
                chosen = chosen.where(table.c.control_id == control_id)
            chosen = chosen.order_by(table.c.day.desc(), table.c.control_id)
            with self._database.read() as connection:
                return [
                    FolderKey(
                        control_id=row.control_id,
                        control_set_id=row.control_set_id,
                        day=date.fromisoformat(row.day),
                    )
                    for row in connection.execute(chosen)
                ]

        place = ("folders", assessment_id, control_id)
        return self._database.recent.get(place, read, lambda keys: _KEY_BYTES * len(keys))

    def counts(
        self, assessment_id: str, days: Iterable[date], below: int | None = None
    ) -> dict[tuple[str, date], FolderCounts]:
        """Return (control, day) -> counters of these days; only of leaves `below` where given.

        A run's leaves follow one another, so a segment is either wholly below a size that the log
        once had, or not at all.
        """
        wanted = [day.isoformat() for day in days]
        chosen = sa.select(segment).where(
            segment.c.assessment_id == assessment_id, segment.c.day.in_(wanted)
        )
        if below is not None:
            chosen = chosen.where(segment.c.first_leaf < below)
        with self._database.read() as connection:
            rows = list(connection.execute(chosen))
        found: dict[tuple[str, date], FolderCounts] = {}
        for row in rows:
            day = date.fromisoformat(row.day)
            for control, counts in self._of_segment(row).items():
                found.setdefault((control, day), FolderCounts()).add(counts)
        return found

    def _of_segment(self, row: sa.Row[Any]) -> Mapping[str, FolderCounts]:
        with self._lock:
            known = self._counted.get(row.digest)
            if known is not None:
                self._counted.move_to_end(row.digest)
                return known
        path = self._places.local(row.path, row.file)
        self._places.intact.check(path, row.file)
        counted = _count(path, row.first_row, row.rows)
        with self._lock:
            self._counted[row.digest] = counted
            while len(self._counted) > KEPT:
                self._counted.popitem(last=False)
        return counted


_COLUMNS = ("control_id", "evidence_type", "verdict", "source_type", "keyword")


def _count(path: Path, first_row: int, rows: int) -> Mapping[str, FolderCounts]:
    """Return control -> counters of one segment; `StoreDamagedError` where it cannot be read."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        read = pq.read_table(path, columns=[*_COLUMNS, "resource_arn"]).slice(first_row, rows)
    except (pa.ArrowException, OSError) as error:
        raise StoreDamagedError(
            f"The segment {path} cannot be counted",
            why=str(error),
            todo="Restore the file from a backup: its name is its SHA-256.",
        ) from error
    named = pc.cast(pc.not_equal(read.column("resource_arn"), ""), pa.int64())
    read = read.append_column("named", named)
    grouped = read.group_by(list(_COLUMNS)).aggregate([("named", "sum"), ("named", "count")])
    found: dict[str, FolderCounts] = {}
    for row in grouped.to_pylist():
        counts = found.setdefault(row["control_id"], FolderCounts())
        number = row["named_count"]
        counts.evidence += number
        counts.types[row["evidence_type"]] += number
        counts.issues += number if row["verdict"] == "NON_COMPLIANT" else 0
        counts.resources += row["named_sum"]
        counts.sources.add((row["source_type"], row["keyword"]))
    return found
