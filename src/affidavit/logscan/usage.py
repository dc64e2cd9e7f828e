"""What calls come to, by model and by principal: the one way in which each scan counts them."""

import re
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any, Final

MOST: Final = 1_000
"""Models, or principals, that are told apart; calls of further ones count under `OTHERS`."""
OTHERS: Final = "(others)"
_SESSION: Final = re.compile(r"(arn:[^:]*:sts::[0-9]*:assumed-role/[^/]+)/.*", re.DOTALL)


@dataclass(slots=True)
class Use:
    """What calls come to."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    timed: int = 0
    """Calls whose answer tells how long it took."""
    latency_ms: int = 0
    """Of these calls together."""

    def count(
        self, tokens: tuple[int | None, int | None], latency: int | None, *, failed: bool
    ) -> None:
        """Count a call; `tokens` are those of its request and of its answer, where it tells."""
        self.calls += 1
        self.errors += failed
        self.input_tokens += tokens[0] or 0
        self.output_tokens += tokens[1] or 0
        if latency is not None:
            self.timed += 1
            self.latency_ms += latency

    def add(self, other: "Use") -> None:
        """Add other calls."""
        self.calls += other.calls
        self.errors += other.errors
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.timed += other.timed
        self.latency_ms += other.latency_ms

    def to_json(self) -> dict[str, Any]:
        """Return it in the words of the JSON lines."""
        names = ("calls", "errors", "inputTokens", "outputTokens", "timed", "latencyMs")
        return dict(zip(names, astuple(self), strict=True))


class Uses(dict[str, Use]):
    """What calls come to by name; there is an end to the names."""

    def add(self, name: str, use: Use) -> None:
        """Add calls of a name."""
        if name not in self and len(self) >= MOST:
            name = OTHERS
        self.setdefault(name, Use()).add(use)

    def most_used(self) -> list[tuple[str, Use]]:
        """Return all, the most used first, then by name."""
        return sorted(self.items(), key=lambda one: (-one[1].calls, one[0]))

    def whole(self) -> Use:
        """Return what all calls come to."""
        found = Use()
        for use in self.values():
            found.add(use)
        return found


class Calls(dict[tuple[str, str], Use]):
    """Calls of one object by model and principal together: one look-up for each call.

    Held until there are many pairs, or until `settle`.
    """

    def __init__(self, add: Callable[[str, str, Use], None]) -> None:
        super().__init__()
        self._add = add

    def __missing__(self, pair: tuple[str, str]) -> Use:
        if len(self) >= MOST:
            self.settle()
        use = self[pair] = Use()
        return use

    def settle(self) -> None:
        """Hand over what is held."""
        for (model, principal), use in self.items():
            self._add(model, principal, use)
        self.clear()


@lru_cache(maxsize=4096)
def principal_of(arn: str) -> str:
    """Return whose calls count together: of a role's sessions all, for their names never end."""
    session = _SESSION.fullmatch(arn)
    return session[1] if session is not None else arn
