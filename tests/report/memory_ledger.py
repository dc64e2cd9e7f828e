"""A ledger in memory with a real Merkle tree and signed checkpoints: what a report is made from."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.ledger.checkpoint import Checkpoint, origin_of, sign
from affidavit.ledger.keys import PublicKey, Signer, statement
from affidavit.ledger.tree import Tree
from affidavit.model.canonical import digest_of
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Result
from affidavit.model.run import Assessment
from affidavit.model.times import iso

TENANT = "111122223333/us-east-1"


@dataclass(frozen=True)
class Signed:
    """A checkpoint as a store keeps it."""

    size: int
    note: str
    stamp: bytes | None = None


@dataclass
class Ledger:
    """What a report is made from (`report.source.ReportSource`), in memory."""

    signer: Signer
    tree: Tree = field(default_factory=Tree)
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    kept: list[tuple[int, Evidence]] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)
    asked: dict[str, set[str]] = field(default_factory=dict)
    """Digests of each run's answers."""
    signed: list[Signed] = field(default_factory=list)
    made: dict[str, Assessment] = field(default_factory=dict)
    catalogues: dict[str, bytes] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    """Of manual evidence: texts by item, files by SHA-256."""
    earlier_keys: list[PublicKey] = field(default_factory=list)

    def append(self, record: dict[str, Any]) -> int:
        """Append a record as a leaf."""
        leaf = self.tree.size
        self.tree.extend([bytes.fromhex(digest_of(record))])
        if record["kind"] != "evidence":
            self.records[leaf] = record
        return leaf

    def sign(self) -> None:
        """Sign the ledger as it stands."""
        point = Checkpoint(origin_of(TENANT), self.tree.size, self.tree.root())
        self.signed.append(Signed(point.size, sign(point, self.signer.private)))

    def rotate(self, new: Signer, at: datetime) -> None:
        """Change to another signing key."""
        record = statement(self.signer, new, by="operator", reason="yearly", time=iso(at))
        self.append(record)
        self.earlier_keys.append(replace(self.signer.public, current=False))
        self.signer = new
        self.sign()

    def assessment(self, assessment_id: str) -> Assessment:
        """As the store."""
        return self.made[assessment_id]

    def evidence(
        self, assessment_id: str, first_day: date, last_day: date, control: str | None = None
    ) -> Iterator[tuple[int, Evidence]]:
        """As the store."""
        for leaf, item in self.kept:
            inside = first_day <= item.time.date() <= last_day
            if (
                item.assessment_id == assessment_id
                and inside
                and control in (None, item.control_id)
            ):
                yield leaf, item

    def run_records(
        self, tenant: str, first_day: date, last_day: date
    ) -> list[tuple[int, dict[str, Any]]]:
        """As the store."""
        assert tenant == TENANT
        runs = [(n, r) for n, r in self.records.items() if r["kind"] == "run"]
        return [(n, r) for n, r in runs if f"{first_day}" <= r["day"] <= f"{last_day}"]

    def records_between(
        self, tenant: str, first_leaf: int, last_leaf: int
    ) -> list[tuple[int, dict[str, Any]]]:
        """As the store."""
        assert tenant == TENANT
        others = [(n, r) for n, r in self.records.items() if r["kind"] != "run"]
        return [(n, r) for n, r in others if first_leaf <= n <= last_leaf]

    def catalogue(self, tenant: str, digest: str) -> bytes | None:
        """As the store."""
        assert tenant == TENANT
        return self.catalogues.get(digest)

    def answers(self, run_id: str) -> list[str]:
        """As the store."""
        return sorted(self.asked[run_id])

    def observation(self, digest: str) -> Result:
        """As the store."""
        return self.results[digest]

    def text(self, item: str) -> str | None:
        """As where manual evidence is kept."""
        return self.contents[item].decode() if item in self.contents else None

    def parts(self, digest: str) -> Iterator[bytes]:
        """As where manual evidence is kept."""
        yield self.contents[digest]

    def log(self, tenant: str) -> "Ledger":
        """As the store; the ledger is its own log."""
        assert tenant == TENANT
        return self

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> list[list[bytes]]:
        """As the store's log."""
        return [self.tree.inclusion_proof(index, size) for index in indices]

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """As the store's log."""
        return self.tree.consistency_proof(first, second)

    def root(self, size: int) -> bytes:
        """As the store's log."""
        return self.tree.root(size)

    def checkpoint(self, tenant: str) -> Signed | None:
        """As the store."""
        assert tenant == TENANT
        return self.signed[-1] if self.signed else None

    def public_keys(self) -> list[PublicKey]:
        """As the store."""
        return [self.signer.public, *self.earlier_keys]

    def checkpoints(self, tenant: str) -> list[Signed]:
        """As the store."""
        assert tenant == TENANT
        return self.signed


def new_signer(dice: random.Random, *, protected: bool = False) -> Signer:
    """Return a signing key made from the dice."""
    return Signer(Ed25519PrivateKey.from_private_bytes(dice.randbytes(32)), protected)
