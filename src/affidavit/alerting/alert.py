"""An alert: what happened, how often, where, and who may act; no personal data, nobody's text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

State = Literal["firing", "resolved", "test", "proof"]
Severity = Literal["critical", "high", "medium"]

_WORDS: Final = {
    "firing": "ALERT",
    "resolved": "RESOLVED",
    "test": "TEST",
    "proof": "DAILY PROOF",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message to whoever must know."""

    key: str
    """What tells it from other alerts; the same trouble has the same key."""
    kind: str
    """disclosure, profanity, refusals, groups, unguarded, unlogged, logging, scan, canary, ..."""
    severity: Severity
    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """Counts, rates and types, in words."""
    where: str = ""
    """Account, Region, log, prefix."""
    act: str = ""
    """Who may act, and how."""
    state: State = "firing"
    time: str = ""
    id: str = ""
    """By which whoever listens tells a repetition."""

    @property
    def subject(self) -> str:
        """Return one line."""
        return f"[{_WORDS[self.state]}] {self.title}"

    def text(self) -> str:
        """Return the message for people."""
        lines = [self.subject, ""]
        lines += [f"{name}: {value}" for name, value in self.facts.items()]
        for name, value in (("Where", self.where), ("Who may act", self.act), ("At", self.time)):
            lines += [f"{name}: {value}"] if value else []
        return "\n".join([*lines, "", f"Affidavit, {self.id}"])

    def to_json(self) -> dict[str, Any]:
        """Return the message for machines, and for the store."""
        return {
            "id": self.id,
            "key": self.key,
            "kind": self.kind,
            "state": self.state,
            "severity": self.severity,
            "title": self.title,
            "facts": dict(self.facts),
            "where": self.where,
            "act": self.act,
            "time": self.time,
        }

    def body(self) -> bytes:
        """Return what a webhook receives."""
        return json.dumps(self.to_json(), sort_keys=True).encode()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the alert that `to_json` wrote."""
        return cls(**{name: value[name] for name in _MEMBERS})


_MEMBERS: Final = (
    "id", "key", "kind", "state", "severity", "title", "facts", "where", "act", "time",
)  # fmt: skip
