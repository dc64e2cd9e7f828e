"""Read YAML into frozen dataclasses, strictly: what is not known is refused with its line."""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, TypeVar, Union

import yaml

from affidavit.errors import EmulatorError

_T = TypeVar("_T")

_SCALARS: dict[type, tuple[str, ...]] = {
    str: ("str",),
    bool: ("bool",),
    int: ("int",),
    float: ("int", "float"),
}
"""YAML's kinds of scalar that each type takes."""


class Spread(tuple[float, float]):
    """A number, or two between which the members of a group are spread evenly."""

    __slots__ = ()

    def at(self, index: int, count: int) -> float:
        """Return the number of member `index` (from 0) of `count` members."""
        low, high = self
        return low if count == 1 else low + (high - low) * index / (count - 1)


def read(kind: type[_T], text: str, name: str) -> _T:
    """Return `text` (of the file `name`) as a value of dataclass `kind`.

    Raises `EmulatorError` with name and line for bad YAML, an unknown or repeated or missing key,
    and a value of the wrong type.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise EmulatorError(
            f"{name} is not YAML", why=str(error), todo="Correct the file."
        ) from error
    if node is None:
        raise EmulatorError(f"{name} is empty", todo="Give the description of an estate.")
    value: _T = _Reader(name).value(kind, node)
    return value


def read_file(kind: type[_T], path: Path) -> _T:
    """Return the file at `path` as a value of dataclass `kind`; `EmulatorError` as `read`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EmulatorError(
            f"{path} cannot be read", why=str(error), todo="Give the path of an estate file."
        ) from error
    return read(kind, text, path.name)


class _Reader:
    """Turns YAML nodes into values; knows the file's name for its messages."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, kind: Any, node: yaml.Node) -> Any:  # noqa: PLR0911 - one a kind
        if kind is Any:
            return yaml.SafeLoader("").construct_object(node, deep=True)
        if kind is Spread:
            return self.spread(node)
        origin = typing.get_origin(kind)
        if origin in {Union, types.UnionType}:
            return self.optional(kind, node)
        if origin is tuple:
            return tuple(self.items(typing.get_args(kind)[0], node))
        if origin is dict:
            return self.mapping(typing.get_args(kind)[1], node)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return self.record(kind, node)
        return self.scalar(kind, node)

    def optional(self, kind: Any, node: yaml.Node) -> Any:
        if node.tag.endswith(":null"):
            return None
        inner = next(each for each in typing.get_args(kind) if each is not type(None))
        return self.value(inner, node)

    def items(self, kind: Any, node: yaml.Node) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, "a list is wanted here")
        return [self.value(kind, each) for each in node.value]

    def pairs(self, node: yaml.Node) -> list[tuple[str, yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, "a mapping (name: value) is wanted here")
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise self.error(key, f"{key.value!r} is given twice")
            seen.add(key.value)
        return [(key.value, key, value) for key, value in node.value]

    def mapping(self, kind: Any, node: yaml.Node) -> dict[str, Any]:
        return {name: self.value(kind, value) for name, _, value in self.pairs(node)}

    def record(self, kind: type, node: yaml.Node) -> Any:
        hints = typing.get_type_hints(kind)
        given: dict[str, Any] = {}
        for name, key, value in self.pairs(node):
            if name not in hints:
                known = ", ".join(sorted(hints))
                raise self.error(key, f"unknown key {name!r} (known here: {known})")
            given[name] = self.value(hints[name], value)
        for field in dataclasses.fields(kind):
            needed = field.default is dataclasses.MISSING
            needed = needed and field.default_factory is dataclasses.MISSING
            if needed and field.name not in given:
                raise self.error(node, f"{field.name!r} is missing")
        return kind(**given)

    def spread(self, node: yaml.Node) -> Spread:
        if not isinstance(node, yaml.SequenceNode):
            number = self.scalar(float, node)
            return Spread((number, number))
        ends = self.items(float, node)
        if len(ends) != 2 or ends[0] > ends[1]:  # noqa: PLR2004 - a range has two ends
            raise self.error(node, "a number or [lowest, highest] is wanted here")
        return Spread(ends)

    def scalar(self, kind: Any, node: yaml.Node) -> Any:
        tag = node.tag.rsplit(":", 1)[-1]
        if not isinstance(node, yaml.ScalarNode) or tag not in _SCALARS[kind]:
            raise self.error(node, f"a value of type {kind.__name__} is wanted here")
        value = yaml.SafeLoader("").construct_object(node)
        return kind(value)

    def error(self, node: yaml.Node, why: str) -> EmulatorError:
        return EmulatorError(
            f"{self.name}, line {node.start_mark.line + 1}: {why}",
            todo="Correct that line of the estate file.",
        )
