"""Which segments a question needs: by tenant and assessment always, by time and id where known.

Only what the database names is evidence: its commit is the commit, and a file beside it is none.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from affidavit.errors import StoreError
from affidavit.store.database import Database
from affidavit.store.places import check_tenant, from_micros, micros
from affidavit.store.schema import segment as table


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
    """A committed segment: where it lies and what it can hold."""

    digest: str
    """SHA-256 of the file, hexadecimal."""
    path: Path
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


class SegmentFiles:
    """The list of segments of all tenants, read one tenant at a time."""

    def __init__(self, database: Database, objects: Path) -> None:
        self._database = database
        self._objects = objects

    def of(self, chosen: Chosen) -> list[SegmentFile]:
        """Return the segments that may hold what is chosen, the newest times first."""
        wanted = sa.select(table).where(*_where(chosen))
        wanted = wanted.order_by(table.c.max_time.desc(), table.c.first_leaf.desc())
        with self._database.read() as connection:
            return [self._file(row) for row in connection.execute(wanted)]

    def _file(self, row: sa.Row[Any]) -> SegmentFile:
        return SegmentFile(
            digest=row.digest,
            path=self._objects / row.path,
            tenant=row.tenant,
            assessment_id=row.assessment_id,
            day=row.day,
            rows=row.rows,
            first_leaf=row.first_leaf,
            min_time=from_micros(row.min_time),
            max_time=from_micros(row.max_time),
            min_id=row.min_id,
            max_id=row.max_id,
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
