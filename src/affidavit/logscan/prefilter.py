"""Which of many texts can hold anything at all: one automaton over all of them at once.

Personal data and profanity are one RE2 pattern, which reads the joined texts of some hundred
records; a second one, over the heads of answers, has what every rule of refusals needs. Python is
entered only where they hit: a text that is not hit holds no finding
(tests/logscan/test_prefilter.py compares). One pattern for all would be slower than two.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import re2

from affidavit.logscan.detectors import Detectors, ProfanityDetector, refusal, refusal_words
from affidavit.logscan.detectors.folding import fold, visible

_NEVER_CAPTURE: Final = re2.Options()
_NEVER_CAPTURE.encoding = re2.Options.Encoding.LATIN1
_NEVER_CAPTURE.log_errors = False
_NEVER_CAPTURE.max_mem = 64 << 20
_NEVER_CAPTURE.never_capture = True
_HEAD: Final = 700
"""Characters of an answer in which a refusal can begin."""
REACH: Final = 4000
"""Characters of an answer that are looked at for a refusal; it says so near its beginning."""
_PLACES: Final = re.compile(r"\\b|[\^$]")
_COUNTS: Final = re.compile(r"\{[0-9,]+\}")
_BEFORE: Final = re.compile(r"(?<=\|)\[a-z\]\[\^\.\]\{[0-9,]+\} ")
"""What a choice begins with where anything may stand: the automaton would have to remember it."""


class Prefilter:
    """Says of each of many texts what it may hold. Build one in each process and keep it."""

    def __init__(
        self,
        detectors: Detectors | None,
        profanity: ProfanityDetector | None,
        *,
        refusals: bool,
        blocked_messages: Sequence[str] = (),
    ) -> None:
        found = [
            *(detectors.patterns if detectors else ()),
            *(profanity.patterns if profanity else ()),
        ]
        self._found = _compiled(found) if found else None
        self._declining = _compiled(_declining_signs()) if refusals else None
        self._blocked = blocked_messages

    def disclosing(self, texts: Sequence[str]) -> list[int]:
        """Return the numbers of the texts that may hold personal data or profanity."""
        return _hit(self._found, texts) if self._found is not None else []

    def declining(self, answers: Sequence[str]) -> list[int]:
        """Return the numbers of the answers that are refusals."""
        if self._declining is None:
            return []
        if self._blocked:
            hit = list(range(len(answers)))
        else:
            hit = _hit(self._declining, [answer[:_HEAD] for answer in answers])
        return [n for n in hit if refusal(answers[n][:REACH], blocked_messages=self._blocked)]


def _declining_signs() -> list[str]:
    """Return what every refusal by words matches at some place: the rules, loosened.

    Each rule begins at a clause, which is a part of the text. So without what asks for the edges of
    words and clauses, without what may stand before, and with any count where a rule has limits
    (which also spares the automaton counting), a rule's pattern matches wherever the rule does.
    """
    words = refusal_words
    rules = (
        rf"(?:i|we)(?: (?:am|'m))? ?{words.CANNOT},? ?(?:[a-z]+ly )?{words.HELP}",
        words.OUTRIGHT,
        words.FIRM,
        words.MORAL_SIGNS,
    )
    in_need = words.CRISIS.removeprefix("(?i)").rpartition("(?:")[2]
    return [f"(?i){_loosened(rule)}" for rule in (*rules, f"(?:{in_need}")]


def _loosened(rule: str) -> str:
    """Return a pattern of all that holds a match of a rule within one line."""
    rule = _BEFORE.sub("", rule)
    return _COUNTS.sub("*", _PLACES.sub("", rule.replace("[^", "[!"))).replace("[!", r"[^\n")


def _hit(pattern: "re2._Regexp", texts: Sequence[str]) -> list[int]:
    """Return the numbers of the texts in which the pattern matches, and perhaps a neighbour's.

    The line feed between them is no part of a word, so the borders of words stay what they are. A
    match that reaches over several texts counts for all of them, for it may hide one in each.
    """
    joined = "\n".join(texts)
    if visible(joined) is not joined:
        texts = [visible(text) for text in texts]
        joined = "\n".join(texts)
    data = fold(joined)
    match = pattern.search(data)
    if match is None:
        return []
    lengths = [*accumulate(map(len, texts))]
    numbers = range(len(texts))
    found: list[int] = []

    def end(number: int) -> int:
        return lengths[number] + number + 1

    while match is not None:
        number = bisect_right(numbers, match.start(), key=end)
        last = bisect_right(numbers, match.end() - 1, lo=number, key=end)
        found += range(number, last + 1)
        match = pattern.search(data, end(last))
    return found


def _compiled(patterns: Sequence[str]) -> "re2._Regexp":
    """Return one automaton of all patterns."""
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re2.compile(joined.encode("ascii", "ignore"), options=_NEVER_CAPTURE)
