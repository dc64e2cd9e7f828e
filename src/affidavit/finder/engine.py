"""The finder: answers bound queries from the segments that the database names, and no others.

A page sorted by time walks the segments from its end of time and stops when no other segment can
hold a row of it. Every answer tells how many leaves of the log it looked at; the next page looks at
the same, so that evidence which arrives meanwhile moves nothing. A segment that is gone or altered
is named in the answer, and the rest is answered.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from types import TracebackType
from typing import Any, Final, Self

from affidavit.errors import QueryError
from affidavit.finder import shapes
from affidavit.finder.answered import Answered, Counts, both
from affidavit.finder.bound import ANY_TIME, AllOf, Within, reach
from affidavit.finder.duck import Duck
from affidavit.finder.fields import Field
from affidavit.finder.manual import ManualFiles
from affidavit.finder.parse import parse
from affidavit.finder.places import Places
from affidavit.finder.query import (
    MAX_GROUP_FIELDS,
    MAX_GROUPS,
    MAX_PAGE,
    Cursor,
    Found,
    Groups,
    Order,
    Page,
    Question,
    Sample,
    Scope,
    Unreadable,
    fingerprint,
    value_text,
)
from affidavit.finder.sifting import sift
from affidavit.finder.spark import Spark
from affidavit.finder.streaming import pieces, streamed
from affidavit.finder.walk import Walk
from affidavit.store import Chosen, SegmentFile, Store
from affidavit.store.segments import row_of

NEWEST: Final = Order()
WARM_ROWS: Final = 10_000_000
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(slots=True)
class _Row:
    """A row while pages are merged."""

    key: Any
    id: str
    found: Found


@dataclass(slots=True)
class Stream:
    """All rows of an answer, one after the other in the order of leaves."""

    rows: Iterator[Found]
    size: int
    unreadable: list[Unreadable] = field(default_factory=list)
    """Complete only when `rows` has come to its end."""


class Finder:
    """Answers questions about one store; safe to share between threads. Close it at the end.

    `engine`: the address of a Spark Connect server; empty: the embedded engine. `stream` always
    uses the embedded one, since it reads segment after segment, in the order of leaves.
    """

    def __init__(self, store: Store, engine: str = "") -> None:
        self._store = store
        self._duck = Duck()
        self._engine: Duck | Spark = Spark(engine) if engine else self._duck
        self._manual = ManualFiles(store)
        self._kept = store.places
        self._answered = Answered()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the engine."""
        self._engine.close()
        self._duck.close()
        self._manual.close()

    def warm(self) -> None:
        """Load the embedded engine, what writes its queries, and the newest segments that are here.

        The first question waits for none of them: neither for the second of CPU that the engine
        takes, nor until each file was found to be what was committed.
        """
        self._duck.warm()
        parse("assessment = warm")
        nobody = Scope(tenant="000000000000/us-east-1", assessments=("warm",))
        for shape, asked in ((shapes.page, (NEWEST, None, 1)), (shapes.grouped, (("verdict",), 1))):
            self._duck.compiled(shape, nobody, AllOf(()), *asked)
        left = WARM_ROWS
        for tenant in self._store.tenants():
            every = tuple(one.id for one in self._store.assessments(tenant))
            if not every:
                continue
            found = self._store.segment_files(Chosen(tenant=tenant, assessments=every))
            here = [one for one in found if one.path.exists()]
            here.sort(key=lambda one: one.max_time, reverse=True)
            rows = accumulate(one.rows for one in here)
            good, _ = sift(
                self._kept, [one for one, n in zip(here, rows, strict=True) if n <= left]
            )
            left -= sum(one.rows for one in good)

    def page(
        self, question: Question, *, order: Order = NEWEST, limit: int = 100, cursor: str = ""
    ) -> Page:
        """Return `limit` rows, or those behind `cursor`, which a page before gave."""
        _limited(limit, MAX_PAGE)
        asked = fingerprint(question, order)
        after = Cursor.parse(cursor, asked) if cursor else None
        if after is not None and order.column == "time":
            after.check_time()
        size = after.size if after else self._size(question)
        segments = self._segments(question, size, after if order.column == "time" else None, order)
        rows, unreadable = self._ordered(question, segments, order, after, limit + 1)
        more = len(rows) > limit
        rows = rows[:limit]
        following = ""
        if more:
            last = rows[-1]
            value = value_text(last.key)
            following = Cursor(question=asked, size=size, value=value, id=last.id).text()
        return Page(
            rows=tuple(row.found for row in rows),
            cursor=following,
            size=size,
            unreadable=tuple(unreadable),
        )

    def groups(self, question: Question, fields: Sequence[Field]) -> Groups:
        """Return how many rows there are by these fields."""
        if not fields or len(fields) > MAX_GROUP_FIELDS:
            raise QueryError(f"Results are grouped by 1 to {MAX_GROUP_FIELDS} fields")
        for one in fields:
            if not one.grouped:
                raise QueryError(f"Results cannot be grouped by {one.name}")
        size = self._size(question)
        good, unreadable = self._sifted(self._segments(question, size))
        columns = tuple(one.column for one in fields)
        asked = (question.scope, question.where, columns, MAX_GROUPS + 1)
        told = self._told(good, asked, lambda some: self._counted(some, asked))
        found = sorted(told.items(), key=lambda group: (-group[1], group[0]))
        return Groups(
            rows=tuple(found[:MAX_GROUPS]),
            more=len(found) > MAX_GROUPS,
            size=size,
            unreadable=tuple(unreadable),
        )

    def _counted(self, segments: Sequence[SegmentFile], asked: tuple[object, ...]) -> Counts:
        told: Counter[tuple[str, ...]] = Counter()
        for row in self._answers(segments, shapes.grouped, *asked):
            told[tuple(map(value_text, row[:-1]))] += int(row[-1])
        return told

    def count(self, question: Question) -> tuple[int, tuple[Unreadable, ...]]:
        """Return the number of rows, and what could not be counted."""
        good, unreadable = self._sifted(self._segments(question, self._size(question)))
        return self._number(good, question), tuple(unreadable)

    def count_manual(self, question: Question) -> int:
        """Return how many items of manual evidence match; what was collected is not read."""
        files = self._manual.of(question, self._size(question), reach(question.where))
        return self._number(files, question)

    def _number(self, segments: list[SegmentFile], question: Question) -> int:
        """Return how many rows of these segments match."""
        asked = (question.scope, question.where)

        def count(some: Sequence[SegmentFile]) -> Counts:
            return {(): sum(int(n) for (n,) in self._answers(some, shapes.counted, *asked))}

        return self._told(segments, (shapes.counted, *asked), count)[()]

    def _told(
        self,
        segments: list[SegmentFile],
        asked: tuple[object, ...],
        count: Callable[[Sequence[SegmentFile]], Counts],
    ) -> Counts:
        """Return counts, kept of what was collected; files of manual evidence are small."""
        manual, collected = self._apart(segments)
        told = self._answered.get(collected, asked, count)
        return both(told, count(manual)) if manual else told

    def sample(self, question: Question, count: int, seed: str) -> Sample:
        """Return `count` rows drawn by `seed`: the same for the same evidence, wherever it lies."""
        _limited(count, MAX_PAGE)
        size = self._size(question)
        good, unreadable = self._sifted(self._segments(question, size))
        population = self._number(good, question)
        rows = self._drawn(good, question, seed, min(count, population), population)
        rows.sort(key=lambda row: (row.key, row.id))
        return Sample(
            rows=tuple(row.found for row in rows[:count]),
            seed=seed,
            population=population,
            size=size,
            unreadable=tuple(unreadable),
        )

    def _drawn(
        self, segments: list[SegmentFile], question: Question, seed: str, count: int, of: int
    ) -> list[_Row]:
        """Return the rows of the least hashes; memory is that of the sample, whatever there is."""
        asked = (question.scope, question.where, seed)
        rows: list[_Row] = []
        for edge in shapes.edges(count, of):
            rows = self._rows(segments, shapes.sampled, *asked, edge, count)
            if len(rows) >= count:
                break
        return rows

    def stream(self, question: Question, behind: int = -1) -> Stream:
        """Return all rows above the leaf `behind`, in the order of leaves; memory stays flat."""
        size = self._size(question)
        stream = Stream(iter(()), size)
        query = self._duck.compiled(shapes.whole, question.scope, question.where)
        wanted = pieces(self._segments(question, size), behind)
        found = streamed(self._duck, self._kept, query, wanted, stream.unreadable)
        stream.rows = (row for row in found if row.leaf > behind)
        return stream

    def _ordered(
        self,
        question: Question,
        segments: list[SegmentFile],
        order: Order,
        after: Cursor | None,
        limit: int,
    ) -> tuple[list[_Row], list[Unreadable]]:
        """Return the first rows in order; by time, segment after segment until no more can."""
        asked = (question.scope, question.where, order, after, limit)
        # An id alone leads to few rows, by the files' own statistics.
        seeks_edges = self._engine is self._duck and not reach(question.where).first_id
        rows: list[_Row] = []
        unreadable: list[Unreadable] = []
        walk = Walk(segments, order, self._engine.first_step)
        while step := walk.following():
            if len(rows) >= limit and walk.is_beyond(rows[-1].key):
                break
            good, bad = self._sifted(step)
            unreadable += bad
            within = _until(order, rows[-1].key) if len(rows) >= limit else ANY_TIME
            if good and walk.is_first_by_time and seeks_edges:
                edges = self._duck.edges(self._duck.compiled(shapes.page, *asked), good)
                good = [one for one in good if edges and _meets(one, *edges)]
                within = _between(edges) if edges else ANY_TIME
            found = self._rows(good, shapes.page, *asked, within=within)
            walk.tell(len(found), limit)
            rows += found
            rows.sort(key=lambda row: (row.key, row.id), reverse=order.descending)
            del rows[limit:]
        return rows, unreadable

    def _segments(
        self,
        question: Question,
        size: int,
        after: Cursor | None = None,
        order: Order = NEWEST,
    ) -> list[SegmentFile]:
        within = reach(question.where)
        first, end = within.first, within.end
        if after is not None:
            edge = datetime.fromisoformat(after.value)
            if order.descending:
                end = min(end or edge + _MOMENT, edge + _MOMENT)
            else:
                first = max(first or edge, edge)
        chosen = Chosen(
            tenant=question.scope.tenant,
            assessments=question.scope.assessments,
            first_time=first,
            end_time=end,
            first_id=within.first_id,
            last_id=within.last_id,
            below=size,
        )
        files = self._store.segment_files(chosen)
        return [*files, *self._manual.of(question, size, within)] if question.manual else files

    def _sifted(self, segments: list[SegmentFile]) -> tuple[list[SegmentFile], list[Unreadable]]:
        """Return what can be searched, in the order given, and what cannot.

        What an engine reads in the bucket is not brought here to be checked: that would be all the
        evidence. Each record that it gives must stand in the ledger.
        """
        if self._engine is self._duck:
            return sift(self._kept, segments)
        good, unreadable = sift(self._kept, [one for one in segments if not one.url])
        known = set(map(id, good))
        return [one for one in segments if one.url or id(one) in known], unreadable

    def _size(self, question: Question) -> int:
        if question.size is not None:
            return question.size
        return self._store.log(question.scope.tenant).size

    def _answers(
        self, segments: Sequence[SegmentFile], shape: Callable[..., Any], *asked: object
    ) -> list[tuple[Any, ...]]:
        """Return the answers of each engine that has something to look through, one by one."""
        found: list[tuple[Any, ...]] = []
        for engine, files in self._shared(segments):
            table = engine.rows(engine.compiled(shape, *asked), files)
            found += zip(*(column.to_pylist() for column in table.columns), strict=True)
        return found

    def _rows(
        self,
        segments: list[SegmentFile],
        shape: Callable[..., Any],
        *asked: object,
        within: Within = ANY_TIME,
    ) -> list[_Row]:
        """Return rows; what is outside of these times is not needed, and may come or not."""
        rows = []
        for engine, held in self._shared(segments):
            files = {str(one.path): one for one in held}
            places = None if engine.places else self._places(held)
            query = engine.compiled(shape, *asked)
            for values in engine.rows(query, held, within).to_pylist():
                segment, number = values.pop("segment"), values.pop("row")
                key = values.pop(shapes.SORTED)
                evidence = row_of(values).evidence
                leaf = places.leaf(evidence) if places else files[segment].leaf(number)
                rows.append(_Row(key, evidence.id, Found(leaf, evidence)))
        return rows

    def _shared(
        self, segments: Sequence[SegmentFile]
    ) -> Iterator[tuple[Duck | Spark, Sequence[SegmentFile]]]:
        """Yield who looks through what: files of manual evidence are on this machine only."""
        own = segments
        if self._engine is not self._duck:
            own, others = self._apart(segments)
            if others:
                yield self._engine, others
        if own:
            yield self._duck, own

    def _apart(
        self, segments: Sequence[SegmentFile]
    ) -> tuple[list[SegmentFile], list[SegmentFile]]:
        """Return the files of manual evidence, and the others."""
        manual = [one for one in segments if self._manual.holds(one)]
        return manual, [one for one in segments if not self._manual.holds(one)]

    def _places(self, segments: Sequence[SegmentFile]) -> Places:
        return Places(self._store.log(segments[0].tenant), segments)


def _until(order: Order, last: datetime) -> Within:
    """Return the times that come no later, in this order, than the last row that is wanted."""
    return Within(last, None) if order.descending else Within(None, last + _MOMENT)


def _meets(one: SegmentFile, first: datetime, last: datetime) -> bool:
    return one.max_time >= first and one.min_time <= last


def _between(edges: tuple[datetime, datetime]) -> Within:
    return Within(edges[0], edges[1] + _MOMENT)


def _limited(number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise QueryError(
            f"{number} rows cannot be asked for",
            why=f"It must be from 1 to {most}.",
            todo="Go on with the cursor, or export what was found.",
        )
