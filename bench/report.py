"""Reports and exports without a cap: time, size and peak memory at two sizes, in one run.

`AFFIDAVIT_BENCH_REPORT` sets the larger number of records (default 100,000; the goals are stated
for 1,000,000), `AFFIDAVIT_BENCH_REPORT_SMALL` the smaller (default 22,000: Audit Manager's cap).
Each command runs in a process of its own; peak memory is of the largest of its processes. Memory is
flat where the ratio of the two peaks is near 1.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.measure import Measured, measure
from bench.report_store import NAME

LARGE = int(os.environ.get("AFFIDAVIT_BENCH_REPORT", "100000"))
SMALL = int(os.environ.get("AFFIDAVIT_BENCH_REPORT_SMALL", "22000"))
GOAL_GROWTH = 1.25
"""Peak memory at the larger size over that at the smaller: what we call flat."""
_TIMEOUT = 7200
_QUERY = "compliance = COMPLIANT"


def run() -> Mapping[str, float | str]:
    """Return seconds, records a second, peak memory and its growth for each command."""
    figures: dict[str, float | str] = {}
    peaks: dict[str, dict[int, float]] = {}
    for size in (SMALL, LARGE):
        with tempfile.TemporaryDirectory(prefix="affidavit-bench-") as folder:
            for name, cost in _costs(Path(folder), size):
                if cost.code:
                    raise RuntimeError(f"{name} at {size} records failed:\n{cost.output[-2000:]}")
                figures[f"{name}_{size}_s"] = cost.wall
                figures[f"{name}_{size}_cpu_us_a_record"] = cost.cpu / size * 1e6
                figures[f"{name}_{size}_peak_mib"] = cost.peak
                peaks.setdefault(name, {})[size] = cost.peak
            figures[f"zip_{size}_bytes_a_record"] = _size(Path(folder) / "all.zip") / size
    for name, peak in peaks.items():
        growth = peak[LARGE] / peak[SMALL]
        figures[f"{name}_peak_growth"] = growth
        figures[f"{name}_peak_growth_of_goal"] = growth / GOAL_GROWTH
    return figures


def _costs(folder: Path, size: int) -> Iterator[tuple[str, Measured]]:
    home = folder / "home"
    env = {"AFFIDAVIT_HOME": str(home), "AFFIDAVIT_KEYS": str(home / "keys")}
    made = _python(["-m", "bench.report_store", str(home), str(size)], env)
    if made.code:
        raise RuntimeError(made.output)
    whole, part = str(folder / "all.zip"), str(folder / "part.zip")
    build = ["-m", "affidavit", "report", "build", NAME]
    yield "build", _python([*build, "--out", whole], env)
    (key,) = (home / "keys").glob("*.pub.pem")
    yield "verify", _python(["-m", "affidavit", "verify", whole, "--key", str(key)], env)
    yield "query", _python([*build, "--out", part, "--query", _QUERY], env)
    yield "verify_query", _python(["-m", "affidavit", "verify", part, "--key", str(key)], env)
    for kind in ("csv", "jsonl", "parquet"):
        target = str(folder / f"evidence.{kind}")
        yield f"export_{kind}", _python(["-m", "affidavit", "find", f"--{kind}", target], env)


def _python(arguments: list[str], env: Mapping[str, str]) -> Measured:
    return measure([sys.executable, *arguments], env, Path(__file__).parents[1], _TIMEOUT)


def _size(path: Path) -> int:
    return path.stat().st_size


if __name__ == "__main__":
    for figure, value in run().items():
        print(figure, value)
