"""Canonical JSON and digests: what is hashed, signed and compared byte by byte.

Canonical means RFC 8785 for the values that we allow: objects with ASCII keys, arrays, strings,
whole numbers within +-(2**53 - 1), true, false, null; **no floats**. For those, sorted keys without
white space are RFC 8785; a test compares with the independent package `rfc8785`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import msgspec

MAX_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8785, section 3.2.2.3)."""


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of `value` in UTF-8; `TypeError` names what is not allowed."""
    _refuse(value, "$")
    return quick_json(value)


def quick_json(value: Any) -> bytes:
    """Return deterministic JSON of JSON values, UTF-8, five times as fast as `plain_json`.

    The same bytes for whatever `canonical` allows; floats are written in another way.
    """
    return msgspec.json.encode(value, order="sorted")


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, hexadecimal."""
    return digest(canonical(value))


def plain_json(value: Any) -> bytes:
    """Return deterministic JSON that may hold floats (bodies of observations), UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def json_values(value: Any) -> Any:
    """Return our frozen values as JSON's: dataclasses as objects, enumerations by value.

    Raises `TypeError` for what has no JSON form.
    """
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: json_values(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): json_values(member) for key, member in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(json_values(member) for member in value)
    if isinstance(value, (list, tuple)):
        return [json_values(member) for member in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


_PLAIN = frozenset({str, bool, type(None)})


def _refuse(value: Any, path: str) -> None:  # noqa: C901 - a branch for each kind of value
    """Raise `TypeError` for what is not allowed; exact types only, because this is a hot path."""
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is dict:
        for key, member in value.items():
            if type(key) is not str or not key.isascii():
                raise TypeError(f"{path}: key {key!r} is not an ASCII string")
            _refuse(member, f"{path}.{key}")
    elif kind is list or kind is tuple:
        for index, member in enumerate(value):
            _refuse(member, f"{path}[{index}]")
    elif kind is not int:
        raise TypeError(f"{path}: {kind.__name__} has no canonical form")
    elif abs(value) > MAX_INTEGER:
        raise TypeError(f"{path}: {value} is beyond 2**53 - 1")
