"""Signed checkpoints of the logs, their time stamps, and the files that others read.

A key that has not signed this log before may only sign once a `key` record in the log names it: a
signing key that appeared from nowhere beside an old ledger is refused.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import sqlalchemy as sa

from affidavit.errors import SigningKeyError
from affidavit.ledger.checkpoint import Checkpoint, origin_of, sign
from affidavit.ledger.keys import Signer
from affidavit.ledger.stamp import NoStamp, stamp
from affidavit.ledger.tiles import publish, published_size
from affidavit.store.database import Database
from affidavit.store.files import disk_errors, make_folder
from affidavit.store.log import Appender, ahead
from affidavit.store.objects import DiskObjects, Objects
from affidavit.store.places import from_micros, micros
from affidavit.store.schema import checkpoint as table
from affidavit.store.schema import record

_AT_ONCE: Final = 256
"""Published files that are sent together."""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it is kept."""

    tenant: str
    size: int
    key: str
    """Fingerprint of the key that signed it."""
    signed_at: datetime
    """By our own clock; only a stamp proves it."""
    note: str
    """The signed note."""
    stamp: bytes | None
    """The time-stamping service's answer (RFC 3161, DER)."""
    stamp_warning: str
    """Why there is no stamp although a service is set; else empty."""


def put(
    connection: sa.Connection, appender: Appender, tenant: str, signer: Signer, now: datetime
) -> str:
    """Sign the log as it stands in the transaction and keep the note, which is returned."""
    _refuse_strange_key(connection, tenant, signer)
    note = sign(Checkpoint(origin_of(tenant), appender.size, appender.root()), signer.private)
    key = signer.public.fingerprint
    same = _select(tenant).where(table.c.size == appender.size, table.c.key == key)
    if connection.execute(same).first() is None:
        row = {"tenant": tenant, "size": appender.size, "key": key, "signed_at": micros(now)}
        connection.execute(table.insert(), {**row, "note": note, "stamp_warning": ""})
    return note


def newest(connection: sa.Connection, tenant: str) -> StoredCheckpoint | None:
    """Return the newest checkpoint, or None."""
    chosen = _select(tenant).order_by(table.c.size.desc(), table.c.signed_at.desc()).limit(1)
    row = connection.execute(chosen).first()
    return _stored(row) if row else None


def at_size(connection: sa.Connection, tenant: str, size: int) -> StoredCheckpoint | None:
    """Return the checkpoint of exactly this size, or None."""
    row = connection.execute(_select(tenant).where(table.c.size == size).limit(1)).first()
    return _stored(row) if row else None


def every(connection: sa.Connection, tenant: str) -> list[StoredCheckpoint]:
    """Return all checkpoints, the oldest first."""
    chosen = _select(tenant).order_by(table.c.size, table.c.signed_at)
    return [_stored(row) for row in connection.execute(chosen)]


def stamp_newest(database: Database, tenant: str, url: str) -> str:
    """Have the newest checkpoint stamped unless it is; return a warning, or nothing."""
    with database.read() as connection:
        found = newest(connection, tenant)
    if found is None or found.stamp is not None:
        return ""
    answer = stamp(found.note, url)
    warning = answer.reason if isinstance(answer, NoStamp) else ""
    token = None if isinstance(answer, NoStamp) else answer.token
    with database.write() as connection:
        connection.execute(
            table.update()
            .where(table.c.tenant == tenant, table.c.size == found.size, table.c.key == found.key)
            .values(stamp=token, stamp_warning=warning)
        )
    return warning


def publish_tiles(database: Database, objects: Objects, tenant: str) -> None:
    """Write what the published files lack up to the newest checkpoint.

    On S3 each checkpoint is kept beside, under Object Lock where that is on: whoever sets the
    database back cannot take them back.
    """
    if isinstance(objects, DiskObjects):
        folder = objects.root / tenant / "log"
        with disk_errors(folder):
            make_folder(folder)
            _write(database, tenant, folder)
        return
    with TemporaryDirectory(prefix="affidavit-log-") as name:
        folder = Path(name)
        (folder / "checkpoint").write_text(published_checkpoint(objects, tenant))
        found = _write(database, tenant, folder)
        if found is not None:
            _send(objects, tenant, folder, found)


def _write(database: Database, tenant: str, folder: Path) -> StoredCheckpoint | None:
    """Write the tiles that a folder lacks; return the checkpoint that they stand for."""
    before = published_size(folder)
    with database.read() as connection:
        found = newest(connection, tenant)
        if found is not None:
            sizes = (min(before, found.size), found.size)
            publish(folder, ahead(connection, tenant), sizes, found.note)
    return found


def _send(objects: Objects, tenant: str, folder: Path, found: StoredCheckpoint) -> None:
    """Put the files of a folder, the checkpoint after all that it stands for."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    tiles = {name: path for name, path in files.items() if path.is_file() and name != "checkpoint"}
    note = found.note.encode()
    for at in range(0, len(tiles), _AT_ONCE):
        some = list(tiles.items())[at : at + _AT_ONCE]
        objects.put({f"{tenant}/log/{name}": path.read_bytes() for name, path in some})
    objects.put({f"{tenant}/log/checkpoints/{found.size}": note}, locked=True)
    objects.put({f"{tenant}/log/checkpoint": note})


def published_checkpoint(objects: Objects, tenant: str) -> str:
    """Return the checkpoint that was published; empty where there is none."""
    name = f"{tenant}/log/checkpoint"
    if objects.stat(name) is None:
        return ""
    return objects.read(name).decode("utf-8", errors="replace")


def _refuse_strange_key(connection: sa.Connection, tenant: str, signer: Signer) -> None:
    last = newest(connection, tenant)
    fingerprint = signer.public.fingerprint
    if last is None or last.key == fingerprint or _announced(connection, tenant, fingerprint):
        return
    raise SigningKeyError(
        f"The signing key {fingerprint[:16]} is not the one of the ledger of {tenant}",
        why=f"{last.key[:16]} signed the last checkpoint, and no key record names the new one.",
        todo="Restore the right keys (AFFIDAVIT_KEYS); if the old key is lost for good, run "
        "`affidavit key rotate --lost`.",
    )


def _announced(connection: sa.Connection, tenant: str, fingerprint: str) -> bool:
    chosen = sa.select(record.c.body).where(record.c.tenant == tenant, record.c.kind == "key")
    return any(json.loads(body)["new"] == fingerprint for body in connection.scalars(chosen))


def _select(tenant: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.tenant == tenant)


def _stored(row: sa.Row[Any]) -> StoredCheckpoint:
    return StoredCheckpoint(
        tenant=row.tenant,
        size=row.size,
        key=row.key,
        signed_at=from_micros(row.signed_at),
        note=row.note,
        stamp=bytes(row.stamp) if row.stamp is not None else None,
        stamp_warning=row.stamp_warning,
    )
