"""The members that a check reads, found in a record's values: their kinds, and what was seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from affidavit.model.catalogue import Check, Member

MAX_SEEN = 4
"""Members shown in a reason; it is for people, the whole stands in the observation."""
MAX_TEXT = 60
"""Characters of one value shown in a reason."""

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "list": (list, tuple),
    "map": (Mapping,),
}


@dataclass(frozen=True, slots=True)
class Names:
    """The first members under r and acct that a check reads: joins, operations, facts, sets."""

    record: frozenset[str]
    """Names under r: item, a join, policy, metric, …"""
    account: frozenset[str]
    """Names under acct; facts as `fact.<name>`, without `set`."""
    sets: Mapping[str, frozenset[str]]
    """Sets read as acct.set.<id>, and the names read of their records."""


def names_read(check: Check) -> Names:
    """Return which joins, operations, facts and sets a check reads."""
    record: set[str] = set()
    account: set[str] = set()
    sets: dict[str, set[str]] = {}
    for member in check.reads:
        root, first, *rest = (part.removesuffix("[]") for part in member.path.split("."))
        if root == "r":
            record.add(first)
        elif first == "set":
            sets.setdefault(rest[0], set()).update(rest[1:2])
        else:
            account.add(f"fact.{rest[0]}" if first == "fact" and rest else first)
    frozen = {name: frozenset(read) for name, read in sets.items()}
    return Names(frozenset(record), frozenset(account), frozen)


def values_at(values: Mapping[str, Any], path: str) -> Iterator[Any]:
    """Yield what lies at a path such as `r.GetGuardrail.contentPolicy.filters[].type`."""
    found: list[Any] = [values]
    for part in path.split("."):
        name = part.removesuffix("[]")
        found = [v[name] for v in found if isinstance(v, Mapping) and name in v]
        if part.endswith("[]"):
            found = [e for v in found if isinstance(v, (list, tuple)) for e in v]
    yield from found


def malformed(check: Check, values: Mapping[str, Any]) -> str:
    """Return the path of the first member that is not of its kind, or an empty text.

    A value of the wrong kind could make `!=` or `has` true: it must not reach an expression.
    """
    for member in check.reads:
        kinds = _KINDS.get(member.kind)
        if kinds is None:
            continue
        for value in values_at(values, member.path):
            wrong_flag = isinstance(value, bool) and member.kind != "boolean"
            if wrong_flag or not isinstance(value, kinds):
                return member.path
    return ""


def short(path: str) -> str:
    """Return a path without its root, as people read it: GetGuardrail.contentPolicy."""
    return path.partition(".")[2].replace("[]", "")


def seen(check: Check, values: Mapping[str, Any]) -> str:
    """Return in words what a check saw: a few values, or what their absence means."""
    parts: list[str] = []
    for member in check.reads:
        text = _seen_member(member, values)
        if text and text not in parts:
            parts.append(text)
        if len(parts) == MAX_SEEN:
            break
    return "; ".join(parts)


def _seen_member(member: Member, values: Mapping[str, Any]) -> str:
    found = list(values_at(values, member.path))
    name = short(member.path)
    if not found:
        nested = "[]" in member.path
        return "" if member.required or nested else f"no {name} ({member.absent_means})"
    plain = [_plain(value) for value in found if not isinstance(value, Mapping)]
    distinct = list(dict.fromkeys(text for text in plain if text))
    if not distinct:
        return ""
    more = ", …" if len(distinct) > MAX_SEEN else ""
    return f"{name} {', '.join(distinct[:MAX_SEEN])}{more}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "empty" if not value else f"of {len(value)}"
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
