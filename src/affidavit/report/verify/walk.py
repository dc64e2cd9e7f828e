"""One walk over all evidence records, with the table beside them, run by run."""

from collections import Counter
from collections.abc import Mapping

from . import csvcheck, evidence
from .canonical import load_object
from .failure import VerificationError
from .proved import Proved, proved_records
from .runs import Run
from .state import CATALOGUE, MAX_SMALL, State

_WORST_FIRST = ("NON_COMPLIANT", "NOT_APPLICABLE", "COMPLIANT")
_SHOWN = 8


def records(state: State) -> str:
    """Check every evidence record and its row in the table, and what the runs say of them."""
    walk = _Walk(state.inside)
    table = csvcheck.TableCheck(state.archive.chunks(csvcheck.NAME))
    digests = _catalogue_digests(state)
    for proved in proved_records(state.archive, evidence.NAME, state.checkpoint):
        tally = walk.run_of(proved)
        _one_record(state, proved, tally, digests)
        table.compare(proved.leaf, proved.record)
    table.end()
    walk.end()
    state.observations.check_all_cited()
    return f"{state.counts.total()} proved, whole, and in the table; omitted: none"


class _Walk:
    """Finds each record's run; sums up what is missing; remembers the first run that is wrong."""

    def __init__(self, inside: list[Run]) -> None:
        self._runs = iter(inside)
        self._tally: evidence.RunTally | None = None
        self._omitted: Counter[tuple[str, str]] = Counter()
        self._wrong: VerificationError | None = None

    def run_of(self, proved: Proved) -> evidence.RunTally:
        while self._tally is None or proved.leaf > self._tally.run.leaf:
            if not self._next():
                raise VerificationError(proved.where, "belongs to no run of the period")
        run = self._tally.run
        if not run.first_leaf <= proved.leaf < run.leaf:
            raise VerificationError(proved.where, "belongs to no run of the period")
        return self._tally

    def end(self) -> None:
        """Close the last run and those without any record; raise what was found."""
        while self._next():
            pass
        _raise_omitted(self._omitted)
        if self._wrong is not None:
            raise self._wrong

    def _next(self) -> bool:
        if self._tally is not None:
            left = self._tally.omitted()
            self._omitted.update(left)
            if self._wrong is None and not left:
                self._wrong = self._tally.difference()
        run = next(self._runs, None)
        self._tally = evidence.RunTally(run) if run else None
        return run is not None


def _one_record(
    state: State, proved: Proved, tally: evidence.RunTally, digests: Mapping[str, str]
) -> None:
    record = proved.record
    evidence.check_record(proved, tally.run)
    synthetic = [state.observations.cite(d, proved.where) for d, _ in record["inputs"]]
    if any(synthetic) and not record["synthetic"]:
        raise VerificationError(proved.where, "is not marked synthetic, but its observation is")
    check_id = record["check_id"]
    same = tally.run.record["catalogue_digest"] == digests[""]
    if same and check_id and record["check_digest"] != digests.get(check_id):
        raise VerificationError(
            proved.where, f"was judged by another {check_id} than {CATALOGUE} holds"
        )
    state.synthetic = state.synthetic or record["synthetic"]
    tally.add(record)
    state.counts[record["verdict"]] += 1
    state.controls.setdefault(record["control_id"], Counter())[record["verdict"]] += 1


def _catalogue_digests(state: State) -> dict[str, str]:
    """Return the digest of each check in the package's catalogue; that of the whole under ''."""
    value = load_object(state.archive.read(CATALOGUE, MAX_SMALL), CATALOGUE)
    try:
        found = {str(key): str(check["digest"]) for key, check in value["checks"].items()}
        found[""] = str(value["digest"])
    except (KeyError, TypeError, AttributeError) as error:
        raise VerificationError(CATALOGUE, f"is not a catalogue ({error})") from error
    other = sum(run.record["catalogue_digest"] != found[""] for run in state.inside)
    if other:
        state.notes.append(
            f"{other} of {len(state.inside)} runs used another version of the catalogue than "
            f"{CATALOGUE}; their checks' digests stand in their records."
        )
    return found


def _raise_omitted(omitted: Counter[tuple[str, str]]) -> None:
    left = [(number, verdict, control) for (control, verdict), number in omitted.items()]
    if not left:
        return
    left.sort(key=lambda item: (_WORST_FIRST.index(item[1]), item[2]))
    shown = "; ".join(f"{n} {verdict} of {control}" for n, verdict, control in left[:_SHOWN])
    more = f"; and {len(left) - _SHOWN} more kinds" if len(left) > _SHOWN else ""
    raise VerificationError(evidence.NAME, f"omitted: {shown}{more}")
