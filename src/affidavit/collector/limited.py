"""Owners' rules, evaluated in a process that may be killed (`collector.rule_worker`).

A rule of one tenant must hold up no collecting, neither another tenant's nor its own: each
evaluation has its CPU time, memory and time by the clock, each rule its time in all. What is too
costly, or ends the process, is stopped for the rest of the run; what it had not yet judged stays
undecided. All else of the run goes on in a new process.
"""

import contextlib
import json
import os
import pickle
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from affidavit.checks.rules import Evaluator, Evaluators, RuleStoppedError
from affidavit.collector import rule_worker
from affidavit.collector.rule_worker import Over, Reading
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Rule, rule_from_json

STOPPED: Final = "Not decided: the rule is too costly, and was stopped."
EVALUATION: Final = 20.0
"""Seconds by the clock for one evaluation; the process has far less CPU time."""
RULE, RUN = 60.0, 900.0
"""Seconds by the clock that one rule may take in a run, and all rules together."""
STARTING, READING = 60.0, 30.0
"""Seconds by the clock until the process is there, and until a rule is read."""
_MAX_ANSWER: Final = 2**20
_START: Final = f"import sys; from {rule_worker.__name__} import main; sys.exit(main())"


def process() -> "subprocess.Popen[bytes]":
    """Start the process, without our environment and our files; whoever starts it ends it."""
    return subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", _START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )


@dataclass(slots=True)
class Limited:
    """The process of one run, started when it is needed, and what each rule has taken of it."""

    patience: float = 1.0
    """How many times the limits by the clock: whoever judges again may be slower."""
    stopped: set[str] = field(default_factory=set)
    """Ids of the rules that are not evaluated any more."""
    told: Over | None = None
    """What the process evaluates over at present."""
    _process: "subprocess.Popen[bytes] | None" = None
    _taken: dict[str, float] = field(default_factory=dict)
    """Seconds, by check."""

    def __enter__(self) -> Self:
        """Return it; the process is over when the block is."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self._end()

    def of(self, check_id: str) -> Evaluators:
        """Return what makes the evaluators of one rule."""

        def made(acct: Mapping[str, Any], params: Mapping[str, Any], now: datetime) -> Evaluator:
            cpu = round(rule_worker.EVALUATING * self.patience)
            over = Over(acct=dict(acct), params=dict(params), now=now, cpu=cpu)
            return _Rules(self, check_id, over)

        return made

    def read(self, catalogue: Catalogue, rule: Rule, parameters: str) -> Rule:
        """Return a rule with what it reads; `UsageError` for one that cannot be used.

        `parameters` is the JSON of p; those of the rule itself do not count.
        """
        try:
            said = self.asked(
                [Reading(rule=rule, parameters=parameters, catalogue=catalogue)],
                READING * self.patience,
            )
        except RuleStoppedError as error:
            raise UsageError("The rule is too costly to be read") from error
        if "wrong" in said:
            what, why, todo = said["wrong"]
            raise UsageError(what, why=why, todo=todo)
        return rule_from_json(said["rule"])

    def evaluate(self, check_id: str, given: list[Any]) -> Any:
        """Return what the process says of what it is given, for a rule that has time left."""
        if check_id in self.stopped:
            raise RuleStoppedError(STOPPED)
        begun = time.monotonic()
        try:
            return self.asked(given, EVALUATION * self.patience)
        except RuleStoppedError:
            self.stopped.add(check_id)
            raise
        finally:
            taken = self._taken.get(check_id, 0.0) + time.monotonic() - begun
            self._taken[check_id] = taken
            if taken > RULE * self.patience or sum(self._taken.values()) > RUN * self.patience:
                self.stopped.add(check_id)

    def asked(self, given: list[Any], seconds: float) -> Any:
        """Return what the process answers within the time; `RuleStoppedError` where it does not."""
        data = b"".join(map(pickle.dumps, given))
        try:
            if self._process is None:
                self._process = process()
                _exchanged(self._process, b"", time.monotonic() + STARTING)
            return json.loads(_exchanged(self._process, data, time.monotonic() + seconds))
        except (TimeoutError, EOFError, BrokenPipeError) as error:
            self._end()
            raise RuleStoppedError(STOPPED) from error

    def _end(self) -> None:
        self.told = None
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(BrokenPipeError):
                self._process.__exit__(None, None, None)
            self._process = None


class _Rules:
    """Evaluates one rule over one account, as `checks.rules.Rules` does."""

    def __init__(self, limited: Limited, check_id: str, over: Over) -> None:
        self._limited = limited
        self._check_id = check_id
        self._over = over
        self._record: Mapping[str, Any] | None = None

    def holds(self, text: str, record: Mapping[str, Any] | None = None) -> bool:
        """Return whether `text` is true of `record`; what is known already is not sent again."""
        fresh = self._limited.told is not self._over
        other = fresh or record is not self._record
        values = dict(record) if other and record is not None else None
        given: list[Any] = [self._over] if fresh else []
        said = self._limited.evaluate(self._check_id, [*given, (text, other, values)])
        self._limited.told, self._record = self._over, record
        if isinstance(said, bool):
            return said
        is_name, words = said
        raise KeyError(words) if is_name else ValueError(words)


def _exchanged(worker: "subprocess.Popen[bytes]", data: bytes, deadline: float) -> bytes:
    """Return the line that a process answers; it may stop reading, or never answer.

    Raises `TimeoutError`, `EOFError` or `BrokenPipeError`.
    """
    assert worker.stdin is not None  # noqa: S101 - both were asked for
    assert worker.stdout is not None  # noqa: S101
    to, of = worker.stdin.fileno(), worker.stdout.fileno()
    view, answer = memoryview(data), bytearray()
    poll = select.poll()
    poll.register(of, select.POLLIN)
    if view:
        poll.register(to, select.POLLOUT)
    while not answer.endswith(b"\n"):
        left = deadline - time.monotonic()
        ready = poll.poll(left * 1000) if left > 0 else []
        if not ready or len(answer) > _MAX_ANSWER:
            raise TimeoutError
        numbers = {number for number, _ in ready}
        if to in numbers:
            view = view[os.write(to, view[: select.PIPE_BUF]) :]
            if not view:
                poll.unregister(to)
        if of in numbers:
            part = os.read(of, _MAX_ANSWER)
            if not part:
                raise EOFError
            answer += part
    return bytes(answer)
