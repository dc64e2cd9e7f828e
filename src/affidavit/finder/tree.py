"""A query as a frozen tree of values, not yet bound to the fields that evidence has.

Made by `parse` from text, or by anything else that asks questions (a translated SQL statement).
`str` writes it in the finder's language again. No tree can be deeper than `MAX_DEPTH`.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from affidavit.errors import QueryError

MAX_DEPTH = 40
"""Nesting; far more than a person writes, far less than Python's stack."""
MAX_PARTS = 1000
"""Members of a list, of an `and` or of an `or`."""

_BARE = re.compile(r"[A-Za-z0-9_*?][A-Za-z0-9_.:/+*?@-]*")
RESERVED = frozenset({"and", "or", "not", "in", "contains"})


class Operator(StrEnum):
    """How a field is compared, as the language writes it."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    LIKE = "~"
    """Against a pattern of the whole value; see `patterns`."""
    NOT_LIKE = "!~"
    IN = "in"
    NOT_IN = "not in"
    CONTAINS = "contains"
    """A part of the value, in any case of letters."""


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a value as it was written, and where."""

    text: str
    at: int = field(default=-1, compare=False)
    """Place in the query, counted from 0; -1: the tree was not made from text."""

    def __str__(self) -> str:
        if _BARE.fullmatch(self.text) and self.text.lower() not in RESERVED:
            return self.text
        return self.quoted

    @property
    def quoted(self) -> str:
        """Return it in quotation marks."""
        return '"' + self.text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Term:
    """A field compared with a value, or with several for `in` and `not in`."""

    field: Word
    operator: Operator
    values: tuple[Word, ...]

    def __post_init__(self) -> None:
        many = self.operator in (Operator.IN, Operator.NOT_IN)
        if not self.values or (len(self.values) > 1 and not many):
            raise QueryError(f"{self.operator} takes {'a list' if many else 'one value'}")
        _bounded(len(self.values), "a list")

    @property
    def depth(self) -> int:
        """Return how deep it nests."""
        return 1

    def __str__(self) -> str:
        words = ", ".join(map(str, self.values))
        many = self.operator in (Operator.IN, Operator.NOT_IN)
        return f"{self.field.text} {self.operator} {f'({words})' if many else words}"


@dataclass(frozen=True, slots=True)
class Text:
    """Free text: a part of whatever a record says in words."""

    text: Word

    @property
    def depth(self) -> int:
        """Return how deep it nests."""
        return 1

    def __str__(self) -> str:
        return self.text.quoted


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; without any part, everything does."""

    parts: tuple["Expression", ...]
    depth: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", _deep(self.parts))

    def __str__(self) -> str:
        return " and ".join(f"({x})" if isinstance(x, And | Or) else str(x) for x in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple["Expression", ...]
    depth: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        if not self.parts:
            raise QueryError("An `or` of nothing")
        object.__setattr__(self, "depth", _deep(self.parts))

    def __str__(self) -> str:
        return " or ".join(f"({x})" if isinstance(x, And | Or) else str(x) for x in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Expression"
    depth: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", _deep((self.part,)))

    def __str__(self) -> str:
        return f"not ({self.part})"


Expression = Term | Text | And | Or | Not


def both(*parts: Expression) -> Expression:
    """Return the expression that holds where all parts do; parts that say nothing are left out."""
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, And) else [part]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def _deep(parts: tuple[Expression, ...]) -> int:
    _bounded(len(parts), "an `and` or `or`")
    depth = 1 + max((part.depth for part in parts), default=0)
    if depth > MAX_DEPTH:
        raise QueryError(
            f"The query nests deeper than {MAX_DEPTH} levels", todo="Write it in simpler parts."
        )
    return depth


def _bounded(count: int, what: str) -> None:
    if count > MAX_PARTS:
        raise QueryError(
            f"{what.capitalize()} of {count} parts is too long",
            why=f"At most {MAX_PARTS} are allowed.",
            todo="Ask several queries, or use a pattern.",
        )


EVERYTHING = And(())
"""The query that asks for all evidence in scope: the empty text."""
