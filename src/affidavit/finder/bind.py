"""Binding a query: every name is a field, every value one that the field can have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from affidavit.errors import QueryError
from affidavit.finder import bound as b
from affidavit.finder.fields import ALIASES, FIELDS, OPERATORS, Field, Kind, nearest
from affidavit.finder.parse import pointed
from affidavit.finder.patterns import matches, pieces_of
from affidavit.finder.tree import And, Expression, Not, Operator, Or, Term, Text, Word

_NEGATED: Final = frozenset({Operator.NOT_EQUAL, Operator.NOT_IN, Operator.NOT_LIKE})
_FLAGS: Final = {"yes": True, "true": True, "no": False, "false": False}
_SHOWN = 12
_DAY = timedelta(days=1)
_DAY_LENGTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What names stand for in this installation."""

    assessments: Mapping[str, str] = field(default_factory=dict)
    """Id -> name."""
    domains: Mapping[str, str] = field(default_factory=dict)
    """Control's short id -> name of its control domain."""
    categories: Mapping[str, str] = field(default_factory=dict)
    """Service -> category."""

    def of(self, name: str) -> Mapping[str, str]:
        """Return value -> name for a field of the kind NAMED."""
        return {
            "assessment": self.assessments,
            "control.domain": self.domains,
            "service.category": self.categories,
        }[name]


def bind(expression: Expression, names: Names, text: str = "") -> b.Bound:
    """Return the expression over columns; `text` is the query that it was parsed from, if any.

    Raises `QueryError` with the column, and the nearest name where one is misspelt.
    """
    return _Binder(names, text).bind(expression)


def field_of(word: Word, text: str = "") -> Field:
    """Return the field of this name; `QueryError` suggests the nearest."""
    name = word.text.lower()
    name = ALIASES.get(name, name)
    found = FIELDS.get(name)
    if found is None:
        guess = nearest(word.text, [*FIELDS, *ALIASES])
        todo = f"Did you mean {guess}?" if guess else f"The fields are: {', '.join(FIELDS)}."
        raise pointed(text, word.at, f"there is no field {word.text!r}", todo)
    return found


