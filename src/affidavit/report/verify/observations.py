"""Observations in the package: each is what its digest says, each is named, none is missing.

A file `observations/<first two digits>/<digest>.json` holds `observation` (what was asked, how, and
the digest of the answer) and `body` (the answer), or instead the `parts` that records point to.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .canonical import digest, load_object
from .failure import VerificationError
from .runs import read_time
from .zipsafe import Archive

FOLDER = "observations/"
MODES = ("cited", "pointers", "none")
MAX_OBSERVATION = 512 * 2**20
"""Bytes of one observation; all pages of one operation are one."""
_HEX_LENGTH = 64


@dataclass(slots=True)
class Observations:
    """The digests of all observations in the package; which are synthetic; which were cited."""

    mode: str
    synthetic: dict[bytes, bool] = field(default_factory=dict)
    cited: set[bytes] = field(default_factory=set)
    latest: datetime | None = None
    """When the last of them was finished."""
    latest_where: str = ""
    bodies: int = 0
    gaps: int = 0

    def cite(self, hexadecimal: str, where: str) -> bool:
        """Take note that a record names an observation; return whether it is synthetic."""
        try:
            key = bytes.fromhex(hexadecimal)
        except ValueError as error:
            raise VerificationError(where, f"cites {hexadecimal!r}, no digest") from error
        self.cited.add(key)
        if self.mode == "none":
            return False
        if key not in self.synthetic:
            raise VerificationError(
                where, f"cites the observation {hexadecimal[:16]}…, which is not in the report"
            )
        return self.synthetic[key]

    def check_all_cited(self) -> None:
        """Check that no observation lies in the package that no record and no run names."""
        for key in self.synthetic:
            if key not in self.cited:
                raise VerificationError(
                    path_of(key.hex()), "is cited by no record and was no answer of a run"
                )


def path_of(hexadecimal: str) -> str:
    """Return where an observation lies in the package."""
    return f"{FOLDER}{hexadecimal[:2]}/{hexadecimal}.json"


def read_observations(archive: Archive, mode: str) -> Observations:
    """Read and check every observation in the package."""
    if mode not in MODES:
        raise VerificationError("manifest.json", f"observations are {mode!r}, not one of {MODES}")
    found = Observations(mode)
    for name in sorted(archive.entries):
        if not name.startswith(FOLDER):
            continue
        hexadecimal = name.rsplit("/", 1)[1].removesuffix(".json")
        if len(hexadecimal) != _HEX_LENGTH or name != path_of(hexadecimal):
            raise VerificationError(name, "is not named as an observation")
        if mode == "none":
            raise VerificationError(name, "the manifest says that no observations are included")
        value = load_object(archive.read(name, MAX_OBSERVATION), name)
        _check_one(found, name, hexadecimal, value)
    return found


def _check_one(found: Observations, name: str, hexadecimal: str, value: dict[str, Any]) -> None:
    said = value.get("observation")
    if not isinstance(said, dict) or digest(said) != hexadecimal:
        raise VerificationError(
            name, "is not what its digest says: the observation was changed or swapped"
        )
    proof = said.get("proof")
    if said.get("kind") == "gap":
        found.gaps += 1
    elif "body" in value:
        if digest(value["body"]) != said.get("body_digest"):
            raise VerificationError(name, "its body is not the one that was observed")
        found.bodies += 1
    elif found.mode != "pointers" or "parts" not in value:
        raise VerificationError(name, "has no body")
    found.synthetic[bytes.fromhex(hexadecimal)] = bool(proof and proof.get("synthetic"))
    if proof:
        finished = read_time(proof.get("finished_at"), name)
        if found.latest is None or finished > found.latest:
            found.latest, found.latest_where = finished, name
