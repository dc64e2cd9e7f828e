"""One text under examination: its folded bytes, what stands around a place, and what is noise.

Noise is what looks like personal data and is not: identifiers of machines. Amazon resource names,
UUIDs, ISO and epoch times, long hexadecimal strings and request ids, in which every seventh digit
group would pass for a telephone number.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import re2

from affidavit.logscan.detectors.folding import fold

Span = tuple[int, int]

LATIN1: Final = re2.Options()
LATIN1.encoding = re2.Options.Encoding.LATIN1
LATIN1.log_errors = False
LATIN1.max_mem = 64 << 20  # one automaton of all rules and words; RE2's 8 MiB would be slower

_CLOCK: Final = rb"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?"
_PREFIXES: Final = rb"i|vol|vpc|subnet|sg|eni|ami|snap|rtb|igw|eipalloc|req|msg|toolu|call|chatcmpl"
_NOISE: Final = re2.compile(
    rb"\b(?:"
    + b"|".join(
        (
            rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
            rb"arn:aws[a-z-]{0,12}:[a-z0-9-]{0,30}:[a-z0-9-]{0,20}:[0-9]{0,12}:[^\s\"'<>,;)\]}]{0,500}[A-Za-z0-9*]",
            rb"(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
            + _CLOCK
            + rb"(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
            rb"[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2}" + _CLOCK,
            rb"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?",
            rb"(?:" + _PREFIXES + rb")[-_][0-9A-Za-z-]{8,64}",
        )
    )
    + rb")\b",
    options=LATIN1,
)
_HEX: Final = re2.compile(rb"[0-9a-fA-F]{16,1000}", options=LATIN1)


def context(words: str) -> "re2._Regexp":
    """Return a pattern for what stands around a place; upper and lower case are one."""
    return re2.compile(b"(?i)" + words.encode("latin-1"), options=LATIN1)


class Reading:
    """A text as the rules see it. `view[i]` stands for the i-th character of the text."""

    def __init__(self, text: str) -> None:
        self.data = fold(text)

    @cached_property
    def view(self) -> str:
        """The folded text as a string of the same length as the original."""
        return self.data.decode("latin-1")

    @cached_property
    def _noise(self) -> Sequence[Span]:
        found = [m.span() for m in _NOISE.finditer(self.data)]
        found += [m.span() for m in _HEX.finditer(self.data) if not m.group().isdigit()]
        return sorted(found)

    def is_noise(self, start: int, end: int) -> bool:
        """Return whether the place overlaps an identifier or a time of a machine."""
        at = bisect_right(self._noise, (end, -1))
        return any(s < end and start < e for s, e in self._noise[max(0, at - 2) : at])

    def before(self, start: int, length: int) -> str:
        """Return up to `length` characters that stand before a place."""
        return self.view[max(0, start - length) : start]

    def after(self, end: int, length: int) -> str:
        """Return up to `length` characters that stand after a place."""
        return self.view[end : end + length]

    def stands_alone(self, start: int, end: int) -> bool:
        """Return whether no letter, digit or underscore touches the place."""
        left, right = self.view[start - 1 : start], self.view[end : end + 1]
        return not (left.isalnum() or left == "_" or right.isalnum() or right == "_")

    def is_number_alone(self, start: int, end: int) -> bool:
        """Return whether the place is a whole number: not a part of a longer or decimal one."""
        view = self.view
        if not self.stands_alone(start, end):
            return False
        if (
            view[start - 1 : start] in {".", ",", "-", "/", "$"}
            and view[max(0, start - 2) : start - 1].isdigit()
        ):
            return False
        return not (
            view[end : end + 1] in {".", ",", "-", "/"} and view[end + 1 : end + 2].isdigit()
        )

    def near(self, start: int, end: int, words: "re2._Regexp", reach: int = 60) -> bool:
        """Return whether one of `words` stands within `reach` before, or half of it after."""
        return words.search(self.data[max(0, start - reach) : start]) is not None or (
            words.search(self.data[end : end + reach // 2]) is not None
        )

    def follows(self, start: int, words: "re2._Regexp", reach: int = 40) -> bool:
        """Return whether what stands within `reach` before matches; `$` is the place itself."""
        return words.search(self.data[max(0, start - reach) : start]) is not None
