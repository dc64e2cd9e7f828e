"""What a report that verifies does not prove, in words that are true of this very report."""

from collections.abc import Iterator
from datetime import timedelta

from .runs import read_time
from .state import State

_DAY = timedelta(days=1)
RULES = (
    "That the verdicts follow from the answers by the rules in catalogue.json, which are those of "
    "the ledger: --rejudge (full installation) recomputes them."
)
"""True until the verdicts were recomputed."""
CHOSEN = (
    "That the verdicts follow from the answers by the rules in catalogue.json: only a report of "
    "all evidence can be judged again (--rejudge)."
)
"""The same of a report of chosen evidence."""


def notes(state: State) -> list[str]:
    """Return the sentences, the particular ones first."""
    always = [CHOSEN if note is RULES and state.chosen else note for note in _ALWAYS]
    particular = (_of_deleted, _of_choice, _of_estate, _of_events, _of_leaves, _of_time, _of_ledger)
    return [*state.notes, *(note for of in particular for note in of(state)), *always]


def _of_deleted(state: State) -> Iterator[str]:
    gone = [(run, state.deleted[run.leaf]) for run in state.inside if run.leaf in state.deleted]
    if gone:
        number = sum(run.leaf - run.first_leaf for run, _ in gone)
        youngest = min((read_time(how.time, run.where).date() - run.day).days for run, how in gone)
        yield (
            f"What {number} deleted records said: of them the ledger has the hashes, and their run "
            "records the counts and verdicts, which nobody can recompute any more. The youngest "
            f"were {youngest} days old when they were deleted, whatever reason was given."
        )


def _of_choice(state: State) -> Iterator[str]:
    left = sum(state.left_out.values())
    if left:
        yield (
            f"What the {left} records say that were not chosen: the run records count them by "
            "control and verdict, and each control's verdict takes them in."
        )


def _of_estate(state: State) -> Iterator[str]:
    """Yield what earlier runs looked at and the last one did not: what is gone fails no more."""
    places: dict[str, int] = {}
    for run in state.inside:
        if run.whole:
            places |= dict.fromkeys((*sorted(run.accounts), *run.record["regions"]), run.sequence)
    gone = [f"{place} after run {n}" for place, n in places.items() if n != state.last.sequence]
    if gone:
        yield (
            f"What is so in {', '.join(gone)}: run {state.last.sequence}, whose verdicts count, "
            "did not look there any more."
        )


def _of_events(state: State) -> Iterator[str]:
    if state.seen.elsewhere:
        yield (
            f"That {state.seen.elsewhere} events, which runs leave out because an earlier run "
            "holds them, stand there: the evidence of those runs is not in this report."
        )


def _of_leaves(state: State) -> Iterator[str]:
    if state.unseen_before:
        yield (
            f"What stands in {_leaves(state.unseen_before)} of the ledger before leaf "
            f"{state.begin}: the report accounts for the leaves from there on."
        )
    if state.unseen_others:
        yield (
            f"What stands in {_leaves(state.unseen_others)} behind leaf {state.begin}: run records "
            "of other assessments or of other days claim them as their evidence, which this report "
            "does not show."
        )


def _of_time(state: State) -> Iterator[str]:
    for run in state.inside:
        if run.finished - run.started > _DAY:
            yield (
                f"That the answers of run {run.sequence} are of its day: it says that it lasted "
                f"from {run.record['started_at']} to {run.record['finished_at']}."
            )


def _of_ledger(state: State) -> Iterator[str]:
    if state.previous is None:
        yield (
            "That there is one ledger only: compare with an earlier report (--previous OLD.zip), "
            "or with a checkpoint kept elsewhere."
        )


def _leaves(number: int) -> str:
    return "1 leaf" if number == 1 else f"{number} leaves"


_ALWAYS = (
    "That AWS answered so, and was asked all: the collector ran in the operator's hands.",
    "How the signing key is kept, and which program made the report: the operator says so.",
    RULES,
    (
        "That report.pdf and README.txt say what the records say: the signed manifest holds their "
        "digests, so they are the operator's, but nobody compared their text."
    ),
    (
        "Procedures, and manual evidence: they are not judged by machine; the catalogue of "
        "controls is Affidavit's own."
    ),
)
