"""Files that follow from the records: made again, and compared with those in the package."""

from hashlib import sha256

from . import matrix, oscal, rules, runs
from .canonical import load
from .evidence import NAME as EVIDENCE
from .failure import VerificationError
from .rules import MAX_CATALOGUE
from .state import State


def check_made(state: State) -> str:
    """Check that period.csv and oscal.json say what manifest and records say."""
    table, total = matrix.Matrix(), sha256()
    for run in state.inside:
        table.add(run.record)
    for line in table.lines(state.scope.first_day, state.scope.last_day):
        total.update(line)
    _compare(state, matrix.NAME, total.hexdigest())
    _compare(state, oscal.NAME, sha256(oscal.document(_facts(state))).hexdigest())
    return f"{matrix.NAME} and {oscal.NAME} made again, the same"


def _facts(state: State) -> oscal.Facts:
    catalogue = load(state.archive.read(rules.NAME, MAX_CATALOGUE), rules.NAME)
    return oscal.Facts(
        predicate=state.predicate,
        run=state.last.record,
        framework=catalogue["framework"],
        sources=state.sources,
        digests={name: state.subjects[name] for name in (EVIDENCE, runs.NAME, rules.NAME)},
    )


def _compare(state: State, name: str, digest: str) -> None:
    if state.subjects[name] != digest:
        raise VerificationError(name, "is not what the run records and the evidence give")
