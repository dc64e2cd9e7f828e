"""A source: where facts come from. It yields an observation or a gap for each question, no less."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from affidavit.model.catalogue import Operation
from affidavit.model.observation import Result, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a source is asked: one operation and its questions."""

    operation: Operation
    units: tuple[Unit, ...]


class Source(Protocol):
    """Where facts come from."""

    def observe(self, scope: Scope) -> Iterator[Result]:
        """Yield one result for each question, in order."""
