"""Which evidence a report holds, where it is not all: by a query, at random, or picked by people.

Each choice is made at a size of the ledger that is kept, so that it is the same however often it is
read again, and whatever is collected meanwhile. Rows are read again and again rather than kept:
memory stays flat at any number.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from affidavit.errors import ReportError
from affidavit.finder.bind import bind
from affidavit.finder.engine import Finder
from affidavit.finder.parse import parse
from affidavit.finder.query import Question, Scope, Unreadable
from affidavit.model.evidence import Evidence
from affidavit.model.run import Assessment, is_whole
from affidavit.model.times import parse as parse_time
from affidavit.operations.folder_ids import folder_id
from affidavit.operations.manual_items import ManualItem
from affidavit.operations.renamed import renamed
from affidavit.operations.selections import Selection
from affidavit.report.choice import Choice, Rows, counted
from affidavit.report.history import runs_of
from affidavit.store import Store

Keep = Callable[[Evidence], bool]
_DAY = timedelta(days=1)


def question_of(store: Store, assessment: Assessment, query: str, size: int) -> Question:
    """Return a query in the finder's language about one assessment, bound at a size of the log."""
    from affidavit.operations.find import names_of

    scope = Scope(tenant=assessment.tenant, assessments=(assessment.id,))
    names = names_of(renamed(store, assessment.tenant))
    return Question(scope=scope, where=bind(parse(query), names, query), size=size)


def by_query(
    store: Store, question: Question, keep: Keep | None = None, **said: Any
) -> tuple[Choice, frozenset[str]]:
    """Return the choice of all that a question finds and `keep` takes, and the runs it is of.

    Raises `ReportError` where some of it cannot be read: a report must not leave it out unsaid.
    """

    def rows() -> Iterator[tuple[int, Evidence]]:
        return _found(store, question, keep)

    return _counted(rows, by="query", **said)


def by_sample(
    store: Store, question: Question, count: int, seed: str, keep: Keep | None = None, **said: Any
) -> Choice:
    """Return the choice of a sample, which the same seed draws again."""
    if keep is not None:
        raise ReportError(
            "A sample is drawn from what a query finds, not from a period",
            todo="Leave out --from and --to; write `time >= 2026-10-01` into the query.",
        )
    with Finder(store) as finder:
        drawn = finder.sample(question, count, seed)
    _all_read(drawn.unreadable)
    held = sorted(((row.leaf, row.evidence) for row in drawn.rows), key=lambda pair: pair[0])
    facts = {"seed": seed, "population": drawn.population, **said}
    return _counted(lambda: iter(held), by="sample", **facts)[0]


def kept(
    store: Store, assessment: Assessment, said: Mapping[str, Any], frozen: Mapping[str, Any]
) -> Choice:
    """Return a choice that was made and counted before, from what was kept of it."""

    def rows() -> Iterator[tuple[int, Evidence]]:
        if said["by"] == "query":
            question = question_of(store, assessment, said["understood"], frozen["size"])
            return _found(store, question, within(frozen["edge"]))
        days = map(date.fromisoformat, frozen["days"])
        return _selected(store, assessment, frozen, sorted(days))

    return Choice(rows=rows, **{**said, "manual": tuple(said["manual"])})


def within(edge: Sequence[Any] | None) -> Keep | None:
    """Return what keeps the evidence up to an edge: (time, id, whether it is the oldest kept)."""
    if edge is None:
        return None
    place, newest = (parse_time(edge[0]), edge[1]), edge[2]
    if newest:
        return lambda one: (one.time, one.id) >= place
    return lambda one: (one.time, one.id) <= place


def by_selection(
    store: Store, assessment: Assessment, frozen: Mapping[str, Any], days: Iterable[date]
) -> tuple[Choice, frozenset[str]]:
    """Return the choice of what people selected: folders as they were then, and single items."""
    wanted = sorted(set(days))

    def rows() -> Iterator[tuple[int, Evidence]]:
        return _selected(store, assessment, frozen, wanted)

    return _counted(rows, by="selection", manual=tuple(frozen["manual"]))


