"""Over a whole estate: whatever one operation does not answer, nothing becomes COMPLIANT by it.

The estate has something for nearly every check; the property is stated over all checks at once,
from the questions that the fan-outs ask to the verdicts. (Every check by itself, member by member:
tests/checks/test_never_compliant.py.)
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.demo.within import WithinDoor

from affidavit.aws.models import TOKEN_PAIRS
from affidavit.catalogue import load as load_catalogue
from affidavit.checks.judge import Judgement, judge, judged_here
from affidavit.checks.places import Place
from affidavit.checks.records import build
from affidavit.checks.rules import effective_parameters
from affidavit.collector.execute import execute
from affidavit.collector.plan import plan
from affidavit.demo.world import World, load
from affidavit.model.catalogue import Operation
from affidavit.model.observation import Gap, GapReason, Observation, Result, Unit
from affidavit.model.verdict import Standing, Verdict

CATALOGUE = load_catalogue()
ASKED = sorted(CATALOGUE.operations)
Change = Callable[[Result], Result]
TELLING = frozenset({"version", "policy", "statement", "id"})
"""Attributes that tell records with one ARN apart."""
SEEN_SUFFICES = {
    ("provisioned-utilised", "ListMetrics"): "a sum of its own series proves use, however found",
}
"""What a check may pass without, by operation: the other answers are proof enough."""


class ChangedDoor(WithinDoor):
    """The estate, one operation of which answers otherwise."""

    def __init__(self, world: World, key: str, change: Change, known: dict[str, Result]) -> None:
        super().__init__(world)
        self._key = key
        self._change = change
        self._known = known

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Answer as the estate does, but for the one operation."""
        found = self._known.get(unit.id)
        if found is None:
            found = self._known[unit.id] = super().call(operation, unit)
        return self._change(found) if unit.key == self._key else found


def refused(result: Result) -> Result:
    """Return a gap in place of an answer."""
    return Gap(
        unit=result.unit,
        service=result.service,
        operation=result.operation,
        reason=GapReason.DENIED,
        code="AccessDenied",
        message="not allowed",
        proof=result.proof,
    )


def cut(result: Result) -> Result:
    """Return the first half of every list of an answer, with a token that says there is more."""
    if not isinstance(result, Observation) or result.absent:
        return result
    body = {
        name: value[: len(value) // 2] if isinstance(value, list) else value
        for name, value in result.body.items()
    }
    return replace(result, body={**body, TOKEN_PAIRS[0][1]: "more"})


@pytest.fixture(scope="module")
def world() -> World:
    """Return the estate."""
    return load(now=datetime.now(UTC), seed=1, scale=1)


@pytest.fixture(scope="module")
def known() -> dict[str, Result]:
    """Return the answers of the estate by question, filled as they are asked."""
    return {}


def places(world: World, known: dict[str, Result], key: str, change: Change) -> Iterator[Place]:
    """Yield the places of all accounts of the estate where one operation answers otherwise."""
    for account in world.accounts:
        facts = execute(
            plan(CATALOGUE),
            ChangedDoor(world, key, change, known),  # type: ignore[arg-type]  # enough of a door
            account,
            world.estate.regions.enabled,
            now=world.now,
            params=world.parameters,
            sink=lambda _: None,
            known=lambda _: None,
        )
        for place in build(CATALOGUE, facts, world.now, world.parameters).places:
            yield replace(place, acct={**place.acct, "of": account})


def judged(world: World, place: Place) -> Iterator[tuple[str, str, list[Judgement]]]:
    """Yield account, check and judgements of every check that is run in a place."""
    for check in CATALOGUE.checks.values():
        if judged_here(CATALOGUE, check, place):
            params = effective_parameters(check, {}, world.parameters.get(check.id, {}))
            found = list(judge(CATALOGUE, place, check.id, params, world.now))
            yield str(place.acct["of"]), check.id, found


def name_of(account: str, one: Judgement) -> tuple[Any, ...]:
    """Return what tells a judgement from others of its check, seen whole or not."""
    own = sorted((name, one.attributes[name]) for name in TELLING & one.attributes.keys())
    return (account, one.check_id, one.region, one.arn, *own)


@pytest.fixture(scope="module")
def compliant(world: World, known: dict[str, Result]) -> set[tuple[Any, ...]]:
    """Return everything that is COMPLIANT where all operations answer."""
    return {
        name_of(account, one)
        for place in places(world, known, "", lambda result: result)
        for account, _, found in judged(world, place)
        for one in found
        if one.verdict is Verdict.COMPLIANT
    }


def reads(check_id: str) -> set[str]:
    """Return the operations that a check itself reads, and those of its set."""
    check = CATALOGUE.checks[check_id]
    own = CATALOGUE.resource_sets[check.resource_set]
    return {*check.operations, own.item_operation}


@pytest.mark.slow
@pytest.mark.parametrize("change", [refused, cut], ids=["refused", "cut"])
@pytest.mark.parametrize("key", ASKED)
def test_nothing_becomes_compliant_by_what_is_not_seen(
    world: World,
    known: dict[str, Result],
    compliant: set[tuple[Any, ...]],
    key: str,
    change: Change,
) -> None:
    """One operation refused or cut off: no new COMPLIANT, and no check that reads it is closed."""
    for place in places(world, known, key, change):
        asked = any(key == name for name in place.acct_inputs if place.acct_inputs[name])
        for account, check_id, found in judged(world, place):
            passed = {name_of(account, j) for j in found if j.verdict is Verdict.COMPLIANT}
            assert not passed - compliant, check_id
            if passed and asked and key in reads(check_id) and (check_id, key) not in SEEN_SUFFICES:
                opened = [j for j in found if j.standing is Standing.UNDECIDED]
                assert opened, (check_id, place.region)
