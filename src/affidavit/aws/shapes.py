"""Bodies of observations: from boto3's answers to JSON (`plain`), and back by shape (`typed`).

A stored body must be judged again years later, so it holds JSON values only; what a string or a
number means stands in botocore's model of the operation. `typed(service, operation, plain(answer))`
equals the answer, but for blobs (base64 text) and for time zones (all UTC).
"""

import base64
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from affidavit.aws.models import output_shape, paging
from affidavit.model.observation import JsonObject
from affidavit.model.times import iso, parse

REDACTED = "[redacted]"
"""What stands in a body where a secret was; it is let through whatever the shape says."""


POLICY_SHAPE = "policyDocumentType"
"""IAM's text that botocore decodes into the policy itself (handlers.json_decode_policies)."""


class ShapeError(ValueError):
    """An answer is not what botocore's model of the operation says; names the place."""


def plain(parsed: Mapping[str, Any]) -> JsonObject:
    """Return boto3's parsed answer as JSON values, without ResponseMetadata.

    Times become RFC 3339 in UTC (`model.times.iso`; a time without zone is UTC, as all of AWS's
    are), blobs base64. Raises `ShapeError` for what has no JSON form (NaN, streams).
    """
    return {
        name: _plain(value, name) for name, value in parsed.items() if name != "ResponseMetadata"
    }


def _plain(value: Any, path: str) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ShapeError(f"{path}: {value} has no JSON form")
        return value
    if isinstance(value, datetime):
        return iso(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(name): _plain(member, f"{path}.{name}") for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member, f"{path}[{index}]") for index, member in enumerate(value)]
    raise ShapeError(f"{path}: {type(value).__name__} has no JSON form")


def typed(service: str, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored body as Python values, by the operation's output shape.

    Timestamps become aware datetimes in UTC, floats `float`, whole numbers `int`; blobs stay base64
    text. Null members are left out, unknown ones stay as they are. The result lists of a paged
    operation are always present. Raises `ShapeError` where the body is not of the shape, as with a
    null in a list; the door never makes an observation of such a body. Not for an absent answer
    (`Observation.absent`):
    that body is the error.
    """
    shape = output_shape(service, operation)
    result: dict[str, Any] = _typed(dict(body), shape, "$") if shape else dict(body)
    pages = paging(service, operation)
    for key in pages.result_keys if pages else ():
        _add_list(result, key)
    return result


def _add_list(result: dict[str, Any], key: str) -> None:
    """Put an empty list at the dotted `key` where there is nothing yet."""
    *outer, last = key.split(".")
    for name in outer:
        result = result.setdefault(name, {})
    result.setdefault(last, [])


def _typed(value: Any, shape: Shape, path: str) -> Any:
    if isinstance(value, str) and value == REDACTED:
        return value
    if getattr(shape, "is_document_type", False):
        return value
    return _CONVERTERS[shape.type_name](value, shape, path)


def _wrong(value: Any, shape: Shape, path: str) -> ShapeError:
    return ShapeError(f"{path}: {shape.type_name} expected, {type(value).__name__} found")


def _structure(value: Any, shape: StructureShape, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(value, shape, path)
    members = shape.members
    return {
        name: _typed(member, members[name], f"{path}.{name}") if name in members else member
        for name, member in value.items()
        if member is not None
    }


def _list(value: Any, shape: ListShape, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(value, shape, path)
    return [_typed(one, shape.member, f"{path}[{index}]") for index, one in enumerate(value)]


def _map(value: Any, shape: MapShape, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(value, shape, path)
    return {
        name: None if member is None else _typed(member, shape.value, f"{path}.{name}")
        for name, member in value.items()
    }


def _timestamp(value: Any, shape: Shape, path: str) -> datetime:
    if not isinstance(value, str):
        raise _wrong(value, shape, path)
    try:
        return parse(value)
    except ValueError as error:
        raise ShapeError(f"{path}: {value!r} is not a time") from error


def _whole(value: Any, shape: Shape, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise _wrong(value, shape, path)
    return int(value)


def _float(value: Any, shape: Shape, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(value, shape, path)
    return float(value)


def _boolean(value: Any, shape: Shape, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, shape, path)
    return value


def _text(value: Any, shape: Shape, path: str) -> Any:
    if shape.name == POLICY_SHAPE and isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        raise _wrong(value, shape, path)
    return value


_CONVERTERS: dict[str, Callable[[Any, Any, str], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "timestamp": _timestamp,
    "integer": _whole,
    "long": _whole,
    "short": _whole,
    "byte": _whole,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "string": _text,
    "character": _text,
    "char": _text,
    "blob": _text,
}