def frozen_selection(
    chosen: Selection, assessment_id: str, manual: Iterable[ManualItem]
) -> dict[str, Any]:
    """Return what a report keeps of a selection: later changes of it do not reach the report.

    `manual` is the assessment's manual evidence: what of it is selected is named apart.
    """
    mine = {
        one.id
        for one in manual
        if chosen.holds(folder_id(assessment_id, one.control_key, one.time.date()), one.item)
    }
    return {
        "folders": {
            one.id: {"leaves": one.body["leaves"], "except": one.body["except"]}
            for one in chosen.folders.values()
        },
        "items": sorted(set(chosen.items) - mine),
        "manual": sorted(mine),
        "days": [day.isoformat() for day in chosen.days()],
    }


class RunDays(NamedTuple):
    """The days of an assessment's runs."""

    of: Mapping[str, date]
    """By the id of the run."""
    whole: frozenset[date]
    """Those with a whole run: a report needs one of them."""


def run_days(store: Store, assessment: Assessment, today: date) -> RunDays:
    """Return the days of an assessment's runs."""
    first, of, whole = assessment.created_at.date() - _DAY, {}, set()
    for _, record in runs_of(store, assessment.tenant, first, today):
        if record["assessment_id"] == assessment.id:
            of[record["run_id"]] = day = date.fromisoformat(record["day"])
            whole |= {day} if is_whole(record) else set()
    return RunDays(of, frozenset(whole))


def span(days: Iterable[date], runs: Iterable[date]) -> tuple[date, date]:
    """Return the first and the last of the days, widened to hold a run where they hold none."""
    first, last = min(days := list(days)), max(days)
    known = sorted(set(runs))
    if not known or any(first <= day <= last for day in known):
        return first, last
    before = [day for day in known if day < first]
    return (before[-1], last) if before else (first, known[0])


def recorded(store: Store, tenant: str, choice: Choice, report_id: str, since: int) -> Choice:
    """Return a choice with the leaf of the record that tells of it, at or behind leaf `since`."""
    for leaf, record in store.records_between(tenant, since, store.log(tenant).size - 1):
        if record.get("object_id") == report_id and record.get("action") == "CREATE":
            return replace(choice, leaf=leaf)
    raise ReportError(
        f"The ledger has no record of what was chosen for the report {report_id}",
        todo="Run `affidavit ledger verify`.",
    )


def _counted(rows: Rows, **said: Any) -> tuple[Choice, frozenset[str]]:
    found = counted(rows())
    return Choice(records=found.records, digest=found.digest, rows=rows, **said), found.runs


def _found(store: Store, question: Question, keep: Keep | None) -> Iterator[tuple[int, Evidence]]:
    with Finder(store) as finder:
        stream = finder.stream(question)
        for row in stream.rows:
            if keep is None or keep(row.evidence):
                yield row.leaf, row.evidence
        _all_read(stream.unreadable)


def _all_read(unreadable: Iterable[Unreadable]) -> None:
    for one in unreadable:
        raise ReportError(
            f"{one.rows} records of {one.day} cannot be read",
            why=one.why,
            todo="Restore it from a backup (`affidavit ledger verify` names all that is wrong), or "
            f"leave {one.day} out: --from and --to, or a query by time.",
        )


def _selected(
    store: Store, assessment: Assessment, frozen: Mapping[str, Any], days: list[date]
) -> Iterator[tuple[int, Evidence]]:
    items = frozenset(frozen["items"])
    folders = {
        name: (whole["leaves"], frozenset(whole["except"]))
        for name, whole in frozen["folders"].items()
    }
    for day in days:
        known: dict[str, tuple[int, frozenset[str]]] = {}
        for leaf, evidence in store.evidence(assessment.id, day, day):
            control = evidence.control_id
            if control not in known:
                name = folder_id(assessment.id, control, day)
                known[control] = folders.get(name, (0, frozenset()))
            leaves, excepted = known[control]
            covered = leaf < leaves and evidence.id not in excepted
            if covered or evidence.id in items:
                yield leaf, evidence
