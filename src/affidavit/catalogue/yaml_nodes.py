"""YAML with places: every value knows its file and line, so that a refusal can name them.

Composed with PyYAML's safe resolver; no tag makes an object. Duplicate keys are refused, which
`yaml.safe_load` would swallow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from affidavit.errors import CatalogueError


@dataclass(frozen=True, slots=True)
class Node:
    """A value, where it stands: a mapping of text to nodes, a list of nodes, or a scalar."""

    value: Any
    file: str
    line: int

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(slots=True)
class Problems:
    """Everything that does not hold, collected so that one refusal names all of it."""

    found: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, node: Node, reason: str) -> None:
        """Note that what stands at `node` does not hold."""
        self.found.append((node.file, node.line, reason))

    def refuse(self) -> None:
        """Raise `CatalogueError` with every problem, or return when there is none."""
        if not self.found:
            return
        lines = [f"{file}:{line}: {reason}" for file, line, reason in sorted(set(self.found))]
        count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
        raise CatalogueError(
            f"The catalogue is refused: {count}",
            why="\n".join(lines),
            todo="Correct the lines named; nothing of the catalogue is used until all of it holds.",
        )


def read(path: Path, root: Path, problems: Problems) -> Node:
    """Return the document in `path`; what cannot be read is a problem and an empty mapping.

    Files are named relative to `root`.
    """
    name = str(path.relative_to(root))
    empty = Node({}, name, 1)
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError) as error:
        problems.add(empty, f"cannot be read: {error}")
        return empty
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        words = getattr(error, "problem", None) or "not YAML"
        problems.add(Node(None, name, mark.line + 1 if mark else 1), f"{words}")
        return empty
    try:
        return _node(tree, name, problems) if tree is not None else empty
    finally:
        _SCALARS.constructed_objects.clear()  # it keeps every node that it has read


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: the same nodes, five times faster."""
_SCALARS = yaml.SafeLoader("")


def _node(tree: Any, file: str, problems: Problems) -> Node:
    line = tree.start_mark.line + 1
    if isinstance(tree, yaml.SequenceNode):
        return Node([_node(item, file, problems) for item in tree.value], file, line)
    if not isinstance(tree, yaml.MappingNode):
        return Node(_scalar(tree, file, problems), file, line)
    members: dict[str, Node] = {}
    for key, value in tree.value:
        name = str(key.value)
        if name in members:
            problems.add(Node(None, file, key.start_mark.line + 1), f"{name} stands twice")
        members[name] = _node(value, file, problems)
    return Node(members, file, line)


def _scalar(tree: Any, file: str, problems: Problems) -> Any:
    try:
        return _SCALARS.construct_object(tree)
    except (yaml.YAMLError, ValueError) as error:
        problems.add(Node(None, file, tree.start_mark.line + 1), f"not a value: {error}")
        return None
