r"""The model's patterns are Java regular expressions; here they become Python's.

Audit Manager's patterns match the whole string: `.*\S.*` and `(?s).*` in the model have a use only
so. Java's classes are ASCII, and its dot leaves out more line ends than Python's.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

JAVA_PATTERNS: Final[Mapping[str, str]] = {
    # CreatedBy, LastUpdatedBy: Java takes the hyphen after \s literally, Python sees a bad range.
    r"^[a-zA-Z0-9\s-_()\[\]]+$": r"^[a-zA-Z0-9\s\-_()\[\]]+$",
}
"""Every pattern of the model that does not compile in Python, and what stands for it."""

_DOT: Final = "[^\\n\\r\\x85\\u2028\\u2029]"
"""Java's dot: any character but its five line ends (java.util.regex.Pattern)."""
_DOT_ALL: Final = "(?s)"
_PART: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\.|[^\\.\[]+", re.DOTALL)


@cache
def compile_pattern(java: str) -> re.Pattern[str]:
    """Return the compiled Python form of a pattern of the model; use it with `fullmatch`."""
    text = JAVA_PATTERNS.get(java, java)
    if not text.startswith(_DOT_ALL):
        text = "".join(_DOT if part == "." else part for part in _PART.findall(text))
    return re.compile(text, re.ASCII)
