"""Evidence as committed: streamed from the segments that the database names, in leaf order."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from affidavit.model.evidence import Evidence
from affidavit.store.database import Database
from affidavit.store.schema import folder, run
from affidavit.store.schema import segment as table
from affidavit.store.segment_places import SegmentPlaces
from affidavit.store.segments import read_segment


class EvidenceReader:
    """The committed evidence of all assessments. Segments are checked before they are read."""

    def __init__(self, database: Database, places: SegmentPlaces) -> None:
        self._database = database
        self._places = places

    def between(
        self, assessment_id: str, first_day: date, last_day: date, control: str | None
    ) -> Iterator[tuple[int, Evidence]]:
        """Yield (leaf, record) of a period; memory stays flat."""
        days = table.c.day.between(first_day.isoformat(), last_day.isoformat())
        for row in self._segments(table.c.assessment_id == assessment_id, days):
            for number, found in read_segment(
                self._places.local(row.path, row.file),
                row.file,
                None if control is None else ("control_id", control),
                part=(row.first_row, row.rows),
            ):
                yield row.first_leaf + number, found.evidence

    def of_type(
        self, assessment_id: str, first_day: date, last_day: date, source_type: str
    ) -> Iterator[tuple[int, Evidence]]:
        """Yield (number of the run, record) of one type of source in a period, in leaf order."""
        where = (
            table.c.assessment_id == assessment_id,
            table.c.day.between(first_day.isoformat(), last_day.isoformat()),
        )
        for row in self._segments(*where):
            path, part = self._places.local(row.path, row.file), (row.first_row, row.rows)
            for _, found in read_segment(path, row.file, ("source_type", source_type), part=part):
                yield row.sequence, found.evidence

    def by_id(self, evidence_id: str) -> tuple[int, Evidence] | None:
        """Return (leaf, record), or None."""
        inside = sa.and_(table.c.min_id <= evidence_id, table.c.max_id >= evidence_id)
        for row in self._segments(inside):
            path, part = self._places.local(row.path, row.file), (row.first_row, row.rows)
            for number, found in read_segment(path, row.file, ("id", evidence_id), part=part):
                return row.first_leaf + number, found.evidence
        return None

    def folders(self, assessment_id: str, day: date) -> dict[str, dict[str, int]]:
        """Return the counters of the day's evidence folders: control -> verdict -> records."""
        chosen = sa.select(folder).where(
            folder.c.assessment_id == assessment_id, folder.c.day == day.isoformat()
        )
        with self._database.read() as connection:
            rows = list(connection.execute(chosen))
        return {
            row.control_id: {
                "COMPLIANT": row.compliant,
                "NON_COMPLIANT": row.non_compliant,
                "NOT_APPLICABLE": row.not_applicable,
            }
            for row in rows
        }

    def _segments(self, *where: sa.ColumnElement[bool]) -> list[sa.Row[Any]]:
        chosen = sa.select(table, run.c.sequence).join(run, run.c.id == table.c.run_id)
        chosen = chosen.where(*where).order_by(table.c.tenant, table.c.first_leaf)
        with self._database.read() as connection:
            return list(connection.execute(chosen))
