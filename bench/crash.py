"""Crash safety: kill -9 at random instants while runs are collected and compacted.

`python -m bench.crash --kills 200`. A child process works: it begins runs, stores results, writes
segments, commits, puts each day's two segments into one file, and says on a pipe what the store has
acknowledged. The parent kills it at a random instant, opens the store and asserts, every time:

- what was acknowledged is there: each result with its digest, each commit with all its evidence;
- nothing is half-registered: counters, segments and run records speak of the same evidence;
- the ledger verifies from end to end;
- the run that was under way is resumed by the next child, under the same id.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from affidavit.model.evidence import Evidence, Input
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.model.run import Assessment, ControlVerdict, Estate, RunRecord
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.settings import Settings
from affidavit.store import Store, open_store

TENANT = "111122223333/us-east-1"
NAME = "crash"
FIRST_DAY = date(2026, 1, 1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNITS, BATCH, EVIDENCE, SEGMENTS = 24, 4, 40, 2
KILLS_PER_HOME = 20
LATEST = 1.2
"""Seconds after the child's first word within which it is killed: a cold run and some more."""
EARLY_SHARE = 0.1
"""Share of kills that hit the start of the child: imports, opening, migration."""
START = 0.8
"""Seconds that a start takes, about."""


def settings_of(home: Path) -> Settings:
    """Return the settings of a home with its keys beside."""
    return Settings(home=home / "home", keys=home / "keys")


def say(*words: object) -> None:
    """Acknowledge on standard output, unbuffered."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def work(home: Path) -> None:
    """Collect one day after another until killed."""
    with open_store(settings_of(home)) as store:
        assessment = store.find_assessment(TENANT, NAME)
        if assessment is None:
            assessment = _assessment()
            store.create_assessment(assessment, "crash test")
        import pyarrow.compute
        import pyarrow.parquet  # noqa: F401 - loaded now: kills should hit work, not imports

        say("ready")
        done = len(store.run_records(TENANT, FIRST_DAY, date.max))
        while True:
            _one_run(store, assessment, FIRST_DAY + timedelta(days=done))
            done += 1


def _one_run(store: Store, assessment: Assessment, day: date) -> None:
    run = store.begin_run(assessment, day, "c" * 64, NOW)
    say("begun", run.run_id, "resumed" if run.resumed else "new")
    open_units = []
    for number in range(UNITS):
        observation = _observation(day, number)
        if store.result(run.run_id, observation.unit.id) is None:
            open_units.append(observation)
    for at in range(0, len(open_units), BATCH):
        batch = open_units[at : at + BATCH]
        store.put_results(run.run_id, batch)
        for item in batch:
            say("result", run.run_id, item.unit.id, item.digest)
    evidence = [_evidence(run.run_id, assessment, n) for n in range(EVIDENCE)]
    segments = []
    for at in range(SEGMENTS):
        with store.segment_writer(run.run_id, TENANT, assessment.id, day) as writer:
            writer.append(evidence[at::SEGMENTS])
            segments.append(writer.close())
    record = _run_record(run.run_id, assessment, day, evidence)
    committed = store.commit_run(record, segments)
    say("committed", run.run_id, committed.tree_size)
    leaf = store.append_record(TENANT, {"kind": "change", "id": new_id(utc_now())})
    say("record", leaf)
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


def kill_once(home: Path, heard: Acknowledged, rng: random.Random) -> None:
    """Start a child, kill it at a random instant, hear what it had said, and check."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.crash", "--work", str(home)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    assert child.stdout is not None
    first = b""
    if rng.random() < EARLY_SHARE:
        time.sleep(rng.uniform(0, START))
    else:
        first = child.stdout.readline()
        assert first == b"ready\n", f"the child ended with {child.wait()}"
        time.sleep(rng.uniform(0, LATEST))
    child.kill()
    rest = child.stdout.read()
    child.stdout.close()
    child.wait()
    for line in (first + rest).decode().splitlines():
        heard.hear(line)
    check(home, heard)


