"""A source: where facts come from. It yields an observation or a gap for each question, no less."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from affidavit.errors import CollectError
from affidavit.model.catalogue import Operation
from affidavit.model.observation import Gap, GapReason, Proof, Result, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a source is asked: one operation and its questions."""

    operation: Operation
    units: tuple[Unit, ...]


class Source(Protocol):
    """Where facts come from."""

    def observe(self, scope: Scope) -> Iterator[Result]:
        """Yield one result for each question, in order."""


def no_answer(
    operation: Operation,
    unit: Unit,
    error: CollectError,
    reason: GapReason,
    code: str = "",
    proof: Proof | None = None,
) -> Gap:
    """Return the gap of a question that ended in an error; it has no proof of nothing sent."""
    return Gap(
        unit=unit,
        service=operation.service,
        operation=operation.operation,
        reason=reason,
        code=code,
        message=error.sentences,
        proof=proof if proof is not None and proof.attempts else None,
    )
