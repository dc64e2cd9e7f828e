"""A reader for the part of CEL that checks use: text to a tree, so that its reads can be known.

The library that evaluates (`cel`) shows no tree, hence this one: a plain descent along the grammar
of the CEL language definition. It judges nothing; what it accepts is compiled by `cel` besides.
"""

import ast
import re
from dataclasses import dataclass
from typing import Final


class ExpressionError(ValueError):
    """The text is not the part of CEL that checks may use."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: string, number, true, false or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """Member `field` of `operand`."""

    operand: "Node"
    field: str


@dataclass(frozen=True, slots=True)
class Index:
    """Element `index` of a list, or the value under a key of a map."""

    operand: "Node"
    index: "Node"


@dataclass(frozen=True, slots=True)
class Call:
    """A function, method or operator; `target` is the operand of a method."""

    function: str
    target: "Node | None"
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Macro:
    """`range.exists(variable, body)` and its kin."""

    kind: str
    range: "Node"
    variable: str
    body: "Node"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list written out."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map written out."""

    entries: tuple[tuple["Node", "Node"], ...]


Node = Literal | Name | Select | Index | Call | Macro | ListOf | MapOf

MACROS: Final = frozenset({"exists", "all", "exists_one", "map", "filter"})
_MACRO_ARGUMENTS: Final = 2
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+\.\d+|\d+)
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<operator>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    )""",
    re.VERBOSE,
)
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_LEVELS: Final = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)


def parse(text: str) -> Node:
    """Return the tree of `text`; `ExpressionError` says where it stops being understood."""
    reader = _Reader(_tokens(text))
    node = reader.ternary()
    reader.expect("end", "")
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(f"unknown character {text[position]!r} at {position + 1}")
        kind = str(match.lastgroup)
        tokens.append((kind, match.group(kind)))
        position = match.end()
    tokens.append(("end", ""))
    return tokens


class _Reader:
    """The tokens and how far they have been read."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.position = 0

    def next_is(self, *texts: str) -> bool:
        kind, text = self.tokens[self.position]
        return kind in {"operator", "name"} and text in texts

    def take(self) -> tuple[str, str]:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def skip(self, text: str) -> bool:
        if self.next_is(text):
            self.position += 1
            return True
        return False

    def expect(self, kind: str, text: str) -> str:
        found_kind, found = self.take()
        if found_kind != kind or (text and found != text):
            raise ExpressionError(f"expected {text or kind}, found {found or 'the end'}")
        return found

    def ternary(self) -> Node:
        condition = self.binary(0)
        if not self.skip("?"):
            return condition
        first = self.ternary()
        self.expect("operator", ":")
        return Call("?:", None, (condition, first, self.ternary()))

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.next_is(*_LEVELS[level]):
            operator = self.take()[1]
            left = Call(operator, None, (left, self.binary(level + 1)))
        return left

    def unary(self) -> Node:
        for operator in ("!", "-"):
            if self.skip(operator):
                return Call(operator, None, (self.unary(),))
        return self.member(self.primary())

    def member(self, node: Node) -> Node:
        while True:
            if self.skip("."):
                field = self.expect("name", "")
                node = self.method(node, field) if self.skip("(") else Select(node, field)
            elif self.skip("["):
                node = Index(node, self.ternary())
                self.expect("operator", "]")
            else:
                return node

    def method(self, target: Node, name: str) -> Node:
        arguments = self.listed(")")
        if name not in MACROS:
            return Call(name, target, arguments)
        variable = arguments[0] if len(arguments) == _MACRO_ARGUMENTS else None
        if not isinstance(variable, Name):
            raise ExpressionError(f"{name} takes a variable and an expression")
        return Macro(name, target, variable.name, arguments[1])

    def listed(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self.skip(end):
            if items:
                self.expect("operator", ",")
            items.append(self.ternary())
        return tuple(items)

    def primary(self) -> Node:
        kind, text = self.take()
        if kind == "number":
            return Literal(float(text) if "." in text else int(text))
        if kind == "string":
            return Literal(str(ast.literal_eval(text)))
        if kind == "name":
            return self.named(text)
        if text == "(":
            node = self.ternary()
            self.expect("operator", ")")
            return node
        if text == "[":
            return ListOf(self.listed("]"))
        if text == "{":
            return self.map_of()
        raise ExpressionError(f"did not expect {text or 'the end'}")

    def named(self, name: str) -> Node:
        if name in _CONSTANTS:
            return Literal(_CONSTANTS[name])
        if self.skip("("):
            return Call(name, None, self.listed(")"))
        return Name(name)

    def map_of(self) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self.skip("}"):
            if entries:
                self.expect("operator", ",")
            key = self.ternary()
            self.expect("operator", ":")
            entries.append((key, self.ternary()))
        return MapOf(tuple(entries))
