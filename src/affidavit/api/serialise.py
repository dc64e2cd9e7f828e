"""Answers: from what an operation returns to JSON as SDKs read it.

Times become epoch seconds with milliseconds, null members are never sent (Smithy forbids them; some
SDKs fail on them). The quick way leaves all work to a C encoder that writes UTF-8; where the result
seems to hold a null, or cannot be written so, json's encoder and a walk decide. `problems` checks
an answer against the model; tests check every answer.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from botocore.model import Shape

from affidavit.operations.answers import Fixed

_MILLISECONDS: Final = 3


def _encoded(value: object) -> object:
    if type(value) is Fixed:
        return dict(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return round(value.timestamp(), _MILLISECONDS)
    raise TypeError(f"{type(value).__name__} cannot be sent")


_ENCODER: Final = json.JSONEncoder(
    default=_encoded, allow_nan=False, separators=(",", ":"), check_circular=False
)


def writer(shape: Shape | None) -> Callable[[Mapping[str, Any]], bytes]:
    """Return what writes the answers of an output shape, as `body` does but five times as fast.

    The model says where times stand: only these are converted, and the rest is left to msgspec.
    """
    convert = _times(shape, ()) if shape is not None else None

    def write(answer: Mapping[str, Any]) -> bytes:
        try:
            text = msgspec.json.encode(answer if convert is None else convert(answer))
        except (TypeError, ValueError, OverflowError, AttributeError, msgspec.MsgspecError):
            return body(answer)  # says what is wrong, or knows how to write it
        # NaN becomes null too: there it is an error.
        return body(answer) if b"null" in text else text

    return write


def _times(shape: Any, above: tuple[str, ...]) -> Callable[[Any], Any] | None:
    """Return what converts the times in a value of this shape; None where it can have none."""
    if shape.name in above:
        raise ValueError(f"{shape.name} holds itself: not served")
    inside = (*above, shape.name)
    if shape.type_name == "timestamp":
        return _encoded
    if shape.type_name == "list":
        each = _times(shape.member, inside)
        return None if each is None else lambda values: [each(value) for value in values]
    if shape.type_name == "map":
        if _times(shape.value, inside) is not None:
            raise ValueError(f"{shape.name} is a map with times: not served")
        return None
    if shape.type_name != "structure":
        return None
    found = {name: _times(member, inside) for name, member in shape.members.items()}
    members = [(name, convert) for name, convert in found.items() if convert is not None]
    return _structure_times(members) if members else None


def _structure_times(members: list[tuple[str, Callable[[Any], Any]]]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is Fixed:
            if value.written is None:
                value.written = msgspec.json.encode(convert(dict(value)))
            return msgspec.Raw(value.written)
        changed = {n: each(value[n]) for n, each in members if value.get(n)}
        return {**value, **changed} if changed else value

    return convert


def body(answer: Mapping[str, Any]) -> bytes:
    """Return an answer's JSON; `TypeError` or `ValueError` for what cannot be JSON."""
    text = _ENCODER.encode(answer)
    if "null" in text:
        text = _ENCODER.encode(without_nulls(answer))
    return text.encode("ascii")


def without_nulls(value: Any) -> Any:
    """Return `value` without its None members, at every depth; None in a list is an error."""
    if isinstance(value, Mapping):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        if None in value:
            raise ValueError("A list of an answer holds None")
        return [without_nulls(item) for item in value]
    return value


def problems(shape: Shape | None, answer: Any) -> list[tuple[str, str]]:
    """Return (member path, what it must be) for everything the model does not allow in `answer`.

    Lengths and patterns are not looked at: AWS's own answers break them (a presigned URL does not
    match UrlLink, an ARN does not match CreatedBy).
    """
    if shape is None:
        return [("", "There must be no members")] if answer else []
    return list(_problems(shape, answer, ""))


def _problems(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    kind = _KINDS.get(shape.type_name)
    if kind is None or not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield path, f"Member must be a {shape.type_name}"
        return
    walk = _WALKS.get(shape.type_name)
    if walk is not None:
        yield from walk(shape, value, path)


def _structure(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield prefix + name, "Member must not be null"
    for name, item in value.items():
        if name not in shape.members:
            yield prefix + name, "There is no such member"
        elif item is not None:
            yield from _problems(shape.members[name], item, prefix + name)


def _list(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    for index, item in enumerate(value):
        yield from _problems(shape.member, item, f"{path}[{index}]")


def _map(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        yield from _problems(shape.key, name, f"{path} (key)")
        yield from _problems(shape.value, item, f"{path}.{name}")


def _string(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if shape.enum and value not in shape.enum:
        yield path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _timestamp(_: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if value.tzinfo is None:
        yield path, "Time must have a time zone"


_KINDS: Final[Mapping[str, Any]] = {
    "structure": Mapping,
    "list": list | tuple,
    "map": Mapping,
    "string": str,
    "integer": int,
    "boolean": bool,
    "timestamp": datetime,
}
_WALKS: Final[Mapping[str, Callable[[Any, Any, str], Iterator[tuple[str, str]]]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "timestamp": _timestamp,
}
