"""Crash safety: kill -9 at random instants while runs are collected, compacted and published.

`python -m bench.crash --kills 100`: so many in each of five: appending and compacting, with objects
on a disk and on S3 (SeaweedFS, a real server), and publishing as Iceberg, on a disk. A child
process works: it begins runs, stores results, writes segments, commits, puts each day's two
segments into one file, and says on a pipe what the store has acknowledged. The parent kills it in
one of its first runs at a random instant, or within its compaction or its commit, opens the store
and asserts, every time:

- what was acknowledged is there: each result with its digest, each commit with all its evidence;
- nothing is half-registered: counters, segments and run records speak of the same evidence;
- the ledger verifies from end to end;
- the run that was under way is resumed by the next child, under the same id;
- the Iceberg table, where there is one, can be read, and is right once what was left to do is done.

`--runs 5` without kills: a child that ends after so many runs; tests let several write at once.
"""

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.samples import TENANT

from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment
from affidavit.model.times import utc_now
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from bench.crash_samples import (
    NOW,
    UNITS,
    assessment_of,
    evidence_of,
    observation_of,
    run_record_of,
)

NAME = "crash"
FIRST_DAY = date(2026, 1, 1)
BATCH, EVIDENCE, SEGMENTS = 4, 40, 2
KILLS_PER_HOME = 20
LATEST = 1.1
"""Of the time that what is killed takes when it is not: within it, it is."""
FIRST_RUNS = 3
"""A child is killed in one of so many runs: those before it are acknowledged."""
EARLY_SHARE = 0.1
"""Share of kills that hit the start of the child: imports, opening, migration."""
PLACES = ("disk", "s3")
PHASES = ("append", "compact", "publish")
SETTINGS = "settings.json"


def settings_of(home: Path) -> Settings:
    """Return the settings of a home with its keys beside, and what a file there says more."""
    file = home / SETTINGS
    more = json.loads(file.read_text()) if file.exists() else {}
    return Settings(home=home / "home", keys=home / "keys", **more)


def say(*words: object) -> None:
    """Acknowledge on standard output, unbuffered."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def work(home: Path, name: str, runs: int) -> None:
    """Collect one day after another until killed, or so many runs."""
    with open_store(settings_of(home)) as store:
        assessment = store.find_assessment(TENANT, name)
        if assessment is None:
            assessment = assessment_of(name)
            store.create_assessment(assessment, "crash test")
        import pyarrow.compute
        import pyarrow.parquet  # noqa: F401 - loaded now: kills should hit work, not imports

        if settings_of(home).lake:
            import pyiceberg.catalog.sql
            import pyiceberg.io.pyarrow  # noqa: F401 - some seconds of the first commit

        say("ready")
        records = store.run_records(TENANT, FIRST_DAY, date.max)
        done = sum(record["assessment_name"] == name for _, record in records)
        while not runs or done < runs:
            _one_run(store, assessment, FIRST_DAY + timedelta(days=done))
            done += 1


def _one_run(store: Store, assessment: Assessment, day: date) -> None:
    run = store.begin_run(assessment, day, "c" * 64, NOW)
    say("begun", run.run_id, "resumed" if run.resumed else "new")
    open_units = []
    for number in range(UNITS):
        observation = observation_of(day, number)
        if store.result(run.run_id, observation.unit.id) is None:
            open_units.append(observation)
    for at in range(0, len(open_units), BATCH):
        batch = open_units[at : at + BATCH]
        store.put_results(run.run_id, batch)
        for item in batch:
            say("result", run.run_id, item.unit.id, item.digest)
    evidence = [evidence_of(run.run_id, assessment, n) for n in range(EVIDENCE)]
    segments = []
    for at in range(SEGMENTS):
        with store.segment_writer(run.run_id, TENANT, assessment.id, day) as writer:
            writer.append(evidence[at::SEGMENTS])
            segments.append(writer.close())
    record = run_record_of(run.run_id, assessment, day, evidence)
    say("committing")
    committed = store.commit_run(record, segments)
    say("committed", run.run_id, committed.tree_size)
    leaf = store.append_record(TENANT, {"kind": "change", "id": new_id(utc_now())})
    say("record", leaf)
    say("compacting")
    if store.compact(TENANT).files_after:
        say("compacted", run.run_id)


@dataclass(slots=True)
class Acknowledged:
    """What children have said so far, for one home."""

    results: dict[tuple[str, str], str] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)
    records: list[int] = field(default_factory=list)
    compacted: int = 0
    under_way: str = ""
    resumed: int = 0

    def hear(self, line: str) -> None:
        """Take one line of a child in."""
        words = line.split()
        if words[0] == "begun":
            expected = self.under_way
            if expected:
                assert words[1] == expected, f"{expected} was not resumed, but {words[1]} begun"
                self.resumed += 1
            self.under_way = words[1]
        elif words[0] == "result":
            self.results[words[1], words[2]] = words[3]
        elif words[0] == "committed":
            self.committed[words[1]] = int(words[2])
            self.under_way = ""
        elif words[0] == "record":
            self.records.append(int(words[1]))
        elif words[0] == "compacted":
            self.compacted += 1


def check(home: Path, heard: Acknowledged) -> None:
    """Open the store as the next process would, and assert what the module's text says."""
    if not (home / "home" / "affidavit.db").exists():
        assert not heard.results
        return
    with open_store(settings_of(home)) as store:
        for (run_id, unit_id), digest in heard.results.items():
            found = store.result(run_id, unit_id)
            assert found is not None, f"acknowledged result {unit_id} of {run_id} is gone"
            assert found.digest == digest
        records = store.run_records(TENANT, FIRST_DAY, date.max)
        logged = {record["run_id"]: leaf + 1 for leaf, record in records}
        for run_id, size in heard.committed.items():
            assert logged.get(run_id) == size, f"acknowledged commit {run_id} is gone"
        if heard.under_way in logged:
            heard.under_way = ""  # durable, killed before it could say so
        assessment = store.find_assessment(TENANT, NAME)
        if assessment is None:
            return
        _check_whole(store, assessment, len(records))
        logs = store.verify()
        assert [log.runs for log in logs] == [len(records)]
        size = store.log(TENANT).size
        assert all(leaf < size for leaf in heard.records)
        if settings_of(home).lake:
            _check_published(store, len(records))


