"""The commit of a run of activity: begun, answered and committed in one transaction, or not at all.

Nothing of it is in the store before: most increments find nothing new, and are forgotten. So there
is nothing to resume, and no lease; what keeps it apart from other runs is that it is committed only
where no run of the assessment is being worked on, and none was committed since it looked at what
earlier runs hold.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from affidavit.errors import StoreBusyError
from affidavit.model.run import RunRecord
from affidavit.model.times import iso
from affidavit.store.database import Database
from affidavit.store.runs import NOBODY, is_worked_on, last_committed
from affidavit.store.schema import run as table


def next_sequence(database: Database, assessment_id: str) -> int:
    """Return the number that the assessment's next run will have."""
    with database.read() as connection:
        return last_committed(connection, assessment_id)[0] + 1


def begin(connection: sa.Connection, record: RunRecord, now: datetime) -> None:
    """Insert the run's row, committed already; its commit follows in the same transaction.

    `StoreBusyError` where a run of the assessment is under way, or was committed meanwhile.
    """
    rows = connection.execute(
        sa.select(table).where(
            table.c.assessment_id == record.assessment_id, table.c.state == "open"
        )
    )
    sequence, _ = last_committed(connection, record.assessment_id)
    if sequence + 1 != record.sequence or any(is_worked_on(row, now) for row in rows):
        raise StoreBusyError(
            f"Assessment {record.assessment_name!r} is being collected by another run",
            why="It may record the same events.",
            todo="Nothing: they are asked for again.",
        )
    values: dict[str, Any] = {
        "id": record.run_id,
        "assessment_id": record.assessment_id,
        "tenant": record.tenant,
        "day": record.day.isoformat(),
        "state": "committed",
        "catalogue_digest": record.catalogue_digest,
        "started_at": iso(record.started_at),
        "sequence": record.sequence,
        "entry": "",
        "first_leaf": -1,
        "leaf": -1,
        "scope": record.scope,
    }
    connection.execute(table.insert().values(**values, **NOBODY))
