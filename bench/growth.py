"""`make bench-100m`: the finder's questions at a million, ten and a hundred million records.

Prints the figures of each size as they come (`bench.finder`), and then how much longer each
question takes of ten times the records: that many more in each of the same files, of the same days.
`python -m bench.growth 1000000 10000000` takes other sizes. What it writes is removed when it ends,
also by SIGTERM; after a kill -9, by the next one.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType

from bench import finder

SIZES = (1_000_000, 10_000_000, 100_000_000)
HOME = Path(os.environ.get("AFFIDAVIT_BENCH_HOME", str(Path(__file__).parent / "home-100m")))
_BYTES = 300
"""Of disk for a record, at most."""
_MARK = "growth"
"""File beside the homes: without it the folder is not ours to remove."""


def main(sizes: Sequence[int]) -> None:
    """Measure each size in turn, and print."""
    found: dict[int, Mapping[str, float | str]] = {}
    with _folder() as folder:
        for size in sizes:
            _require_room(folder, size)
            found[size] = finder.measured(folder / str(size), size)
            for name, value in found[size].items():
                print(f"{size}.{name}: {_shown(value)}", flush=True)
            shutil.rmtree(folder / str(size))
    for small, large in pairwise(found):
        for name in finder.GOALS_MS:
            for unit in ("ms", "cpu_ms", "bare_ms"):
                figure = f"{name}_{unit}"
                times = float(found[large][figure]) / float(found[small][figure])
                print(f"{figure} of {large} over {small}: {times:.2f}", flush=True)


def _shown(value: float | str) -> str:
    return f"{value:,.3f}" if isinstance(value, float) else value


def _require_room(folder: Path, records: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < records * _BYTES:
        sys.exit(f"{records} records need {records * _BYTES >> 30} GiB; {folder} has {free >> 30}")


@contextmanager
def _folder() -> Iterator[Path]:
    """Give the empty folder, and remove it afterwards."""
    if HOME.exists() and any(HOME.iterdir()) and not (HOME / _MARK).exists():
        sys.exit(f"{HOME} holds what this benchmark did not write: name another one")
    signal.signal(signal.SIGTERM, _ended)
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / _MARK).touch()
    try:
        _empty()
        yield HOME
    finally:
        _empty()
        (HOME / _MARK).unlink()
        HOME.rmdir()


def _empty() -> None:
    """Remove the homes; the mark goes last, so that who is killed meanwhile leaves it."""
    for one in HOME.iterdir():
        if one.name != _MARK:
            shutil.rmtree(one)


def _ended(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
