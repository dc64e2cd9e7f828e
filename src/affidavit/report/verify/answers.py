"""Answers: all that each run was judged from, as the run record committed to it.

A run record holds the number of its answers (observations and gaps) and the SHA-256 over their
sorted digests. `answers.jsonl` names them for each run of the report, so that none can have been
added, dropped or swapped since, be it cited by a record or not.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from .canonical import load_object
from .failure import VerificationError
from .observations import Answer, Observations, path_of
from .proved import MAX_LINE
from .runs import SLACK, Run
from .zipsafe import Archive

NAME = "answers.jsonl"


def check_answers(
    archive: Archive, runs: Sequence[Run], found: Observations, *, whole: bool
) -> int:
    """Check every run's answers against its record; return how many there are.

    `whole`: each of them must be in the report. Else only those that its records cite.
    """
    count = 0
    for run, digests in answers_of(archive, runs):
        count += len(digests)
        questions: set[bytes] = set()
        for digest in digests:
            answer = found.answers.get(digest)
            if answer is None and found.mode == "cited" and whole:
                path = path_of(digest.hex())
                raise VerificationError(
                    f"{NAME}, run {run.sequence}", f"names {path}, which is not in the report"
                )
            if answer is not None:
                if whole:
                    found.cited.add(digest)
                _check_answer(run, digest, answer, questions)
    return count


def answers_of(archive: Archive, runs: Sequence[Run]) -> Iterator[tuple[Run, list[bytes]]]:
    """Yield each run with the digests of its answers, held against the run record."""
    left = list(runs)
    for number, line in archive.lines(NAME, MAX_LINE):
        where = f"{NAME} line {number}"
        value = load_object(line, where)
        run = left.pop(0) if left else None
        if run is None or set(value) != {"run_id", "answers"}:
            raise VerificationError(where, "is not of a run of the report")
        if value["run_id"] != run.record["run_id"]:
            raise VerificationError(where, f"is not of the run {run.record['run_id']}")
        digests = _digests(value["answers"], where)
        said = run.record["answers"], run.record["answers_digest"]
        if said != (len(digests), sha256(b"".join(digests)).hexdigest()):
            raise VerificationError(
                where, "are not the answers that the run record committed to: changed or dropped"
            )
        yield run, digests
    if left:
        raise VerificationError(NAME, f"lacks the answers of run {left[0].sequence}")


def _digests(value: Any, where: str) -> list[bytes]:
    """Return the digests in their order, which must rise."""
    try:
        digests = [bytes.fromhex(one) for one in value]
    except (TypeError, ValueError) as error:
        raise VerificationError(where, "does not list digests") from error
    written = [one.hex() for one in digests]
    if written != value or any(len(one) != sha256().digest_size for one in digests):
        raise VerificationError(where, "lists what is no digest")
    if digests != sorted(set(digests)):
        raise VerificationError(where, "lists digests out of order or twice")
    return digests


def _check_answer(run: Run, digest: bytes, answer: Answer, questions: set[bytes]) -> None:
    """Check that an answer was given in its run's time and estate, and its question asked once."""
    where = path_of(digest.hex())
    if answer.question in questions:
        raise VerificationError(where, f"is a second answer to one question of run {run.sequence}")
    questions.add(answer.question)
    if answer.account_id not in run.accounts:
        raise VerificationError(
            where,
            f"is of the account {answer.account_id}, which run {run.sequence} did not collect",
        )
    if answer.started is None or answer.finished is None:
        return
    if answer.started < run.started - SLACK or answer.finished > run.finished + SLACK:
        raise VerificationError(
            where,
            f"was observed from {answer.started.isoformat()} to {answer.finished.isoformat()}, "
            f"not within run {run.sequence} ({run.record['started_at']} to "
            f"{run.record['finished_at']}): an answer of another time",
        )
