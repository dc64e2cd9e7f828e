"""The evidence finder: tokens in the address, groups, pages by key, a CSV, a report of it."""

from dataclasses import dataclass
from itertools import chain
from typing import Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response, StreamingResponse

from affidavit.console.forms import Trouble
from affidavit.console.page import SEE_OTHER, Page, url_to
from affidavit.console.pages.reports import report_name
from affidavit.console.views import act, view
from affidavit.errors import QueryError
from affidavit.finder.fields import FIELDS, OPERATORS, Field
from affidavit.finder.manual import is_manual
from affidavit.finder.query import Page as FoundPage
from affidavit.finder.tree import Operator, Term, Word
from affidavit.operations import finder_reports, saved_searches
from affidavit.operations.finding import Asked, Grouped, Search
from affidavit.operations.folder_ids import folder_id
from affidavit.operations.saved_searches import SavedSearch
from affidavit.operations.services import services

ROWS: Final = 50
_GROUPS: Final = 200
"""Groups that are shown."""
EXPRESSION: Final = "expression"
"""In place of a property: the value is an expression of the finder's language, taken as it is."""
_ONE_OPERATORS: Final = tuple(o for o in Operator if o not in (Operator.IN, Operator.NOT_IN))


@dataclass(frozen=True, slots=True)
class Token:
    """A part of the query, and the address without it."""

    text: str
    without: str


def show(page: Page) -> Response:
    """Show what is found."""
    if page.query("value") or page.query("field"):
        return _with_new_token(page)
    found, grouped = None, None
    search = Search(page.context, page.caller, page.console.finder)
    query, group = query_of(page), page.query("group")
    sort = page.query("sort", "-time") or "-time"
    try:
        if group:
            grouped = search.groups(query, group)
        else:
            asked = Asked(query=query, sort=sort, limit=ROWS, cursor=page.query("after"))
            found = search.page(asked)
    except QueryError as error:
        page.status, page.trouble = 422, Trouble.of(error)
    return page.show(
        "finder/finder.html",
        tokens=[*_tokens(page)],
        found=found,
        grouped=grouped,
        synthetic=_is_synthetic(search, found, grouped),
        shown_groups=_GROUPS,
        fields=[*FIELDS.values()],
        expression=EXPRESSION,
        operators=_ONE_OPERATORS,
        suggestions=_suggestions(search),
        searches=saved_searches.listed(page.context, page.caller),
        address=searched_address,
        assessments=search.assessments,
        sort=sort,
        group=group,
        token=token_text,
        folder=folder_id,
        is_manual=is_manual,
        controls={a.id: a.by_key() for a in search.assessments},
        titles=_titles(search) if group == "control" else {},
    )


def _is_synthetic(search: Search, found: FoundPage | None, grouped: Grouped | None) -> bool:
    """Tell it of the rows that the page shows; of groups, of all that they count."""
    if grouped is not None:
        return grouped.synthetic
    if found is not None:
        return any(row.evidence.synthetic for row in found.rows)
    return search.is_synthetic()


def query_of(page: Page) -> str:
    """Return the whole query: every token, and the day, must hold."""
    parts = [f"({one})" for one in page.queries("f")]
    return " and ".join([*parts, *([f"day = {page.query('day')}"] if page.query("day") else [])])


def token_text(field: str, operator: str, value: str) -> str:
    """Return a token in the finder's language."""
    return str(Term(Word(field), Operator(operator), (Word(value),)))


def _with_new_token(page: Page) -> Response:
    """Send to the address that has the new token, where it is one."""
    name, value = page.query("field", "text"), page.query("value")
    known = FIELDS.get(name)
    operator = page.query("operator", "=")
    token = ""
    cleared: dict[str, str | list[str] | None] = {
        "field": None,
        "operator": None,
        "value": None,
        "after": None,
        "done": None,
    }
    if value and name == EXPRESSION:
        token = value
    elif value and known is not None and operator in _ONE_OPERATORS:
        token = token_text(name, _fitting(known, Operator(operator)), value)
    if token:
        tokens = [*(one for one in page.queries("f") if one != token), token]
        return RedirectResponse(page.with_query(**cleared, f=tokens), status_code=SEE_OTHER)
    return RedirectResponse(page.with_query(**cleared), status_code=SEE_OTHER)


