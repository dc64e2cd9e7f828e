"""Assessments: made with a leaf in the log, found by id, tenant or name.

`along` is what the API keeps of the same act: written in the same transaction, or not at all.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from affidavit.errors import StoreError, UsageError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate, LeftOut
from affidavit.model.times import iso, parse
from affidavit.store.database import Database, Lookup, Prepared
from affidavit.store.documents import Writes, write
from affidavit.store.log import Appender
from affidavit.store.schema import assessment as table

NOTHING: Final = Writes()
DELETED: Final = "deleted_at"
"""Member of the body of an assessment that was deleted: when."""


_BODY: Final = Lookup(sa.select(table.c.body).where(table.c.id == sa.bindparam("id")))
_BY_NAME: Final = Prepared(
    sa.select(table.c.body).where(
        table.c.tenant == sa.bindparam("of"), table.c.name == sa.bindparam("called")
    )
)
_INSERT: Final = Prepared(table.insert())


def _length(text: str | None) -> int:
    return len(text or "")


class Assessments:
    """The assessments of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, assessment: Assessment, by: str, now: datetime, along: Writes = NOTHING
    ) -> None:
        """Keep a new assessment and log the change; `UsageError` where the name is taken."""
        tenant = assessment.tenant
        with self._database.write() as connection:
            appender = Appender(connection, tenant)
            if self._by_name(connection, tenant, assessment.name) is not None:
                raise UsageError(
                    f"There is already an assessment named {assessment.name!r} in {tenant}",
                    todo="Choose another name, or use the one that is there.",
                )
            body = plain_json(to_json(assessment)).decode()
            named = {"id": assessment.id, "tenant": tenant, "name": assessment.name}
            _INSERT.run(connection, named | {"body": body})
            change = _change("CREATE", assessment, by, now)
            write(connection, tenant, _with(change, along), now, appender)

    def update(
        self, assessment: Assessment, by: str, now: datetime, along: Writes = NOTHING
    ) -> None:
        """Keep a known assessment's new members and log the change; its tenant and name stay."""
        with self._database.write() as connection:
            appender = Appender(connection, assessment.tenant)
            known = sa.and_(
                table.c.id == assessment.id,
                table.c.tenant == assessment.tenant,
                table.c.name == assessment.name,
            )
            body = plain_json(to_json(assessment)).decode()
            if connection.execute(table.update().where(known).values(body=body)).rowcount != 1:
                raise StoreError(f"There is no assessment {assessment.id} of this tenant and name")
            change = _change("UPDATE_METADATA", assessment, by, now)
            write(connection, assessment.tenant, _with(change, along), now, appender)

    def delete(
        self, assessment: Assessment, by: str, now: datetime, along: Writes = NOTHING
    ) -> None:
        """Forget a known assessment and log the change; its name is free again.

        The row stays, because runs and leaves belong to it; nothing finds it any more.
        """
        body = plain_json({**to_json(assessment), DELETED: iso(now)}).decode()
        with self._database.write() as connection:
            appender = Appender(connection, assessment.tenant)
            known = sa.and_(table.c.id == assessment.id, table.c.tenant == assessment.tenant)
            values = {"body": body, "name": f"{DELETED} {assessment.id}"}
            if connection.execute(table.update().where(known).values(**values)).rowcount != 1:
                raise StoreError(f"There is no assessment {assessment.id} of this tenant")
            change = _change("DELETE", assessment, by, now)
            write(connection, assessment.tenant, _with(change, along), now, appender)

    def get(self, assessment_id: str) -> Assessment:
        """Return an assessment; `StoreError` where there is none of this id."""
        found = self.known(assessment_id)
        if found is None:
            raise StoreError(
                f"There is no assessment {assessment_id}",
                todo="Check the id; `affidavit run` makes an assessment.",
            )
        return found

    def known(self, assessment_id: str) -> Assessment | None:
        """Return an assessment, or None where there is none of this id (any more)."""

        def read() -> str | None:
            found = self._database.one(_BODY, {"id": assessment_id})
            return None if found is None else str(found.body)

        body = self._database.recent.get(("assessment", assessment_id), read, _length)
        value = json.loads(body) if body else None
        return None if value is None or DELETED in value else from_json(value)

    def find(self, tenant: str, name: str) -> Assessment | None:
        """Return the tenant's assessment of this name, or None."""
        with self._database.read() as connection:
            body = self._by_name(connection, tenant, name)
        return from_json(json.loads(body)) if body else None

    def every(self, tenant: str | None = None) -> Sequence[Assessment]:
        """Return the tenant's assessments, or all, by tenant and name."""
        chosen = sa.select(table.c.body).order_by(table.c.tenant, table.c.name)
        if tenant is not None:
            chosen = chosen.where(table.c.tenant == tenant)
        with self._database.read() as connection:
            bodies = list(connection.scalars(chosen))
        values = (json.loads(body) for body in bodies)
        return [from_json(value) for value in values if DELETED not in value]

    def ids(self, tenant: str) -> Sequence[str]:
        """Return the ids of the tenant's assessments, those included that were deleted."""
        with self._database.read() as connection:
            return list(connection.scalars(sa.select(table.c.id).where(table.c.tenant == tenant)))

    def _by_name(self, connection: sa.Connection, tenant: str, name: str) -> str | None:
        found = _BY_NAME.run(connection, {"of": tenant, "called": name})
        return str(found[0][0]) if found else None


def _with(change: dict[str, Any], along: Writes) -> Writes:
    """Return what is written along, with the change of the collector's own before its changes."""
    return replace(along, changes=[change, *along.changes])


def to_json(assessment: Assessment) -> dict[str, Any]:
    """Return the assessment as JSON values (parameters may hold floats)."""
    estate = assessment.estate
    return {
        "id": assessment.id,
        "name": assessment.name,
        "tenant": assessment.tenant,
        "framework_id": assessment.framework_id,
        "accounts": list(estate.accounts),
        "regions": list(estate.regions),
        "left_out": [x.to_json() for x in estate.left_out],
        "created_at": iso(assessment.created_at),
        "created_by": assessment.created_by,
        "parameters": {check: dict(values) for check, values in assessment.parameters.items()},
    }


def from_json(value: dict[str, Any]) -> Assessment:
    """Return the assessment that `to_json` wrote."""
    return Assessment(
        id=value["id"],
        name=value["name"],
        tenant=value["tenant"],
        framework_id=value["framework_id"],
        estate=estate_from_json(value),
        created_at=parse(value["created_at"]),
        created_by=value["created_by"],
        parameters=value["parameters"],
    )


def estate_from_json(value: dict[str, Any]) -> Estate:
    """Return the estate that stands in an assessment's or a run record's JSON."""
    return Estate(
        accounts=tuple(value["accounts"]),
        regions=tuple(value["regions"]),
        left_out=tuple(LeftOut.from_json(one) for one in value["left_out"]),
    )


def _change(action: str, assessment: Assessment, by: str, now: datetime) -> dict[str, Any]:
    """Return the change-log entry; actions and object types are Audit Manager's ChangeLog."""
    return {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": by,
        "action": action,
        "object_type": "ASSESSMENT",
        "object_id": assessment.id,
        "object_name": assessment.name,
        "tenant": assessment.tenant,
        "details": plain_json(to_json(assessment)).decode(),
    }
