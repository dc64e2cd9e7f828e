"""Totals of a log as an observation keeps them: by model, by principal, and what was left out."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from affidavit.checks.guardrail_names import Named
from affidavit.logscan.detectors import Allowed
from affidavit.logscan.findings import Totals
from affidavit.logscan.usage import OTHERS, Uses
from affidavit.model.observation import JsonObject

MAX_USES: Final = 200
"""Models or principals whose use is told one by one; the others are told together."""


@dataclass(slots=True)
class ModelCounts:
    """The records of one model."""

    records: int = 0
    errors: int = 0
    incomplete: int = 0
    """Records whose bodies are not both in the record."""
    unguarded: int = 0
    intervened: int = 0
    refused: int = 0
    profane: int = 0
    personal: Counter[str] = field(default_factory=Counter)
    """Outputs by the types found in them, sorted, with commas between."""
    guardrails: Counter[Named] = field(default_factory=Counter)
    """Answered calls by the guardrail that they named; the rest of the answered is not known."""

    def to_json(self, name: str) -> JsonObject:
        """Return the counts as JSON."""
        return {
            "modelId": name,
            "records": self.records,
            "errors": self.errors,
            "incomplete": self.incomplete,
            "unguarded": self.unguarded,
            "intervened": self.intervened,
            "refused": self.refused,
            "profane": self.profane,
            "personal": [
                {"types": types.split(","), "records": count}
                for types, count in sorted(self.personal.items())
            ],
            "guardrails": [
                {"guardrailId": identifier, "guardrailVersion": version, "records": count}
                for (identifier, version), count in sorted(self.guardrails.items())
            ],
        }


def uses_told(uses: Uses, member: str) -> list[JsonObject]:
    """Return what calls came to by name, the most used first; `member` holds the name."""
    shown = uses.most_used()
    told = Uses(shown[:MAX_USES])
    for _, use in shown[MAX_USES:]:
        told.add(OTHERS, use)
    return [{member: name, **use.to_json()} for name, use in told.items()]


def own_told(allowed: Allowed, totals: Totals) -> JsonObject:
    """Return the list of the company's own, and how often each entry left out a hit."""
    return {
        "list": allowed.origin,
        "numbers": sorted(allowed.numbers),
        "domains": sorted(allowed.domains),
        "leftOut": [one.to_json() for one in totals.of_own()],
        "leftOutInAll": totals.own.total(),
    }
