"""What an earlier report says, held against what this one says of the same runs.

That the earlier ledger is the beginning of the later one shows that no leaf was changed, not that
the later report speaks of all of them: it could begin the assessment anew behind the runs that it
wants forgotten. So every run of the earlier report must stand in this one, or before its first.
"""

from .claims import made_at
from .failure import VerificationError
from .runs import Run
from .state import MANIFEST, State


def compare(old: State, new: State, old_file: str) -> str:
    """Check that two verified reports of one ledger do not contradict each other; say on what."""
    if made_at(old.predicate) > made_at(new.predicate):
        raise VerificationError(MANIFEST, f"was made before {old_file}, which is given as earlier")
    here = {run.leaf: run for run in new.runs}
    same = 0
    for run in old.runs:
        if run.leaf >= new.begin or run.leaf in here:
            _check_same(run, here.get(run.leaf), old_file)
            same += 1
    if old.scope.assessment != new.scope.assessment:
        return f"{same} runs that both hold are the same; the assessments differ"
    before = _check_before(old, new, old_file)
    records = _check_records(old, new, old_file)
    return (
        f"{same} runs that both hold are the same, with all their verdicts, {records} of them with "
        f"all their evidence; {before} earlier runs lie before this report's first"
    )


def _check_same(run: Run, found: Run | None, old_file: str) -> None:
    where = f"{old_file}, {run.where}"
    if found is None:
        raise VerificationError(
            where,
            f"run {run.sequence} of {run.assessment} is not in this report at leaf {run.leaf}",
        )
    if found.entry != run.entry:
        raise VerificationError(where, f"is another run than {found.where} of this report")


def _check_before(old: State, new: State, old_file: str) -> int:
    """Check the assessment's earlier runs that this report does not hold; return how many."""
    first = next(run for run in new.runs if run.assessment == new.scope.assessment)
    held = {run.leaf for run in new.runs}
    left = [r for r in old.runs if r.assessment == new.scope.assessment and r.leaf not in held]
    for run in left:
        if run.sequence >= first.sequence or run.leaf >= first.leaf:
            raise VerificationError(
                first.where,
                f"says that it is run {first.sequence} of the assessment, but {old_file} holds run "
                f"{run.sequence} at leaf {run.leaf}, before it: earlier runs are denied",
            )
        if run.sequence == first.sequence - 1 and run.entry != first.record["previous"]:
            raise VerificationError(
                first.where, f"its link does not lead to run {run.sequence} of {old_file}"
            )
    return len(left)


def _check_records(old: State, new: State, old_file: str) -> int:
    """Check that runs whose evidence both reports hold have the same; return how many."""
    common = sorted(set(old.digests) & set(new.digests))
    for leaf in common:
        if old.digests[leaf] != new.digests[leaf]:
            raise VerificationError(
                f"run record at leaf {leaf}", f"has other evidence here than in {old_file}"
            )
    first = max(old.scope.first_day, new.scope.first_day)
    last = min(old.scope.last_day, new.scope.last_day)
    here = {run.leaf for run in new.inside}
    for run in old.inside:
        if first <= run.day <= last and run.leaf not in here:
            raise VerificationError(
                f"{old_file}, {run.where}", f"is of {run.day}, but is not among this report's runs"
            )
    return len(common)
