"""What was said of the controls day by day: of each day the last committed run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from affidavit.model.run import Assessment, ControlVerdict
from affidavit.store.database import Database
from affidavit.store.runs import verdict_from_json
from affidavit.store.schema import run, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictDay:
    """A day's last committed run."""

    day: date
    run_id: str
    controls: Mapping[str, ControlVerdict]


def between(
    database: Database, assessment: Assessment, first: date, last: date
) -> list[VerdictDay]:
    """Return the days of the assessment that have a committed run, the earliest first."""
    days = (first.isoformat(), last.isoformat())
    runs = (
        sa.select(run.c.id, run.c.day)
        .where(
            run.c.assessment_id == assessment.id,
            run.c.tenant == assessment.tenant,
            run.c.state == "committed",
            run.c.day.between(*days),
        )
        .order_by(run.c.day, run.c.sequence)
    )
    verdicts = sa.select(verdict).where(
        verdict.c.assessment_id == assessment.id, verdict.c.day.between(*days)
    )
    with database.read() as connection:
        last_of = {row.day: row.id for row in connection.execute(runs)}
        controls: dict[str, dict[str, ControlVerdict]] = {one: {} for one in last_of.values()}
        for row in connection.execute(verdicts.order_by(verdict.c.control_id)):
            if row.run_id in controls:
                said = verdict_from_json(row.control_id, json.loads(row.body))
                controls[row.run_id][row.control_id] = said
    return [
        VerdictDay(day=date.fromisoformat(day), run_id=one, controls=controls[one])
        for day, one in last_of.items()
    ]


def of_day(database: Database, assessment_id: str, day: date) -> dict[str, ControlVerdict]:
    """Return what the day's last committed run says of each control; empty for no run."""
    last = (
        sa.select(run.c.id)
        .where(
            run.c.assessment_id == assessment_id,
            run.c.day == day.isoformat(),
            run.c.state == "committed",
        )
        .order_by(run.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    chosen = sa.select(verdict).where(verdict.c.run_id == last)
    with database.read() as connection:
        rows = list(connection.execute(chosen.order_by(verdict.c.control_id)))
    return {r.control_id: verdict_from_json(r.control_id, json.loads(r.body)) for r in rows}
