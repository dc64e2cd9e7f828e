"""Registering objects: they are brought first, and named by rows in a transaction afterwards.

So a slow S3 holds nobody up. Whoever removes objects without a row says so in a row of its own
before (`todos`); the transaction that registers looks there, and where an object was removed
meanwhile, all is brought again. An object that was brought is too young to be swept for an hour;
who registers later than half of that looks after it once more.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import sqlalchemy as sa

from affidavit.errors import StoreBusyError
from affidavit.store import todos
from affidavit.store.database import Database
from affidavit.store.removing import Removals

FRESH_SECONDS: Final = 1800.0
_TRIES: Final = 5
_T = TypeVar("_T")


def register(
    database: Database,
    removals: Removals,
    bring: Callable[[], Sequence[str]],
    write: Callable[[sa.Connection], _T],
) -> _T:
    """Bring objects, whose names `bring` returns, and let `write` register them.

    `bring` may be called again, and must then see to it again that they are all there.
    """
    for _ in range(_TRIES):
        began = time.monotonic()
        mark = mark_of(database)
        names = bring()
        with database.write() as connection:
            database.hold_files(connection, sweeping=False)
            gone = todos.removed_since(connection, names, mark)
            if not gone and time.monotonic() - began < FRESH_SECONDS:
                return write(connection)
        if gone:
            removals.settle(names)
    raise StoreBusyError(
        "Objects were removed again and again while they were being registered",
        todo="Run the same command again.",
    )


def mark_of(database: Database) -> int:
    """Return the mark of the newest to-do, to be taken before objects are brought."""
    with database.read() as connection:
        return todos.latest(connection)
