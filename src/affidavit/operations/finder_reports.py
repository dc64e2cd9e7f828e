"""A report of what the evidence finder found, as the console asks for it.

It holds exactly the collected evidence that the query finds, at the size of the ledger when it was
asked for, as `affidavit report build --query` does. Manual evidence is found too, but is not
chosen by a query: people select it on its own pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from affidavit.errors import QueryError
from affidavit.finder.engine import Finder
from affidavit.finder.fields import FIELDS
from affidavit.finder.parse import parse
from affidavit.finder.query import MAX_GROUPS, Groups
from affidavit.operations import assessment_reports, looking, report_choices
from affidavit.operations.assessed import assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.finding import MARK, any_marked
from affidavit.operations.query_statements import Matched

_NAMED: Final = 5
"""Days with damage that are named."""
OPERATION: Final = "CreateAssessmentReport"
"""Of the API: who may ask for a report of a selection may ask for one of a query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a report of a query would hold now."""

    assessment: str
    understood: str
    """The query as it is understood; empty: all evidence of the assessment."""
    records: int
    """Records of runs, which the report holds."""
    first: str
    last: str
    """First and last day of the records, or empty."""
    manual: int
    """Items of manual evidence that the query finds as well, which it does not hold."""
    synthetic: bool
    """Whether any of the records was not answered by AWS."""


def planned(
    context: Context, caller: Caller, finder: Finder, assessment_id: str, query: str
) -> Planned:
    """Return what a report would hold; `QueryError` for a query that is wrong or not readable."""
    looking.require(context, caller, OPERATION)
    found = assessed(context, caller, OPERATION, assessment_id)
    size = context.store.log(caller.tenant).size
    question = report_choices.question_of(context.store, found.stored, query, size)
    groups = finder.groups(question, [FIELDS["day"], MARK])
    _require_whole(groups)
    days = sorted(day[:10] for (day, _), _ in groups.rows)
    return Planned(
        assessment=found.name,
        understood=str(parse(query)) if query else "",
        records=sum(number for _, number in groups.rows),
        first=days[0] if days else "",
        last=days[-1] if days else "",
        manual=finder.count_manual(question),
        synthetic=any_marked(groups),
    )


def _require_whole(groups: Groups) -> None:
    """Raise `QueryError` where a report of these days would not hold all that the query finds."""
    if groups.unreadable:
        rows = sum(one.rows for one in groups.unreadable)
        days = sorted({one.day for one in groups.unreadable})
        raise QueryError(
            f"A report of these results cannot be made: {rows} records of {_listed(days)} "
            "cannot be read",
            why=groups.unreadable[0].why,
            todo="Restore them from a backup (`affidavit ledger verify` names all that is wrong), "
            f"or leave these days out by a range of time, such as `and time < {days[0]}`.",
        )
    if groups.more:
        raise QueryError(
            "The query finds evidence of too many days",
            why=f"{MAX_GROUPS:,} are counted at most, simulated ones apart.",
            todo="Add a range of time, such as `and time >= 2026-01-01`.",
        )


def _listed(days: Sequence[str]) -> str:
    more = f" and {len(days) - _NAMED} more days" if len(days) > _NAMED else ""
    return ", ".join(days[:_NAMED]) + more


def ask(
    context: Context, caller: Caller, query: str, request: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Ask for the report; `request` holds assessmentId, name and description as the API's does."""
    looking.require(context, caller, OPERATION)
    found = assessed(context, caller, OPERATION, request["assessmentId"])
    store, size = context.store, context.store.log(caller.tenant).size
    question = report_choices.question_of(store, found.stored, query, size)
    understood = str(parse(query))
    choice, runs = report_choices.by_query(store, question, query=query, understood=understood)
    if not choice.records:
        raise QueryError("The query finds no collected evidence in this assessment")
    known = report_choices.run_days(store, found.stored, context.now().date())
    days = report_choices.span((known.of[run] for run in runs), known.whole)
    wanted = Matched(choice=choice, days=days, frozen={"size": size, "edge": None})
    return assessment_reports.ask(context, caller, found, wanted, request)
