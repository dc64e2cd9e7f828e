"""What was read since the database last changed: a second look costs no query.

SQLite says cheaply whether anything was committed since (PRAGMA data_version, by a connection of
its own that never writes, so that the commits of this process count as well as those of others).
What is kept is given up as a whole when anything was. PostgreSQL has no such number: nothing is
kept, and every look is a query.

What is answered is what stood in the database when the look began, as with any query.
"""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar, cast

Found = TypeVar("Found")
MAX_BYTES: Final = 16 << 20
MAX_ONE: Final = 1 << 20
"""Longer answers are not kept: they would push out all others."""
_OVERHEAD: Final = 256
"""Bytes that an answer counts besides its text."""


class Recent:
    """Answers by key, for as long as the database stays as it is; safe between threads."""

    def __init__(self, path: str | None) -> None:
        """Take the path of an SQLite database, or None for one that cannot say that it changed."""
        self._lock = threading.Lock()
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._kept: OrderedDict[Hashable, tuple[int, object]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, read: Callable[[], Found], size: Callable[[Found], int]) -> Found:
        """Return what `read` gives, or what it gave since the last change.

        `size` is about how many bytes the answer takes. Whoever gets it must not change it.
        """
        with self._lock:
            version = self._look()
            if version is not None and key in self._kept:
                self._kept.move_to_end(key)
                return cast("Found", self._kept[key][1])
        found = read()
        if version is not None:
            self._keep(version, key, found, size(found) + _OVERHEAD)
        return found

    def rows(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]] | None:
        """Return what SQLite answers now, or None for a database that is none."""
        with self._lock:
            if self._path is None:
                return None
            return self._open().execute(sql, values).fetchall()

    def close(self) -> None:
        """Close the connection; afterwards nothing is kept."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = self._path = None
            self._forget()

    def _look(self) -> int | None:
        """Return the database's version, with all given up that is of another; None: unknown."""
        if self._path is None:
            return None
        try:
            version = int(self._open().execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            self._forget()  # whoever reads next finds out what is wrong, and says it
            return None
        if version != self._version:
            self._forget()
            self._version = version
        return version

    def _open(self) -> sqlite3.Connection:
        """Return the connection, holding the lock; there is a path."""
        if self._connection is None:
            self._connection = sqlite3.connect(
                str(self._path), check_same_thread=False, isolation_level=None
            )
        return self._connection

    def _keep(self, version: int, key: Hashable, found: object, size: int) -> None:
        with self._lock:
            if size > MAX_ONE or version != self._version or key in self._kept:
                return
            self._kept[key] = (size, found)
            self._bytes += size
            while self._bytes > MAX_BYTES:
                _, (gone, _) = self._kept.popitem(last=False)
                self._bytes -= gone

    def _forget(self) -> None:
        self._kept.clear()
        self._bytes = 0
        self._version = None
