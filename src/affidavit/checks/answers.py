"""The answers that records are built from: typed once, digested once, unknown told from absent.

Every question ends as one of three: *known* (a body), *absent* (AWS says that there is none) or
*unknown* (a gap). A question that should have been asked and was not is unknown, and so is an
answer that is cut off or not of the shape that the API promises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from affidavit.aws.models import MORE_RESULTS, TOKEN_PAIRS
from affidavit.aws.shapes import ShapeError, typed
from affidavit.checks.facts import Facts
from affidavit.checks.fanout import FAN_OUTS, FanOutContext
from affidavit.checks.listed import nameless
from affidavit.checks.scoping import Scope
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Input
from affidavit.model.observation import (
    GLOBAL_REGION,
    Gap,
    GapReason,
    JsonObject,
    Observation,
    Result,
    Unit,
)

NOT_CONFIGURED = "not_configured"
"""The fan-out of operations whose target a person must configure first."""

_TOKENS = frozenset(answer for _, answer in TOKEN_PAIRS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is known of one question."""

    result: Result | None
    """What was stored; None where nothing was."""
    gap: Gap | None
    """Why it is unknown or incomplete; None where it is known or absent."""
    absent: bool
    body: dict[str, Any]
    """The typed body; empty where absent or unknown, what there is where cut off."""

    @property
    def known(self) -> bool:
        """Tell whether there is a whole answer with a body."""
        return self.gap is None and not self.absent

    @property
    def synthetic(self) -> bool:
        """Tell whether the answer came from anything but AWS itself."""
        proof = self.result.proof if self.result else None
        return bool(proof and proof.synthetic)


class Answers:
    """The facts of one account as answers, each built at most once."""

    def __init__(
        self,
        catalogue: Catalogue,
        facts: Facts,
        now: datetime,
        params: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.catalogue = catalogue
        self.facts = facts
        self.now = now
        self.params = params
        self.scope = Scope(catalogue=catalogue, facts=facts, now=now, params=params)
        self._answers: dict[int, Answer] = {}
        self._digests: dict[int, str] = {}
        self._gaps: dict[tuple[str, str], tuple[Gap, ...]] = {}

    def of(self, result: Result) -> Answer:
        """Return the answer that a stored result is."""
        found = self._answers.get(id(result))
        if found is None:
            found = self._answers[id(result)] = _answer(result)
        return found

    def ask(self, key: str, region: str, parameters: JsonObject) -> Answer:
        """Return the answer to exactly this question; unknown where it was not asked."""
        place = self.scope.region_of(key, region)
        result = self.facts.result(key, place, parameters)
        if result is not None:
            return self.of(result)
        gap = self.not_asked(key, place, parameters)
        return Answer(result=None, gap=gap, absent=False, body={})

    def all(self, key: str, region: str) -> list[Answer]:
        """Return the answers to all questions of an operation in a Region, in the order asked."""
        results = self.facts.results(key, self.scope.region_of(key, region))
        return [self.of(result) for result in results]

    def expected(self, key: str, region: str) -> list[Unit]:
        """Return the questions that the facts make an operation ask in a Region."""
        operation = self.catalogue.operations[key]
        context = FanOutContext(
            catalogue=self.catalogue,
            operation=operation,
            facts=self.facts,
            region=self.scope.region_of(key, region),
            now=self.now,
            params=self.params,
        )
        return FAN_OUTS[operation.fan_out](context)

    def gaps(self, key: str, region: str) -> tuple[Gap, ...]:
        """Return why an operation's answers in a Region are incomplete; empty where they are not.

        Its own gaps, questions that should have been asked and were not, and the gaps of its
        parents, because those hide questions.
        """
        place = self.scope.region_of(key, region)
        if (key, place) not in self._gaps:
            found = {id(gap): gap for gap in self._find_gaps(key, place)}
            self._gaps[key, place] = tuple(found.values())
        return self._gaps[key, place]

    def _find_gaps(self, key: str, place: str) -> Iterator[Gap]:
        operation = self.catalogue.operations.get(key)
        if operation is None:
            yield self.not_asked(key, place, {})
            return
        if operation.fan_out == NOT_CONFIGURED:
            words = f"{operation.operation} is not asked: its target is not configured."
            yield self.gap(key, place, {}, GapReason.NOT_CONFIGURED, words)
            return
        for parent in operation.parents:
            for region in self._parent_places(parent, place):
                yield from self.gaps(parent, region)
        for unit in self.expected(key, place):
            gap = self.ask(key, place, unit.parameters).gap
            if gap is not None:
                yield gap

    def _parent_places(self, parent: str, place: str) -> tuple[str, ...]:
        """Return where a parent is asked for the sake of `place`."""
        if place != GLOBAL_REGION:
            return (self.scope.region_of(parent, place),)
        if self.scope.region_of(parent, "") == GLOBAL_REGION:
            return (GLOBAL_REGION,)
        return self.facts.regions

    def not_asked(self, key: str, place: str, parameters: JsonObject) -> Gap:
        """Return the gap of a question that was not asked: its parent's, where that is why."""
        operation = self.catalogue.operations.get(key)
        for parent in operation.parents if operation else ():
            for region in self._parent_places(parent, place):
                for gap in self.gaps(parent, region):
                    words = f"{key} was not asked because {parent} is unknown: {gap.message}"
                    return self.gap(key, place, parameters, GapReason.PARENT_GAP, words)
        return self.gap(key, place, parameters, GapReason.FAILED, f"{key} was not asked.")

    def gap(
        self, key: str, place: str, parameters: JsonObject, reason: GapReason, message: str
    ) -> Gap:
        """Return a gap that we found ourselves, without a call."""
        operation = self.catalogue.operations.get(key)
        return Gap(
            unit=Unit(
                key=key, account_id=self.facts.account_id, region=place, parameters=parameters
            ),
            service=operation.service if operation else "",
            operation=operation.operation if operation else key,
            reason=reason,
            code="",
            message=message,
            proof=None,
        )

    def input(self, result: Result, pointer: str = "") -> Input:
        """Return the citation of a place in a stored result."""
        known = self._digests.get(id(result))
        if known is None:
            known = self._digests[id(result)] = result.digest
        return Input(digest=known, pointer=pointer)


def cut_off(body: Mapping[str, Any]) -> bool:
    """Tell whether a body says that there would have been more: a token is left, or a flag set."""
    return any(body.get(name) for name in _TOKENS) or any(
        body.get(name) is True for name in MORE_RESULTS
    )


def _answer(result: Result) -> Answer:
    if isinstance(result, Gap):
        return Answer(result=result, gap=result, absent=False, body={})
    if result.absent:
        return Answer(result=result, gap=None, absent=True, body={})
    try:
        body = typed(result.service, result.operation, result.body)
    except ShapeError as error:
        words = f"{result.operation} answered what its API does not promise: {error}"
        return Answer(result=result, gap=_own_gap(result, words), absent=False, body={})
    gap = None
    if cut_off(result.body):
        gap = _own_gap(result, f"{result.operation} has more pages than were read.")
    elif left_out := nameless(result):
        gap = _own_gap(result, f"{result.operation} lists {left_out} items without identifier.")
    return Answer(result=result, gap=gap, absent=False, body=body)


def _own_gap(result: Observation, message: str) -> Gap:
    return Gap(
        unit=result.unit,
        service=result.service,
        operation=result.operation,
        reason=GapReason.MALFORMED,
        code="",
        message=message,
        proof=result.proof,
    )
