"""Taking the members of a YAML mapping, with their kinds; whatever is wrong becomes a problem."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from affidavit.catalogue.yaml_nodes import Node, Problems


class Fields:
    """One mapping, taken member by member; `done` refuses those that nobody took."""

    def __init__(self, node: Node, problems: Problems) -> None:
        self.node = node
        self.problems = problems
        if not isinstance(node.value, Mapping):
            problems.add(node, "a mapping is expected here")
        self.members: Mapping[str, Node] = node.value if isinstance(node.value, Mapping) else {}
        self.taken: set[str] = set()

    def at(self, key: str) -> Node:
        """Return the node of `key`, or the mapping's own where it is missing."""
        return self.members.get(key, self.node)

    def _take(self, key: str, default: Any, holds: Callable[[Any], bool], kind: str) -> Any:
        self.taken.add(key)
        node = self.members.get(key)
        if node is None:
            if default is None:
                self.problems.add(self.node, f"{key} is missing")
            return default
        if not holds(node.value):
            self.problems.add(node, f"{key} must be {kind}")
            return default
        return node.plain()

    def text(self, key: str, default: str | None = None) -> str:
        """Return the text under `key`."""
        value = self._take(key, default, lambda v: isinstance(v, str) and bool(v), "text")
        return value or ""

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """Return the text under `key`, which must be one of `allowed`."""
        value = self.text(key, default)
        if value and value not in allowed:
            self.problems.add(
                self.at(key), f"{key} is {value!r}; known are {', '.join(sorted(allowed))}"
            )
        return value

    def number(self, key: str) -> int:
        """Return the whole number of at least 1 under `key`."""
        value = self._take(
            key, None, lambda v: type(v) is int and v >= 1, "a whole number of at least 1"
        )
        return int(value or 0)

    def flag(self, key: str) -> bool:
        """Return true or false; false where it is missing."""
        return bool(self._take(key, "", lambda v: isinstance(v, bool), "true or false"))

    def texts(self, key: str, default: tuple[str, ...] | None = ()) -> tuple[str, ...]:
        """Return the list of texts under `key`."""
        value = self._take(
            key,
            default,
            lambda v: isinstance(v, list) and all(isinstance(n.value, str) for n in v),
            "a list of texts",
        )
        return tuple(value or ())

    def values(self, key: str) -> Mapping[str, Any]:
        """Return the mapping under `key` as plain values; empty where it is missing."""
        return dict(self._take(key, {}, lambda v: isinstance(v, Mapping), "a mapping") or {})

    def words(self, key: str) -> Mapping[str, str]:
        """Return the mapping of text to text under `key`; empty where it is missing."""
        return {name: str(value) for name, value in self.values(key).items()}

    def lists(self, key: str) -> Mapping[str, tuple[str, ...]]:
        """Return the mapping of text to lists of text under `key`; empty where it is missing."""
        found: dict[str, tuple[str, ...]] = {}
        for name, value in self.values(key).items():
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                self.problems.add(self.at(key), f"{key}.{name} must be a list of texts")
                continue
            found[name] = tuple(value)
        return found

    def nodes(self, key: str) -> list[Node]:
        """Return the nodes of the list under `key`."""
        self._take(key, None, lambda v: isinstance(v, list), "a list")
        value = self.at(key).value if key in self.members else []
        return value if isinstance(value, list) else []

    def fields(self, key: str, *, optional: bool = False) -> "Fields | None":
        """Return the mapping under `key` for taking its members; None where it is missing."""
        self.taken.add(key)
        if key in self.members:
            return Fields(self.members[key], self.problems)
        if not optional:
            self.problems.add(self.node, f"{key} is missing")
        return None

    def done(self) -> None:
        """Refuse members that nobody took: a typing error must not pass in silence."""
        for key in sorted(set(self.members) - self.taken):
            self.problems.add(self.members[key], f"{key} is not known here")
