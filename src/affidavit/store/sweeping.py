"""Sweeping: files that no row names, left by a crash between their writing and their commit."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from affidavit.store.database import Database
from affidavit.store.files import TEMPORARY
from affidavit.store.places import micros
from affidavit.store.schema import result, segment

AGE = timedelta(hours=1)
"""Younger files may belong to a run under way."""


def sweep(database: Database, objects: Path, now: datetime) -> list[Path]:
    """Remove orphans older than an hour; return them. Registering files waits for the end of it."""
    removed: list[Path] = []
    with database.write() as connection:
        database.hold_files(connection, sweeping=True)
        for path in _old(objects, now - AGE):
            if path.name.endswith(TEMPORARY) or not _is_named(connection, path):
                path.unlink(missing_ok=True)
                removed.append(path)
    return removed


def _old(objects: Path, before: datetime) -> Iterator[Path]:
    for kind in ("blobs", "segments"):
        for path in sorted(objects.glob(f"*/*/{kind}/*/*")):
            if path.stat().st_mtime_ns // 1000 < micros(before):
                yield path


def _is_named(connection: sa.Connection, path: Path) -> bool:
    if path.suffix == ".parquet":
        chosen = sa.select(segment.c.digest).where(segment.c.digest == path.stem)
    else:
        chosen = sa.select(result.c.blob).where(result.c.blob == path.name)
    return connection.execute(chosen.limit(1)).first() is not None
