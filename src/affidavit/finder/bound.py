"""A query bound to the columns of evidence: frozen, hashable, nothing left to look up."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Ids that every database's collation orders as we do."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The column has one of the values, or none of them."""

    column: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """The column's whole value matches: literal texts, with anything between them."""

    column: str
    pieces: tuple[str | None, ...]
    """Literal texts; None: any one character; the empty text: any text."""


@dataclass(frozen=True, slots=True)
class Holds:
    """The column has this part, in any case of letters."""

    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Within:
    """The time lies in [first, end); None: no bound."""

    first: datetime | None
    end: datetime | None


ANY_TIME: Final = Within(None, None)


@dataclass(frozen=True, slots=True)
class Is:
    """The flag has this value."""

    column: str
    value: bool


@dataclass(frozen=True, slots=True)
class AllOf:
    """All parts hold."""

    parts: tuple["Bound", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds; never, without parts."""

    parts: tuple["Bound", ...]


@dataclass(frozen=True, slots=True)
class Inverse:
    """The part does not hold."""

    part: "Bound"


Bound = OneOf | Pattern | Holds | Within | Is | AllOf | AnyOf | Inverse


@dataclass(frozen=True, slots=True)
class Reach:
    """What segments can hold an answer: times in [first, end), ids from first_id to last_id."""

    first: datetime | None = None
    end: datetime | None = None
    first_id: str = ""
    last_id: str = ""
    """Inclusive; empty: any."""


def reach(bound: Bound) -> Reach:
    """Return bounds outside which nothing can match; wider than need be, never narrower."""
    match bound:
        case Within(first, end):
            return Reach(first, end)
        case OneOf("id", values, False):
            known = all(_UUID.fullmatch(value) for value in values)
            return Reach(first_id=min(values), last_id=max(values)) if values and known else Reach()
        case AllOf(parts):
            return _narrowest([reach(part) for part in parts])
        case AnyOf(parts) if parts:
            return _widest([reach(part) for part in parts])
        case _:
            return Reach()


def _narrowest(found: list[Reach]) -> Reach:
    last_ids = [one.last_id for one in found if one.last_id]
    return Reach(
        first=max((one.first for one in found if one.first), default=None),
        end=min((one.end for one in found if one.end), default=None),
        first_id=max((one.first_id for one in found), default=""),
        last_id=min(last_ids, default=""),
    )


def _widest(found: list[Reach]) -> Reach:
    return Reach(
        first=_least(one.first for one in found),
        end=_greatest(one.end for one in found),
        first_id=min(one.first_id for one in found),
        last_id=max(one.last_id for one in found) if all(one.last_id for one in found) else "",
    )


def _least(times: Iterable[datetime | None]) -> datetime | None:
    known = list(times)
    return None if None in known else min(t for t in known if t is not None)


def _greatest(times: Iterable[datetime | None]) -> datetime | None:
    known = list(times)
    return None if None in known else max(t for t in known if t is not None)
