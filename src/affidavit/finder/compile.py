"""Bound queries as Ibis expressions over one table, the same for DuckDB and for Spark.

Ibis is imported when the first query is compiled.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from affidavit.finder import bound as b
from affidavit.finder.patterns import regex_of
from affidavit.model.evidence import Evidence
from affidavit.model.framework import SourceType

if TYPE_CHECKING:
    import ibis.expr.types as ir

TABLE: Final = "evidence"
COLUMNS: Final = (*(member.name for member in fields(Evidence) if member.init), "entry")
"""Of a segment; a test compares with what the store writes."""
_KINDS: Final = {
    "time": 'timestamp("UTC", 6)',
    "inputs": "array<struct<digest: string, pointer: string>>",
    "attributes": "map<string, string>",
    "synthetic": "boolean",
    "entry": "binary",
}
_CALLS: Final = (SourceType.API_CALL.value, SourceType.CLOUDTRAIL.value)
_SERVICES: Final = {
    SourceType.CONFIG: "config",
    SourceType.SECURITY_HUB: "securityhub",
    SourceType.PROMPT_CHECK: "bedrock-runtime",
    SourceType.INVOCATION_LOG: "logs",
    SourceType.MANUAL: "",
}
"""The service of sources whose keyword does not begin with it."""
_SEARCHED: Final = ("reason", "resource_arn", "control_id", "keyword", "check_id", "parameters")


@cache
def table() -> "ir.Table":
    """Return the table of evidence that expressions are made over.

    Besides the columns of a segment it has `segment`, the path, and `row`, the place in the file.
    """
    import ibis

    kinds = {name: _KINDS.get(name, "string") for name in COLUMNS}
    return ibis.table({**kinds, "segment": "string", "row": "int64"}, name=TABLE)


def condition(bound: b.Bound) -> "ir.BooleanValue":
    """Return the condition that rows of the table meet where the query holds."""
    import ibis

    match bound:
        case b.AllOf(parts):
            return _joined(operator.and_, list(map(condition, parts)) or [ibis.literal(value=True)])
        case b.AnyOf(parts):
            return _joined(operator.or_, list(map(condition, parts)) or [ibis.literal(value=False)])
        case b.Inverse(part):
            return ~condition(part)
        case _:
            return _LEAVES[type(bound)](bound)


def column(name: str) -> "ir.Value":
    """Return a column of the table, or one derived from others."""
    derived = DERIVED.get(name)
    return derived() if derived else table()[name]


def _joined(join: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """Join many conditions as a balanced tree, which no recursion of the compilers minds."""
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [join(*pair) if len(pair) > 1 else pair[0] for pair in pairs]
    return parts[0]


def _one_of(leaf: b.OneOf) -> Any:
    import ibis

    if not leaf.values:
        return ibis.literal(value=leaf.negated)
    value = column(leaf.column)
    if len(leaf.values) == 1:
        only = leaf.values[0]
        return value != only if leaf.negated else value == only
    return value.notin(leaf.values) if leaf.negated else value.isin(leaf.values)


def _pattern(leaf: b.Pattern) -> Any:
    """Return the cheapest condition: prefix, suffix and part before a regular expression."""
    value: Any = column(leaf.column)
    match leaf.pieces:
        case (str(head), "") if head:
            found = value.startswith(head)
        case ("", str(tail)):
            found = value.endswith(tail)
        case ("", str(part), ""):
            found = value.contains(part)
        case (str(head), "", str(tail)) if head:
            long = value.length() >= len(head) + len(tail)
            found = value.startswith(head) & value.endswith(tail) & long
        case (str(head), *_) if head:
            found = value.startswith(head) & _exactly(value, leaf)
        case _:
            found = _exactly(value, leaf)
    return found


def _exactly(value: Any, leaf: b.Pattern) -> Any:
    return value.re_search(f"^(?s:{regex_of(leaf.pieces)})\\z")


def _holds(leaf: b.Holds) -> Any:
    if leaf.column == "text":
        parts = [table()[name].lower().contains(leaf.text) for name in _SEARCHED]
        words: Any = table().attributes.values().join("\n")
        return _joined(operator.or_, [*parts, words.lower().contains(leaf.text)])
    value: Any = column(leaf.column)
    return value.lower().contains(leaf.text)


def _within(leaf: b.Within) -> Any:
    import ibis

    time: Any = table().time
    parts = []
    if leaf.first is not None:
        parts.append(time >= ibis.literal(leaf.first, type='timestamp("UTC")'))
    if leaf.end is not None:
        parts.append(time < ibis.literal(leaf.end, type='timestamp("UTC")'))
    return _joined(operator.and_, parts)


def _is(leaf: b.Is) -> Any:
    flag: Any = column(leaf.column)
    return flag if leaf.value else ~flag


def _event_name() -> Any:
    import ibis

    keyword: Any = table().keyword
    name = keyword.substr(keyword.find("_") + 1)  # all of it, where there is none: `find` gives -1
    return ibis.cases((table().source_type.isin(_CALLS), name), else_=keyword)


def _service() -> Any:
    import ibis

    keyword: Any = table().keyword
    known = [(table().source_type == kind.value, name) for kind, name in _SERVICES.items()]
    return ibis.cases(*known, else_=_split_part()(keyword, "_", 1))


@cache
def _split_part() -> Callable[..., Any]:
    """Return the function of that name, which both engines have: four times as fast as a regex."""
    import ibis

    def split_part(text: str, separator: str, part: int) -> str:  # type: ignore[empty-body]
        """Return a part of the text, the first is 1."""

    built: Callable[..., Any] = ibis.udf.scalar.builtin(split_part)
    return built


def _day() -> Any:
    time: Any = table().time
    return time.strftime("%Y-%m-%d")


DERIVED: Final[Mapping[str, Callable[[], Any]]] = {
    "event_name": _event_name,
    "service": _service,
    "day": _day,
}
"""Columns that no segment has."""

_LEAVES: Final[Mapping[type, Callable[[Any], Any]]] = {
    b.OneOf: _one_of,
    b.Pattern: _pattern,
    b.Holds: _holds,
    b.Within: _within,
    b.Is: _is,
}
