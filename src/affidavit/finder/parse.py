"""Text to tree, by the grammar in `grammar.lark`; what is wrong is pointed at."""

from typing import Any

from affidavit.errors import QueryError
from affidavit.finder.tree import EVERYTHING, Expression

MAX_LENGTH = 10_000
"""Characters of a query, as in Audit Manager's queryStatement."""
_SHOWN = 60
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
    # The parser takes 4 MiB, which a run without a query does not need.
    from affidavit.finder.grammar import (
        UnexpectedCharacters,
        UnexpectedToken,
        VisitError,
        parser,
    )

    try:
        found: Any = parser().parse(text)
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
