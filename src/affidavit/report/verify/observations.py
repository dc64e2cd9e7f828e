"""Observations in the package: each is what its digest says, each is named, none is missing.

A file `observations/<first two digits>/<digest>.json` holds `observation` (what was asked, how, and
the digest of the answer) and `body` (the answer), or instead the `parts` that records point to.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from .canonical import digest, load_object
from .failure import VerificationError
from .runs import read_time
from .seen import Listed, check_proof, is_list, read_list
from .shapes import GAP, OBSERVATION, PROOF, check_shape
from .zipsafe import Archive

FOLDER = "observations/"
MODES = ("cited", "pointers", "none")
MAX_OBSERVATION = 512 * 2**20
"""Bytes of one observation; all pages of one operation are one."""
_HEX_LENGTH = 64
_ARN_PARTS = 6
_AWS = re.compile(
    r"https://([a-z0-9-]+\.)+(amazonaws\.com(\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn"
    r"|amazonaws\.eu|api\.amazonwebservices\.eu|c2s\.ic\.gov|api\.aws\.ic\.gov|sc2s\.sgov\.gov"
    r"|api\.aws\.scloud|(api\.cloud-aws|cloud)\.adc-e\.uk|csp\.hci\.ic\.gov|api\.aws\.hci\.ic\.gov)"
    r"(:443)?"
)
"""Endpoints under the domains of AWS's partitions (botocore 1.40, partitions.json)."""


class Answer(NamedTuple):
    """What later checks need of one observation or gap."""

    synthetic: bool
    gap: bool
    account_id: str
    question: bytes
    """Digest of what was asked and where: within a run there is one answer to it."""
    started: datetime | None
    """When it was asked; None where nothing was sent."""
    finished: datetime | None


@dataclass(slots=True)
class Observations:
    """The answers in the package by digest, and which of them were cited."""

    mode: str
    takes_lists: bool = True
    answers: dict[bytes, Answer] = field(default_factory=dict)
    lists: dict[bytes, Listed] = field(default_factory=dict)
    """Those that are not of AWS: events that earlier runs hold, and that are left out."""
    cited: set[bytes] = field(default_factory=set)
    bodies: int = 0
    gaps: int = 0

    @property
    def synthetic(self) -> bool:
        """Tell whether any of them is."""
        return any(answer.synthetic for answer in self.answers.values())

    def cite(self, key: bytes, where: str) -> Answer | None:
        """Take note that a record names an answer; return it, None where none are included."""
        self.cited.add(key)
        if key in self.lists:
            raise VerificationError(where, "cites a list of events left out, as if AWS had said it")
        if self.mode == "none":
            return None
        if key not in self.answers:
            raise VerificationError(
                where, f"cites the observation {key.hex()[:16]}…, which is not in the report"
            )
        return self.answers[key]

    def check_all_cited(self) -> None:
        """Check that no observation lies in the package that no record and no run names."""
        for key in self.answers:
            if key not in self.cited:
                raise VerificationError(
                    path_of(key.hex()), "is cited by no record and was no answer of a run"
                )


def path_of(hexadecimal: str) -> str:
    """Return where an observation lies in the package."""
    return f"{FOLDER}{hexadecimal[:2]}/{hexadecimal}.json"


def read_observations(archive: Archive, mode: str, *, lists: bool = True) -> Observations:
    """Read and check every observation in the package; `lists`: events left out may be listed."""
    if mode not in MODES:
        raise VerificationError("manifest.json", f"observations are {mode!r}, not one of {MODES}")
    found = Observations(mode, lists)
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
    gap = said.get("kind") == "gap"
    check_shape(said, GAP if gap else OBSERVATION, name, "an observation or a gap")
    if said["kind"] not in ("gap", "observation"):
        raise VerificationError(name, f"is a {said['kind']!r}, not an observation or a gap")
    _check_members(found, name, value, gap=gap)
    asked = [said[member] for member in ("account_id", "region", "key", "parameters")]
    question = bytes.fromhex(digest(asked))
    account = said["account_id"]
    answer = Answer(
        synthetic=False,
        gap=gap,
        account_id=account,
        question=question,
        started=None,
        finished=None,
    )
    if found.takes_lists and is_list(said) and not gap and "body" in value:
        found.lists[bytes.fromhex(hexadecimal)] = read_list(value["body"], name)
        check_shape(said["proof"], PROOF, name, "proof of how a list was made")
        check_proof(said["proof"], name)
    elif said["proof"] is not None:
        answer = _with_proof(answer, said["proof"], name)
    found.answers[bytes.fromhex(hexadecimal)] = answer


def _check_members(found: Observations, name: str, value: dict[str, Any], *, gap: bool) -> None:
    """Check that beside the observation there is its answer and nothing else."""
    beside = set(value) - {"observation"}
    if gap and not beside:
        found.gaps += 1
    elif not gap and beside == {"body"}:
        if digest(value["body"]) != value["observation"]["body_digest"]:
            raise VerificationError(name, "its body is not the one that was observed")
        found.bodies += 1
    elif gap or found.mode != "pointers" or beside != {"parts", "note"}:
        raise VerificationError(name, "has no body, or holds more than what was observed")


def _with_proof(answer: Answer, proof: Any, where: str) -> Answer:
    check_shape(proof, PROOF, where, "proof of how an answer was got")
    started = read_time(proof["started_at"], where)
    finished = read_time(proof["finished_at"], where)
    if finished < started:
        raise VerificationError(where, "was answered before it was asked")
    if not proof["synthetic"] and not _AWS.fullmatch(proof["endpoint"]):
        raise VerificationError(
            where, f"is not marked synthetic, but {proof['endpoint']} is not an endpoint of AWS"
        )
    caller = proof["caller_arn"].split(":")
    if len(caller) < _ARN_PARTS or caller[4] != answer.account_id:
        raise VerificationError(
            where,
            f"is of {answer.account_id}, but {proof['caller_arn']!r} asked in its own account",
        )
    return answer._replace(synthetic=proof["synthetic"], started=started, finished=finished)