def _fitting(known: Field, operator: Operator) -> Operator:
    """Return the operator, or `contains` for a field that takes nothing else."""
    allowed = OPERATORS[known.kind]
    return operator if operator in allowed or len(allowed) > 1 else next(iter(allowed))


def _tokens(page: Page) -> list[Token]:
    known = page.queries("f")
    found = [
        Token(one, page.with_query(f=[x for x in known if x != one], after=None, done=None))
        for one in known
    ]
    if page.query("day"):
        found.append(
            Token(f"day = {page.query('day')}", page.with_query(day=None, after=None, done=None))
        )
    return found


def _titles(search: Search) -> dict[str, str]:
    """Return what the controls are called, by their ids."""
    return {one.key: one.name for found in search.assessments for one in found.controls}


def _suggestions(search: Search) -> list[str]:
    """Return values that a reader may want: choices, names, controls."""
    values = {choice for field in FIELDS.values() for choice in field.choices.values() if choice}
    values |= {one["name"] for one in services()}
    for one in search.assessments:
        values |= {*one.stored.estate.accounts, *one.stored.estate.regions}
        values.add(one.name)
        values |= {control.key for control in one.controls}
        values |= {control.set_id for control in one.controls}
    return sorted(values)


def csv(page: Page) -> Response:
    """Send all rows as a CSV."""
    lines = Search(page.context, page.caller, page.console.finder).lines(query_of(page))
    first = next(lines)  # a query that is wrong is refused before anything is sent
    headers = {"content-disposition": 'attachment; filename="evidence.csv"'}
    return StreamingResponse(
        chain([first], lines), media_type="text/csv; charset=utf-8", headers=headers
    )


def ask_report(page: Page) -> Response:
    """Show what a report of the query would hold, and the form that asks for it."""
    page.require(finder_reports.OPERATION)
    search = Search(page.context, page.caller, page.console.finder)
    known = [one.id for one in search.assessments]
    chosen = page.query("assessment") or (known[0] if known else "")
    plan = None
    try:
        if chosen:
            plan = finder_reports.planned(
                page.context, page.caller, page.console.finder, chosen, query_of(page)
            )
    except QueryError as error:
        page.status, page.trouble = 422, Trouble.of(error)
    return page.show(
        "finder/report.html",
        plan=plan,
        synthetic=plan.synthetic if plan else search.is_synthetic(),
        chosen=chosen,
        assessments=search.assessments,
        name=f"{report_name(plan.assessment, page.now)}-query" if plan else "",
        here=page.with_query(),
        back=address_of(page),
    )


def make_report(page: Page) -> Response:
    """Ask for the report of the query in the address, and go where it appears."""
    form = page.form
    given = {"assessmentId": form.text("assessment"), "name": form.text("name")}
    if form.text("description"):
        given["description"] = form.text("description")
    request = page.console.check(finder_reports.OPERATION, given)
    finder_reports.ask(page.context, page.caller, query_of(page), request)
    return page.go("/reports", "report")


def searched_address(one: SavedSearch) -> str:
    """Return the address of the finder with a saved search's question."""
    return _finder([*(("f", token) for token in one.tokens), *one.shown.items()])


def address_of(page: Page) -> str:
    """Return the address of the finder with the same query."""
    pairs = [("f", one) for one in page.queries("f")]
    return _finder([*pairs, *([("day", page.query("day"))] if page.query("day") else [])])


def _finder(pairs: list[tuple[str, str]]) -> str:
    return f"{url_to('finder')}?{urlencode(pairs)}" if pairs else url_to("finder")


VIEWS = (
    view("/finder", show, "Evidence finder"),
    view("/finder/evidence.csv", csv, ""),
    view("/finder/report", ask_report, "Report of what the finder found"),
    act("/finder/report", make_report, ask_report),
)
