"""What the checks of a report have learnt so far; each step adds to it for the steps behind it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .added import Items
from .deleted import Deletion
from .dsse import PREDICATE
from .note import Checkpoint, Key
from .observations import Observations
from .runs import Run, Scope
from .seen import Seen
from .zipsafe import Archive

MANIFEST, ENVELOPE, CHECKPOINT = "manifest.json", "manifest.dsse.json", "checkpoint.txt"
RECORDS, CONSISTENCY = "records.jsonl", "consistency.jsonl"
ALL, CHOSEN = "all", "chosen"
"""What a report holds: every record of its period, or those that were chosen."""
MAX_MANIFEST = 64 * 2**20
"""Bytes of the manifest: some 350,000 files."""
MAX_ENVELOPE = MAX_MANIFEST // 3 * 4 + 2**10
"""Bytes of its envelope, which holds it as base64."""
MAX_LINE = 2**16
"""Bytes of one line of consistency.jsonl."""
MAX_NOTE = 2**20
"""Bytes of the checkpoint."""
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
    format: str = PREDICATE
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
    digests: dict[int, str] = field(default_factory=dict)
    """A digest over each run's evidence, leaf by leaf, by the leaf of its run record."""
    deviations: list[tuple[str, str, str]] = field(default_factory=list)
    """(check, parameter, value) of what a run of the report set otherwise than the catalogue."""
    begin: int = 0
    """First leaf that the report accounts for."""
    unseen_before: int = 0
    """Leaves before `begin` of which the report shows nothing."""
    unseen_others: int = 0
    """Leaves from `begin` on that run records of other assessments or days claim as theirs."""

    sources: dict[str, Counter[str]] = field(default_factory=dict)
    """Records of the last run that the report holds, by source and verdict."""
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Records per (control, verdict) that a report of chosen evidence leaves out."""
    deleted: dict[int, Deletion] = field(default_factory=dict)
    """How the evidence of runs of the report was deleted, by the leaves of their records."""
    manual: Items = field(default_factory=lambda: Items(""))
    """Manual evidence that the ledger's records tell of."""
    seen: Seen = field(default_factory=Seen)
    """Events that runs hold, and that later ones leave out."""
    chosen_at: dict[str, Any] = field(default_factory=dict)
    """The ledger's record that says what was chosen."""

    @property
    def chosen(self) -> bool:
        """Tell whether the report says that it holds chosen evidence only."""
        return self.predicate.get("completeness") == CHOSEN

    @property
    def inside(self) -> list[Run]:
        """Return the runs of the report: of its assessment, within its period."""
        return [run for run in self.runs if self.scope.covers(run)]

    @property
    def last(self) -> Run:
        """Return the last whole one of them: what it says of the controls is what counts."""
        return [run for run in self.inside if run.whole][-1]

    @property
    def kept(self) -> list[Run]:
        """Return those of them whose evidence was not deleted since."""
        return [run for run in self.inside if run.leaf not in self.deleted]
