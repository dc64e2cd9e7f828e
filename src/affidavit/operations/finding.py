"""The evidence finder for a caller: only what the caller may see is asked, whatever the query says.

Manual evidence that people added is found beside what was collected.

The question of whoever has only some control sets of an assessment, a delegate or anybody else whom
a set was delegated to, is narrowed to these before it is bound. The engine is the server's, opened
once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from affidavit.errors import QueryError
from affidavit.finder.bind import bind, field_of
from affidavit.finder.engine import Finder
from affidavit.finder.fields import FIELDS
from affidavit.finder.parse import parse
from affidavit.finder.query import Found, Groups, Order, Page, Question, Scope, Unreadable
from affidavit.finder.tree import And, Expression, Operator, Or, Term, Word, both
from affidavit.operations import looking
from affidavit.operations.assessed import Assessed, assessed, is_whole
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault
from affidavit.operations.find import Bound, names_of
from affidavit.operations.origins import is_synthetic
from affidavit.report.verify import csvcheck

OPERATION: Final = "GetEvidence"
"""Of the API: who may read an assessment's evidence may find it."""
MARK: Final = FIELDS["synthetic"]
"""Counted with whatever is counted: one look at the evidence tells both."""
_MARKED: Final = "yes"
_BATCH: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked."""

    query: str = ""
    """In the finder's language."""
    sort: str = "-time"
    """A field; a minus before it: descending."""
    limit: int = 50
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How many rows there are of one value."""

    value: str
    """As a query names it."""
    shown: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Rows by one field."""

    groups: Sequence[Group]
    more: bool
    unreadable: Sequence[Unreadable]
    synthetic: bool = False
    """Whether anything that is counted was not answered by AWS."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows there are."""

    rows: int
    synthetic: bool
    """Whether any of them was not answered by AWS."""


class Search:
    """Questions of one caller."""

    def __init__(self, context: Context, caller: Caller, finder: Finder) -> None:
        """Take the engine; `Fault` where the caller may not read evidence at all."""
        looking.require(context, caller, OPERATION)
        self._context, self.caller, self._finder = context, caller, finder
        self.assessments: tuple[Assessed, ...] = tuple(self._own())

    def is_synthetic(self) -> bool:
        """Tell whether the newest day of any of the assessments was not answered by AWS."""
        ids = {one.id for one in self.assessments}
        days = map(self._context.store.last_day, ids)
        return is_synthetic(self._context, self.caller.tenant, ids, *days)

    def page(self, asked: Asked) -> Page:
        """Return a page of rows; `QueryError` says what is wrong with the query, and where."""
        question = self._question(asked.query)
        if question is None:
            return Page(rows=(), cursor="", size=0, unreadable=())
        name = field_of(Word(asked.sort.removeprefix("-")))
        order = Order.of(name, descending=asked.sort.startswith("-"))
        return self._finder.page(question, order=order, limit=asked.limit, cursor=asked.cursor)

    def count(self, query: str) -> Counted:
        """Return the number of rows that can be counted, and whether AWS answered them all."""
        question = self._question(query)
        if question is None:
            return Counted(0, synthetic=False)
        found = self._finder.groups(question, [MARK])
        return Counted(found.total, synthetic=any_marked(found))

    def groups(self, query: str, name: str) -> Grouped:
        """Return how many rows there are by a field, the largest first."""
        field = field_of(Word(name))
        question = self._question(query)
        if question is None:
            return Grouped(groups=(), more=False, unreadable=())
        found = self._finder.groups(question, [field] if field == MARK else [field, MARK])
        named: Mapping[str, str] = {}
        if field.kind.name == "NAMED":
            named = names_of(self._context.store.assessments(self.caller.tenant)).of(field.name)
        totals: dict[str, int] = {}
        for (value, *_), number in found.rows:
            shown = named.get(value, value)
            totals[shown] = totals.get(shown, 0) + number
        groups = [Group(value=one, shown=one, count=number) for one, number in totals.items()]
        return Grouped(
            groups=sorted(groups, key=lambda one: (-one.count, one.shown)),
            more=found.more,
            unreadable=found.unreadable,
            synthetic=any_marked(found),
        )

    def lines(self, query: str) -> Iterator[bytes]:
        """Yield all rows as a CSV, the table of a report's evidence.csv, safe against formulas."""
        rows = self.rows(query)
        yield csvcheck.header()
        while batch := list(islice(rows, _BATCH)):
            yield b"".join(csvcheck.row(one.leaf, one.evidence.to_json()) for one in batch)

    def rows(self, query: str) -> Iterator[Found]:
        """Yield all rows, in the order of leaves; raises `QueryError` before the first.

        Where a segment cannot be read, the rows of the others come, and then `QueryError`: whoever
        reads them all must not take them for everything.
        """
        question = self._question(query)
        if question is None:
            return iter(())
        return self._streamed(question)

    def _streamed(self, question: Question) -> Iterator[Found]:
        stream = self._finder.stream(question)
        yield from stream.rows
        if stream.unreadable:
            gone = stream.unreadable[0]
            raise QueryError(
                f"Evidence of {gone.day} cannot be read: {gone.rows} rows are missing",
                why=gone.why,
                todo="Restore the segment from a backup (`affidavit ledger verify` names it), or "
                f"leave {gone.day} out of the query.",
            )

    def bound(self, query: str) -> Bound | None:
        """Return the question with its narrowed tree; None where the caller may see nothing."""
        question = self._question(query)
        if question is None:
            return None
        limits = self._limits()
        tree = parse(query)
        return Bound(
            store=self._context.store,
            finder=self._finder,
            question=question,
            tree=tree if limits is None else both(tree, limits),
            order=Order(),
        )

    def _question(self, query: str) -> Question | None:
        """Return the bound question, or None where there is nothing that the caller may see."""
        tree = parse(query)
        names = names_of(self._context.store.assessments(self.caller.tenant))
        if not self.assessments:
            bind(tree, names, query)
            return None
        limits = self._limits()
        bound = bind(tree, names, query)
        if limits is not None:
            bound = bind(both(tree, limits), names, query)
        scope = Scope(
            tenant=self.caller.tenant,
            assessments=tuple(sorted(one.id for one in self.assessments)),
        )
        return Question(scope=scope, where=bound, manual=True)

    def _limits(self) -> Expression | None:
        """Return what narrows the question to the caller's own sets; None where nothing has to."""
        if all(self._is_whole(one) for one in self.assessments):
            return None
        parts: list[Expression] = []
        for one in self.assessments:
            keys = sorted({control.key for control in one.controls})
            mine = Term(Word("assessment"), Operator.EQUAL, (Word(one.id),))
            within = Term(Word("control"), Operator.IN, tuple(Word(key) for key in keys))
            if self._is_whole(one):
                parts.append(mine)
            elif keys:
                parts.append(And((mine, within)))
        return Or(tuple(parts)) if parts else None

    def _is_whole(self, one: Assessed) -> bool:
        return is_whole(self.caller, one)

    def _own(self) -> Iterator[Assessed]:
        for stored in self._context.store.assessments(self.caller.tenant):
            with suppress(AccessDeniedFault):
                found = assessed(self._context, self.caller, OPERATION, stored.id)
                if found.controls:
                    yield found


def any_marked(found: Groups) -> bool:
    """Tell whether groups by `MARK`, as the last field, hold what was not answered by AWS."""
    return any(values[-1] == _MARKED for values, _ in found.rows)
