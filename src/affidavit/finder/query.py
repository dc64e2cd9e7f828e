"""What is asked of the finder and what it answers; cursors that carry a page on."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Self

from affidavit.errors import QueryError
from affidavit.finder.bound import Bound
from affidavit.finder.fields import Field
from affidavit.model.evidence import Evidence
from affidavit.store import Chosen

MAX_PAGE: Final = 10_000
"""Rows of a page or a sample: they are in memory at once."""
MAX_GROUPS: Final = 10_000
MAX_GROUP_FIELDS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose evidence is asked, and which assessments': every question has one."""

    tenant: str
    assessments: tuple[str, ...]
    """Ids. Evidence of any other assessment is never read."""

    def __post_init__(self) -> None:
        Chosen(tenant=self.tenant, assessments=self.assessments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A bound query in its scope."""

    scope: Scope
    where: Bound
    size: int | None = None
    """Leaves of the log that are looked at; None: all that is committed when it is asked."""
    manual: bool = False
    """Whether what people added is looked through too; it has no leaf of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How rows are sorted; ties by id, in the same direction."""

    column: str = "time"
    descending: bool = True

    @classmethod
    def of(cls, known: Field, *, descending: bool) -> Self:
        """Return the order by a field; `QueryError` where it has none."""
        if not known.sorted:
            raise QueryError(f"Results cannot be sorted by {known.name}")
        return cls(column=known.column, descending=descending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A segment that could not be read: its rows are not in the answer."""

    segment: str
    """Its name below the tenant's folder of objects; where that lies, the server's log says."""
    day: str
    assessment_id: str
    rows: int
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """A row: the record and its place in the ledger."""

    leaf: int
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of an answer."""

    rows: tuple[Found, ...]
    cursor: str
    """Asks for what follows; empty at the end."""
    size: int
    """Leaves of the log that were looked at: later pages look at the same."""
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """How many rows there are of each kind."""

    rows: tuple[tuple[tuple[str, ...], int], ...]
    """(values in the order of the fields, number), the largest first."""
    more: bool
    """True where there are more than `MAX_GROUPS`, which were left out."""
    size: int
    unreadable: tuple[Unreadable, ...]

    @property
    def total(self) -> int:
        """Return the number of rows of all groups that are listed."""
        return sum(number for _, number in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows drawn by a seed: the first ones in the order of SHA-256(seed, line feed, id)."""

    rows: tuple[Found, ...]
    seed: str
    population: int
    """Rows that it was drawn from."""
    size: int
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page ended."""

    question: str
    """`fingerprint` of what was asked: a cursor continues only that."""
    size: int
    value: str
    """Of the sorted column in the last row; a time as RFC 3339."""
    id: str

    def text(self) -> str:
        """Return it as an opaque word."""
        parts = [self.question, self.size, self.value, self.id]
        data = json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    def check_time(self) -> None:
        """Raise `QueryError` unless the value is a time with a zone."""
        try:
            aware = datetime.fromisoformat(self.value).tzinfo is not None
        except ValueError as error:
            raise _no_cursor("it is not one of ours") from error
        if not aware:
            raise _no_cursor("it is not one of ours")

    @classmethod
    def parse(cls, text: str, question: str) -> Self:
        """Return the cursor of this question; else `QueryError`."""
        try:
            data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            parts: Any = json.loads(data)
            asked, size, value, identifier = parts
        except (binascii.Error, ValueError, TypeError) as error:
            raise _no_cursor("it is not one of ours") from error
        words = (asked, value, identifier)
        if not all(isinstance(x, str) for x in words) or type(size) is not int or size < 0:
            raise _no_cursor("it is not one of ours")
        if asked != question:
            raise _no_cursor("it belongs to another query, order or scope")
        return cls(question=asked, size=size, value=value, id=identifier)


def fingerprint(question: Question, order: Order) -> str:
    """Return what tells one question from another."""
    return sha256(repr((question.scope, question.where, order)).encode()).hexdigest()[:16]


def _no_cursor(why: str) -> QueryError:
    return QueryError("The cursor cannot be used", why=why, todo="Ask for the first page again.")


def value_text(value: object) -> str:
    """Return a sorted value as cursors and groups carry it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
