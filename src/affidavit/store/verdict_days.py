"""What was said of the controls day by day: of each day the last committed whole run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import msgspec
import sqlalchemy as sa

from affidavit.model.run import Assessment, ControlVerdict
from affidavit.model.verdict import ControlState, Verdict
from affidavit.store.database import Database
from affidavit.store.runs import is_counted, verdict_from_json
from affidavit.store.schema import run, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictDay:
    """A day's last committed run."""

    day: date
    run_id: str
    controls: Mapping[str, ControlVerdict]


def between(
    database: Database,
    assessment: Assessment,
    first: date,
    last: date,
    control: str | None = None,
) -> list[VerdictDay]:
    """Return the days of the assessment that have a committed run, the earliest first.

    With `control`, only what is said of that one.
    """
    days = (first.isoformat(), last.isoformat())
    verdicts = sa.select(verdict.c.run_id, verdict.c.control_id, verdict.c.body).where(
        verdict.c.assessment_id == assessment.id, verdict.c.day.between(*days)
    )
    if control is not None:
        verdicts = verdicts.where(verdict.c.control_id == control)
    with database.read() as connection:
        last_of = _last_runs(connection, assessment, days)
        controls: dict[str, dict[str, ControlVerdict]] = {one: {} for one in last_of.values()}
        for run_id, name, body in connection.execute(verdicts.order_by(verdict.c.control_id)):
            if run_id in controls:
                controls[run_id][name] = _said(name, body)
    return [
        VerdictDay(day=date.fromisoformat(day), run_id=one, controls=controls[one])
        for day, one in last_of.items()
    ]


@lru_cache(maxsize=16_384)
def _said(control_id: str, body: str) -> ControlVerdict:
    """Return a control's verdict; the same text says the same on every day, and is read once."""
    return verdict_from_json(control_id, msgspec.json.decode(body))


def _last_runs(
    connection: sa.Connection, assessment: Assessment, days: tuple[str, str]
) -> dict[str, str]:
    """Return day -> id of its last committed run, the earliest day first."""
    runs = (
        sa.select(run.c.id, run.c.day)
        .where(
            run.c.assessment_id == assessment.id,
            run.c.tenant == assessment.tenant,
            is_counted(),
            run.c.day.between(*days),
        )
        .order_by(run.c.day, run.c.sequence)
    )
    return {row.day: row.id for row in connection.execute(runs)}


def of_day(database: Database, assessment_id: str, day: date) -> dict[str, ControlVerdict]:
    """Return what the day's last committed run says of each control; empty for no run."""
    last = (
        sa.select(run.c.id)
        .where(
            run.c.assessment_id == assessment_id,
            run.c.day == day.isoformat(),
            is_counted(),
        )
        .order_by(run.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    chosen = sa.select(verdict).where(verdict.c.run_id == last)
    with database.read() as connection:
        rows = list(connection.execute(chosen.order_by(verdict.c.control_id)))
    return {r.control_id: _said(r.control_id, r.body) for r in rows}


def _manual(connection: sa.Connection) -> sa.ColumnElement[str]:
    """Return how the manual part stands, which is kept in the body only."""
    found: sa.ColumnElement[str]
    if connection.dialect.name == "sqlite":
        found = sa.func.json_extract(verdict.c.body, "$.manual", type_=sa.Text)
    else:
        found = sa.cast(verdict.c.body, sa.JSON)["manual"].as_string()
    return found


class VerdictHistory:
    """What was said over many days, without reading all of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_control(
        self, assessment: Assessment, control: str, first: date, last: date
    ) -> dict[date, ControlVerdict]:
        """Return what each day's last run says of one control; no run, no entry."""
        found = between(self._database, assessment, first, last, control)
        return {one.day: one.controls[control] for one in found if control in one.controls}

    def totals(
        self, assessment: Assessment, first: date, last: date
    ) -> dict[date, Counter[ControlState]]:
        """Return the number of controls by state, for each day that has a committed run."""
        days = (first.isoformat(), last.isoformat())
        with self._database.read() as connection:
            manual = _manual(connection).label("manual")
            counted = (
                sa.select(verdict.c.run_id, verdict.c.verdict, manual, sa.func.count().label("n"))
                .where(verdict.c.assessment_id == assessment.id, verdict.c.day.between(*days))
                .group_by(verdict.c.run_id, verdict.c.verdict, manual)
            )
            last_of = _last_runs(connection, assessment, days)
            of_run: dict[str, Counter[ControlState]] = {}
            for row in connection.execute(counted):
                state = ControlState.of(Verdict(row.verdict), row.manual)
                of_run.setdefault(row.run_id, Counter())[state] += row.n
        return {date.fromisoformat(day): of_run.get(one, Counter()) for day, one in last_of.items()}