def run(kills: int, seed: int) -> dict[str, int]:
    """Kill `kills` times; return what happened, or raise `AssertionError`."""
    rng = random.Random(seed)  # noqa: S311 - instants, not secrets
    totals: Counter[str] = Counter()
    left = kills
    while left:
        home = Path(tempfile.mkdtemp(prefix="affidavit-crash-"))
        heard = Acknowledged()
        try:
            for _ in range(min(left, KILLS_PER_HOME)):
                kill_once(home, heard, rng)
                totals["kills"] += 1
        finally:
            shutil.rmtree(home)
        left = kills - totals["kills"]
        totals["results acknowledged"] += len(heard.results)
        totals["commits acknowledged"] += len(heard.committed)
        totals["runs resumed"] += heard.resumed
        totals["days compacted"] += heard.compacted
    return dict(totals)


def _assessment() -> Assessment:
    return Assessment(
        id=new_id(utc_now()),
        name=NAME,
        tenant=TENANT,
        framework_id="genai-v1",
        estate=Estate(accounts=("111122223333",), regions=("us-east-1",)),
        created_at=NOW,
        created_by="crash test",
        parameters={},
    )


def _observation(day: date, number: int) -> Observation:
    return Observation(
        unit=Unit(
            key="GetBucketPolicy",
            account_id="111122223333",
            region="us-east-1",
            parameters={"Bucket": f"b{number}"},
        ),
        service="s3",
        operation="GetBucketPolicy",
        absent="",
        body={"Policy": f"{number % 3} {day.day % 2}" * 200},
        proof=Proof(
            endpoint="http://127.0.0.1",
            synthetic=True,
            caller_arn="arn:aws:iam::111122223333:root",
            request_ids=("R",),
            pages=1,
            attempts=1,
            started_at=NOW,
            finished_at=NOW,
            tool="affidavit",
        ),
    )


def _evidence(run_id: str, assessment: Assessment, number: int) -> Evidence:
    return Evidence(
        id=new_id(utc_now()),
        assessment_id=assessment.id,
        run_id=run_id,
        control_set_id="S",
        control_id=f"C{number % 4}",
        source_id="s",
        source_type="AWS_API_Call",
        keyword="s3_GetBucketPolicy",
        evidence_type="Compliance check",
        time=NOW,
        account_id="111122223333",
        region="us-east-1",
        resource_arn=f"arn:aws:s3:::b{number}",
        resource_type="AWS::S3::Bucket",
        verdict=Verdict.COMPLIANT,
        standing=Standing.JUDGED,
        reason="as it should be",
        gap="",
        check_id="X",
        check_digest="0" * 64,
        parameters="{}",
        origin="direct",
        inputs=(Input(digest="1" * 64, pointer=""),),
        attributes={"name": f"b{number}"},
        synthetic=True,
        salt=new_salt(),
    )


def _run_record(
    run_id: str, assessment: Assessment, day: date, evidence: Sequence[Evidence]
) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        assessment_id=assessment.id,
        assessment_name=assessment.name,
        tenant=TENANT,
        sequence=0,
        previous="",
        framework_id="genai-v1",
        framework_version="1",
        catalogue_digest="c" * 64,
        day=day,
        started_at=NOW,
        finished_at=NOW,
        tool="affidavit",
        synthetic=True,
        estate=assessment.estate,
        operations=UNITS,
        naive_operations=UNITS,
        calls=UNITS,
        gaps={},
        controls=dict(_control_verdicts(evidence)),
        evidence=len(evidence),
        first_leaf=-1,
        parameters={},
    )


def _control_verdicts(evidence: Sequence[Evidence]) -> Iterator[tuple[str, ControlVerdict]]:
    for control, count in Counter(item.control_id for item in evidence).items():
        yield (
            control,
            ControlVerdict(
                control_id=control,
                control_set_id="S",
                verdict=Verdict.COMPLIANT,
                counts={"COMPLIANT": count},
                judged=count,
                expected=count,
                accounts=1,
                regions=1,
                gaps={},
                manual="",
            ),
        )


def main() -> None:
    """Read the command line; be the parent, or the child with --work."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.crash")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    print(f"seed {options.seed}", flush=True)
    started = time.monotonic()
    for what, count in run(options.kills, options.seed).items():
        print(f"{what}: {count}")
    print(f"lost: 0, half-registered: 0, in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
