"""The UTC day that logs are read of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A UTC day."""

    start: datetime

    @classmethod
    def of(cls, text: str) -> "Day":
        """Return the day that a text as 2026-11-29 names."""
        return cls(start=datetime.fromisoformat(text).replace(tzinfo=UTC))

    @property
    def end(self) -> datetime:
        """Return the start of the day after."""
        return self.start + timedelta(days=1)
