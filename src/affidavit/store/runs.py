"""Runs: begun or resumed under a lease, kept alive by a heartbeat, given back when closed."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from affidavit.errors import StoreBusyError, StoreError
from affidavit.model.identifiers import new_id
from affidavit.model.run import WHOLE, Assessment, ControlVerdict, RunRecord
from affidavit.model.times import iso, parse
from affidavit.model.verdict import Verdict
from affidavit.store import leases
from affidavit.store.assessments import DELETED, estate_from_json
from affidavit.store.database import Database
from affidavit.store.places import from_micros, micros
from affidavit.store.schema import assessment as assessment_table
from affidavit.store.schema import run as table


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run that this process works on."""

    run_id: str
    sequence: int
    """What it will be if it is committed next."""
    previous: str
    """Ledger entry of the assessment's previous run record, or empty."""
    started_at: datetime
    resumed: bool
    """True where an earlier process had begun it; its results are there."""


class Runs:
    """The runs of all assessments, and the leases of this process."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], beat: float = leases.BEAT_SECONDS
    ) -> None:
        self._database = database
        self._clock = clock
        self._held: dict[str, str] = {}
        self._heart = leases.Heart(self._beat, beat)

    def begin(
        self, assessment: Assessment, day: date, catalogue_digest: str, now: datetime
    ) -> OpenRun:
        """Begin a run, or resume the unfinished one of the same assessment, day and catalogue.

        `StoreBusyError` names who works on it. An unfinished run of another catalogue is abandoned.
        """
        lease = secrets.token_hex(16)
        with self._database.write() as connection:
            self.lock_assessment(connection, assessment.id)
            found = connection.execute(
                sa.select(table).where(
                    table.c.assessment_id == assessment.id,
                    table.c.day == day.isoformat(),
                    table.c.state == "open",
                )
            ).first()
            if found is not None:
                self._refuse_held(found, assessment)
            if found is not None and found.catalogue_digest == catalogue_digest:
                run_id, started, resumed = found.id, parse(found.started_at), True
                self._take(connection, run_id, lease)
            else:
                self._abandon(connection, found)
                run_id, started, resumed = new_id(now), now, False
                connection.execute(
                    table.insert().values(
                        id=run_id,
                        assessment_id=assessment.id,
                        tenant=assessment.tenant,
                        day=day.isoformat(),
                        state="open",
                        catalogue_digest=catalogue_digest,
                        started_at=iso(now),
                        sequence=0,
                        entry="",
                        first_leaf=-1,
                        leaf=-1,
                        **self._holding(lease),
                    )
                )
            sequence, previous = last_committed(connection, assessment.id)
        self._held[run_id] = lease
        self._heart.start()
        return OpenRun(
            run_id=run_id,
            sequence=sequence + 1,
            previous=previous,
            started_at=started,
            resumed=resumed,
        )

    def hold(self, connection: sa.Connection, run_id: str) -> sa.Row[Any]:
        """Lock the run's row and return it; `StoreBusyError` unless it is ours and open."""
        row = connection.execute(
            sa.select(table).where(table.c.id == run_id).with_for_update()
        ).first()
        if row is None:
            raise StoreError(f"There is no run {run_id}")
        if row.state != "open":
            raise StoreError(
                f"The run {run_id} is {row.state}", why="Only an open run takes results."
            )
        if row.lease != self._held.get(run_id):
            raise self._lost(row)
        connection.execute(
            table.update().where(table.c.id == run_id).values(heartbeat=micros(self._clock()))
        )
        return row

    def tenant(self, run_id: str) -> str:
        """Return the tenant whose run this is."""
        with self._database.read() as connection:
            found = connection.scalar(sa.select(table.c.tenant).where(table.c.id == run_id))
        if found is None:
            raise StoreError(f"There is no run {run_id}")
        return str(found)

    def last_day(self, assessment_id: str) -> date | None:
        """Return the newest day that has a committed whole run, or None."""
        chosen = sa.select(sa.func.max(table.c.day)).where(
            table.c.assessment_id == assessment_id, is_counted()
        )
        with self._database.read() as connection:
            found = connection.scalar(chosen)
        return date.fromisoformat(found) if found else None

    def forget(self, run_id: str) -> None:
        """Know that the run's lease is released (its commit did so)."""
        self._held.pop(run_id, None)

    def release(self, run_id: str) -> None:
        """Give a run's lease back, so that anybody can resume it at once."""
        lease = self._held.pop(run_id, None)
        if lease is not None:
            with self._database.write() as connection:
                connection.execute(
                    table.update()
                    .where(table.c.id == run_id, table.c.lease == lease)
                    .values(**NOBODY)
                )

    def close(self) -> None:
        """Stop the heartbeat and give every lease back."""
        self._heart.stop()
        for run_id in list(self._held):
            self.release(run_id)

    def _beat(self) -> None:
        """Say that we live. A failure is no harm yet: whoever lost his lease is told by `hold`."""
        try:
            with self._database.write() as connection:
                for run_id, lease in list(self._held.items()):
                    connection.execute(
                        table.update()
                        .where(table.c.id == run_id, table.c.lease == lease)
                        .values(heartbeat=micros(self._clock()))
                    )
        except (StoreError, SQLAlchemyError):
            return

    def lock_assessment(self, connection: sa.Connection, assessment_id: str) -> None:
        """Let nobody else begin or commit a run of the assessment.

        `StoreError` for none, also one that was deleted meanwhile: its evidence may be erased.
        """
        mine = assessment_table.c.id == assessment_id
        body = connection.scalar(sa.select(assessment_table.c.body).where(mine).with_for_update())
        if body is None or DELETED in json.loads(body):
            raise StoreError(f"There is no assessment {assessment_id} in the store")

    def _refuse_held(self, row: sa.Row[Any], assessment: Assessment) -> None:
        if not is_worked_on(row, self._clock()):
            return
        holder = leases.parse(row.holder)
        silent = _silent(row, self._clock())
        raise StoreBusyError(
            f"Assessment {assessment.name!r} is already being collected for {row.day}",
            why=f"{holder} has worked on run {row.id} since {iso(from_micros(row.held_since))} "
            f"and was heard of {max(silent, 0):.0f} s ago.",
            todo="Wait until it has finished. If it is dead, this works again "
            f"{leases.STALE_SECONDS:.0f} s after it was last heard of, and resumes its run.",
        )

    def _abandon(self, connection: sa.Connection, row: sa.Row[Any] | None) -> None:
        if row is not None:
            connection.execute(
                table.update().where(table.c.id == row.id).values(state="abandoned", **NOBODY)
            )

    def _take(self, connection: sa.Connection, run_id: str, lease: str) -> None:
        connection.execute(
            table.update().where(table.c.id == run_id).values(**self._holding(lease))
        )

    def _holding(self, lease: str) -> dict[str, Any]:
        now = micros(self._clock())
        return {"holder": leases.me().text(), "lease": lease, "held_since": now, "heartbeat": now}

    def _lost(self, row: sa.Row[Any]) -> StoreBusyError:
        holder = leases.parse(row.holder)
        return StoreBusyError(
            f"The run {row.id} is not ours any more",
            why=f"{holder} has taken it over, because we were not heard of."
            if holder
            else "Its lease was given back.",
            todo="Nothing: the other process finishes it. Results stored so far are kept.",
        )


