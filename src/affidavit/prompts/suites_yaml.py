"""Suites as YAML, read with places and with limits: size, depth, aliases, number of nodes.

The shape is the one that promptfoo's users know; the code is ours. No tag makes an object.
"""

from dataclasses import dataclass
from typing import Any, Final, NoReturn

import yaml

from affidavit.errors import UsageError

MAX_BYTES: Final = 2_000_000
MAX_DEPTH: Final = 20
MAX_ALIASES: Final = 100
MAX_NODES: Final = 100_000
MAX_NUMBER: Final = 64
"""Characters of a number: YAML's of base 60 (1:1:1) take quadratic time."""
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_NO_VALUE: Final = (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What the parser raises for a tag that does not fit its value (`!!bool maybe`)."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line where it stands; members of mappings and lists are nodes."""

    value: Any
    line: int

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def refuse(name: str, line: int, why: str) -> NoReturn:
    """Raise `UsageError` that names the file and the line."""
    raise UsageError(f"{name}:{line}: the suite cannot be used", why=why, todo="Correct the suite.")


def read(data: bytes, name: str) -> Node:
    """Return a suite's document; raises `UsageError` for what is no YAML or beyond a limit."""
    if len(data) > MAX_BYTES:
        refuse(name, 1, f"It has {len(data)} bytes; {MAX_BYTES} are allowed.")
    try:
        text = data.decode()
        _count(text, name)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        refuse(name, data[: error.start].count(b"\n") + 1, "It is not UTF-8.")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        refuse(name, mark.line + 1 if mark else 1, f"It is not YAML: {error!s:.200}")
    if not isinstance(tree, yaml.MappingNode):
        refuse(name, 1, "A suite is a mapping with `prompts` and `tests`.")
    return _Reader(name).node(tree)


def _count(text: str, name: str) -> None:
    """Refuse depth and aliases before anything is composed."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            refuse(name, line, f"It is nested deeper than {MAX_DEPTH}.")
        if aliases > MAX_ALIASES:
            refuse(name, line, f"It has more than {MAX_ALIASES} aliases.")


class _Reader:
    """Turns YAML's tree into nodes; counts them, so that aliases cannot multiply."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._scalars = yaml.SafeLoader("")  # keeps every node that it has read
        self._count = 0
        self._open: set[int] = set()

    def node(self, tree: Any) -> Node:
        """Return a node; a duplicate key, an own ancestor or too many nodes are refused."""
        line = tree.start_mark.line + 1
        self._count += 1
        if self._count > MAX_NODES:
            refuse(self._name, line, f"It has more than {MAX_NODES} values, aliases followed.")
        if id(tree) in self._open:
            refuse(self._name, line, "A value holds itself (an alias of its own ancestor).")
        self._open.add(id(tree))
        try:
            return Node(self._value(tree, line), line)
        finally:
            self._open.remove(id(tree))

    def _value(self, tree: Any, line: int) -> Any:
        if isinstance(tree, yaml.SequenceNode):
            return [self.node(item) for item in tree.value]
        if not isinstance(tree, yaml.MappingNode):
            return self._scalar(tree, line)
        members: dict[str, Node] = {}
        for key, value in tree.value:
            if not isinstance(key, yaml.ScalarNode):
                refuse(self._name, line, "A key is not a text.")
            if key.value in members:
                refuse(self._name, key.start_mark.line + 1, f"{key.value} stands twice.")
            self._require_whole(key.value, line)
            members[key.value] = self.node(value)
        return members

    def _require_whole(self, text: str, line: int) -> None:
        """Refuse half a character (a lone surrogate, escaped), which no encoding has."""
        try:
            text.encode()
        except UnicodeEncodeError:
            refuse(self._name, line, "It has half a character (a surrogate): it cannot be sent.")

    def _scalar(self, tree: Any, line: int) -> Any:
        if tree.tag in _NUMBERS and len(tree.value) > MAX_NUMBER:
            refuse(self._name, line, f"A number has at most {MAX_NUMBER} characters.")
        try:
            value = self._scalars.construct_object(tree)
        except _NO_VALUE as error:
            refuse(self._name, line, f"Not a value: {error!s:.200}")
        self._require_whole(str(tree.value), line)
        plain = value is None or isinstance(value, str | int | float | bool)
        return value if plain else str(tree.value)
