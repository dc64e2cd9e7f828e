"""Results of a run: observations with their bodies as blobs, and gaps; by unit or by digest."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from affidavit.errors import StoreDamagedError
from affidavit.model.canonical import canonical
from affidavit.model.observation import Gap, GapReason, Observation, Proof, Result, Unit
from affidavit.store.blobs import Blobs
from affidavit.store.database import Database
from affidavit.store.schema import result as table
from affidavit.store.schema import run

_PAGE = 200


class Results:
    """The results of all runs."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def prepare(self, tenant: str, run_id: str, results: Sequence[Result]) -> list[dict[str, Any]]:
        """Store the bodies durably; return the rows for `put`, the last of equal questions."""
        bodies = [r.body_bytes() for r in results if isinstance(r, Observation)]
        addresses = iter(self._blobs.put(tenant, bodies))
        rows: dict[str, dict[str, Any]] = {}
        for item in results:
            rows[item.unit.id] = {
                "run_id": run_id,
                "unit_id": item.unit.id,
                "digest": item.digest,
                "body": canonical(item.to_json()).decode(),
                "blob": next(addresses) if isinstance(item, Observation) else "",
            }
        return list(rows.values())

    def names(self, tenant: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the names of the objects that rows of `prepare` name."""
        return sorted({self._blobs.name(tenant, row["blob"]) for row in rows if row["blob"]})

    def put(self, connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
        """Register rows in the caller's transaction, in place of earlier answers to the same."""
        earlier = table.delete().where(
            table.c.run_id == sa.bindparam("r"), table.c.unit_id == sa.bindparam("u")
        )
        connection.execute(earlier, [{"r": row["run_id"], "u": row["unit_id"]} for row in rows])
        connection.execute(table.insert(), rows)

    def get(self, run_id: str, unit_id: str) -> Result | None:
        """Return the run's answer to a question, or None."""
        found = self._first(table.c.run_id == run_id, table.c.unit_id == unit_id)
        return self._result(found) if found else None

    def of_run(self, run_id: str) -> Iterator[Result]:
        """Yield every result of a run, by unit id; no transaction is held in between."""
        last = ""
        while True:
            chosen = (
                _select()
                .where(table.c.run_id == run_id, table.c.unit_id > last)
                .order_by(table.c.unit_id)
                .limit(_PAGE)
            )
            with self._database.read() as connection:
                rows = list(connection.execute(chosen))
            for row in rows:
                yield self._result(row)
            if len(rows) < _PAGE:
                return
            last = rows[-1].unit_id

    def of_operation(self, run_id: str, key: str) -> Iterator[Result]:
        """Yield the run's answers of one operation, by unit id; no other body is read."""
        chosen = _select().where(table.c.run_id == run_id, table.c.body.contains(f'"key":"{key}"'))
        with self._database.read() as connection:
            rows = list(connection.execute(chosen.order_by(table.c.unit_id)))
        for row in rows:
            found = self._result(row)
            if found.unit.key == key:
                yield found

    def digests(self, run_id: str) -> list[str]:
        """Return the digests of all results of a run, sorted; bodies are not read."""
        chosen = sa.select(table.c.digest).where(table.c.run_id == run_id).distinct()
        with self._database.read() as connection:
            return sorted(connection.scalars(chosen))

    def by_digest(self, digest: str) -> Result:
        """Return the observation or gap that evidence cites, body and digest verified."""
        found = self._first(table.c.digest == digest)
        if found is None:
            raise StoreDamagedError(
                f"There is no observation {digest}",
                why="No row of the database has this digest.",
                todo="Restore the database from a backup.",
            )
        return self._result(found)

    def _first(self, *where: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
        with self._database.read() as connection:
            return connection.execute(_select().where(*where).limit(1)).first()

    def _result(self, row: sa.Row[Any]) -> Result:
        value = json.loads(row.body)
        found = _gap(value) if value["kind"] == "gap" else self._observation(row, value)
        if found.digest != row.digest:
            raise StoreDamagedError(
                f"The result {row.digest} is not what was stored",
                why=f"Its digest is now {found.digest}"
                + (f"; its body is the blob {row.blob}." if row.blob else "."),
                todo="Restore the database and the blob from a backup.",
            )
        return found

    def _observation(self, row: sa.Row[Any], value: dict[str, Any]) -> Observation:
        bare = Observation(
            unit=_unit(value),
            service=value["service"],
            operation=value["operation"],
            absent=value["absent"],
            body={},
            proof=Proof.from_json(value["proof"]),
        )
        return replace(bare, body=json.loads(self._blobs.get(row.tenant, row.blob)))


def _select() -> sa.Select[Any]:
    return sa.select(table, run.c.tenant).join(run, run.c.id == table.c.run_id)


def _unit(value: dict[str, Any]) -> Unit:
    return Unit(
        key=value["key"],
        account_id=value["account_id"],
        region=value["region"],
        parameters=json.loads(value["parameters"]),
    )


def _gap(value: dict[str, Any]) -> Gap:
    return Gap(
        unit=_unit(value),
        service=value["service"],
        operation=value["operation"],
        reason=GapReason(value["reason"]),
        code=value["code"],
        message=value["message"],
        proof=Proof.from_json(value["proof"]) if value["proof"] else None,
    )
