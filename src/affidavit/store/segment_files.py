"""Which segments a question needs: by tenant and assessment always, by time and id where known.

Only what the database names is evidence: its commit is the commit, and a file beside it is none.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from affidavit.errors import StoreError
from affidavit.store.database import Database
from affidavit.store.places import check_tenant, from_micros, micros
from affidavit.store.schema import segment as table
from affidavit.store.segment_places import SegmentPlaces

_FILE_BYTES: Final = 1024
"""About what a `SegmentFile` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What evidence is wanted. Whose, and of which assessments, cannot be left out."""

    tenant: str
    assessments: tuple[str, ...]
    first_time: datetime | None = None
    """None: from the beginning."""
    end_time: datetime | None = None
    """Exclusive; None: to the end."""
    first_id: str = ""
    last_id: str = ""
    """Inclusive; empty: any."""
    below: int | None = None
    """Only leaves of the log's first so many; None: all that is committed."""

    def __post_init__(self) -> None:
        check_tenant(self.tenant)
        if not self.assessments:
            raise StoreError(
                "No assessment was named", why="Evidence is read of named assessments only."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """A file of committed evidence, one segment or a day's compacted: what it can hold."""

    digest: str
    """SHA-256 of the file, hexadecimal."""
    name: str
    """Below the tenant's folder of objects: what a person is told, who need not know the server."""
    path: Path
    """Where it is, or will be once it was fetched."""
    fetch: Callable[[], Path] = field(repr=False, compare=False)
    """Brings it there, if it lies elsewhere; `StoreError` says what cannot be had, and why."""
    url: str = ""
    """Where it lies in a bucket, as it is; empty where it is on a disk, or sealed."""
    tenant: str
    assessment_id: str
    day: str
    rows: int
    first_leaf: int
    min_time: datetime
    max_time: datetime
    """Inclusive, like all four bounds."""
    min_id: str
    max_id: str
    parts: tuple[tuple[int, int], ...] = ()
    """(first row, first leaf) of each segment that the file holds, in order; empty: of only one."""

    def leaves(self) -> list[tuple[int, int]]:
        """Return (first leaf, number) of each segment that the file holds, in order."""
        parts = self.parts or ((0, self.first_leaf),)
        ends = [first_row for first_row, _ in parts[1:]] + [self.rows]
        return [(leaf, end - row) for (row, leaf), end in zip(parts, ends, strict=True)]

    def leaf(self, row: int) -> int:
        """Return the leaf of a row of the file."""
        if not self.parts:
            return self.first_leaf + row
        first_row, first_leaf = self.parts[bisect_right(self.parts, row, key=itemgetter(0)) - 1]
        return first_leaf + row - first_row


class SegmentFiles:
    """The list of segments of all tenants, read one tenant at a time."""

    def __init__(self, database: Database, places: SegmentPlaces) -> None:
        self._database = database
        self._places = places

    def of(self, chosen: Chosen) -> list[SegmentFile]:
        """Return the files that may hold what is chosen, the newest times first.

        `StoreError` where leaves that are chosen were compacted with later ones: who asked first
        when fewer were logged, and goes on now, has to ask again.
        """
        place = ("segment files", chosen)
        found = self._database.recent.get(
            place, lambda: self._read(chosen), lambda files: _FILE_BYTES * len(files)
        )
        return list(found)

    def _read(self, chosen: Chosen) -> list[SegmentFile]:
        files = sa.select(table.c.file).where(*_where(chosen))
        wanted = sa.select(table).where(table.c.file.in_(files))
        by_file: dict[str, list[sa.Row[Any]]] = {}
        with self._database.read() as connection:
            for row in connection.execute(wanted.order_by(table.c.first_row)):
                by_file.setdefault(row.file, []).append(row)
        found = [self._file(rows) for rows in by_file.values()]
        if chosen.below is not None:
            _refuse_later(found, chosen.below)
        return sorted(found, key=lambda one: (one.max_time, one.first_leaf), reverse=True)

    def _file(self, rows: list[sa.Row[Any]]) -> SegmentFile:
        one = rows[0]
        return SegmentFile(
            digest=one.file,
            name=one.path.removeprefix(f"{one.tenant}/"),
            path=self._places.path(one.path, one.file),
            fetch=partial(self._places.local, one.path, one.file),
            url=self._places.url(one.path),
            tenant=one.tenant,
            assessment_id=one.assessment_id,
            day=one.day,
            rows=sum(row.rows for row in rows),
            first_leaf=one.first_leaf,
            min_time=from_micros(min(row.min_time for row in rows)),
            max_time=from_micros(max(row.max_time for row in rows)),
            min_id=min(row.min_id for row in rows),
            max_id=max(row.max_id for row in rows),
            parts=tuple((row.first_row, row.first_leaf) for row in rows) if len(rows) > 1 else (),
        )


def _refuse_later(files: list[SegmentFile], below: int) -> None:
    for one in files:
        if any(first_leaf >= below for _, first_leaf in one.parts):
            raise StoreError(
                f"The evidence of {one.day} was compacted since the question was first asked",
                why=f"Its file now holds later evidence than the first {below} leaves of the log.",
                todo="Ask the question again, from its first page.",
            )


def _where(chosen: Chosen) -> list[sa.ColumnElement[bool]]:
    where = [table.c.tenant == chosen.tenant, table.c.assessment_id.in_(chosen.assessments)]
    if chosen.first_time is not None:
        where.append(table.c.max_time >= micros(chosen.first_time))
    if chosen.end_time is not None:
        where.append(table.c.min_time < micros(chosen.end_time))
    if chosen.first_id:
        where.append(table.c.max_id >= chosen.first_id)
    if chosen.last_id:
        where.append(table.c.min_id <= chosen.last_id)
    if chosen.below is not None:
        where.append(table.c.first_leaf < chosen.below)
    return where
