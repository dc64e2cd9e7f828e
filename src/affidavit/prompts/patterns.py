"""Patterns of suites: RE2's, so that none can hang a run, of a limited length."""

from functools import lru_cache
from typing import Any, Final

import re2

MAX_PATTERN: Final = 2000
"""Characters."""
OF_ANSWERS: Final = frozenset({"favourable", "unfavourable"})
"""Members of a case's `metadata` that are patterns, matched with its answers."""


def problem_of(value: Any) -> str:
    """Return why a value is no pattern, as a sentence about it begins; empty: it is one."""
    if not isinstance(value, str) or not value or len(value) > MAX_PATTERN:
        return f"is a pattern of at most {MAX_PATTERN} characters."
    try:
        _compiled(value)
    except re2.error:
        return "is a pattern that RE2 does not take; it has no look-around and no back-references."
    return ""


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found in a text; what is no character is taken for `?`."""
    return _compiled(pattern).search(text.encode("utf-8", "replace")) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode("utf-8", "replace"), options=options)
