"""The evidence finder: tokens in the address, groups, pages by key, a CSV, a report of it."""

from dataclasses import dataclass
from itertools import chain
from typing import Final

from starlette.responses import RedirectResponse, Response, StreamingResponse

from affidavit.console.forms import Trouble
from affidavit.console.page import SEE_OTHER, Page, path_to
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import QueryError, UsageError
from affidavit.finder.fields import FIELDS, OPERATORS, Field
from affidavit.finder.tree import Operator, Term, Word
from affidavit.operations.finding import Asked, Search
from affidavit.operations.folder_ids import folder_id

ROWS: Final = 50
MOST_FOLDERS: Final = 500
"""Folders that are added to a report at once."""
_GROUPS: Final = 200
"""Groups that are shown."""
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
    try:
        if group:
            grouped = search.groups(query, group)
        else:
            asked = Asked(
                query=query,
                sort=page.query("sort", "-time") or "-time",
                limit=ROWS,
                cursor=page.query("after"),
            )
            found = search.page(asked)
    except QueryError as error:
        page.status, page.trouble = 422, Trouble.of(error)
    return page.show(
        "finder/finder.html",
        tokens=[*_tokens(page)],
        found=found,
        grouped=grouped,
        shown_groups=_GROUPS,
        fields=[*FIELDS.values()],
        operators=_ONE_OPERATORS,
        suggestions=_suggestions(search),
        assessments=search.assessments,
        sort=page.query("sort", "-time") or "-time",
        group=group,
        token=token_text,
        folder=folder_id,
        controls={a.id: a.by_key() for a in search.assessments},
    )


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
    cleared: dict[str, str | list[str] | None] = {
        "field": None,
        "operator": None,
        "value": None,
        "after": None,
        "done": None,
    }
    if value and known is not None and operator in _ONE_OPERATORS:
        chosen = _fitting(known, Operator(operator))
        token = token_text(name, chosen, value)
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


def _suggestions(search: Search) -> list[str]:
    """Return values that a reader may want: choices, names, controls."""
    values = {choice for field in FIELDS.values() for choice in field.choices.values() if choice}
    for one in search.assessments:
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


def add_to_report(page: Page) -> Response:
    """Select the folders that hold what is found, and go where the report is built."""
    page.require("AssociateAssessmentReportEvidenceFolder")
    assessment = page.form.text("assessment")
    query = page.form.text("query")
    search = Search(page.context, page.caller, page.console.finder)
    folders = search.folders(query, assessment)
    if not folders:
        raise UsageError(_("The query finds nothing in this assessment."))
    if len(folders) > MOST_FOLDERS:
        raise UsageError(
            _("These are %(n)s folders, too many at once.") % {"n": len(folders)},
            todo=_("Narrow the query, for example to fewer days."),
        )
    for folder in folders:
        page.ask(
            "AssociateAssessmentReportEvidenceFolder",
            assessmentId=assessment,
            evidenceFolderId=folder,
        )
    return page.go(path_to("assessments", assessment, "selection"), "selected")


VIEWS = (
    view("/finder", show, "Evidence finder"),
    view("/finder/evidence.csv", csv, ""),
    act("/finder/report", add_to_report, show),
)
