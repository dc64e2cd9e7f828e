"""What sealed segments cost beside plain ones: appending, the first question, the next ones.

The same seeded evidence is written twice, plain and sealed, and the same questions are asked of
both in turn, so that other work on the machine meets both alike. CPU seconds of the whole process.
The first question of a new process opens each sealed segment into memory; of plain segments only
the digest is checked. `AFFIDAVIT_BENCH_RECORDS` sets the number of records.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from affidavit.finder.bound import AllOf, Bound
from affidavit.finder.engine import Finder
from affidavit.finder.fields import FIELDS
from affidavit.finder.query import Question, Scope
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from bench.evidence_maker import TENANT, make

RECORDS = int(os.environ.get("AFFIDAVIT_BENCH_RECORDS", "300000"))
ROUNDS = 5
_ALL: Bound = AllOf(())


def run() -> Mapping[str, float | str]:
    """Return CPU of sealed over plain for each, and the size of sealed over plain."""
    figures: dict[str, float | str] = {"records": float(RECORDS)}
    with tempfile.TemporaryDirectory(prefix="affidavit-sealing-") as folder:
        homes = {
            seal: Settings(
                home=Path(folder) / f"home-{seal}",
                keys=Path(folder) / f"keys-{seal}",
                seal_segments=seal,
            )
            for seal in (False, True)
        }
        appended = {seal: _cpu(partial(_write, one)) for seal, one in homes.items()}
        figures["append_sealed_over_plain_cpu"] = appended[True] / appended[False]
        sizes = {seal: _size(one.home / "objects") for seal, one in homes.items()}
        figures["bytes_sealed_over_plain"] = sizes[True] / sizes[False]
        for name, rounds in (("first", True), ("next", False)):
            taken = {seal: _asked(one, cold=rounds) for seal, one in homes.items()}
            for what in taken[True]:
                figures[f"{name}_{what}_plain_cpu_ms"] = taken[False][what] * 1000
                figures[f"{name}_{what}_sealed_over_plain_cpu"] = (
                    taken[True][what] / taken[False][what]
                )
        for one in homes.values():
            with open_store(one) as store:
                _forget(store)
    return figures


def _forget(store: Store) -> None:
    """Remove the opened copies of segments."""
    shutil.rmtree(store._kept.places._opened.folder, ignore_errors=True)  # noqa: SLF001 - copies


def _write(settings: Settings) -> None:
    with open_store(settings) as store:
        make(store, RECORDS)


def _asked(settings: Settings, *, cold: bool) -> dict[str, float]:
    """Return the median CPU seconds of each question; `cold`: to a finder that knows no file."""
    with open_store(settings) as store:
        large = next(one for one in store.assessments(TENANT) if one.name == "Production")
        scope = Scope(tenant=TENANT, assessments=(large.id,))
        question = Question(scope=scope, where=_ALL)
        by_control = [FIELDS["control"]]
        asks: Mapping[str, Callable[[Finder], object]] = {
            "page": lambda finder: finder.page(question),
            "group": lambda finder: finder.groups(question, by_control),
        }
        taken: dict[str, float] = {}
        for name, ask in asks.items():
            seconds = []
            finder = Finder(store)
            ask(finder)
            for _ in range(ROUNDS):
                if cold:
                    finder.close()
                    finder = Finder(store)
                    _forget(store)
                seconds.append(_cpu(partial(ask, finder)))
            finder.close()
            taken[name] = statistics.median(seconds)
    return taken


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("segments/*/*"))
