"""What the checks of a report have learnt so far; each step adds to it for the steps behind it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .note import Checkpoint, Key
from .observations import Observations
from .runs import Run, Scope
from .zipsafe import Archive

MANIFEST, ENVELOPE, CHECKPOINT = "manifest.json", "manifest.dsse.json", "checkpoint.txt"
RECORDS, CONSISTENCY, CATALOGUE = "records.jsonl", "consistency.jsonl", "catalogue.json"
MAX_MANIFEST = 2**30
MAX_SMALL = 2**26
_NO_CHECKPOINT = Checkpoint("", 0, b"")
_NO_SCOPE = Scope("", "", date.min, date.min)


@dataclass(slots=True)
class State:
    """What has been learnt so far."""

    archive: Archive
    given: Key | None
    previous: Archive | None
    key: Key | None = None
    predicate: dict[str, Any] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    name: str = ""
    checkpoint: Checkpoint = _NO_CHECKPOINT
    scope: Scope = _NO_SCOPE
    runs: list[Run] = field(default_factory=list)
    observations: Observations = field(default_factory=lambda: Observations("none"))
    counts: Counter[str] = field(default_factory=Counter)
    """Evidence records of the period by verdict."""
    controls: dict[str, Counter[str]] = field(default_factory=dict)
    """The same by control."""
    notes: list[str] = field(default_factory=list)
    """What is not proved."""
    synthetic: bool = False

    @property
    def inside(self) -> list[Run]:
        """Return the runs whose evidence the report holds."""
        return [run for run in self.runs if self.scope.covers(run)]
