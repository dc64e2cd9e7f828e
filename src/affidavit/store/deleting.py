"""Deletion of evidence: the records go, the hashes of their leaves stay.

What is deleted is named in the log itself, by segment and leaves, in the same transaction: so the
ledger still verifies, and shows that something was deleted, when and by whom. Run records stay;
they count, and hold no evidence.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.store import records, todos
from affidavit.store.database import Database
from affidavit.store.documents import require_absent
from affidavit.store.kept import Kept
from affidavit.store.log import Appender
from affidavit.store.runs import NOBODY
from affidavit.store.schema import folder, result, run, segment, verdict

OBJECT_TYPE = "EVIDENCE"
"""Object type of the change record that names what was deleted."""


def remove(
    database: Database,
    kept: Kept,
    tenant: str,
    assessment_id: str,
    **given: Any,
) -> int:
    """Delete evidence as `delete_evidence` does, and then its files; return their number.

    A file that cannot be removed now stays a to-do: no row names it any more.
    """
    given["publishes"] = kept.publishes
    files = delete_evidence(database, tenant, assessment_id, **given)
    for path, digest in files:
        kept.places.forget(path, digest)
    kept.removals.carry_out([path for path, _ in files])
    return len(files)


def delete_evidence(  # noqa: PLR0913 - whose, which, by whom, why and when
    database: Database,
    tenant: str,
    assessment_id: str,
    *,
    by: str,
    why: str,
    now: datetime,
    before: date | None = None,
    absent: Sequence[tuple[str, str | None]] = (),
    publishes: bool = False,
) -> list[tuple[str, str]]:
    """Delete an assessment's evidence with its answers; return (name, SHA-256) of its files.

    `before`: only of days before this one, and whole days always, since a day may lie in one file.
    `absent`: documents, as (kind, id or None: any), that forbid it: `StoreConflictError` where one
    is there, whenever it was set.

    Unfinished runs are abandoned. Nothing is logged where there is nothing to delete. To remove the
    files is left as to-dos, and so is publishing anew; bodies of answers are swept (`sweeping`).
    """
    with database.write() as connection:
        database.hold_files(connection, sweeping=True)
        appender = Appender(connection, tenant)
        require_absent(connection, tenant, absent)
        owned = sa.and_(run.c.assessment_id == assessment_id, run.c.tenant == tenant)
        counted = folder.c.assessment_id == assessment_id
        if before is not None:
            owned = sa.and_(owned, run.c.day < before.isoformat())
            counted = sa.and_(counted, folder.c.day < before.isoformat())
        runs = sa.select(run.c.id).where(owned)
        chosen = sa.select(segment).where(segment.c.run_id.in_(runs)).order_by("first_leaf")
        rows = list(connection.execute(chosen))
        for table in (segment, verdict, result):
            connection.execute(table.delete().where(table.c.run_id.in_(runs)))
        connection.execute(folder.delete().where(counted))
        still_open = sa.and_(owned, run.c.state == "open")
        connection.execute(run.update().where(still_open).values(state="abandoned", **NOBODY))
        if rows:
            gone = [{"digest": r.digest, "firstLeaf": r.first_leaf, "rows": r.rows} for r in rows]
            details = {"why": why, "segments": gone}
            change = _change(tenant, assessment_id, by, now, details)
            records.add(connection, appender, tenant, change, now.date())
            todos.leave(connection, todos.REMOVE, tenant, {row.path for row in rows})
            if publishes:
                todos.leave(connection, todos.PUBLISH, tenant, [tenant])
    return sorted({(row.path, row.file) for row in rows})


def deleted_leaves(leaf: int, record: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield (first leaf, number) of what a change record at `leaf` says was deleted before it."""
    if (record.get("object_type"), record.get("action")) != (OBJECT_TYPE, "DELETE"):
        return
    for one in json.loads(record["details"])["segments"]:
        if one["firstLeaf"] + one["rows"] <= leaf:
            yield one["firstLeaf"], one["rows"]


def _change(
    tenant: str, assessment_id: str, by: str, now: datetime, details: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": by,
        "action": "DELETE",
        "object_type": OBJECT_TYPE,
        "object_id": assessment_id,
        "object_name": "",
        "assessment_id": assessment_id,
        "tenant": tenant,
        "details": plain_json(details).decode(),
    }
