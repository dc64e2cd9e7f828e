"""The parser behind `parse`: lark, and how the tree is built from what it reads."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import VisitError

from affidavit.finder.tree import EVERYTHING, And, Expression, Not, Operator, Or, Term, Text, Word

__all__ = ["UnexpectedCharacters", "UnexpectedToken", "VisitError", "parser"]

_ESCAPED = re.compile(r"\\([\"'\\])")


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
def parser() -> Lark:
    """Return the parser of `grammar.lark`, which gives the tree."""
    grammar = (files("affidavit.finder") / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Build(), maybe_placeholders=True)


def _word(token: Token) -> Word:
    text = str(token)
    if token.type == "STRING":
        text = _ESCAPED.sub(r"\1", text[1:-1])
    return Word(text, token.start_pos if token.start_pos is not None else -1)
