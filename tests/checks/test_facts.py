"""Facts are the same whatever the order in which answers arrive."""

from itertools import permutations
from typing import Any

from affidavit.checks.facts import Facts
from affidavit.model.observation import Gap, GapReason, Unit


def _gap(**parameters: Any) -> Gap:
    unit = Unit(key="GetThing", account_id="1", region="us-east-1", parameters=parameters)
    return Gap(
        unit=unit,
        service="thing",
        operation="GetThing",
        reason=GapReason.DENIED,
        code="",
        message="no",
        proof=None,
    )


def test_the_order_of_arrival_does_not_show() -> None:
    """Results come in the order of what was asked; a repeated question replaces its answer."""
    asked = [_gap(Name="b"), _gap(Name="a"), _gap(Name="a", Version="2")]
    seen = set()
    for order in permutations(asked):
        facts = Facts("1", ("us-east-1",))
        for one in order:
            facts.results("GetThing", "us-east-1")
            facts.add(one)
        seen.add(tuple(one.unit.id for one in facts.results("GetThing", "us-east-1")))
        assert [one.unit.id for one in facts] == list(next(iter(seen)))
    assert len(seen) == 1
