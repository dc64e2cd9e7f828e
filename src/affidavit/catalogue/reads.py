"""What an expression reads: every member path, whether its absence is spoken for, and constants.

A path is written as in the expression, list elements as `[]`, variables of macros replaced by what
they stand for: `r.GetGuardrail.contentPolicy.filters[].type`. A path whose absence is tested by
`has` (or by `"key" in map`) is optional; any other is required: without it there is no verdict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from affidavit.catalogue.expression import (
    Call,
    Index,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
)

DERIVED_LISTS = frozenset({"policy"})
"""Members of a record that are values in themselves, not what others are in."""


@dataclass(slots=True)
class Reads:
    """What one or several expressions read."""

    used: set[str] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    constants: set[tuple[str, str]] = field(default_factory=set)
    """(path, constant) pairs that are compared."""
    params: set[tuple[str, str]] = field(default_factory=set)
    """(path, parameter) pairs that are compared: its values must be possible ones."""
    tables: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    """(path, keys) where a member is looked up in a map written out."""
    parameters: set[str] = field(default_factory=set)
    key_tests: set[str] = field(default_factory=set)

    def members(self) -> dict[str, bool]:
        """Return every path to declare, and whether it is required."""
        tested = self.tested | (self.key_tests & self.used)
        paths = {p for p in self.used | tested if not _is_lead(p, tested)}
        return {path: path not in tested for path in sorted(paths)}


def _is_lead(path: str, tested: set[str]) -> bool:
    """Tell whether `path` only leads on: a record, or what is in it and never tested by has."""
    parts = path.split(".")
    if parts[:2] == ["acct", "set"]:
        if len(parts) <= len(("acct", "set")):
            return True
        if len(parts) == len(("acct", "set", "id")):
            return path.endswith("[]")
        parts = ["r", *parts[3:]]
    if len(parts) == 1:
        return True
    if len(parts) > len(("r", "name")):
        return False
    name = parts[1].removesuffix("[]")
    if name in DERIVED_LISTS:
        return parts[1].endswith("[]")
    return path not in tested


def reads_of(*trees: Node) -> Reads:
    """Return what all the `trees` read together."""
    reads = Reads()
    for tree in trees:
        _Walk(reads).paths(tree, {})
    reads.parameters = {p.split(".")[1].removesuffix("[]") for p in reads.used if p[:2] == "p."}
    reads.used = {p for p in reads.used if p.split(".")[0] in {"r", "acct"}}
    return reads


Scope = Mapping[str, frozenset[str]]
_NOTHING: frozenset[str] = frozenset()


class _Walk:
    """A walk over one tree; every method returns the paths that the node may stand for."""

    def __init__(self, reads: Reads) -> None:
        self.reads = reads

    def paths(self, node: Node, scope: Scope) -> frozenset[str]:
        match node:
            case Name(name):
                return scope.get(name, frozenset({name}))
            case Select(operand, field_name):
                return self._use(f"{p}.{field_name}" for p in self.paths(operand, scope))
            case ListOf(items):
                return self._all(items, scope)
            case MapOf(entries):
                self._all([n for entry in entries for n in entry], scope)
            case Index() | Macro() | Call():
                return self._made(node, scope)
        return _NOTHING

    def _made(self, node: Index | Macro | Call, scope: Scope) -> frozenset[str]:
        if isinstance(node, Index):
            return self._index(node, scope)
        return self._macro(node, scope) if isinstance(node, Macro) else self._call(node, scope)

    def _use(self, paths: Iterator[str]) -> frozenset[str]:
        found = frozenset(paths)
        self.reads.used |= found
        return found

    def _all(self, nodes: list[Node] | tuple[Node, ...], scope: Scope) -> frozenset[str]:
        return frozenset().union(*(self.paths(n, scope) for n in nodes))

    def _index(self, node: Index, scope: Scope) -> frozenset[str]:
        index = self.paths(node.index, scope)
        if isinstance(node.operand, MapOf):
            self.paths(node.operand, scope)
            keys = tuple(str(k.value) for k, _ in node.operand.entries if isinstance(k, Literal))
            self.reads.tables |= {(path, keys) for path in index}
            return _NOTHING
        operand = self.paths(node.operand, scope)
        if isinstance(node.index, Literal) and isinstance(node.index.value, str):
            key = node.index.value
            return self._use(f"{p}.{key}" for p in operand)
        return frozenset(f"{p}[]" for p in operand)

    def _macro(self, node: Macro, scope: Scope) -> frozenset[str]:
        ranged = self.paths(node.range, scope)
        inner = frozenset(p if isinstance(node.range, ListOf) else f"{p}[]" for p in ranged)
        body = self.paths(node.body, {**scope, node.variable: inner})
        if node.kind == "filter":
            return ranged
        return body if node.kind == "map" else _NOTHING

    def _call(self, node: Call, scope: Scope) -> frozenset[str]:
        if node.function == "has":
            return self._has(node, scope)
        operands = [*([node.target] if node.target is not None else []), *node.arguments]
        found = [self.paths(n, scope) for n in operands]
        if node.function in {"==", "!=", "in"}:
            self._compare(node, found)
        if node.function == "?:":
            return found[1] | found[2]
        return _NOTHING

    def _has(self, node: Call, scope: Scope) -> frozenset[str]:
        argument = node.arguments[0]
        if isinstance(argument, Select):
            operand = self.paths(argument.operand, scope)
            self.reads.tested |= {f"{p}.{argument.field}" for p in operand}
        return _NOTHING

    def _compare(self, node: Call, found: list[frozenset[str]]) -> None:
        left, right = node.arguments
        if node.function == "in":
            if isinstance(left, Literal):
                self.reads.constants |= {(f"{p}[]", str(left.value)) for p in found[1]}
                self.reads.key_tests |= {f"{p}.{left.value}" for p in found[1]}
            self._pair(found[0], right, frozenset(f"{p}[]" for p in found[1]))
            return
        self._pair(found[0], right, found[1])
        self._pair(found[1], left, found[0])

    def _pair(self, paths: frozenset[str], other: Node, others: frozenset[str]) -> None:
        for constant in other.items if isinstance(other, ListOf) else (other,):
            if isinstance(constant, Literal) and isinstance(constant.value, str):
                self.reads.constants |= {(p, constant.value) for p in paths}
        for path in paths:
            self.reads.params |= {(path, o) for o in others if o.startswith("p.")}
