"""Running a suite: nothing is lost, nothing passes by accident, no personal data is kept."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from affidavit.errors import UsageError
from affidavit.prompts.answers import Answer
from affidavit.prompts.journal import Journal, sweep
from affidavit.prompts.metrics.intervals import wilson
from affidavit.prompts.results import (
    FAILED,
    NOT_ASKED,
    PASSED,
    UNDECIDED,
    parity,
    parity_gap,
    tally,
)
from affidavit.prompts.runner import Runner, RunSettings
from affidavit.prompts.suite import Suite, from_yaml
from affidavit.prompts.target import Request

TEN = b"""
prompts: ['Number {{n}}: call (212) 555-0100']
tests:
  - vars: {n: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']}
    assert: [{type: contains, value: fine}, {type: not-contains, value: bad}]
"""
FAST = RunSettings(requests_per_second=100_000)


class Counting:
    """Answers by the prompt's number; counts what it is asked."""

    id = "test:counting"

    def __init__(self, answers: dict[str, Answer] | None = None) -> None:
        self.asked: list[str] = []
        self._answers = answers or {}
        self._lock = threading.Lock()

    def ask(self, request: Request) -> Answer:
        """Return the answer of this number, else a good one."""
        number = request.prompt.split()[1].rstrip(":")
        with self._lock:
            self.asked.append(number)
        good = Answer(text="fine, (212) 555-0100", input_tokens=5, output_tokens=5)
        return self._answers.get(number, good)


def run(folder: Path, target: Counting, how: RunSettings = FAST) -> list[dict[str, object]]:
    """Run the ten prompts."""
    suite: Suite = from_yaml(TEN, "ten.yaml")
    with Journal(folder, {"suite": suite.digest}, "run-1") as journal:
        return Runner(suite=suite, target=target, settings=how, journal=journal).run()


def test_answers_are_kept_while_the_pace_waits(tmp_path: Path) -> None:
    """A slow pace holds no answer back: a killed run asks again what is under way, no more."""
    suite = from_yaml(TEN, "ten.yaml")
    answered = threading.Semaphore(0)
    kept: list[object] = []
    unkept: list[int] = []

    class Told(Counting):
        """Says when it has answered, and how many answers are not kept yet when it is asked."""

        def ask(self, request: Request) -> Answer:
            """Return the answer."""
            answer = super().ask(request)
            unkept.append(len(self.asked) - len(kept))
            answered.release()
            return answer

    def sleep(_: float) -> None:
        """Wait until what was asked last is answered, and its thread has handed it on."""
        answered.acquire()
        time.sleep(0.02)

    how = RunSettings(requests_per_second=0.001, concurrency=8)
    with Journal(tmp_path, {"suite": suite.digest}, "run-1") as journal:
        Runner(
            suite=suite,
            target=Told(),
            settings=how,
            journal=journal,
            sleep=sleep,
            on_result=kept.append,
        ).run()
    assert len(kept) == 10
    assert max(unkept) < 5


def test_no_answer_is_no_pass(tmp_path: Path) -> None:
    """An error is undecided, a missing answer and a withheld one do not pass either."""
    results = run(
        tmp_path,
        Counting(
            {
                "0": Answer(error="AccessDeniedException: no"),
                "1": Answer(text="  "),
                "2": Answer(text="fine", stop_reason="content_filtered"),
                "3": Answer(text="fine bad"),
            }
        ),
    )
    verdicts = [r["verdict"] for r in results]
    assert verdicts == [UNDECIDED, FAILED, UNDECIDED, FAILED, *[PASSED] * 6]
    assert tally(results).pass_rate == 0.6


def test_personal_data_is_never_written(tmp_path: Path) -> None:
    """Neither the journal nor a result has the number that prompt and answer had."""
    results = run(tmp_path, Counting({"4": Answer(error="no such (212) 555-0100")}))
    kept = "".join(p.read_text() for p in tmp_path.iterdir()) + json.dumps(results)
    assert "555-0100" not in kept
    assert "{PHONE}" in kept


def test_the_budget_stops_cleanly(tmp_path: Path) -> None:
    """Once it is spent nothing more is asked; what was left out is said and does not pass."""
    how = RunSettings(requests_per_second=100_000, concurrency=1, budget_tokens=35)
    target = Counting()
    results = run(tmp_path, target, how)
    assert len(target.asked) == 4
    assert [r["verdict"] for r in results] == [PASSED] * 4 + [NOT_ASKED] * 6


SCRIPT = """
import sys, time
from pathlib import Path
from affidavit.prompts.answers import Answer
from affidavit.prompts.journal import Journal
from affidavit.prompts.runner import Runner, RunSettings
from affidavit.prompts.suite import from_yaml
class Slow:
    id = "test:counting"
    asked = 0
    def ask(self, request):
        self.asked += 1
        time.sleep(0.1 if self.asked < 5 else 1000)
        return Answer(text="fine")
suite = from_yaml(Path(sys.argv[2]).read_bytes(), "ten.yaml")
with Journal(Path(sys.argv[1]), {"suite": suite.digest}, "run-1") as journal:
    how = RunSettings(concurrency=2, requests_per_second=1000)
    Runner(suite=suite, target=Slow(), settings=how, journal=journal).run()
"""


def test_a_killed_run_asks_nothing_recorded_again(tmp_path: Path) -> None:
    """After kill -9 only open cases are asked; the few in flight are marked `repeated`."""
    (tmp_path / "ten.yaml").write_bytes(TEN)
    folder = tmp_path / "journal"
    command = [sys.executable, "-c", SCRIPT, str(folder), str(tmp_path / "ten.yaml")]
    process = subprocess.Popen(command)
    until = time.monotonic() + 100
    while time.monotonic() < until and _lines(folder).count('"done"') < 3:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    entries = [json.loads(line) for line in _lines(folder).splitlines() if line.endswith("}")]
    done = {entry["done"] for entry in entries if "done" in entry}
    under_way = {entry["begun"] for entry in entries if "begun" in entry} - done
    recorded = len(done)
    assert 3 <= recorded < 10
    with next(folder.iterdir()).open("a") as journal:
        journal.write('{"done": "cut of')
    target = Counting()
    results = run(folder, target)
    assert len(target.asked) == 10 - recorded
    assert len(results) == 10
    assert {r["case"] for r in results if r["repeated"]} == under_way
    assert len(under_way) <= 2


def test_journals_of_runs_that_were_given_up_are_swept(tmp_path: Path) -> None:
    """One that is old goes, unless somebody writes it; a newer one may be gone on with."""
    now = datetime.now(UTC)
    for name in ("old", "new"):
        with Journal(tmp_path, {"name": name}, name) as journal:
            journal.begin("1")
    with Journal(tmp_path, {"name": "held"}, "held") as held:
        for path in tmp_path.iterdir():
            age = 0 if '"new"' in path.read_text() else 31 * 86_400
            os.utime(path, (now.timestamp() - age,) * 2)
        sweep(tmp_path, now)
        assert held.path.exists()
        held.finish()
    (left,) = tmp_path.iterdir()
    assert '"new"' in left.read_text()


def _lines(folder: Path) -> str:
    return "".join(p.read_text() for p in folder.iterdir()) if folder.is_dir() else ""


def test_a_journal_that_was_removed_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written to a file without a name is lost with the process."""
    flock = fcntl.flock

    def removed_first(file: Any, how: int) -> None:
        monkeypatch.undo()
        (path,) = tmp_path.glob("*.jsonl")
        path.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    with Journal(tmp_path, {"name": "x"}, "x") as journal:
        assert journal.path.exists()


def test_rates_have_intervals() -> None:
    """Wilson's interval of 8 in 10 is that of the literature; of nothing it is everything."""
    low, high = wilson(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert wilson(0, 0) == (0.0, 1.0)


def test_parity_is_not_known_where_a_group_was_not_decided() -> None:
    """Rates by group give the gap; a group without a decided answer leaves it open."""

    def one(group: str, favour: str) -> dict[str, object]:
        return {"metadata": {"attribute": "age", "group": group}, "favour": favour}

    counts = parity([one("a", "yes"), one("a", "yes"), one("b", "yes"), one("b", "no")])
    assert parity_gap(counts) == 0.5
    open_ = parity([one("a", "yes"), one("b", "")])
    assert parity_gap(open_) is None


def test_a_budget_in_money_without_prices_is_refused() -> None:
    """It would limit nothing, and nobody would be told."""
    with pytest.raises(UsageError, match="needs prices"):
        RunSettings(budget_cost=0.5, price_input=1.0)
