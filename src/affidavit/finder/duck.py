"""DuckDB: runs compiled SQL over a list of Parquet files. No extension, no state, no write."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from affidavit.errors import StoreError
from affidavit.finder.bound import ANY_TIME, Within
from affidavit.finder.compile import TABLE
from affidavit.finder.shapes import SORTED
from affidavit.store import SegmentFile

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    import pyarrow as pa

DIALECT: Final = "duckdb"
MEMORY: Final = "2GB"
"""Beyond it DuckDB sorts and groups on disk."""
_FILES: Final = (
    f"WITH {TABLE} AS NOT MATERIALIZED (SELECT *, filename AS segment, file_row_number AS row "  # noqa: S608 - made of constants
    "FROM read_parquet(?, filename = true, file_row_number = true)%s)"
)


class Duck:
    """One embedded engine; every query has a cursor of its own, so threads may share it."""

    places = True
    """It tells from which file and row a record comes."""
    first_step = 50_000
    """Rows of the segments that a page reads first: most pages are full after them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection: Any = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """End it and remove what it put aside."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def warm(self) -> None:
        """Import what is imported late, and open the engine."""
        import ibis

        ibis.to_sql(ibis.table({"one": "int64"}, name="warm"), dialect=DIALECT)
        self._open()

    def compiled(self, shape: "Callable[..., ir.Table]", *asked: object) -> str:
        """Return the SQL of a shape of `shapes`; what was asked before is kept."""
        return _compiled(shape, *asked)

    def rows(
        self, query: str, files: Sequence[SegmentFile], within: Within = ANY_TIME
    ) -> "pa.Table":
        """Return the whole answer; rows of other times than `within` are not looked at."""
        with self._asked(query, [one.path for one in files], within) as answer:
            return answer.to_arrow_table()

    def edges(self, query: str, files: Sequence[SegmentFile]) -> tuple[Any, Any] | None:
        """Return the least and the greatest sorted value of a page, or None where it is empty.

        It decodes no column but those that the query names: a page's rows, with all their columns,
        are then looked for between its edges only.
        """
        edges = f"SELECT min({SORTED}) AS least, max({SORTED}) AS greatest FROM ({query})"  # noqa: S608 - compiled
        found = self.rows(edges, files).to_pylist()[0]
        return None if found["least"] is None else (found["least"], found["greatest"])

    def batches(self, query: str, files: Sequence[Path], size: int) -> "Iterator[pa.RecordBatch]":
        """Yield the answer in parts of about `size` rows; memory stays flat."""
        with self._asked(query, files) as answer:
            yield from answer.to_arrow_reader(size)

    @contextmanager
    def _asked(
        self, query: str, files: Sequence[Path], within: Within = ANY_TIME
    ) -> "Iterator[duckdb.DuckDBPyRelation]":
        import duckdb

        bounds = {"time >= ?": within.first, "time < ?": within.end}
        known = {one: time for one, time in bounds.items() if time is not None}
        params = [[str(path) for path in files], *known.values()]
        cursor = self._open().cursor()
        try:
            yield cursor.sql(over_files(query, " AND ".join(known)), params=params)
        except duckdb.Error as error:
            raise StoreError(
                "The evidence could not be searched",
                why=" ".join(str(error).split()),
                todo="Run `affidavit ledger verify`: it names a segment that is damaged.",
            ) from error
        finally:
            cursor.close()

    def _open(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        with self._lock:
            if self._connection is None:
                self._folder = tempfile.TemporaryDirectory(prefix="affidavit-finder-")
                self._connection = duckdb.connect(
                    ":memory:",
                    config={
                        "autoinstall_known_extensions": "false",
                        "autoload_known_extensions": "false",
                        "memory_limit": MEMORY,
                        "temp_directory": self._folder.name,
                        "threads": str(os.cpu_count() or 1),
                    },
                )
                for setting in ("TimeZone = 'UTC'", "parquet_metadata_cache = true"):
                    self._connection.execute(f"SET {setting}")
            return self._connection


def over_files(query: str, condition: str = "") -> str:
    """Return the query with its table read from the files that are its first parameter."""
    files = _FILES % (f" WHERE {condition}" if condition else "")
    if query.startswith("WITH "):
        return f"{files}, {query.removeprefix('WITH ')}"
    return f"{files} {query}"


@lru_cache(maxsize=512)
def _compiled(shape: "Callable[..., ir.Table]", *asked: object) -> str:
    import ibis

    return str(ibis.to_sql(shape(*asked), dialect=DIALECT))
