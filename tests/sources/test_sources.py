"""Sources yield one result for each question, in order, and nothing in silence."""

from typing import Any

import pytest

from affidavit.model.catalogue import Operation
from affidavit.model.observation import Gap, GapReason, Result, Unit
from affidavit.sources.api_call import ApiCallSource
from affidavit.sources.not_configured import WORDS, NotConfiguredSource
from affidavit.sources.source import Scope, Source


def _scope(service: str, *names: str) -> Scope:
    operation = Operation(
        key="Key",
        service=service,
        operation="Operation",
        per_account=False,
        fan_out="once",
        inputs={},
        parents=(),
        absent_on=frozenset(),
        iam_action="",
        redact=(),
        note="",
    )
    units = tuple(
        Unit(key="Key", account_id="1", region="r", parameters={"name": name}) for name in names
    )
    return Scope(operation=operation, units=units)


class _Door:
    """Answers every question with a gap that names it."""

    def __init__(self) -> None:
        self.asked: list[Unit] = []

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Note the question and answer it."""
        self.asked.append(unit)
        return Gap(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            reason=GapReason.DENIED,
            code="",
            message=unit.parameters["name"],
            proof=None,
        )


def test_api_calls_go_through_the_door_in_order() -> None:
    """Each question is asked once, when its result is taken."""
    door: Any = _Door()
    source: Source = ApiCallSource(door)
    results = source.observe(_scope("s3", "a", "b"))
    assert not door.asked
    assert [r.message for r in results if isinstance(r, Gap)] == ["a", "b"]
    assert len(door.asked) == 2


@pytest.mark.parametrize("service", ["bedrock-runtime", "logs", "other"])
def test_what_is_not_configured_is_a_gap_in_words(service: str) -> None:
    """Prompts and invocation logs say that nobody configured them; nothing is sent."""
    source: Source = NotConfiguredSource()
    (gap,) = source.observe(_scope(service, "a"))
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.proof) == (GapReason.NOT_CONFIGURED, None)
    assert gap.message
    assert gap.message == WORDS.get(service, gap.message)
