"""Answers: all that each run was judged from, as the run record committed to it.

A run record holds the number of its answers (observations and gaps) and the SHA-256 over their
sorted digests. `answers.jsonl` names them for each run of the report, so that none can have been
added, dropped or swapped since, be it cited by a record or not.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from .canonical import load_object
from .failure import VerificationError
from .observations import Observations, path_of
from .proved import MAX_LINE
from .runs import Run
from .zipsafe import Archive

NAME = "answers.jsonl"


def check_answers(archive: Archive, runs: Sequence[Run], found: Observations) -> int:
    """Check every run's answers against its record; return how many there are."""
    count = 0
    lines = list(archive.lines(NAME, MAX_LINE))
    if len(lines) != len(runs):
        raise VerificationError(NAME, f"is of {len(lines)} runs; the report holds {len(runs)}")
    for run, (number, line) in zip(runs, lines, strict=True):
        where = f"{NAME} line {number}"
        value = load_object(line, where)
        if value.get("run_id") != run.record["run_id"]:
            raise VerificationError(where, f"is not of the run {run.record['run_id']}")
        digests = _digests(value.get("answers"), where)
        said = run.record.get("answers"), run.record.get("answers_digest")
        if said != (len(digests), sha256(b"".join(digests)).hexdigest()):
            raise VerificationError(
                where, "are not the answers that the run record committed to: changed or dropped"
            )
        count += len(digests)
        for digest in digests:
            _check_there(found, digest, where)
    return count


def _digests(value: Any, where: str) -> list[bytes]:
    """Return the digests in their order, which must rise."""
    try:
        digests = [bytes.fromhex(one) for one in value]
    except (TypeError, ValueError) as error:
        raise VerificationError(where, "does not list digests") from error
    if any(len(one) != sha256().digest_size for one in digests):
        raise VerificationError(where, "lists what is no digest")
    if digests != sorted(set(digests)):
        raise VerificationError(where, "lists digests out of order or twice")
    return digests


def _check_there(found: Observations, digest: bytes, where: str) -> None:
    if found.mode != "cited":
        return
    found.cited.add(digest)
    if digest not in found.synthetic:
        raise VerificationError(where, f"names {path_of(digest.hex())}, which is not in the report")
