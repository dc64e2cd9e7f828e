"""Appending evidence: what a record costs until it is hashed, logged and durable.

The same seeded records, in batches of 10,000, go through the store (run begun, segment written and
synced, leaves appended, counters, signed checkpoint, one SQL transaction a batch) and, beside it,
into what others would use: Parquet files that are written and synced, SQLite with five indexes and
full synchronisation, and PostgreSQL by COPY with the same indexes (`bench.postgres`). None of
the others hashes or logs anything.

Eighty files of the published ledger are made a batch. ext4 passes over what was deleted in the last
minutes, so where tests have just removed thousands of files, each takes ten times as long or more:
measure in a new folder of the root (`TMPDIR=/fresh`), or wait some minutes.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from affidavit.model.evidence import Evidence
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.segment_columns import FIELDS
from affidavit.store.segment_columns import columns_of as table_of
from bench.evidence_columns import columns_of, records_of
from bench.evidence_maker import BEGIN, LAST_DAY, TENANT, assessment_of, record_of
from bench.postgres import NONE, peer

BATCH = 10_000
BATCHES = 10
SMALL = 100
"""Records of the small batches."""
SMALL_BATCHES = 20
GOAL_PER_SECOND = 100_000
GOAL_BYTES = 300
_INDEXES = (
    "time",
    "assessment_id, control_id, time",
    "assessment_id, verdict, time",
    "account_id, resource_type, time",
    "resource_arn",
)


def run() -> Mapping[str, float | str]:
    """Append by each means; return records a second, their ratios, and bytes a record."""
    dice = Random(4)  # noqa: S311 - the same evidence for the same seed
    assessment = assessment_of("Append", BEGIN, dice)
    figures: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory(prefix="affidavit-append-") as folder:
        home = Path(folder)
        store_seconds, small_seconds, cpu, held = _store(home, assessment, dice)
        batches = [_records(new_id(BEGIN), assessment.id, BATCH, n) for n in range(BATCHES)]
        parquet = _timed(batches, _parquet(home))
        sqlite = _timed(batches, _sqlite(home))
        with peer() as url:
            postgres = _timed(batches, _postgres(url)) if url else None
    records = BATCH * BATCHES
    figures["records_per_s"] = records / store_seconds
    figures["records_over_goal"] = records / store_seconds / GOAL_PER_SECOND
    figures["records_per_cpu_s"] = records / cpu
    figures["batches_of_100_per_s"] = SMALL_BATCHES / small_seconds
    figures["store_over_plain_parquet"] = store_seconds / parquet
    figures["store_over_sqlite"] = store_seconds / sqlite
    figures["store_over_postgres"] = NONE if postgres is None else store_seconds / postgres
    figures["bytes_per_record"] = held / records
    figures["bytes_over_goal"] = held / records / GOAL_BYTES
    return figures


def _store(home: Path, assessment: Assessment, dice: Random) -> tuple[float, float, float, int]:
    """Return the seconds of the large and of the small batches, CPU and bytes of the large.

    CPU is that of all threads: other work on the machine moves it less than the seconds.
    """
    seconds = small = cpu = 0.0
    with open_store(Settings(home=home / "home", keys=home / "keys")) as store:
        store.create_assessment(assessment, "bench")
        _append(store, assessment, 1, dice.getrandbits(32))
        before = _size(home / "home")
        for number in range(BATCHES):
            wall, used = _append(store, assessment, BATCH, number)
            seconds, cpu = seconds + wall, cpu + used
        held = _size(home / "home") - before
        for number in range(SMALL_BATCHES):
            small += _append(store, assessment, SMALL, number)[0]
    return seconds, small, cpu, held


def _append(store: Store, assessment: Assessment, count: int, number: int) -> tuple[float, float]:
    """Append one batch as a run of its own; return seconds, and of CPU, until acknowledged.

    The records must name their run, so it is begun before they are made, and that is counted.
    """
    began = BEGIN
    started, used = time.perf_counter(), time.process_time()
    run = store.begin_run(assessment, LAST_DAY, "c" * 64, began)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    records = _records(run.run_id, assessment.id, count, number)
    started, used = time.perf_counter(), time.process_time()
    with store.segment_writer(run.run_id, TENANT, assessment.id, LAST_DAY) as writer:
        writer.append(records)
        segment = writer.close()
    store.commit_run(record_of(run.run_id, assessment, LAST_DAY, began, segment), [segment])
    return seconds + time.perf_counter() - started, cpu + time.process_time() - used


def _records(run_id: str, assessment_id: str, count: int, seed: int) -> list[Evidence]:
    dice = Random(seed)  # noqa: S311 - the same evidence for the same seed
    when = (BEGIN, timedelta(seconds=1))
    return records_of(columns_of(run_id, assessment_id, when, range(count), dice))


def _timed(
    batches: Sequence[Sequence[Evidence]], write: Callable[[Sequence[Evidence]], None]
) -> float:
    started = time.perf_counter()
    for batch in batches:
        write(batch)
    return time.perf_counter() - started


def _table(batch: Sequence[Evidence]) -> pa.Table:
    columns, schema = table_of(batch)
    return pa.Table.from_arrays(columns, schema=schema)


def _parquet(home: Path) -> Callable[[Sequence[Evidence]], None]:
    def write(batch: Sequence[Evidence]) -> None:
        path = home / f"{batch[0].run_id}.parquet"
        with path.open("wb") as file:
            pq.write_table(_table(batch), file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())

    return write


def _rows(batch: Sequence[Evidence]) -> list[tuple[object, ...]]:
    """Return records as rows of texts: what a table with a column for each member takes."""
    return [
        tuple(
            str(value) if name in _NOT_TEXT else value
            for name, value in zip(FIELDS, _members(record), strict=True)
        )
        for record in batch
    ]


_members = attrgetter(*FIELDS)
_NOT_TEXT = frozenset({"time", "inputs", "attributes", "synthetic", "verdict", "standing"})


def _sqlite(home: Path) -> Callable[[Sequence[Evidence]], None]:
    connection = sqlite3.connect(home / "peer.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    for statement in _statements():
        connection.execute(statement)

    def write(batch: Sequence[Evidence]) -> None:
        rows = _rows(batch)
        marks = ", ".join("?" * len(rows[0]))
        connection.execute("BEGIN")
        statement = f"INSERT INTO peer VALUES ({marks})"  # noqa: S608 - question marks only
        connection.executemany(statement, rows)
        connection.execute("COMMIT")

    return write


def _statements() -> Iterator[str]:
    names = ", ".join(f"{name} TEXT NOT NULL" for name in FIELDS)
    yield f"CREATE TABLE peer ({names}, PRIMARY KEY (id))"
    for number, columns in enumerate(_INDEXES):
        yield f"CREATE INDEX peer_{number} ON peer ({columns})"


def _postgres(url: str) -> Callable[[Sequence[Evidence]], None]:
    import psycopg

    connection = psycopg.connect(url, autocommit=True)
    connection.execute("DROP TABLE IF EXISTS peer")
    for statement in _statements():
        connection.execute(statement)

    def write(batch: Sequence[Evidence]) -> None:
        with connection.transaction(), connection.cursor().copy("COPY peer FROM STDIN") as copy:
            for row in _rows(batch):
                copy.write_row(row)

    return write


def _size(folder: Path) -> int:
    """Return the bytes of all files: segments, database with its log, tiles, checkpoint."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
