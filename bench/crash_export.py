"""Crash safety of exports: kill -9 at random instants, ask again, until the export is there.

`python -m bench.crash_export --kills 100`. A child process exports seeded evidence as CSV, JSON
lines or Parquet, in small parts; the parent kills it at a random instant and asserts, every time:

- there is no file of the export's name, or it verifies under its signed manifest;
- what there is, is the very file that an export without any kill gives, byte for byte;
- the next export goes on with the parts that were complete.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from affidavit.finder import export as exporting
from affidavit.finder.export_formats import Format
from affidavit.operations.find import ExportRequest, FindRequest, export_rows
from affidavit.report.verify.exports import is_export, verify_export
from affidavit.report.verify.note import read_key
from affidavit.settings import Settings
from affidavit.store import open_store
from bench.report_store import make

RECORDS = 8_000
RUNS = 2
PART = 250
"""Rows of a part: some 30 parts an export."""
LATEST = 1.1
"""Of the time that an export takes from the child's first word on: then it is killed."""
KINDS: tuple[Format, ...] = ("csv", "jsonl", "parquet")


def settings_of(home: Path) -> Settings:
    """Return the settings of a home."""
    return Settings(home=home, keys=home / "keys")


def work(home: Path, target: Path, kind: Format) -> None:
    """Export once, and say how much of it had been there."""
    exporting.PART_ROWS = PART  # type: ignore[misc] # smaller than any user would want
    import duckdb  # noqa: F401 - loaded now: kills should hit work, not imports
    import ibis  # noqa: F401 - likewise
    import pyarrow.parquet  # noqa: F401 - likewise

    os.write(1, b"ready\n")
    done = export_rows(settings_of(home), FindRequest(), ExportRequest(path=target, kind=kind))
    os.write(1, f"{done.resumed}\n".encode())


def child(home: Path, target: Path, kind: Format) -> "subprocess.Popen[bytes]":
    """Start a child that exports."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.crash_export", "--work", str(home), str(target), kind],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )


def run(kills: int, seed: int) -> dict[str, int]:
    """Kill `kills` times; return what happened, or raise `AssertionError`."""
    rng = random.Random(seed)  # noqa: S311 - instants, not secrets
    totals: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="affidavit-crash-") as folder:
        home = Path(folder) / "home"
        with open_store(settings_of(home)) as store:
            make(store, RECORDS, RUNS)
            key = str(next((home / "keys").glob("*.pub.pem")))
        whole = {kind: Path(folder) / f"whole.{kind}" for kind in KINDS}
        longest = max(_whole(child(home, path, kind)) for kind, path in whole.items())
        for number, kind in enumerate(cycle(KINDS)):
            if totals["kills"] >= kills:
                break
            target = Path(folder) / f"{number}.{kind}"
            game = _Game(kills, longest * LATEST, rng, totals, whole[kind].read_bytes(), key)
            _until_done(home, target, kind, game)
            assert not list(Path(folder).glob(".*")), "something is left beside the exports"
    return dict(totals)


@dataclass(frozen=True, slots=True)
class _Game:
    """How often and when children are killed, and what happened so far."""

    kills: int
    latest: float
    rng: random.Random
    totals: Counter[str]
    whole: bytes
    """What an export without any kill gives."""
    key: str

    def check(self, target: Path) -> None:
        """Assert that a file of the export's name is all of it, under its signed manifest."""
        assert is_export(target), f"{target} is there without its manifest"
        assert target.read_bytes() == self.whole, f"{target} is another file"
        assert verify_export(target, read_key(self.key)).verified


def _whole(process: "subprocess.Popen[bytes]") -> float:
    """Let a child come to its end; return how long it took from its first word on."""
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    began = time.monotonic()
    assert _finished(process) == 0
    return time.monotonic() - began


def _until_done(home: Path, target: Path, kind: Format, game: _Game) -> None:
    """Export and kill until a child came to its end by itself; the last one may."""
    totals = game.totals
    while True:
        process = child(home, target, kind)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if totals["kills"] < game.kills:
            time.sleep(game.rng.uniform(0, game.latest))
            process.kill()
            totals["kills"] += 1
        resumed = _finished(process)
        if target.exists():
            game.check(target)
        if resumed >= 0:
            assert target.exists()
            totals["exports"] += 1
            totals["rows that a resumed export found"] += resumed
            return


def _finished(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a child; return how many rows it found already, -1 where it was killed."""
    assert process.stdout is not None
    words = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    return int(words[-1]) if words and words[-1] != b"ready" else -1


def main() -> None:
    """Read the command line; be the parent, or the child with --work."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.crash_export")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        home, target, kind = options.work
        work(Path(home), Path(target), kind)
        return
    print(f"seed {options.seed}", flush=True)
    started = time.monotonic()
    for what, count in run(options.kills, options.seed).items():
        print(f"{what}: {count}")
    print(f"half files: 0, rows lost or twice: 0, in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