def is_counted() -> sa.ColumnElement[bool]:
    """Return the condition of runs that say what controls are: committed, and whole."""
    return sa.and_(table.c.state == "committed", table.c.scope == WHOLE)


NOBODY = {"holder": "", "lease": "", "held_since": 0, "heartbeat": 0}
"""Column values of a run that nobody works on."""


def is_worked_on(row: sa.Row[Any], now: datetime) -> bool:
    """Return whether a process that lives, as far as can be told, holds the run of this row."""
    holder = leases.parse(row.holder)
    return holder is not None and not holder.is_gone() and _silent(row, now) <= leases.STALE_SECONDS


def _silent(row: sa.Row[Any], now: datetime) -> float:
    """Return for how many seconds the run's holder was not heard of."""
    seconds: float = (micros(now) - row.heartbeat) / 1e6
    return seconds


def last_committed(connection: sa.Connection, assessment_id: str, but: str = "") -> tuple[int, str]:
    """Return sequence and ledger entry of the assessment's last committed run; (0, '') for none.

    `but`: id of a run that is being committed, and is not looked at.
    """
    committed = sa.and_(table.c.state == "committed", table.c.id != but)
    row = connection.execute(
        sa.select(table.c.sequence, table.c.entry)
        .where(table.c.assessment_id == assessment_id, committed)
        .order_by(table.c.sequence.desc())
        .limit(1)
    ).first()
    return (row.sequence, row.entry) if row else (0, "")


def record_from_json(value: Mapping[str, Any]) -> RunRecord:
    """Return the run record that `RunRecord.to_json` wrote."""
    known = {
        key: item
        for key, item in value.items()
        if key not in ("kind", "accounts", "regions", "left_out")
    }
    known["day"] = date.fromisoformat(known["day"])
    known["started_at"] = parse(known["started_at"])
    known["finished_at"] = parse(known["finished_at"])
    known["parameters"] = json.loads(known["parameters"])
    known["controls"] = {k: verdict_from_json(k, v) for k, v in known["controls"].items()}
    return RunRecord(**known, estate=estate_from_json(dict(value)))


def verdict_from_json(control_id: str, value: Mapping[str, Any]) -> ControlVerdict:
    """Return the control's verdict that `ControlVerdict.to_json` wrote."""
    return ControlVerdict(
        control_id=control_id,
        control_set_id=value["control_set_id"],
        verdict=Verdict(value["verdict"]),
        counts=value["records"],
        judged=value["judged"],
        expected=value["expected"],
        accounts=value["accounts"],
        regions=value["regions"],
        gaps=value["gaps"],
        manual=value["manual"],
    )
