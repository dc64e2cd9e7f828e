"""Records of the log that are not evidence: runs, changes, parameters, keys."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from affidavit.errors import StoreError
from affidavit.model.canonical import canonical, plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.store.database import Prepared
from affidavit.store.log import Appender
from affidavit.store.schema import record as table

KINDS = frozenset({"change", "parameter", "key"})
"""What `Store.append_record` takes; run records come with a commit, evidence with segments."""


_INSERT = Prepared(table.insert())


def add(
    connection: sa.Connection, appender: Appender, tenant: str, record: Mapping[str, Any], day: date
) -> tuple[int, str]:
    """Append a record as a leaf and keep it; return its leaf and its entry (hexadecimal)."""
    body = canonical(record)
    entry = sha256(body)
    leaf = appender.append(entry.digest())
    row = {
        "tenant": tenant,
        "leaf": leaf,
        "kind": record["kind"],
        "day": day.isoformat(),
        "body": body.decode(),
    }
    _INSERT.run(connection, row)
    return leaf, entry.hexdigest()


def add_changes(
    connection: sa.Connection,
    appender: Appender,
    tenant: str,
    changes: Sequence[Mapping[str, Any]],
    day: date,
) -> None:
    """Append records as leaves, one after the other, and keep them; all in one go."""
    bodies = [canonical(change) for change in changes]
    first = appender.append(b"".join(sha256(body).digest() for body in bodies))
    rows = [
        {
            "tenant": tenant,
            "leaf": leaf,
            "kind": change["kind"],
            "day": day.isoformat(),
            "body": body.decode(),
        }
        for leaf, (change, body) in enumerate(zip(changes, bodies, strict=True), first)
    ]
    _INSERT.run(connection, rows)


def check_kind(record: Mapping[str, Any]) -> None:
    """Raise `StoreError` for a record that `append_record` does not take."""
    if record.get("kind") not in KINDS:
        raise StoreError(
            f"A record of kind {record.get('kind')!r} cannot be appended",
            why=f"It must be one of {', '.join(sorted(KINDS))}.",
        )


def of_runs(tenant: str, first_day: date, last_day: date) -> sa.Select[Any]:
    """Select (leaf, body) of the run records of a period, in leaf order."""
    return (
        sa.select(table.c.leaf, table.c.body)
        .where(
            table.c.tenant == tenant,
            table.c.kind == "run",
            table.c.day.between(first_day.isoformat(), last_day.isoformat()),
        )
        .order_by(table.c.leaf)
    )


def between(tenant: str, first_leaf: int, last_leaf: int) -> sa.Select[Any]:
    """Select (leaf, body) of changes, parameters and keys among these leaves, in leaf order."""
    return (
        sa.select(table.c.leaf, table.c.body)
        .where(
            table.c.tenant == tenant,
            table.c.kind.in_(KINDS),
            table.c.leaf.between(first_leaf, last_leaf),
        )
        .order_by(table.c.leaf)
    )


def day_of(record: Mapping[str, Any], now: datetime) -> date:
    """Return the UTC day of a record: of its own time where it has one, else today."""
    text = str(record.get("time", ""))
    return date.fromisoformat(text[:10]) if text else now.date()


def parameter(now: datetime, values: Mapping[str, Any], **said: str) -> dict[str, Any]:
    """Return the record of a user's parameter; values as JSON text, since they may be floats."""
    texts = {name: plain_json(value).decode() for name, value in values.items()}
    return {"kind": "parameter", "id": new_id(now), "time": iso(now), **said, **texts}