def _check_published(store: Store, runs: int) -> None:
    """Assert that the table can be read as it is, and holds all evidence once the rest is done."""
    assert _published(store) in (runs, runs - 1, 0)
    for left in store.waiting(TENANT):
        assert left.kind == "publish", left
        assert store.lake.follow(TENANT) == ""
    assert not runs or _published(store) == runs
    assert store.waiting(TENANT) == []


def _published(store: Store) -> int:
    """Return how many runs' evidence the table shows; 0 where there is none yet."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        table = store.lake.table(TENANT)
    except NoSuchTableError:
        return 0
    return len(set(table.scan(selected_fields=("run_id",)).to_arrow()["run_id"].to_pylist()))


def _check_whole(store: Store, assessment: Assessment, runs: int) -> None:
    """Assert that evidence, folders and verdicts speak of the committed runs only."""
    held = Counter(e.run_id for _, e in store.evidence(assessment.id, FIRST_DAY, date.max))
    assert len(held) == runs
    assert set(held.values()) <= {EVIDENCE}
    for number in range(runs + 1):
        day = FIRST_DAY + timedelta(days=number)
        folders = store.folders(assessment.id, day)
        counted = sum(sum(counts.values()) for counts in folders.values())
        assert counted == (EVIDENCE if number < runs else 0)
        assert len(store.verdicts(assessment.id, day)) == (4 if number < runs else 0)


_SPANS = {
    "append": ("begun", "committed"),
    "compact": ("compacting", "compacted"),
    "publish": ("committing", "committed"),
}
"""Phase -> the words of a child between which it is killed."""


def _child(home: Path, *more: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "bench.crash", "--work", str(home), *more],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )


def _pace(home: Path, phase: str) -> tuple[float, float]:
    """Return the seconds that a child's start and its phase take, of one that nobody kills."""
    started, said = time.monotonic(), defaultdict[str, list[float]](list)
    with _child(home, "--runs", str(FIRST_RUNS)) as child:
        assert child.stdout is not None
        while line := child.stdout.readline():
            said[_word(line)].append(time.monotonic())
    assert child.returncode == 0, f"the child ended with {child.returncode}"
    begins, ends = (said[word] for word in _SPANS[phase])
    return said["ready"][0] - started, (sum(ends) - sum(begins)) / FIRST_RUNS


