"""Runs: one collection of one assessment on one day, and what it says about itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self

from affidavit.model.canonical import digest, plain_json
from affidavit.model.times import iso
from affidavit.model.verdict import ControlState, Verdict

WHOLE: Final = "whole"
ACTIVITY: Final = "activity"
"""Scopes of a run: of everything, which says what each control is on its day; or of CloudTrail's
new events alone, which says nothing of any control and takes no whole run's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An account or Region that was not collected, and why."""

    account_id: str
    region: str
    """Empty where the whole account was left out."""
    why: str
    unreached: bool = False
    """True for an account in scope that could not be entered: it leaves every control open."""

    def to_json(self) -> list[Any]:
        """Return the four members in their order."""
        return [self.account_id, self.region, self.why, self.unreached]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Self:
        """Return what `to_json` wrote."""
        account_id, region, why, unreached = value
        return cls(account_id=account_id, region=region, why=why, unreached=unreached)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """Accounts times Regions in scope, less what is left out for one of the accounts."""

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    def regions_of(self, account_id: str) -> tuple[str, ...]:
        """Return the Regions to collect in an account: not those left out for it."""
        out = {left.region for left in self.left_out if left.account_id == account_id}
        return tuple(region for region in self.regions if region not in out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A framework put to work on an estate."""

    id: str
    name: str
    tenant: str
    """Account id and Region of whoever owns it, as `111122223333/us-east-1`."""
    framework_id: str
    estate: Estate
    created_at: datetime
    created_by: str
    parameters: Mapping[str, Mapping[str, Any]]
    """The user's own parameters by check id; they override check and source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlVerdict:
    """What a run says of one control."""

    control_id: str
    control_set_id: str
    verdict: Verdict
    counts: Mapping[str, int]
    """Evidence records by verdict value."""
    judged: int
    """Records that a check decided."""
    expected: int
    """Records that a check applied to, decided or not."""
    accounts: int
    """Accounts with at least one judged record."""
    regions: int
    """Regions with at least one judged record (GLOBAL_REGION counts as one)."""
    gaps: Mapping[str, int]
    """Gap reasons and how often."""
    manual: str
    """'' for full automation, else missing, expired or present."""

    @property
    def state(self) -> ControlState:
        """Return what is shown of the control."""
        return ControlState.of(self.verdict, self.manual)

    def to_json(self) -> dict[str, Any]:
        """Return it for canonical JSON."""
        return {
            "control_set_id": self.control_set_id,
            "verdict": self.verdict.value,
            "records": dict(self.counts),
            "judged": self.judged,
            "expected": self.expected,
            "accounts": self.accounts,
            "regions": self.regions,
            "gaps": dict(self.gaps),
            "manual": self.manual,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as a leaf of the ledger; the last one of a run's leaves."""

    run_id: str
    assessment_id: str
    assessment_name: str
    tenant: str
    sequence: int
    """1 for the assessment's first run, then without holes: a missing run shows."""
    previous: str
    """Ledger entry of the assessment's previous run record, or empty."""
    framework_id: str
    framework_version: str
    catalogue_digest: str
    day: date
    """UTC."""
    started_at: datetime
    finished_at: datetime
    tool: str
    synthetic: bool
    estate: Estate
    operations: int
    """Distinct questions asked."""
    naive_operations: int
    """Questions that asking for each control by itself would have taken."""
    calls: int
    """HTTP requests sent."""
    gaps: Mapping[str, int]
    controls: Mapping[str, ControlVerdict]
    evidence: int
    """Number of evidence records."""
    first_leaf: int
    """Index of the first evidence leaf; the run's are first_leaf .. first_leaf + evidence - 1."""
    parameters: Mapping[str, Mapping[str, Any]]
    """The user's own parameters in force."""
    scope: str = WHOLE
    """WHOLE or ACTIVITY."""
    answers: int = 0
    """Number of answers, observations and gaps together, that the run was judged from."""
    answers_digest: str = ""
    """SHA-256 over the sorted digests of all of them (32 bytes each): none can be swapped later."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is hashed."""
        return {
            "kind": "run",
            "run_id": self.run_id,
            "assessment_id": self.assessment_id,
            "assessment_name": self.assessment_name,
            "tenant": self.tenant,
            "sequence": self.sequence,
            "previous": self.previous,
            "framework_id": self.framework_id,
            "framework_version": self.framework_version,
            "catalogue_digest": self.catalogue_digest,
            "day": self.day.isoformat(),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "tool": self.tool,
            "synthetic": self.synthetic,
            "accounts": list(self.estate.accounts),
            "regions": list(self.estate.regions),
            "left_out": [x.to_json() for x in self.estate.left_out],
            "operations": self.operations,
            "naive_operations": self.naive_operations,
            "calls": self.calls,
            "gaps": dict(self.gaps),
            "controls": {k: v.to_json() for k, v in self.controls.items()},
            "evidence": self.evidence,
            "first_leaf": self.first_leaf,
            "parameters": plain_json(self.parameters).decode(),
            "scope": self.scope,
            "answers": self.answers,
            "answers_digest": self.answers_digest,
        }


def is_whole(record: Mapping[str, Any]) -> bool:
    """Tell whether a run record, as JSON, is of a whole run; older ones do not say, and are."""
    return bool(record.get("scope", WHOLE) == WHOLE)


def digest_of_answers(digests: Iterable[str]) -> str:
    """Return the digest of a run's answers: SHA-256 over their sorted digests, 32 bytes each."""
    return digest(b"".join(bytes.fromhex(one) for one in sorted(digests)))
