"""Scanning logs: our kernels beside gunzip alone and beside what everybody writes, in one run.

Seeded, made-up files (`scan_data.py`): CloudTrail in big and in many small objects, invocation
records of which 3 % hold a telephone number. Wall time of two processes for CloudTrail, CPU of one
for the invocations. `make bench-scan` takes the sizes of the goals (2 M events, 4,000 small files,
200 k records) and compares with Polars, and Apache Spark of one and of two workers.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from isal import igzip

from affidavit.logscan import cluster, engine
from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.invocations import InvocationScanner, ScanSettings
from bench import scan_servers
from bench.scan_data import WATCHED, Records, trails


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is scanned."""

    events: int = 100_000
    big: int = 8
    small: int = 1000
    records: int = 20_000
    flat: tuple[int, int] = (10_000, 200_000)
    rounds: int = 3
    cluster: bool = False


FULL = Sizes(
    events=2_000_000, big=100, small=4000, records=200_000, flat=(10_000, 1_000_000), cluster=True
)


def run(sizes: Sizes | None = None) -> Mapping[str, float | str]:
    """Make the files, scan them in every way, and return times and ratios."""
    sizes = sizes or Sizes()
    folder = Path(tempfile.mkdtemp(prefix="affidavit-bench-scan-"))
    try:
        return _cloudtrail(folder, sizes) | _invocations(sizes) | _memory(folder, sizes)
    finally:
        shutil.rmtree(folder)


def gunzip_only(path: str) -> int:
    """Decompress with igzip and look at nothing."""
    return len(igzip.decompress(Path(path).read_bytes())) and 0


def naive(path: str) -> int:
    """Do what everybody writes: the standard library's gzip, all of the JSON as objects."""
    found = orjson.loads(gzip.decompress(Path(path).read_bytes()))["Records"]
    return sum(f"{r['eventSource']}:{r['eventName']}" in WATCHED for r in found)


@cache
def _scanner() -> TrailScanner:
    """Return the process's kernel, which the engine builds once too."""
    return TrailScanner(TrailSettings(events=WATCHED, integrity=False))


def ours(path: str) -> int:
    """Run the kernel, exact records kept."""
    found: list[Any] = []
    engine.scan_file(_scanner(), path, found.append)
    return len(found)


def _timed(kernel: Callable[[str], int], path: str) -> tuple[int, float]:
    """Return what a kernel counts, and its CPU time: wall says little on a busy machine."""
    started = time.process_time()
    count = kernel(path)
    return count, time.process_time() - started


