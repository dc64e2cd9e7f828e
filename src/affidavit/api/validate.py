"""Validation by the model: one compiled reader a shape, made at start.

A reader takes a decoded JSON value, notes what is wrong with it, and returns what the operation
gets: members that the model does not know and null members are left out (as AWS does). The words
are those of AWS's own validation: "Value at 'name' failed to satisfy constraint: Member must …".
botocore's validator checks required, type and min only; max, pattern and enum are checked here.
"""

from collections.abc import Callable
from typing import Any, Final, Self

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from affidavit.api.errors import plain_text
from affidavit.api.patterns import compile_pattern
from affidavit.operations.faults import ValidationFault

MAX_PROBLEMS: Final = 20
"""After so many wrong members nobody reads on."""
NOT_NULL: Final = "Member must not be null"
_SHOWN_KEY: Final = 40
_INTEGER_BITS: Final = 31
"""botocore's `integer` is Java's: 32 bits, signed."""

Reader = Callable[[Any, str, "Problems"], Any]
"""(value, its path, where problems go) -> the value for the operation."""


class Problems:
    """What is wrong with one request: (member path, what it must be), at most `MAX_PROBLEMS`.

    Use it in a `with`, which raises the fault at its end where something is wrong.
    """

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.found:
            raise self.fault()

    def add(self, path: str, message: str) -> None:
        """Note one wrong member; raises the fault at once when there are too many."""
        self.found.append((plain_text(path), message))
        if len(self.found) >= MAX_PROBLEMS:
            raise self.fault()

    def fault(self) -> ValidationFault:
        """Return the fault that names every wrong member."""
        count = len(self.found)
        each = "; ".join(
            f"Value at '{path}' failed to satisfy constraint: {message}"
            for path, message in self.found
        )
        noun = "validation error" if count == 1 else "validation errors"
        return ValidationFault(
            f"{count} {noun} detected: {each}", reason="fieldValidationFailed", fields=self.found
        )


def reader(shape: Shape) -> Reader:
    """Return the compiled reader of `shape`; `ValueError` for a type that is not served."""
    makers: dict[str, Callable[[Any], Reader]] = {
        "structure": _structure,
        "list": _list,
        "map": _map,
        "string": _string,
        "integer": _integer,
        "boolean": _boolean,
    }
    maker = makers.get(shape.type_name)
    if maker is None:
        raise ValueError(f"Requests with {shape.type_name} ({shape.name}) are not served")
    return maker(shape)


def _structure(shape: StructureShape) -> Reader:
    members = {name: reader(member) for name, member in shape.members.items()}
    required = frozenset(shape.required_members)

    def read(value: Any, path: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.add(path, "Member must be a structure")
            return None
        prefix = f"{path}." if path else ""
        found = {
            name: members[name](given, prefix + name, problems)
            for name, given in value.items()
            if given is not None and name in members
        }
        for name in required:
            if name not in found:
                problems.add(prefix + name, NOT_NULL)
        return found

    return read


def _list(shape: ListShape) -> Reader:
    item = reader(shape.member)
    low, high = _bounds(shape)

    def read(value: Any, path: str, problems: Problems) -> Any:
        if not isinstance(value, list):
            problems.add(path, "Member must be a list")
            return None
        wrong = _length(len(value), low, high)
        if wrong:
            problems.add(path, wrong)
            return None
        found = []
        for index, given in enumerate(value):
            if given is None:
                problems.add(f"{path}[{index}]", NOT_NULL)
            else:
                found.append(item(given, f"{path}[{index}]", problems))
        return found

    return read


def _map(shape: MapShape) -> Reader:
    key, item = reader(shape.key), reader(shape.value)
    low, high = _bounds(shape)

    def read(value: Any, path: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.add(path, "Member must be a map")
            return None
        wrong = _length(len(value), low, high)
        if wrong:
            problems.add(path, wrong)
            return None
        found = {}
        for name, given in value.items():
            key(name, f"{path} (key)", problems)
            shown = name[:_SHOWN_KEY]
            if given is None:
                problems.add(f"{path}.{shown}", NOT_NULL)
            else:
                found[name] = item(given, f"{path}.{shown}", problems)
        return found

    return read


def _string(shape: StringShape) -> Reader:
    low, high = _bounds(shape)
    java = shape.metadata.get("pattern")
    match = compile_pattern(java).fullmatch if java else None
    enum = frozenset(shape.enum)
    enum_text = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"

    def read(value: Any, path: str, problems: Problems) -> Any:
        wrong: str | None = None
        if not isinstance(value, str):
            wrong = "Member must be a string"
        elif not low <= len(value) <= high:
            wrong = _length(len(value), low, high)
        elif enum and value not in enum:
            wrong = enum_text
        elif match is not None and match(value) is None:
            wrong = f"Member must satisfy regular expression pattern: {java}"
        elif "\0" in value:
            wrong = "Member must not hold the character U+0000"
        if wrong:
            problems.add(path, wrong)
        return value

    return read


def _integer(shape: Shape) -> Reader:
    limit = 2**_INTEGER_BITS
    low = int(shape.metadata.get("min", -limit))
    high = int(shape.metadata.get("max", limit - 1))

    def read(value: Any, path: str, problems: Problems) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            problems.add(path, "Member must be an integer")
        elif value > high:
            problems.add(path, f"Member must have value less than or equal to {high}")
        elif value < low:
            problems.add(path, f"Member must have value greater than or equal to {low}")
        return value

    return read


def _boolean(_: Shape) -> Reader:
    def read(value: Any, path: str, problems: Problems) -> Any:
        if not isinstance(value, bool):
            problems.add(path, "Member must be true or false")
        return value

    return read


def _bounds(shape: Shape) -> tuple[float, float]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    return (0 if low is None else low, float("inf") if high is None else high)


def _length(length: int, low: float, high: float) -> str | None:
    if length < low:
        return f"Member must have length greater than or equal to {low}"
    if length > high:
        return f"Member must have length less than or equal to {high}"
    return None
