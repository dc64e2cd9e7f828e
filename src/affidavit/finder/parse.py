"""Text to tree, by the grammar in `grammar.lark`; what is wrong is pointed at."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import VisitError

from affidavit.errors import QueryError
from affidavit.finder.tree import EVERYTHING, And, Expression, Not, Operator, Or, Term, Text, Word

MAX_LENGTH = 10_000
"""Characters of a query, as in Audit Manager's queryStatement."""
_SHOWN = 60
_ESCAPED = re.compile(r"\\([\"'\\])")
_WORDS = {
    "WORD": "a word",
    "STRING": "a text in quotation marks",
    "COMPARE": "one of = != < <= > >= ~ !~",
    "_CONTAINS": "contains",
    "_IN": "in",
    "_AND": "and",
    "_OR": "or",
    "_NOT": "not",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "$END": "the end",
}


def parse(text: str) -> Expression:
    """Return the tree of a query; the empty text asks for everything.

    Raises `QueryError` with the column of the first thing that cannot be read.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(
            f"The query has {len(text)} characters",
            why=f"At most {MAX_LENGTH} are allowed.",
            todo="Ask several queries, or use a pattern.",
        )
    if not text.strip():
        return EVERYTHING
    try:
        found: Any = _lark().parse(text)
    except UnexpectedCharacters as error:
        place: Any = error.pos_in_stream
        raise _strange(text, place) from error
    except UnexpectedToken as error:
        raise _unexpected(text, error) from error
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from error
        raise
    tree: Expression = found
    return tree


def pointed(text: str, at: int, what: str, todo: str) -> QueryError:
    """Return the error for what stands at `at` (from 0) of a query; it shows the place."""
    if at < 0:
        return QueryError(f"The query is wrong: {what}", todo=todo)
    first = max(0, at - _SHOWN // 2)
    line = text[first : first + _SHOWN].replace("\n", " ").replace("\t", " ").replace("\r", " ")
    lead = "..." if first else ""
    return QueryError(
        f"The query is wrong at column {at + 1}: {what}",
        why=f"\n  {lead}{line}\n  {' ' * (len(lead) + at - first)}^",
        todo=todo,
        column=at + 1,
    )


def _unexpected(text: str, error: Any) -> QueryError:
    expected = sorted({_WORDS.get(name, name) for name in error.accepts or error.expected})
    token = error.token
    if token.type == "$END":
        at, what = len(text.rstrip()), "the query ends too soon"
    else:
        at, what = token.start_pos, f"{str(token)!r} does not belong here"
    return pointed(text, at, what, f"Expected: {', '.join(expected)}.")


def _strange(text: str, at: int) -> QueryError:
    quote = text[at] in "\"'"
    what = "this text has no end" if quote else f"{text[at]!r} means nothing"
    return pointed(text, at, what, "Write texts with other characters in quotation marks.")


class _Build(Transformer[Token, Expression]):
    """Builds the tree from below, so that no nesting can exhaust the stack."""

    def start(self, parts: list[Expression | None]) -> Expression:
        """Return the whole query."""
        return parts[0] or EVERYTHING

    def any(self, parts: list[Expression]) -> Expression:
        """Join by `or`."""
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all(self, parts: list[Expression]) -> Expression:
        """Join by `and`."""
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def negated(self, parts: list[Expression]) -> Expression:
        """Negate."""
        return Not(parts[0])

    def compared(self, parts: list[Any]) -> Expression:
        """Compare a field with a value."""
        return Term(_word(parts[0]), Operator(str(parts[1])), (parts[2],))

    def holding(self, parts: list[Any]) -> Expression:
        """Look for a part."""
        return Term(_word(parts[0]), Operator.CONTAINS, (parts[1],))

    def among(self, parts: list[Any]) -> Expression:
        """Compare with a list."""
        return Term(_word(parts[0]), Operator.IN, tuple(parts[1:]))

    def not_among(self, parts: list[Any]) -> Expression:
        """Compare with a list, negated."""
        return Term(_word(parts[0]), Operator.NOT_IN, tuple(parts[1:]))

    def text(self, parts: list[Any]) -> Expression:
        """Take free text."""
        return Text(_word(parts[0]))

    def value(self, parts: list[Any]) -> Word:
        """Take a value."""
        return _word(parts[0])


@cache
def _lark() -> Lark:
    grammar = (files("affidavit.finder") / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Build(), maybe_placeholders=True)


def _word(token: Token) -> Word:
    text = str(token)
    if token.type == "STRING":
        text = _ESCAPED.sub(r"\1", text[1:-1])
    return Word(text, token.start_pos if token.start_pos is not None else -1)
