# ruff: noqa: S608 - the SQL is made of constants and of ids that we wrote
"""The finder over seeded evidence in the real store, beside bare DuckDB on the same files.

`AFFIDAVIT_BENCH_RECORDS` sets the number of records (default one million; the goals are stated for
ten). `AFFIDAVIT_BENCH_HOME` keeps the store there and uses it again. Bare: one DuckDB connection of
the same settings, the same SQL written by hand, over the list of all files of the assessment; it
checks no digest, knows no early stop, and gives Arrow where the finder gives records.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from affidavit.finder.bind import Names, bind
from affidavit.finder.engine import Finder
from affidavit.finder.fields import FIELDS
from affidavit.finder.parse import parse
from affidavit.finder.query import Question, Scope
from affidavit.settings import Settings
from affidavit.store import Chosen, Store, open_store
from bench import finder_postgres
from bench.evidence_maker import DAYS, LAST_DAY, NAME, TENANT, make
from bench.measure import measure

RECORDS = int(os.environ.get("AFFIDAVIT_BENCH_RECORDS", "1000000"))
ROUNDS = 7
EXPORTED = 1_000_000
"""Rows of a CSV file, about, where there are so many."""
_LATER = datetime(2027, 1, 1, tzinfo=UTC)
_NUMBERS = count()
GOALS_MS = {"page": 80.0, "group": 100.0, "point": 20.0, "contains": 800.0}
GOAL_OVER_BARE = 1.5
_SINCE = "2026-10-02"
_CONTROL = "GENAI-PRIV-02"
_PART = "ab12"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: ours, and bare DuckDB's."""

    query: str
    run: Callable[[Finder, Question], object]
    bare: str


def run() -> Mapping[str, float | str]:
    """Write the evidence, ask both, return milliseconds (median of warm rounds) and ratios."""
    with _home() as home:
        return measured(home, RECORDS)


def measured(home: Path, records: int) -> Mapping[str, float | str]:
    """Return the figures of so many records in a store in this folder; made if it is empty."""
    figures: dict[str, float | str] = {"records": float(records)}
    with open_store(Settings(home=home, keys=home / "keys")) as store:
        if not store.assessments(TENANT):
            began, used = time.perf_counter(), time.process_time()
            make(store, records)
            figures["written_records_per_s"] = records / (time.perf_counter() - began)
            figures["written_records_per_cpu_s"] = records / (time.process_time() - used)
        large = next(one for one in store.assessments(TENANT) if one.name == NAME)
        scope = Scope(tenant=TENANT, assessments=(large.id,))
        files = store.segment_files(Chosen(tenant=TENANT, assessments=scope.assessments))
        paths = [str(one.path) for one in files]
        rows = sum(one.rows for one in files)
        if abs(rows - records * 4 / 5) > DAYS:
            raise ValueError(f"{home} holds {rows} records of it, made otherwise: remove it")
        figures["segments"] = float(len(files))
        figures["segment_bytes_per_record"] = sum(Path(p).stat().st_size for p in paths) / rows
        with Finder(store) as finder, duckdb.connect(":memory:") as bare:
            for setting in ("TimeZone = 'UTC'", "parquet_metadata_cache = true"):
                bare.execute(f"SET {setting}")
            cold = _once(lambda: finder.count(_question(scope, "")))
            figures["first_count_with_all_digests_ms"] = cold.wall
            figures["first_count_with_all_digests_cpu_ms"] = cold.cpu
            questions = _questions(_middle(store, scope))
            for name, asked in questions.items():
                figures.update(_compared(name, asked, finder, scope, bare, paths))
        peer = {name: asked.bare for name, asked in questions.items()}
        figures.update(finder_postgres.compared(paths, peer))
        for name in questions:
            theirs = figures.get(f"{name}_postgres_ms")
            if isinstance(theirs, float):
                figures[f"{name}_over_postgres"] = float(figures[f"{name}_ms"]) / theirs
    figures.update(_exported(home, rows))
    return figures


