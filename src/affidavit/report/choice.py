"""A report of chosen evidence: which records, who chose them how, and what is left out.

A choice is said in a record of the ledger before the report is made: how it was made, how many
records it is and the digest over their leaves. So a report can hold exactly what was chosen, the
verifier can hold it to that, nothing more and nothing less, and the run records count the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from affidavit.model.evidence import Evidence

Rows = Callable[[], Iterator[tuple[int, Evidence]]]
"""Gives (leaf, record) of what was chosen, in the order of leaves; the same every time."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one pass over the chosen records finds."""

    records: int
    digest: str
    """SHA-256 over the leaves, a line each, in their order."""
    runs: frozenset[str]
    """Ids of the runs that the records are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Records chosen for a report, by a person, a query or at random."""

    by: str
    """selection, query or sample."""
    query: str = ""
    """As it was asked; empty for a person's selection."""
    understood: str = ""
    """The query in the finder's language."""
    seed: str = ""
    """Of a sample."""
    population: int = 0
    """How many records a sample was drawn from."""
    manual: tuple[str, ...] = ()
    """Ids of the items of manual evidence that were chosen, sorted."""
    records: int
    digest: str
    leaf: int = -1
    """Of the ledger's record that says so."""
    rows: Rows

    def said(self) -> dict[str, Any]:
        """Return what the ledger's record says of the choice."""
        return {
            "by": self.by,
            "query": self.query,
            "understood": self.understood,
            "seed": self.seed,
            "population": self.population,
            "manual": list(self.manual),
            "records": self.records,
            "digest": self.digest,
        }


def counted(rows: Iterator[tuple[int, Evidence]]) -> Counted:
    """Count chosen records and take their digest; memory stays flat."""
    records, total, runs = 0, sha256(), set()
    for leaf, evidence in rows:
        records += 1
        total.update(b"%d\n" % leaf)
        runs.add(evidence.run_id)
    return Counted(records, total.hexdigest(), frozenset(runs))
