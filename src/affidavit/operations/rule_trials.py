"""Trying a rule against the latest answers of an assessment, in a process that may be killed.

The expression is evaluated nowhere else: the server hands the process the assessment's own
answers and takes back counts and reasons. What costs more than its limits, crashes the process or
makes it hang is inconclusive: nobody is told a verdict that was not reached.
"""

import json
import pickle
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO, TYPE_CHECKING, Any, Final

from affidavit.collector import api_calls, rule_worker
from affidavit.collector.custom import with_records
from affidavit.collector.limited import process
from affidavit.collector.rule_worker import Job
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.framework import Rule
from affidavit.model.run import Estate, LeftOut
from affidavit.model.times import parse
from affidavit.operations import looking
from affidavit.operations.assessed import Assessed, assessed, is_whole
from affidavit.operations.caller import Caller
from affidavit.operations.collectable import catalogue_for
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault, ThrottlingFault

if TYPE_CHECKING:
    import subprocess

OPERATION: Final = "CreateControl"
"""Of the API: who may write controls may try rules."""
MAX_BYTES: Final = 256 * 2**20
"""Of the answers that are handed over."""
LOADING, JUDGING = 40.0, 12.0
"""Seconds by the clock; the process has less CPU time (`rule_worker`)."""
_MAX_ANSWER: Final = 2**20
_turn: Final = threading.BoundedSemaphore(1)
_COSTLY: Final = "The rule is too costly: it was stopped before every record was judged."
_LOADING: Final = "The records are too many, or the rule too costly to be read: it was stopped."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record that fails, or that is not decided."""

    account: str
    region: str
    arn: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came out."""

    inconclusive: str = ""
    """Why nothing is known; then there are no counts."""
    title: str = ""
    """What the records are, for example "S3 buckets"."""
    day: date | None = None
    """Of the run whose answers were judged."""
    compliant: int = 0
    fails: int = 0
    undecided: int = 0
    apart: int = 0
    """Records that the rule does not apply to."""
    failing: Sequence[Row] = field(default=())
    open: Sequence[Row] = field(default=())
    unreached: Sequence[str] = ()
    """Accounts in scope that could not be entered: nothing of them is counted."""
    synthetic: bool = False

    @property
    def all(self) -> int:
        """Return how many records the rule is about."""
        return self.compliant + self.fails + self.undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The run whose answers are judged."""

    id: str
    day: date
    started_at: datetime
    estate: Estate
    params: dict[str, dict[str, Any]]


def kinds_of_records(context: Context) -> list[tuple[str, str]]:
    """Return (id, title) of everything that rules can be about, by title; API calls by keyword."""
    found = context.catalogue.resource_sets.values()
    own = sorted(((one.id, one.title) for one in found), key=lambda one: one[1].lower())
    return [*own, *((one, one) for one in api_calls.keywords())]


def example(context: Context, check_id: str) -> Check | None:
    """Return a check of the catalogue to begin with."""
    return context.catalogue.checks.get(check_id)


def attempt(
    context: Context, caller: Caller, assessment_id: str, rule: Rule, parameters: str = ""
) -> Trial:
    """Return what a rule would say of the latest answers of an assessment of the caller's own.

    `parameters` is the JSON of p. One at a time on a server. Raises `UsageError` for a rule that
    cannot be used, and for an assessment that was not collected yet.
    """
    looking.require(context, caller, OPERATION)
    found = assessed(context, caller, "GetAssessment", assessment_id)
    if not is_whole(caller, found):
        raise AccessDeniedFault("A rule is tried over a whole assessment: this one is not yours.")
    run = _latest(context, found)
    catalogue = with_records(catalogue_for(context, found.stored), rule.resource_set)
    job = Job(
        rule=rule,
        parameters=parameters,
        catalogue=catalogue,
        accounts={name: run.estate.regions_of(name) for name in run.estate.accounts},
        now=run.started_at,
        params=run.params,
    )
    if not _turn.acquire(blocking=False):
        raise ThrottlingFault("Another rule is being tried. Try again in a minute.")
    try:
        said = _tried(context, run, job)
    finally:
        _turn.release()
    return _trial(said, catalogue, rule, run)


def _latest(context: Context, found: Assessed) -> _Run:
    day = context.store.last_day(found.id)
    if day is not None and (own := context.store.whole_runs(found.stored, day)):
        return _run_of(own[-1], day)
    raise UsageError(
        "There is nothing to try a rule on",
        why="The assessment was not collected yet.",
        todo="Wait for its first collection.",
    )


def _run_of(record: Mapping[str, Any], day: date) -> _Run:
    return _Run(
        id=record["run_id"],
        day=day,
        started_at=parse(record["started_at"]),
        estate=Estate(
            accounts=tuple(record["accounts"]),
            regions=tuple(record["regions"]),
            left_out=tuple(LeftOut.from_json(one) for one in record["left_out"]),
        ),
        params=json.loads(record["parameters"]),
    )


def _tried(context: Context, run: _Run, job: Job) -> Mapping[str, Any]:
    """Return what the process says; `inconclusive` where it had to be ended."""
    with _process() as worker, _deadline(worker, LOADING):
        complete = _fed(context, run, job, worker)
        there = _line(worker) == rule_worker.UP
        first = _line(worker) if there else None
        if not complete and first is None:
            return {"inconclusive": _LOADING}
        if first != rule_worker.READY:
            return first if isinstance(first, dict) else {"inconclusive": _LOADING}
        with _deadline(worker, JUDGING):
            last = _line(worker)
        return last if isinstance(last, dict) else {"inconclusive": _COSTLY}


@contextmanager
def _process() -> Iterator["subprocess.Popen[bytes]"]:
    """Run the process; it is over afterwards."""
    with process() as worker:
        try:
            yield worker
        finally:
            worker.kill()


@contextmanager
def _deadline(worker: "subprocess.Popen[bytes]", seconds: float) -> Iterator[None]:
    """Kill the process where the block takes longer; reading from it then ends."""
    timer = threading.Timer(seconds, worker.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _fed(context: Context, run: _Run, job: Job, worker: "subprocess.Popen[bytes]") -> bool:
    """Hand the process what it judges; False where it is over, or the answers are too many."""
    pipe: IO[bytes] | None = worker.stdin
    assert pipe is not None  # noqa: S101 - it was asked for
    left = MAX_BYTES
    try:
        pipe.write(pickle.dumps(job))
        for result in context.store.results(run.id):
            data = pickle.dumps(result)
            left -= len(data)
            if left < 0:
                worker.kill()
                return False
            pipe.write(data)
        pipe.write(pickle.dumps(None))
        pipe.flush()
    except BrokenPipeError:
        return False
    finally:
        with suppress(BrokenPipeError):
            pipe.close()
    return True


def _line(worker: "subprocess.Popen[bytes]") -> Any:
    """Return what the next line says, or None where there is no whole one."""
    assert worker.stdout is not None  # noqa: S101 - it was asked for
    line = worker.stdout.readline(_MAX_ANSWER)
    return json.loads(line) if line.endswith(b"\n") else None


def _trial(said: Mapping[str, Any], catalogue: Catalogue, rule: Rule, run: _Run) -> Trial:
    if "wrong" in said:
        what, why, todo = said["wrong"]
        raise UsageError(what, why=why, todo=todo)
    title = catalogue.resource_sets[rule.resource_set].title
    if "inconclusive" in said:
        return Trial(inconclusive=said["inconclusive"], title=title, day=run.day)
    counts, rows = said["counts"], said["rows"]
    return Trial(
        title=title,
        day=run.day,
        compliant=counts.get(rule_worker.COMPLIANT, 0),
        fails=counts.get(rule_worker.FAILS, 0),
        undecided=counts.get(rule_worker.UNDECIDED, 0),
        apart=counts.get(rule_worker.APART, 0),
        failing=[Row(**row) for row in rows[rule_worker.FAILS]],
        open=[Row(**row) for row in rows[rule_worker.UNDECIDED]],
        unreached=[one.account_id for one in run.estate.left_out if one.unreached],
        synthetic=said["synthetic"],
    )
