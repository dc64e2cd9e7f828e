"""Evidence: one record per assessment, control, source, resource and time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from affidavit.model.canonical import digest_of
from affidavit.model.times import iso, parse
from affidavit.model.verdict import Standing, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A place in an observation (or a gap) that a verdict was built from."""

    digest: str
    """Digest of the observation or gap."""
    pointer: str
    """JSON pointer (RFC 6901) into the observation's body; empty for the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is kept, hashed, reported and verified; no floats, so that its JSON is canonical."""

    id: str
    """UUID version 7."""
    assessment_id: str
    run_id: str
    control_set_id: str
    control_id: str
    source_id: str
    """Id of the control source."""
    source_type: str
    """Where it came from: a `SourceType` value."""
    keyword: str
    evidence_type: str
    """evidenceByType: Compliance check, User activity, Configuration data or Manual."""
    time: datetime
    account_id: str
    region: str
    resource_arn: str
    """Empty where the record is about the account."""
    resource_type: str
    verdict: Verdict
    standing: Standing
    reason: str
    """In words: why this verdict."""
    gap: str
    """A `GapReason` value, or empty."""
    check_id: str
    check_digest: str
    parameters: str
    """The effective parameters as canonical-order JSON text (floats allowed inside the text)."""
    origin: str
    """direct: judged by us; config: as recorded by AWS Config; activity; manual; empty for gaps."""
    inputs: tuple[Input, ...]
    attributes: Mapping[str, str]
    """Short facts to show: names, sizes, dates."""
    synthetic: bool
    """True where any input was."""
    salt: str
    """128 random bits in hexadecimal: without it the leaf tells nothing about the record."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is hashed: canonical JSON's values."""
        return {
            "kind": "evidence",
            "id": self.id,
            "assessment_id": self.assessment_id,
            "run_id": self.run_id,
            "control_set_id": self.control_set_id,
            "control_id": self.control_id,
            "source_id": self.source_id,
            "source_type": self.source_type,
            "keyword": self.keyword,
            "evidence_type": self.evidence_type,
            "time": iso(self.time),
            "account_id": self.account_id,
            "region": self.region,
            "resource_arn": self.resource_arn,
            "resource_type": self.resource_type,
            "verdict": self.verdict.value,
            "standing": self.standing.value,
            "reason": self.reason,
            "gap": self.gap,
            "check_id": self.check_id,
            "check_digest": self.check_digest,
            "parameters": self.parameters,
            "origin": self.origin,
            "inputs": [[i.digest, i.pointer] for i in self.inputs],
            "attributes": dict(self.attributes),
            "synthetic": self.synthetic,
            "salt": self.salt,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the record that `to_json` wrote."""
        known = {k: v for k, v in value.items() if k != "kind"}
        known["time"] = parse(known["time"])
        known["verdict"] = Verdict(known["verdict"])
        known["standing"] = Standing(known["standing"])
        known["inputs"] = tuple(Input(digest=d, pointer=p) for d, p in known["inputs"])
        return cls(**known)

    @property
    def entry(self) -> str:
        """Return the ledger entry: SHA-256 of the canonical JSON of the record, hexadecimal."""
        return digest_of(self.to_json())
