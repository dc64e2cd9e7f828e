"""Spark: the same queries over the same files, on a cluster that speaks Spark Connect (or Sail).

The cluster reads plain segments where they lie: in the bucket, or in the object folder under the
same path as we do. Of sealed ones it is given this machine's opened copies. It is not trusted with
more than the search: each record that it gives is hashed again and must stand in the ledger, which
is also how its leaf is found. Ibis and the client are imported when the first query is asked.
"""

import re
import secrets
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from affidavit.errors import SettingsError, StoreError
from affidavit.finder.bound import ANY_TIME, Within
from affidavit.finder.compile import TABLE
from affidavit.spark_servers import await_server
from affidavit.store import SegmentFile

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

DIALECT: Final = "pyspark"
SCHEME: Final = "sc"
_BUCKET: Final = "s3a:"
_DEFAULT_PORT: Final = 15002
TRUSTED: Final = 60.0
"""Seconds for which an engine that saw all rows of a file is believed to see them still."""


class Spark:
    """A session on the cluster, opened by the first query; threads may share it."""

    places = False
    """It cannot tell from which file and row a record comes."""
    first_step = 5_000_000
    """Each query costs it a second or so: fewer and wider steps than on one machine."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._where = _address(url)
        self._lock = Lock()
        self._session: Any = None
        self._seen: dict[str, float] = {}
        """File -> until when it need not be counted again."""

    def close(self) -> None:
        """Give the session back; the cluster goes on."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.stop()

    def compiled(self, shape: "Callable[..., ir.Table]", *asked: object) -> str:
        """Return the SQL of a shape of `shapes`; what was asked before is kept."""
        return _compiled(shape, *asked)

    def rows(
        self, query: str, files: Sequence[SegmentFile], within: Within = ANY_TIME
    ) -> "pa.Table":
        """Return the whole answer, rows of other times than `within` too.

        `StoreError` where the engine does not see all the rows.
        """
        from grpc import RpcError
        from pyspark.errors import PySparkException

        del within  # a hint, for which the statement would have to be another one
        try:
            session = self._open()
            self._require(session, [one for one in files if not self._sees(one)])
            view = f"{TABLE}_{secrets.token_hex(8)}"
            _read(session, files).createOrReplaceTempView(view)
            try:
                return session.sql(_over(view, query)).toArrow()
            finally:
                session.catalog.dropTempView(view)
        except (PySparkException, RpcError) as error:
            raise StoreError(
                f"The engine {self._shown} could not search the evidence",
                why=" ".join(str(error).split())[:500],
                todo=_todo(files),
            ) from error

    def _require(self, session: Any, files: Sequence[SegmentFile]) -> None:
        """Raise `StoreError` unless the engine counts the rows that were committed.

        Sail answers nothing, and no error, where it does not find a file.
        """
        if not files:
            return
        expected = sum(one.rows for one in files)
        found = _read(session, files).count()
        if found != expected:
            raise StoreError(
                f"The engine {self._shown} could not search all the evidence",
                why=f"It sees {found} rows in {len(files)} files; {expected} were committed.",
                todo=_todo(files),
            )
        self._seen.update(dict.fromkeys(map(_place, files), time.monotonic() + TRUSTED))

    def _sees(self, file: SegmentFile) -> bool:
        return self._seen.get(_place(file), 0.0) > time.monotonic()

    @property
    def _shown(self) -> str:
        """Return the engine's address for messages: a token may stand behind it in the URL."""
        return f"{SCHEME}://{self._where[0]}:{self._where[1]}"

    def _open(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._connected()
            return self._session

    def _connected(self) -> Any:
        try:
            from pyspark.sql import SparkSession

            await_server(self._url)
        except ImportError as error:
            raise SettingsError(
                "AFFIDAVIT_ENGINE needs Spark's client",
                why=str(error),
                todo="Install Affidavit with its `spark` extra, or unset AFFIDAVIT_ENGINE.",
            ) from error
        except OSError as error:
            raise StoreError(
                f"The engine {self._shown} does not answer",
                why=error.strerror or str(error),
                todo="Start it, or unset AFFIDAVIT_ENGINE to search on this machine.",
            ) from error
        session = SparkSession.builder.remote(self._url).create()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        return session


@lru_cache(maxsize=512)
def _compiled(shape: "Callable[..., ir.Table]", *asked: object) -> str:
    import ibis

    return str(ibis.to_sql(shape(*asked), dialect=DIALECT))


def _read(session: Any, files: Sequence[SegmentFile]) -> Any:
    """Return the files as one table; an engine takes one kind of address at a time."""
    places = sorted(map(_place, files), key=_in_bucket)
    kinds = [session.read.parquet(*some) for _, some in groupby(places, _in_bucket)]
    return reduce(lambda one, other: one.unionByName(other), kinds)


def _place(file: SegmentFile) -> str:
    """Return where an engine reads a file; Spark and Sail both know S3 by the name `s3a`."""
    return re.sub("^s3:", _BUCKET, file.url) or str(file.path.absolute())


def _in_bucket(place: str) -> bool:
    return place.startswith(_BUCKET)


def _todo(files: Sequence[SegmentFile]) -> str:
    """Say what an engine must see; with opened copies it is an engine on this machine only."""
    place = _place(files[0])
    way = "Give its workers access to" if _in_bucket(place) else "Let its workers read"
    path = "" if _in_bucket(place) else " under the same path"
    return (
        f"{way} {place.rpartition('/')[0]}{path} (of sealed segments, these are copies that no "
        "other machine has), or unset AFFIDAVIT_ENGINE to search on this machine. `affidavit "
        "ledger verify` says whether the segments are whole."
    )


def _over(view: str, query: str) -> str:
    """Return the query with its table read from a view; it never asks where a row comes from."""
    table = f"WITH {TABLE} AS (SELECT *, '' AS segment, CAST(-1 AS BIGINT) AS row FROM {view})"  # noqa: S608 - made of constants and a token of ours
    if query.startswith("WITH "):
        return f"{table}, {query.removeprefix('WITH ')}"
    return f"{table} {query}"


def _address(url: str) -> tuple[str, int]:
    """Return host and port; `SettingsError` for what is no Spark Connect URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != SCHEME or not parts.hostname:
        raise SettingsError(
            "AFFIDAVIT_ENGINE is no engine that the finder can ask",
            why="It must be the address of a Spark Connect server.",
            todo=f"Set it to {SCHEME}://host:port, or unset it to search on this machine.",
        )
    return parts.hostname, port
