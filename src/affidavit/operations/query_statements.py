"""`CreateAssessmentReport.queryStatement`: Audit Manager's SQL form, asked of the evidence finder.

Audit Manager's rules hold (behaviour notes, 2.8): SELECT eventJson, FROM the event data store of
the settings, exactly one assessmentId and that of the request, no GROUP BY, HAVING, functions.
Its cap of 22,000 items does not. What cannot be translated is refused by name, never left out.
"""

import heapq
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlglot import ErrorLevel, exp, parse
from sqlglot.errors import SqlglotError

from affidavit.checks.security_hub import SAYS
from affidavit.errors import QueryError, ReportError
from affidavit.finder.bind import bind
from affidavit.finder.query import Question, Scope
from affidavit.finder.tree import And, Expression, Not, Operator, Or, Term, Word, both
from affidavit.model.evidence import Evidence
from affidavit.model.numbers import whole
from affidavit.model.times import iso
from affidavit.operations import report_choices
from affidavit.operations.account_settings import get_settings
from affidavit.operations.assessed import Assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import ValidationFault
from affidavit.operations.find import names_of
from affidavit.operations.renamed import renamed
from affidavit.operations.standard import source_types
from affidavit.report.choice import Choice
from affidavit.store import Store
from affidavit.store.places import from_micros, micros

COLUMNS: Final[Mapping[str, str]] = {
    "evidenceid": "id",
    "resourcearn": "resource.arn",
    "resourcetype": "resource.type",
    "resourcecompliancecheck": "compliance",
    "assessmentid": "assessment",
    "controlid": "control",
    "controlname": "control",
    "controldomainname": "control.domain",
    "eventname": "event.name",
    "service": "service",
    "servicecategory": "service.category",
    "datasource": "source",
    "accountid": "account",
    "region": "region",
    "eventtime": "time",
}
"""Columns of the event data store, in lower case, and the finder's fields."""
_COMPARED: Final[Mapping[type[exp.Expr], Operator]] = {
    exp.EQ: Operator.EQUAL,
    exp.NEQ: Operator.NOT_EQUAL,
    exp.LT: Operator.LESS,
    exp.LTE: Operator.LESS_EQUAL,
    exp.GT: Operator.GREATER,
    exp.GTE: Operator.GREATER_EQUAL,
    exp.Like: Operator.LIKE,
}
_SAME: Final = (Operator.EQUAL, Operator.NOT_EQUAL)
_COMPLIANCE: Final = "compliance"
_STATUSES: Final = frozenset({"PASSED", "FAILED", "WARNING", "NOT_AVAILABLE", "SUPPRESSED"})
"""What Audit Manager passes through of Security Hub's findings."""
_CLAUSES: Final = frozenset({"kind", "expressions", "from_", "from", "where", "order", "limit"})
_FROM: Final = re.compile(r"""\bfrom\s+["']?([A-Za-z0-9:/_-]+)["']?""", re.IGNORECASE)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)Z?")
_STORE: Final = "store"
_ID_BITS: Final = 128
_MAX_LIMIT: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What a query found."""

    choice: Choice
    days: tuple[date, date]
    """First and last day with matches."""
    frozen: Mapping[str, Any]
    """What is needed to find the same again: size of the log, and where LIMIT cut."""


@dataclass(frozen=True, slots=True)
class _Asked:
    where: Expression
    limit: int | None
    newest: bool


def matched(context: Context, caller: Caller, found: Assessed, statement: str) -> Matched:
    """Return what a statement finds in an assessment's evidence.

    Raises `ValidationFault` that names what is wrong, also where nothing is found, or some evidence
    cannot be read: a report must not leave it out unsaid.
    """
    names = names_of(renamed(context.store, caller.tenant))
    scope = Scope(tenant=caller.tenant, assessments=(found.id,))
    try:
        asked = _translated(context, caller, found, statement)
        question = Question(scope=scope, where=bind(asked.where, names))
    except QueryError as error:
        raise _refused(f"{error.what}. {error.todo}".strip()) from error
    except RecursionError as error:
        raise _refused("It nests too deeply.") from error
    store, size = context.store, context.store.log(caller.tenant).size
    question = replace(question, size=size)
    try:
        edge = _edge(store, question, asked)
        choice, runs = report_choices.by_query(
            store,
            question,
            report_choices.within(edge),
            query=statement,
            understood=str(asked.where),
        )
    except ReportError as error:
        raise ValidationFault(error.in_a_line) from error
    if not choice.records:
        raise ValidationFault("The query of queryStatement finds no evidence.")
    known = report_choices.run_days(store, found.stored, context.now().date())
    days = report_choices.span((known.of[run] for run in runs), known.whole)
    return Matched(choice=choice, days=days, frozen={"size": size, "edge": edge})


def _edge(store: Store, question: Question, asked: _Asked) -> list[Any] | None:
    """Return where LIMIT cuts: the last record within it, by time and id; None: nowhere.

    Only the places of the records are kept: 1,000,000 of them take some 60 MB.
    """
    if asked.limit is None:
        return None
    unlimited, _ = report_choices.by_query(store, question)
    if unlimited.records <= asked.limit:
        return None
    choose: Callable[..., list[int]] = heapq.nlargest if asked.newest else heapq.nsmallest
    last = choose(asked.limit, (_place(one) for _, one in unlimited.rows()))[-1]
    time = from_micros(last >> _ID_BITS)
    return [iso(time), str(UUID(int=last & (1 << _ID_BITS) - 1)), asked.newest]


def _place(one: Evidence) -> int:
    """Return a record's time and id as one number, whose order is theirs."""
    return micros(one.time) << _ID_BITS | UUID(one.id).int