def _word(line: bytes) -> str:
    return line.split()[0].decode()


def kill_once(
    home: Path, heard: Acknowledged, rng: random.Random, phase: str, pace: tuple[float, float]
) -> None:
    """Start a child, kill it at a random instant, hear what it had said, and check."""
    child = _child(home)
    assert child.stdout is not None
    first = b""
    start, span = pace
    if phase == "append" and rng.random() < EARLY_SHARE:
        time.sleep(rng.uniform(0, start))
    else:
        left = rng.randint(1, FIRST_RUNS)
        while left:
            line = child.stdout.readline()
            assert line, f"the child ended with {child.wait()}"
            first += line
            left -= _word(line) == _SPANS[phase][0]
        time.sleep(rng.uniform(0, span * LATEST))
    child.kill()
    rest = child.stdout.read()
    child.stdout.close()
    child.wait()
    for told in (first + rest).decode().splitlines():
        heard.hear(told)
    check(home, heard)


def run(kills: int, seed: int, how: tuple[str, str], s3: Any = None) -> dict[str, int]:
    """Kill `kills` times; return what happened, or raise `AssertionError`.

    `how`: (phase, disk or s3); `s3`: the server, for s3.
    """
    rng = random.Random(seed)  # noqa: S311 - instants, not secrets
    totals: Counter[str] = Counter()
    with _home(how[0], s3) as home:
        pace = _pace(home, how[0])
    while totals["kills"] < kills:
        heard = Acknowledged()
        with _home(how[0], s3) as home:
            for _ in range(min(kills - totals["kills"], KILLS_PER_HOME)):
                kill_once(home, heard, rng, how[0], pace)
                totals["kills"] += 1
        totals["results acknowledged"] += len(heard.results)
        totals["commits acknowledged"] += len(heard.committed)
        totals["runs resumed"] += heard.resumed
        totals["days compacted"] += heard.compacted
    return dict(totals)


@contextmanager
def _home(phase: str, s3: Any) -> Iterator[Path]:
    """Give an empty home; on S3, with a bucket of its own."""
    with tempfile.TemporaryDirectory(prefix="affidavit-crash-") as name:
        home = Path(name)
        if s3 is not None:
            with closing(s3.client()) as client:
                bucket = f"crash-{os.urandom(6).hex()}"
                client.create_bucket(Bucket=bucket)
            more = {"objects": f"s3://{bucket}/p", "objects_endpoint": s3.url}
            (home / SETTINGS).write_text(json.dumps({**more, "seal_segments": True}))
        elif phase == "publish":
            (home / SETTINGS).write_text(json.dumps({"lake": "sql"}))
        yield home


@contextmanager
def _server(objects: str) -> Iterator[Any]:
    """Give a running S3 server, or None for a disk; credentials for it stand in the environment."""
    if objects == "disk":
        yield None
        return
    file = Path(__file__).parent.parent / "tests" / "seaweedfs.py"
    spec = importlib.util.spec_from_file_location("affidavit_seaweedfs", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with tempfile.TemporaryDirectory(prefix="affidavit-weed-") as folder:
        server = module.SeaweedFS(Path(folder))
        os.environ.update(server.environment)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def main() -> None:
    """Read the command line; be the parent, or the child with --work."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.crash")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--phase", choices=PHASES, nargs="*", default=PHASES)
    parser.add_argument("--objects", choices=PLACES, nargs="*", default=PLACES)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--name", default=NAME, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.name, options.runs)
        return
    print(f"seed {options.seed}", flush=True)
    for objects in options.objects:
        with _server(objects) as s3:
            for phase in options.phase:
                if phase == "publish" and (s3 or importlib.util.find_spec("pyiceberg") is None):
                    print(f"publish on {objects}: NOT RUN (pyiceberg, on a disk)", flush=True)
                    continue
                started = time.monotonic()
                done = run(options.kills, options.seed, (phase, objects), s3)
                told = ", ".join(f"{what}: {count}" for what, count in done.items())
                print(f"{phase} on {objects}: {told}; lost: 0, half-registered: 0, ", end="")
                print(f"in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
