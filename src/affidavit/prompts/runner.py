"""Run a suite against a target: several at once, at a pace, within a budget, resumable."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.model.times import iso, utc_now
from affidavit.prompts.answers import Answer
from affidavit.prompts.assertions import Checker
from affidavit.prompts.journal import Journal
from affidavit.prompts.results import NOT_ASKED, Setting, case_result
from affidavit.prompts.suite import Case, Suite
from affidavit.prompts.target import Request, Target

MILLION: Final = 1_000_000
CHARACTERS_A_TOKEN: Final = 3
"""Where an answer does not say its tokens, they are counted so: rather too many than too few."""
ANSWER_TOKENS: Final = 400
"""Tokens of an answer at most, unless the parameters say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How a suite is run."""

    parameters: Mapping[str, Any] = field(default_factory=lambda: {"max_tokens": ANSWER_TOKENS})
    guardrail_id: str = ""
    guardrail_version: str = ""
    repeat: int = 1
    concurrency: int = 4
    requests_per_second: float = 5.0
    budget_tokens: int | None = None
    """Input and output together; None: no limit. What is under way when it is reached ends."""
    budget_cost: float | None = None
    """As `budget_tokens`, in the money of the prices."""
    price_input: float = 0.0
    """Of a million tokens. Prices change and differ by Region: they are named, never assumed."""
    price_output: float = 0.0
    stream: bool = False

    def __post_init__(self) -> None:
        if self.budget_cost is not None and not (self.price_input and self.price_output):
            raise unpriced()


def unpriced() -> UsageError:
    """Return the error of a budget in money without prices."""
    return UsageError(
        "A budget in money needs prices",
        why="Without them no cost is known, and it would limit nothing.",
        todo="Name the price of a million input and of a million output tokens.",
    )


@dataclass(slots=True)
class Runner:
    """Runs one suite once."""

    suite: Suite
    target: Target
    settings: RunSettings
    journal: Journal
    checker: Checker = field(default_factory=Checker)
    on_result: Callable[[dict[str, Any]], None] = lambda _result: None
    seal: Callable[[str, Case, Answer], str] | None = None
    """Given: what becomes of a raw answer; what it returns is kept as `sealed`."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now
    spent: int = 0
    cost: float = 0.0
    _next: float = 0.0
    _setting: Setting = field(init=False)

    def __post_init__(self) -> None:
        self._setting = Setting(
            parameters=self.settings.parameters,
            labels={c.metadata["label"] for c in self.suite.cases if "label" in c.metadata},
        )

    def run(self) -> list[dict[str, Any]]:
        """Return a result for each case and repeat, in the suite's order.

        Cases that the budget left out have the verdict not-asked. The journal has all others.
        """
        done = self.journal.done
        for result in done.values():
            self._count(result)
        waiting = [(k, c) for k, c in self._cases() if k not in done]
        under_way: dict[Future[_Timed], tuple[str, Case]] = {}
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            while waiting or under_way:
                room = self.settings.concurrency - len(under_way)
                if waiting and room and not self._exhausted():
                    self._pace()
                    # What came while it waited is kept now: a killed run does not ask it again.
                    self._keep_all(under_way, [f for f in under_way if f.done()])
                    if self._exhausted():
                        continue
                    key, case = waiting.pop(0)
                    self.journal.begin(key)
                    under_way[pool.submit(self._ask, case)] = key, case
                    continue
                if not under_way:
                    break
                self._keep_all(under_way, wait(under_way, return_when=FIRST_COMPLETED).done)
        return [done.get(key) or _not_asked(case, key) for key, case in self._cases()]

    def _cases(self) -> Iterator[tuple[str, Case]]:
        for case in self.suite.cases:
            for number in range(1, self.settings.repeat + 1):
                yield f"{case.id}#{number}", case

    def _ask(self, case: Case) -> "_Timed":
        asked_at = self.now()
        return self.target.ask(self._request(case)), asked_at, self.now()

    def _request(self, case: Case) -> Request:
        return Request(
            prompt=case.prompt,
            system=case.system,
            messages=case.messages,
            parameters=self.settings.parameters,
            guardrail_id=self.settings.guardrail_id,
            guardrail_version=self.settings.guardrail_version,
            stream=self.settings.stream,
            metadata={"suite": self.suite.id, "run": self.journal.run_id, "case": case.id},
        )

    def _keep_all(
        self, under_way: "dict[Future[_Timed], tuple[str, Case]]", done: "Iterable[Future[_Timed]]"
    ) -> None:
        for future in done:
            self._keep(*under_way.pop(future), future.result())

    def _keep(self, key: str, case: Case, timed: "_Timed") -> None:
        answer, asked_at, answered_at = timed
        result = case_result(case, answer, self.checker, self._setting)
        result["case"] = key
        result["repeated"] = key in self.journal.begun
        result["askedAt"], result["answeredAt"] = iso(asked_at), iso(answered_at)
        self._count(result)
        if self.seal is not None:
            result["sealed"] = self.seal(key, case, answer)
        self.journal.end(key, result)
        self.on_result(result)

    def _count(self, result: Mapping[str, Any]) -> None:
        asked, got = _tokens(result)
        scorers = int(result.get("scorerTokens", 0))
        self.spent += asked + got + scorers
        dear = max(self.settings.price_input, self.settings.price_output)
        self.cost += (
            asked * self.settings.price_input + got * self.settings.price_output + scorers * dear
        ) / MILLION

    def _exhausted(self) -> bool:
        tokens, cost = self.settings.budget_tokens, self.settings.budget_cost
        return (tokens is not None and self.spent >= tokens) or (
            cost is not None and self.cost >= cost
        )

    def _pace(self) -> None:
        now = self.clock()
        if self._next > now:
            self.sleep(self._next - now)
        self._next = max(self._next, now) + 1 / self.settings.requests_per_second


_Timed = tuple[Answer, datetime, datetime]
"""An answer, when it was asked for, when it was there."""


def _tokens(result: Mapping[str, Any]) -> tuple[int, int]:
    """Return input and output tokens; what an answer does not say is reckoned."""
    answer, request = result["answer"], result["request"]
    asked, got = answer["inputTokens"], answer["outputTokens"]
    if asked is None:
        earlier = sum(len(one["text"]) for one in request.get("messages", ()))
        said = len(request["prompt"]) + len(request["system"]) + earlier
        asked = said // CHARACTERS_A_TOKEN + 1
    if got is None:
        got = len(answer["text"] or "") // CHARACTERS_A_TOKEN
    return int(asked), int(got)


def _not_asked(case: Case, key: str) -> dict[str, Any]:
    return {
        "case": key,
        "family": case.family,
        "metadata": {k: v for k, v in case.metadata.items() if k != "reference"},
        "hasReference": "reference" in case.metadata,
        "label": case.metadata.get("label", ""),
        "request": {},
        "answer": {},
        "outcomes": [],
        "favour": "",
        "measures": {},
        "verdict": NOT_ASKED,
        "repeated": False,
    }
