"""Routes: from a method and the *undecoded* path to an operation and its labels.

Labels may hold `%2F` and `%3A` (ARNs, control set names), so nothing is decoded before the path is
cut. Of several templates that fit, the one with the most literal segments wins.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from affidavit.api.errors import cannot_parse, unknown_operation

_NOT_A_SEGMENT = frozenset({b"", b".", b".."})


@dataclass(frozen=True, slots=True)
class Route:
    """One operation's method and path template, cut at the slashes."""

    operation: str
    method: str
    segments: tuple[bytes | None, ...]
    """Literal segments; None where a label stands."""
    labels: tuple[str, ...]
    """The labels' names, in order."""


def route(operation: str, method: str, template: str) -> Route:
    """Return the route of `template`; `ValueError` for a form that is not served."""
    segments: list[bytes | None] = []
    labels: list[str] = []
    for segment in template.removeprefix("/").split("/"):
        if not segment.startswith("{"):
            segments.append(segment.encode("ascii"))
            continue
        if segment.endswith("+}") or not segment.endswith("}"):
            raise ValueError(f"{operation}: the label {segment} is not served")
        segments.append(None)
        labels.append(segment[1:-1])
    return Route(operation, method, tuple(segments), tuple(labels))


class Router:
    """All routes; made once."""

    def __init__(self, routes: Iterable[Route]) -> None:
        table: dict[tuple[str, int], list[Route]] = defaultdict(list)
        self._plain: dict[tuple[str, bytes], Route] = {}
        """Routes without labels, by their whole path."""
        for one in routes:
            table[one.method, len(one.segments)].append(one)
            if not one.labels:
                path = b"/".join((b"", *(segment or b"" for segment in one.segments)))
                self._plain[one.method, path] = one
        for candidates in table.values():
            candidates.sort(key=lambda one: one.segments.count(None))
        self._table: Mapping[tuple[str, int], list[Route]] = dict(table)

    def match(self, method: str, raw_path: bytes) -> tuple[Route, dict[str, str]]:
        """Return the route and the decoded labels.

        Empty segments and `.` or `..` never match: SigV4 signs the path without them, so they
        would let a signature for one operation be used for another.
        """
        plain = self._plain.get((method, raw_path))
        if plain is not None:
            return plain, {}
        parts = raw_path[1:].split(b"/") if raw_path.startswith(b"/") else [b""]
        if not _NOT_A_SEGMENT.isdisjoint(parts):
            raise unknown_operation()
        for one in self._table.get((method, len(parts)), ()):
            given = _given(one, parts)
            if given is not None:
                return one, dict(zip(one.labels, map(_decoded, given), strict=True))
        raise unknown_operation()


def _given(one: Route, parts: list[bytes]) -> list[bytes] | None:
    given: list[bytes] = []
    for segment, part in zip(one.segments, parts, strict=True):
        if segment is None:
            given.append(part)
        elif segment != part:
            return None
    return given


def _decoded(part: bytes) -> str:
    try:
        return unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise cannot_parse("The path is not UTF-8.") from None