class _Binder:
    """Binds one query."""

    def __init__(self, names: Names, text: str) -> None:
        self._names, self._text = names, text

    def bind(self, expression: Expression) -> b.Bound:
        """Return the bound expression."""
        match expression:
            case And(parts):
                return b.AllOf(tuple(self.bind(part) for part in parts))
            case Or(parts):
                return b.AnyOf(tuple(self.bind(part) for part in parts))
            case Not(part):
                return b.Inverse(self.bind(part))
            case Text(word):
                return b.Holds("text", self._part(word))
            case Term():
                return self._term(expression)

    def _term(self, term: Term) -> b.Bound:
        known = field_of(term.field, self._text)
        if term.operator not in OPERATORS[known.kind]:
            allowed = ", ".join(o for o in Operator if o in OPERATORS[known.kind])
            what = f"{known.name} cannot be compared with {term.operator}"
            raise self._wrong(term.field, what, f"It takes: {allowed}.")
        by_kind: Mapping[Kind, Callable[[Field, Term], b.Bound]] = {
            Kind.TEXT: self._of_text,
            Kind.CHOICE: self._of_choices,
            Kind.TIME: self._of_time,
            Kind.DAY: self._of_time,
            Kind.FLAG: self._of_flag,
            Kind.NAMED: self._of_names,
            Kind.FREE: self._of_text,
        }
        return by_kind[known.kind](known, term)

    def _of_text(self, known: Field, term: Term) -> b.Bound:
        if term.operator is Operator.CONTAINS:
            return b.Holds(known.column, self._part(term.values[0]))
        if term.operator in (Operator.LIKE, Operator.NOT_LIKE):
            return _like(known.column, term)
        values = tuple(sorted({word.text for word in term.values}))
        return b.OneOf(known.column, values, term.operator in _NEGATED)

    def _of_choices(self, known: Field, term: Term) -> b.Bound:
        values = {self._choice(known, word) for word in term.values}
        return b.OneOf(known.column, tuple(sorted(values)), term.operator in _NEGATED)

    def _choice(self, known: Field, word: Word) -> str:
        value = known.choices.get(word.text.lower())
        if value is None and word.text == "" and "" in known.choices.values():
            value = ""
        if value is None:
            raise self._unknown(word, known.name, list(known.choices))
        return value

    def _of_flag(self, known: Field, term: Term) -> b.Bound:
        word = term.values[0]
        value = _FLAGS.get(word.text.lower())
        if value is None:
            raise self._unknown(word, known.name, list(_FLAGS))
        return b.Is(known.column, value != (term.operator in _NEGATED))

    def _of_time(self, known: Field, term: Term) -> b.Bound:
        spans = [self._span(known, word) for word in term.values]
        first, end = spans[0]
        match term.operator:
            case Operator.LESS:
                return b.Within(None, first)
            case Operator.LESS_EQUAL:
                return b.Within(None, end)
            case Operator.GREATER:
                return b.Within(end, None)
            case Operator.GREATER_EQUAL:
                return b.Within(first, None)
        inside = [b.Within(*span) for span in spans]
        within: b.Bound = inside[0] if len(inside) == 1 else b.AnyOf(tuple(inside))
        return b.Inverse(within) if term.operator in _NEGATED else within

    def _span(self, known: Field, word: Word) -> tuple[datetime, datetime]:
        """Return a value's span [first, end): a whole day, or a single microsecond."""
        try:
            if len(word.text) == _DAY_LENGTH:
                day = date.fromisoformat(word.text)
                first = datetime(day.year, day.month, day.day, tzinfo=UTC)
                return first, first + _DAY
            time = datetime.fromisoformat(word.text.upper())
            if known.kind is Kind.TIME and time.tzinfo is not None:
                time = time.astimezone(UTC)
                return time, time + timedelta(microseconds=1)
        except (ValueError, OverflowError):
            pass
        what = f"{word.text!r} is no {'day' if known.kind is Kind.DAY else 'time'}"
        example = "" if known.kind is Kind.DAY else ", or with a zone, as 2026-10-01T12:00:00Z"
        raise self._wrong(word, what, f"Write a UTC day as 2026-10-01{example}.")

    def _of_names(self, known: Field, term: Term) -> b.Bound:
        """Bind a name to the values that it stands for: names are known, so nothing is guessed."""
        named = self._names.of(known.name)
        values: set[str] = set()
        if term.operator in (Operator.LIKE, Operator.NOT_LIKE):
            pieces = pieces_of(term.values[0].text)
            values = {value for value, name in named.items() if matches(pieces, name)}
        elif term.operator is Operator.CONTAINS:
            part = self._part(term.values[0])
            values = {value for value, name in named.items() if part in name.lower()}
        else:
            for word in term.values:
                values |= self._named(known, word, named)
        return b.OneOf(known.column, tuple(sorted(values)), term.operator in _NEGATED)

    def _named(self, known: Field, word: Word, named: Mapping[str, str]) -> set[str]:
        if known.name == "assessment" and word.text in named:
            return {word.text}
        found = {value for value, name in named.items() if name.lower() == word.text.lower()}
        if not found:
            raise self._unknown(word, known.name, sorted(set(named.values())))
        return found

    def _part(self, word: Word) -> str:
        if not word.text:
            raise self._wrong(
                word, "an empty text is part of everything", "Write what to look for."
            )
        return word.text.lower()

    def _unknown(self, word: Word, name: str, known: list[str]) -> QueryError:
        guess = nearest(word.text, known)
        some = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
        todo = f"Did you mean {guess}? " if guess else ""
        return self._wrong(word, f"there is no {name} {word.text!r}", f"{todo}It can be: {some}.")

    def _wrong(self, word: Word, what: str, todo: str) -> QueryError:
        return pointed(self._text, word.at, what, todo)


def _like(column: str, term: Term) -> b.Bound:
    pattern: b.Bound
    pieces = pieces_of(term.values[0].text)
    if len(pieces) == 1 and pieces[0]:
        pattern = b.OneOf(column, (pieces[0],))
    else:
        pattern = b.Pattern(column, pieces)
    return b.Inverse(pattern) if term.operator in _NEGATED else pattern