def _translated(context: Context, caller: Caller, found: Assessed, statement: str) -> _Asked:
    select = _select(_store(context, caller), statement)
    where = select.args.get("where")
    if where is None:
        raise _refused("WHERE must name the assessmentId.")
    if [_column(c) for c in where.find_all(exp.Column)].count("assessment") != 1:
        raise _refused("WHERE must name exactly one assessmentId.")
    tree = _expression(where.this, partial(_value, found))
    parts = tree.parts if isinstance(tree, And) else (tree,)
    own = Term(Word("assessment"), Operator.EQUAL, (Word(found.id),))
    if own not in parts:
        raise _refused("assessmentId must be that of the request, and hold for all evidence.")
    return _Asked(tree, _limit(select), _newest_first(select))


def _store(context: Context, caller: Caller) -> str:
    """Return the ARN of the tenant's event data store, as GetSettings answers it."""
    asked = {"attribute": "EVIDENCE_FINDER_ENABLEMENT"}
    settings = get_settings(context, caller, asked)["settings"]
    arn = settings.get("evidenceFinderEnablement", {}).get("eventDataStoreArn", "")
    if not arn:
        raise _refused("Evidence finder is not enabled: UpdateSettings with evidenceFinderEnabled.")
    return str(arn)


def _select(store: str, statement: str) -> exp.Select:
    """Return the statement taken apart: one SELECT eventJson of the tenant's store."""
    place = _FROM.search(statement)
    if place is None or place[1] not in (store, store.rpartition("/")[2]):
        raise _refused(f"FROM must be the event data store of the settings: {store}")
    text = statement[: place.start()] + f" FROM {_STORE}" + statement[place.end() :]
    try:
        parsed = parse(text, dialect="trino", error_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise _refused(f"It is not SQL that can be read: {str(error)[:300]}") from error
    select = parsed[0] if len(parsed) == 1 else None
    if not isinstance(select, exp.Select):
        raise _refused("It must be one SELECT statement.")
    more = [name for name, value in select.args.items() if value and name not in _CLAUSES]
    if more:
        raise _refused(f"It has a clause that is not supported: {more[0].strip('_').upper()}")
    chosen = [one.name.lower() for one in select.expressions if type(one) is exp.Column]
    if chosen != ["eventjson"] or len(select.expressions) != 1:
        raise _refused("SELECT must be of eventJson alone.")
    tables = [table.name for table in select.find_all(exp.Table)]
    if tables != [_STORE] or len(list(select.find_all(exp.Select))) > 1:
        raise _refused("FROM must be the event data store alone.")
    return select


def _expression(node: exp.Expr, value: Callable[[str, str], str]) -> Expression:
    """Return the finder's expression for a condition; anything unknown is refused."""
    if isinstance(node, exp.Paren):
        return _expression(node.this, value)
    if isinstance(node, exp.And | exp.Or):
        parts = [_expression(one, value) for one in node.flatten()]
        return both(*parts) if isinstance(node, exp.And) else Or(tuple(parts))
    if isinstance(node, exp.Not):
        return Not(_expression(node.this, value))
    return _term(node, value)


def _term(node: exp.Expr, value: Callable[[str, str], str]) -> Expression:
    if isinstance(node, exp.Between):
        field = Word(_column(node.this))
        low, high = (value(field.text, _literal(node.args[name])) for name in ("low", "high"))
        return both(
            Term(field, Operator.GREATER_EQUAL, (Word(low),)),
            Term(field, Operator.LESS_EQUAL, (Word(high),)),
        )
    if isinstance(node, exp.In) and node.expressions and not node.args.get("query"):
        field = Word(_column(node.this))
        return _one_of(field, [value(field.text, _literal(one)) for one in node.expressions])
    operator = _COMPARED.get(type(node))
    if operator is None:
        raise _refused(f"It has a condition that is not supported: {node.sql()[:100]}")
    field, text = Word(_column(node.this)), _literal(node.expression)
    if operator is Operator.LIKE:
        text = re.sub(r"([*?\\])", r"\\\1", text).replace("%", "*").replace("_", "?")
        return Term(field, operator, (Word(text),))
    text = value(field.text, text)
    if field.text == _COMPLIANCE and text.upper() in _STATUSES and operator in _SAME:
        same = _one_of(field, [text])
        return same if operator is Operator.EQUAL else Not(same)
    return Term(field, operator, (Word(text),))


def _one_of(field: Word, values: list[str]) -> Expression:
    """Return the condition that a field has one of these values.

    Statuses of Security Hub stand beside verdicts, as in Audit Manager: PASSED and COMPLIANT are
    two values. Here the status is what the record's reason says.
    """
    said = [one for one in values if field.text == _COMPLIANCE and one.upper() in _STATUSES]
    parts: list[Expression] = [
        Term(Word("reason"), Operator.LIKE, (Word(f"{SAYS} {one.upper()}*"),)) for one in said
    ]
    rest = [one for one in values if one not in said]
    if rest:
        parts.append(Term(field, Operator.IN, tuple(map(Word, rest))))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _column(node: exp.Expr) -> str:
    if isinstance(node, exp.Column | exp.Dot):
        field = COLUMNS.get(node.sql().lower().rpartition(".")[2].strip('"'))
        prefix = node.sql().lower().rpartition(".")[0].strip('"')
        if field is not None and prefix in ("", "eventdata"):
            return field
    raise _refused(f"It has a column that is not supported: {node.sql()[:100]}")


def _literal(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal):
        return str(node.this)
    raise _refused(f"It compares with something other than a value: {node.sql()[:100]}")


def _value(found: Assessed, field: str, text: str) -> str:
    """Return a value as the finder has it: control by short id, times with a zone."""
    if field == "control":
        keys = {name: one.key for one in found.controls for name in (one.id, one.name, one.key)}
        return keys.get(text, text)
    if field == "source":
        return source_types().get(text.lower(), text)
    time = _TIME.fullmatch(text) if field == "time" else None
    return f"{time[1]}T{time[2]}Z" if time else text


def _limit(select: exp.Select) -> int | None:
    limit = select.args.get("limit")
    if limit is None:
        return None
    number = whole(_literal(limit.expression), _MAX_LIMIT, least=1)
    if number is None:
        raise _refused(f"LIMIT must be a number from 1 to {_MAX_LIMIT}.")
    return number


def _newest_first(select: exp.Select) -> bool:
    """Tell whether LIMIT keeps the newest, as it does without ORDER BY."""
    order = select.args.get("order")
    if order is None:
        return True
    terms = order.expressions
    if len(terms) != 1 or _column(terms[0].this) != "time":
        raise _refused("ORDER BY must be of eventTime alone.")
    return bool(terms[0].args.get("desc"))


def _refused(what: str) -> ValidationFault:
    return ValidationFault.of_members([("queryStatement", what)])