def _cloudtrail(folder: Path, sizes: Sizes) -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for name, files in (("big", sizes.big), ("small", sizes.small)):
            paths = trails(folder, sizes.events, files)
            counts, times, spent = {}, {}, {}
            for kernel in (gunzip_only, ours, naive):
                spans = []
                # The first one warms the processes; the slow peer needs no median of three.
                for _ in range(2 if kernel is naive else sizes.rounds + 1):
                    started = time.perf_counter()
                    results = pool.map(
                        partial(_timed, kernel), paths, chunksize=max(1, files // 20)
                    )
                    counts[kernel], cpu = map(sum, zip(*results, strict=True))
                    spans.append((time.perf_counter() - started, cpu))
                times[kernel] = median(wall for wall, _ in spans[1:])
                spent[kernel] = min(cpu for _, cpu in spans[1:])
            assert counts[ours] == counts[naive] > 0
            figures |= {
                f"cloudtrail_{name}_s": times[ours],
                f"cloudtrail_{name}_ratio_to_igzip": times[ours] / times[gunzip_only],
                f"cloudtrail_{name}_cpu_ratio_to_igzip": spent[ours] / spent[gunzip_only],
                f"cloudtrail_{name}_times_quicker_than_naive": times[naive] / times[ours],
            }
            figures |= _peers(name, paths, counts[ours], times[ours])
            figures |= _engine(name, paths, times[ours])
            if sizes.cluster and name == "big":
                figures |= _cluster(paths, folder)
    return figures


def _engine(name: str, paths: list[str], kernel: float) -> dict[str, float | str]:
    """Scan by the engine, its processes' start and the findings' way back included."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as spool:
        job = engine.Job(settings=TrailSettings(events=WATCHED), spool=Path(spool))
        for result in engine.results(job, _listed(paths), 2):
            for _ in result.lines():
                pass
    return {f"cloudtrail_{name}_engine_to_kernel": (time.perf_counter() - started) / kernel}


def _listed(paths: list[str]) -> list[engine.Listed]:
    return [engine.Listed(uri=path, size=Path(path).stat().st_size) for path in paths]


def _cluster(paths: list[str], folder: Path) -> dict[str, float | str]:
    """Scan on Apache Spark with one and with two worker processes of one core each."""
    if find_spec("pyspark") is None or scan_servers.java() is None:
        return {"cluster": "NOT RUN: pyspark and Java 17 are needed (make bench-scan)"}
    spans: dict[int, float] = {}
    found: list[engine.Result] = []
    peer = 0.0
    for workers in (1, 2):
        with scan_servers.spark(f"local-cluster[{workers},1,1024]", folder / f"{workers}") as url:
            rounds = []
            for _ in range(3):  # the first one starts the workers
                started = time.perf_counter()
                job = engine.Job(settings=TrailSettings(events=WATCHED), spool=folder)
                found = list(cluster.results(url, job, _listed(paths), None))
                rounds.append(time.perf_counter() - started)
            spans[workers] = min(rounds[1:])
            assert not any(one.scanned.gaps for one in found)
            if workers == 2:
                peer = _by_spark(url, paths)
    return {
        "cluster_2_workers_s": spans[2],
        "cluster_times_of_1_worker": spans[1] / spans[2],
        "cluster_times_quicker_than_read_json": peer / spans[2],
    }


def _by_spark(url: str, paths: list[str]) -> float:
    """Return the seconds that Spark's own reader of JSON takes for the same events."""
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import col, concat_ws, explode

    session = SparkSession.builder.remote(url).create()
    event = "array<struct<eventSource:string,eventName:string>>"
    records = session.read.schema(f"Records {event}").json(paths)
    events = records.select(explode("Records").alias("r")).select("r.*")
    called = concat_ws(":", col("eventSource"), col("eventName"))
    spent = 0.0
    for _ in range(2):  # as for ours, the first one warms the workers
        started = time.perf_counter()
        assert events.filter(called.isin(sorted(WATCHED))).count() > 0
        spent = time.perf_counter() - started
    session.client.close()  # `stop` would ask a server that is about to go
    return spent


def _peers(name: str, paths: list[str], wanted: int, own: float) -> dict[str, float | str]:
    """Ask DuckDB, and Polars where it is installed, for the same events of a tenth of the files."""
    some = paths[: max(1, len(paths) // 10)]
    own *= len(some) / len(paths)
    expected = sum(map(naive, some))
    figures: dict[str, float | str] = {f"cloudtrail_{name}_matches": float(wanted)}
    for peer, ask in (("duckdb", _by_duckdb), ("polars", _by_polars)):
        figure = f"cloudtrail_{name}_times_quicker_than_{peer}"
        if find_spec(peer) is None:
            figures[figure] = "NOT RUN: not installed (make bench-scan)"
            continue
        started = time.perf_counter()
        assert ask(some) == expected
        figures[figure] = (time.perf_counter() - started) / own
    return figures


def _by_duckdb(paths: list[str]) -> int:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        answer = connection.execute(
            "SELECT count(*) FROM (SELECT unnest(Records) AS r FROM read_json(?, format='auto', "
            "columns={'Records': 'STRUCT(eventSource VARCHAR, eventName VARCHAR)[]'}, "
            "maximum_object_size=200000000)) "
            "WHERE (r.eventSource || ':' || r.eventName) IN ?",
            [paths, sorted(WATCHED)],
        ).fetchone()
    return int(answer[0]) if answer else 0


def _by_polars(paths: list[str]) -> int:
    import polars as pl

    event = pl.Struct({"eventSource": pl.String, "eventName": pl.String})
    called = pl.col("eventSource") + ":" + pl.col("eventName")
    found = 0
    for path in paths:
        raw = igzip.decompress(Path(path).read_bytes())
        records = pl.read_ndjson(raw, schema=pl.Schema({"Records": pl.List(event)}))
        events = records.explode("Records").unnest("Records")
        found += events.filter(called.is_in(sorted(WATCHED))).height
    return found


def _invocations(sizes: Sizes) -> dict[str, float | str]:
    count = sizes.records
    data = gzip.compress(b"".join(Records().lines(count)), 6)
    scanner = InvocationScanner(ScanSettings(key=b"0123456789abcdef"))
    found: list[Any] = []

    def baseline() -> None:
        for line in igzip.decompress(data).split(b"\n"):
            if line:
                orjson.loads(line)

    def scan() -> None:
        found.clear()
        scanner.scan(data, "bench", found.append)

    limit, spent = _in_turn(sizes.rounds, baseline, scan)
    return {
        "invocations_records_per_s": count / spent,
        "invocations_ratio_to_gunzip_orjson": spent / limit,
        "invocations_findings_share": len(found) / count,
    }


def _in_turn(rounds: int, *actions: Callable[[], None]) -> tuple[float, ...]:
    """Return the least CPU time of each: taken in turn, as a shared machine slows for a while."""
    spans: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, own in zip(actions, spans, strict=True):
            started = time.process_time()
            action()
            own.append(time.process_time() - started)
    return tuple(map(min, spans))


def _memory(folder: Path, sizes: Sizes) -> dict[str, float | str]:
    """Scan one file of few and one of many records, each in its own process."""
    figures: dict[str, float | str] = {}
    few = sizes.flat[0]
    block = b"".join(Records().lines(few))
    for count in sizes.flat:
        path = folder / f"flat-{count}.json.gz"
        member = gzip.compress(block, 1)
        with path.open("wb") as file:
            for _ in range(count // few):
                file.write(member)
        done = subprocess.run(
            [sys.executable, "-m", "bench.scan", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        peak = json.loads(done.stdout)
        assert peak["records"] == count
        figures[f"invocations_{count}_records_peak_mib"] = peak["mib"]
    return figures


def _peak(path: str) -> None:
    from affidavit.operations import scans

    look = scans.invocation_settings()
    request = scans.ScanRequest(where=scans.Where(uris=(path,)), look=look, processes=1)
    outcome = scans.scan(request, show=lambda _line: None)
    status = Path("/proc/self/status").read_text("utf-8")  # ru_maxrss would be the parent's too
    mib = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"mib": mib, "records": outcome.totals.records}))


def main() -> None:
    """Print figures of the sizes asked for; with a path: what scanning it costs."""
    if sys.argv[1:] not in ([], ["--full"]):
        _peak(sys.argv[1])
        return
    for figure, value in run(FULL if sys.argv[1:] else Sizes()).items():
        shown = f"{value:,.3f}" if isinstance(value, float) else value
        print(f"scan.{figure}: {shown}", flush=True)


if __name__ == "__main__":
    main()
