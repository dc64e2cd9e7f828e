"""What is done with the rows of a query, as Ibis expressions: page, group, count, sample."""

from collections.abc import Iterator
from datetime import datetime
from math import isqrt
from typing import TYPE_CHECKING, Any

from affidavit.finder.bound import AllOf, Bound, OneOf
from affidavit.finder.compile import COLUMNS, column, condition, table
from affidavit.finder.query import Cursor, Order, Scope

if TYPE_CHECKING:
    import ibis.expr.types as ir

SORTED = "sorted_by"
NUMBER = "number"


def page(scope: Scope, where: Bound, order: Order, after: Cursor | None, limit: int) -> "ir.Table":
    """Return rows in order, behind the cursor, with the sorted value beside them."""
    found = _found(scope, where)
    key: Any = column(order.column)
    if after is not None:
        found = found.filter(_behind(key, order, after))
    identifier: Any = table().id
    sort = [key.desc(), identifier.desc()] if order.descending else [key.asc(), identifier.asc()]
    return found.order_by(sort).limit(limit).select(*COLUMNS, "segment", "row", **{SORTED: key})


def whole(scope: Scope, where: Bound) -> "ir.Table":
    """Return all rows of one segment, as it holds them: unsorted, so that memory stays flat."""
    return _found(scope, where).select(*COLUMNS, "row")


def grouped(scope: Scope, where: Bound, columns: tuple[str, ...], limit: int) -> "ir.Table":
    """Return the number of rows of each combination of columns, the largest first."""
    keys: dict[str, Any] = {f"k{at}": column(name) for at, name in enumerate(columns)}
    groups = _found(scope, where).group_by(**keys).agg(**{NUMBER: _number})
    sort = [groups[NUMBER].desc(), *(groups[key].asc() for key in keys)]
    return groups.order_by(sort).limit(limit)


def counted(scope: Scope, where: Bound) -> "ir.Table":
    """Return one row: how many there are."""
    return _found(scope, where).aggregate(**{NUMBER: _number})


def sampled(scope: Scope, where: Bound, seed: str, edge: str, limit: int) -> "ir.Table":
    """Return the first rows in the order of SHA-256 over seed, line feed and id, below an edge.

    Only what lies below the edge is sorted, whole rows as they are: see `edges`.
    """
    import ibis

    identifier: Any = table().id
    drawn: Any = (ibis.literal(f"{seed}\n") + identifier).hexdigest("sha256")
    found = _found(scope, where).filter(drawn < edge).order_by([drawn.asc(), identifier.asc()])
    return found.limit(limit).select(*COLUMNS, "segment", "row", **{SORTED: drawn})


def edges(wanted: int, population: int) -> Iterator[str]:
    """Yield what `wanted` of so many hashes in hexadecimal lie below, nearly always the first.

    Hashes are even: twice as far lie twice as many. The last one is above all.
    """
    ample = wanted + 6 * isqrt(wanted) + 16
    while ample < population:
        yield f"{ample * 2**64 // population:016x}"
        ample *= 2
    yield "g"


def _found(scope: Scope, where: Bound) -> "ir.Table":
    """Return the rows in scope that match: the scope is part of every query, whatever it says."""
    mine = OneOf("assessment_id", tuple(sorted(scope.assessments)))
    return table().filter(condition(AllOf((mine, where))))


def _number(found: Any) -> Any:
    return found.count()


def _behind(key: Any, order: Order, after: Cursor) -> Any:
    import ibis

    value: Any = after.value
    if order.column == "time":
        value = ibis.literal(datetime.fromisoformat(after.value), type='timestamp("UTC")')
    elif order.column == "synthetic":
        value = after.value == "yes"
    if order.descending:
        return (key < value) | ((key == value) & (table().id < after.id))
    return (key > value) | ((key == value) & (table().id > after.id))