def _questions(identifier: str) -> Mapping[str, _Asked]:
    fields = [FIELDS["control"], FIELDS["compliance"]]
    since = f"time >= TIMESTAMPTZ '{_SINCE} 00:00:00+00'"
    newest = "ORDER BY time DESC, id DESC LIMIT 101"
    return {
        "page": _Asked(
            f"control = {_CONTROL} and compliance = NON_COMPLIANT",
            lambda finder, question: finder.page(question),
            f"SELECT * FROM e WHERE control_id = '{_CONTROL}' "
            f"AND verdict = 'NON_COMPLIANT' {newest}",
        ),
        "group": _Asked(
            f"time >= {_SINCE}",
            # Each time another question: what was counted before is kept (`finder.answered`).
            lambda finder, question: finder.groups(_another(question), fields),
            f"SELECT control_id, verdict, count(*) FROM e WHERE {since} "
            "GROUP BY 1, 2 ORDER BY 3 DESC",
        ),
        "point": _Asked(
            f"id = {identifier}",
            lambda finder, question: finder.page(question),
            f"SELECT * FROM e WHERE id = '{identifier}'",
        ),
        "contains": _Asked(
            f'resource.arn ~ "*{_PART}*"',
            lambda finder, question: finder.page(question),
            f"SELECT * FROM e WHERE resource_arn LIKE '%{_PART}%' {newest}",
        ),
    }


def _another(question: Question) -> Question:
    """Return the question of groups with an end that no record reaches, another one each time."""
    end = _LATER + timedelta(seconds=next(_NUMBERS))
    return _question(question.scope, f"time >= {_SINCE} and time < {end:%Y-%m-%dT%H:%M:%SZ}")


def _compared(
    name: str,
    asked: _Asked,
    finder: Finder,
    scope: Scope,
    bare: duckdb.DuckDBPyConnection,
    paths: list[str],
) -> Iterator[tuple[str, float]]:
    question = _question(scope, asked.query)
    sql = f"WITH e AS (SELECT * FROM read_parquet(?)) {asked.bare}"
    ours, theirs = _alternately(
        lambda: asked.run(finder, question),
        lambda: bare.sql(sql, params=[paths]).to_arrow_table(),
    )
    yield f"{name}_ms", ours.wall
    yield f"{name}_of_goal", ours.wall / GOALS_MS[name]
    yield f"{name}_bare_ms", theirs.wall
    yield f"{name}_over_bare", ours.wall / theirs.wall
    yield f"{name}_over_bare_of_goal", ours.wall / theirs.wall / GOAL_OVER_BARE
    yield f"{name}_cpu_ms", ours.cpu
    yield f"{name}_cpu_over_bare", ours.cpu / theirs.cpu


def _exported(home: Path, rows_held: int) -> Iterator[tuple[str, float]]:
    """Export an eighth of the period as CSV, or as many days as have a million records.

    The command has a process of its own, so that its peak memory is told.
    """
    days = max(1, min(DAYS // 8, EXPORTED * DAYS // rows_held))
    target = home / "export.csv"
    asked = f"time >= {LAST_DAY - timedelta(days=days - 1)}"
    command = [sys.executable, "-m", "affidavit", "find", asked, "--assessment", NAME]
    env = {"AFFIDAVIT_HOME": str(home), "AFFIDAVIT_KEYS": str(home / "keys")}
    done = measure([*command, "--csv", str(target)], env, Path(__file__).parents[1])
    if done.code:
        raise RuntimeError(done.output[-2000:])
    rows = json.loads(target.with_name(f"{target.name}.manifest.json").read_text())["predicate"][
        "rows"
    ]
    yield "csv_rows", float(rows)
    yield "csv_rows_per_s", rows / done.wall
    yield "csv_rows_per_cpu_s", rows / done.cpu
    yield "csv_peak_mib", done.peak


def _question(scope: Scope, text: str) -> Question:
    return Question(scope=scope, where=bind(parse(text), Names(), text))


def _middle(store: Store, scope: Scope) -> str:
    """Return the id of a record in the middle of the period."""
    files = store.segment_files(Chosen(tenant=TENANT, assessments=scope.assessments))
    found: Any = duckdb.sql(
        "SELECT id FROM read_parquet(?) LIMIT 1 OFFSET 100", params=[str(files[60].path)]
    ).fetchall()
    return str(found[0][0])


@dataclass(frozen=True, slots=True)
class _Cost:
    """Medians, in milliseconds."""

    wall: float
    cpu: float
    """Of all threads: what other work on the machine moves least."""


def _alternately(*asked: Callable[[], object]) -> list[_Cost]:
    """Return the cost of each, asked in turns after a round that warms up."""
    for ask in asked:
        ask()
    rounds = [[_once(ask) for ask in asked] for _ in range(ROUNDS)]
    return [
        _Cost(
            statistics.median(one.wall for one in costs),
            statistics.median(one.cpu for one in costs),
        )
        for costs in zip(*rounds, strict=True)
    ]


def _once(ask: Callable[[], object]) -> _Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    ask()
    return _Cost((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)


@contextmanager
def _home() -> Iterator[Path]:
    kept = os.environ.get("AFFIDAVIT_BENCH_HOME")
    if kept:
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="affidavit-bench-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    for figure, value in run().items():
        print(figure, value)
