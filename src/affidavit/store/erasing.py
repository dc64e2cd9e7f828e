"""Erasing a tenant: every row and object of its own goes; what stays is named, with the reason.

A test walks all tables of the schema and fails where a row of an erased tenant is left in one that
does not stand here.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from affidavit.model.canonical import plain_json
from affidavit.model.times import iso
from affidavit.store import todos
from affidavit.store.assessments import DELETED
from affidavit.store.database import Database
from affidavit.store.documents import require_absent
from affidavit.store.kept import Kept
from affidavit.store.log import Appender, insert_into
from affidavit.store.schema import assessment, document, scanned_object
from affidavit.store.tenant_keys import ERASED, KIND

KEPT_TABLES: Final[Mapping[str, str]] = {
    "log": "the size of the ledger",
    "log_tile": "the hashes of its leaves: without them nothing verifies any more",
    "record": "run records and changes are leaves; they say what was erased, and by whom",
    "checkpoint": "what was signed stays signed",
    "assessment": "an id, and when it was deleted: runs belong to it",
    "run": "the id, day and leaves of each run record",
    "document": "kinds that the caller names, with the reason",
    "todo": "names of objects that are being removed; forgotten two hours after they are",
}
_KINDS: Final = ("attachments", "blobs", "reports", "segments")
"""Folders of a tenant's objects; the published ledger, `log`, stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staying:
    """What of a tenant's documents stays, and what forbids to erase the others."""

    kinds: Collection[str]
    task: str
    """Id of one document more: the task that erases."""
    absent: Sequence[tuple[str, str | None]]
    """Documents that forbid it, as (kind, id or None: any)."""


def erase(database: Database, kept: Kept, tenant: str, staying: Staying, now: datetime) -> None:
    """Erase what is left of a tenant whose evidence was deleted, assessment by assessment.

    `StoreConflictError` where a document is there that forbids it. Objects that cannot be removed
    now stay to be done. Its data keys go in the same transaction: copies of what was sealed (other
    versions in a bucket, backups) cannot be opened any more.
    """
    names = [one.name for kind in _KINDS for one in kept.objects.every(f"{tenant}/{kind}")]
    with database.write() as connection:
        database.hold_files(connection, sweeping=True)
        Appender(connection, tenant)
        require_absent(connection, tenant, staying.absent)
        _remember_keys(connection, tenant, now)
        own = document.c.tenant == tenant
        gone = sa.and_(own, document.c.kind.not_in(staying.kinds), document.c.id != staying.task)
        connection.execute(document.delete().where(gone))
        connection.execute(scanned_object.delete().where(scanned_object.c.tenant == tenant))
        for row in connection.execute(sa.select(assessment).where(assessment.c.tenant == tenant)):
            body = plain_json({"id": row.id, DELETED: iso(now)}).decode()
            values = {"body": body, "name": f"{DELETED} {row.id}"}
            mine = assessment.update().where(assessment.c.id == row.id)
            connection.execute(mine.values(**values))
        todos.leave(connection, todos.REMOVE, tenant, names)
        if kept.publishes:
            todos.leave(connection, todos.PUBLISH, tenant, [tenant])
    kept.keyring.forget(tenant)
    kept.removals.carry_out(names)


def _remember_keys(connection: sa.Connection, tenant: str, now: datetime) -> None:
    """Keep the id of each data key that goes with the other documents, and when.

    SQLite would leave deleted bytes in the file: it is told to overwrite them.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    chosen = sa.select(document.c.body).where(document.c.tenant == tenant, document.c.kind == KIND)
    told = {"tenant": tenant, "kind": ERASED, "parent": "", "sort": "", "version": 1}
    body = plain_json({"erasedAt": iso(now)}).decode()
    rows = [
        {**told, "id": json.loads(key)["id"], "body": body} for key in connection.scalars(chosen)
    ]
    if rows:
        connection.execute(insert_into(connection, document).on_conflict_do_nothing(), rows)
