"""What a report is made from: the part of the store, and the signing key, that `report` needs.

`store.Store` and `ledger.keys.Signer` satisfy these; tests use a small ledger in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Protocol

from affidavit.ledger.keys import PublicKey
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Result
from affidavit.model.run import Assessment


class LogView(Protocol):
    """A tenant's Merkle log."""

    def inclusion_proofs(self, indices: Sequence[int], size: int) -> list[list[bytes]]:
        """Return the audit path of each leaf in the tree of `size` leaves."""

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """Return the proof that the tree of `first` leaves is the beginning of that of `second`."""

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves."""


class SignedCheckpoint(Protocol):
    """A checkpoint as the store keeps it."""

    @property
    def size(self) -> int:
        """Return the size of its tree."""

    @property
    def note(self) -> str:
        """Return the signed note."""

    @property
    def stamp(self) -> bytes | None:
        """Return its RFC 3161 time stamp, if there is one."""


class ReportSource(Protocol):
    """The store, as far as a report needs it."""

    def assessment(self, assessment_id: str) -> Assessment:
        """Return an assessment; `StoreError` where there is none."""

    def evidence(
        self, assessment_id: str, first_day: date, last_day: date, control: str | None = None
    ) -> Iterator[tuple[int, Evidence]]:
        """Yield (leaf index, evidence) of the runs of these days, in the order of the leaves."""

    def run_records(
        self, tenant: str, first_day: date, last_day: date
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        """Return (leaf index, run record) of all the tenant's runs of these days."""

    def records_between(
        self, tenant: str, first_leaf: int, last_leaf: int
    ) -> Iterable[tuple[int, dict[str, Any]]]:
        """Return (leaf index, record) of change, parameter and key records, both ends included."""

    def catalogue(self, tenant: str, digest: str) -> bytes | None:
        """Return the content of a version of the catalogue, None where it is not kept."""

    def answers(self, run_id: str) -> Sequence[str]:
        """Return the digests of all observations and gaps that a run was judged from, sorted."""

    def observation(self, digest: str) -> Result:
        """Return an observation with its body, or a gap, by its digest."""

    def log(self, tenant: str) -> LogView:
        """Return the tenant's log."""

    def checkpoint(self, tenant: str) -> SignedCheckpoint | None:
        """Return the newest signed checkpoint, or None where the ledger is empty."""

    def public_keys(self) -> Sequence[PublicKey]:
        """Return the current public key, then the earlier ones."""

    def checkpoints(self, tenant: str) -> Sequence[SignedCheckpoint]:
        """Return every checkpoint that was ever signed, the oldest first."""


class ManualSource(Protocol):
    """The contents of an assessment's manual evidence, as far as a report needs them."""

    def text(self, item: str) -> str | None:
        """Return the text of an item, None where it is not kept."""

    def parts(self, digest: str) -> Iterator[bytes]:
        """Yield the bytes of a file by its SHA-256."""


class ReportSigner(Protocol):
    """The key that signs the manifest."""

    @property
    def public(self) -> PublicKey:
        """Return the public half."""

    @property
    def protected(self) -> bool:
        """Tell whether the private key is encrypted under a passphrase."""

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature of `data`."""
