"""The finder's questions asked of PostgreSQL with indexes, over the same records.

The records are copied into a table (dropped before and afterwards) with the indexes that these
questions want: into the server that `AFFIDAVIT_BENCH_POSTGRES_URL` names, or, up to ten million
of them, into a throw-away one. The table is unlogged and indexed after it is filled, as whoever
loads so much would do; nothing is written while questions are asked, so that it reads as any.
"""

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from bench.postgres import NONE, URL, peer

MOST = 10_000_000
"""Records that are copied into a throw-away server: some minutes, and 8 GB of disk."""
ROUNDS = 5
_TABLE = "affidavit_bench_finder"
_COLUMNS = (
    *("id", "time", "assessment_id", "control_id", "verdict", "account_id", "region"),
    *("resource_arn", "resource_type", "reason", "keyword", "check_digest", "salt"),
)
"""Those that the questions name, and enough others for a row to have about its true width."""
_INDEXES = (
    "CREATE UNIQUE INDEX {t}_id ON {t} (id)",
    "CREATE INDEX {t}_page ON {t} (control_id, verdict, time DESC, id DESC)",
    "CREATE INDEX {t}_time ON {t} (time DESC, id DESC) INCLUDE (control_id, verdict)",
)


def compared(paths: Sequence[str], asked: Mapping[str, str]) -> Iterator[tuple[str, float | str]]:
    """Yield milliseconds of each question, `e` standing for the table; or why there are none."""
    rows = sum(pq.ParquetFile(path).metadata.num_rows for path in paths)
    if rows > MOST and not os.environ.get(URL):
        yield "postgres", f"not measured: {rows} records take long; set {URL} to have it"
        return
    with peer() as url:
        if url is None:
            yield "postgres", NONE
        else:
            yield from _asked(url, paths, asked)


def _asked(
    url: str, paths: Sequence[str], asked: Mapping[str, str]
) -> Iterator[tuple[str, float | str]]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(f"DROP TABLE IF EXISTS {_TABLE}")
        try:
            began = time.perf_counter()
            yield "postgres_rows", float(_load(connection, paths))
            yield "postgres_load_s", time.perf_counter() - began
            for name, sql in asked.items():
                statement = sql.replace(" FROM e ", f" FROM {_TABLE} ")
                yield f"{name}_postgres_ms", _median(connection, statement)
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {_TABLE}")


def _load(connection: Any, paths: Sequence[str]) -> int:
    kinds = {"time": "timestamptz"}
    columns = ", ".join(f"{one} {kinds.get(one, 'text')} NOT NULL" for one in _COLUMNS)
    connection.execute(f"CREATE UNLOGGED TABLE {_TABLE} ({columns})")
    rows = 0
    copying = f"COPY {_TABLE} ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT csv)"
    with connection.cursor().copy(copying) as copy:
        for path in paths:
            table = pq.read_table(path, columns=list(_COLUMNS), partitioning=None)
            text = pa.BufferOutputStream()
            csv.write_csv(table.select(_COLUMNS), text, csv.WriteOptions(include_header=False))
            copy.write(memoryview(text.getvalue()))
            rows += table.num_rows
    connection.execute("SET maintenance_work_mem = '512MB'")
    for statement in _INDEXES:
        connection.execute(statement.format(t=_TABLE))
    connection.execute(f"VACUUM ANALYZE {_TABLE}")
    return rows


def _median(connection: Any, statement: str) -> float:
    """Return the median of warm rounds."""
    connection.execute(statement).fetchall()
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        connection.execute(statement).fetchall()
        rounds.append((time.perf_counter() - began) * 1000)
    return statistics.median(rounds)
