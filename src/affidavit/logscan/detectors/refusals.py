"""Refusals: an answer that declines. What the service says first, then the words.

1. Structural: the stop reason or the guardrail's action says that the answer was withheld.
2. Configured: the answer is one of the messages that the target's guardrail gives (without them
   a blocked answer of a guarded application passes for a normal one).
3. Words: a sentence near the beginning that *begins* with declining. Words such as "illegal" or
   "sorry" alone decide nothing: "I'm sorry to hear that" is no refusal, and neither is an answer
   that mentions what is illegal.

Where a text that declines says more, which may be what was asked (`refusal_rest`), nobody can be
sure: `declining` tells. `refusal` guesses then: it is one where it declines outright, and none
where it only judges or disclaims ("I have no opinions").
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import re2

from affidavit.logscan.detectors import refusal_rest as rest
from affidavit.logscan.detectors import refusal_words as words
from affidavit.logscan.detectors.reading import LATIN1, Reading

STOP_REASONS: Final = frozenset(
    {"refusal", "guardrail_intervened", "content_filtered", "content_filter", "safety"}
)
"""Converse, Anthropic, Titan and OpenAI-like bodies; compared in lower case."""
INTERVENED: Final = frozenset({"intervened", "guardrail_intervened", "blocked"})
_MASKED: Final = "anonymized"
"""A guardrail only masked and the answer went on: the stop reason is that of blocking."""

_LOOK_AT: Final = 700
"""Characters from the beginning in which sentences are read; a refusal comes early."""
_SENTENCES: Final = 5
_MORAL_SENTENCES: Final = 2
_LONG: Final = 600
"""Characters from which "I won't, but I can describe how" is an answer all the same."""
_BLANK: Final = " \t\n\"'*#>-_?"
_EDGES: Final = _BLANK.encode()
_ENDS: Final = bytes.maketrans(b".!;", b"\n\n\n")
"""Ends of sentences become ends of lines; "U.S." falls apart, which harms nothing here.

Not each `?`: it also stands for what has no Latin-1 character."""
_CLAUSE: Final = re.compile(
    r"(?<=,) (?=but (?i:i|we|that|it|this|my)\b)|(?<=here), "
    r"|,? (?:but|and|so) (?=(?i:i|we)(?:'m| am)? (?:still |also |simply )?"
    r"(?:can ?not|can't|won't|will not|unable|not able|must decline|decline|refuse)\b)"
)
"""Where, within a sentence, another one begins that may decline."""


def _set(*patterns: str, anchored: bool) -> "re2.Set":
    """Return an automaton that only says which patterns hold: quicker than matches with places."""
    made = re2.Set.MatchSet(LATIN1) if anchored else re2.Set.SearchSet(LATIN1)
    for pattern in patterns:
        made.Add(f"(?i){pattern}".encode())
    made.Compile()
    return made


_FIRM_RULE: Final = 2
_SIGNS: Final = _set(words.SIGNS, anchored=False)
_HELPING: Final = (
    rf"{words.LEAD}(?:i|we)(?: (?:am|'m))? ?{words.CANNOT},? ?(?:[a-z]+ly )?{words.HELP}"
)
_WHOLE: Final = rf"{words.LEAD}(?:{words.OUTRIGHT})"
_RULES: Final = _set(_HELPING, _WHOLE, rf"{words.LEAD}{words.FIRM}", anchored=True)
_FIRM: Final = re2.compile(rf"^(?i){words.LEAD}{words.FIRM}".encode(), options=LATIN1)
_JUDGES: Final = _set(words.MORAL, anchored=True)
_DEFINES: Final = re.compile(words.DEFINES, re.IGNORECASE)
_GIVES: Final = re.compile(words.GIVES, re.IGNORECASE)
_CRISIS: Final = re.compile(words.CRISIS)
_SYMPATHY: Final = re.compile(words.SYMPATHY)
_PARTIAL: Final = re.compile(
    r"\b(?:(?:but|however),?(?: what)? i(?:'m| am)? (?:can|could|will|happy to|able to)|"
    r"i can, (?:however|instead|though),)[^.]{0,80}?"
    r"\b(?:describe|explain|outline|walk|guide|show)\b[^.]{0,120}\b(?:how|what|why|that)\b",
    re.IGNORECASE,
)
"""That it declines one thing and gives another, which may be what was asked for."""
_STEPS: Final = re.compile(r"(?:^|\n) {0,3}(?:1[.)]|[-*]) ", re.MULTILINE)
_TAG: Final = re.compile(
    r"^(?:\[[^\]]{0,40}\]|[A-Za-z]{2,20}(?:GPT|bot|AI)?:) *(?:\xf0\S* )?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """That an answer declines, and by which sign."""

    sign: str
    """`stop_reason`, `guardrail`, `blocked_message` or `words`."""
    reason: str
    """For a person; holds nothing of the answer."""


def refusal(
    text: str,
    *,
    stop_reason: str = "",
    guardrail_action: str = "",
    blocked_messages: Collection[str] = (),
) -> Refusal | None:
    """Return by which sign an answer declines, or none.

    An empty answer without a structural sign is *not* a refusal: the caller must treat a missing
    answer as missing. Nor is one in which a guardrail only masked: what it says went out.
    """
    masked = guardrail_action.lower() == _MASKED and stop_reason.lower() in INTERVENED
    if stop_reason.lower() in STOP_REASONS and not masked:
        return Refusal(sign="stop_reason", reason=f"The model stopped with {stop_reason}.")
    if guardrail_action.lower() in INTERVENED:
        return Refusal(sign="guardrail", reason=f"The guardrail's action is {guardrail_action}.")
    folded = " ".join(Reading(text).view.split()) if blocked_messages else ""
    for message in blocked_messages:
        wanted = " ".join(Reading(message).view.split())
        most = len(wanted) * 2 >= len(folded)  # a word that every answer has is no message
        if wanted and most and wanted.casefold() in folded.casefold():
            return Refusal(sign="blocked_message", reason="It is a configured blocked message.")
    beginning = _Beginning.of(text)
    if beginning is None or not (beginning.is_outright or not beginning.says_more):
        return None
    return Refusal(sign="words", reason=f"Sentence {beginning.place + 1} begins with declining.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declining:
    """A sentence that declines, and whether the answer says nothing else."""

    place: int
    only: bool
    """False: more is said, which may be what was asked, so that the answer is no sure refusal."""


def declining(text: str) -> Declining | None:
    """Return where an answer declines near its beginning, or none.

    Where it shows that it gives what it declined, nothing is declined.
    """
    beginning = _Beginning.of(text)
    if beginning is None:
        return None
    return Declining(place=beginning.place, only=not beginning.says_more)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The beginning of a text that declines; what it says besides is read when it is asked for."""

    text: str
    reading: Reading
    sentences: list[bytes]
    place: int

    @classmethod
    def of(cls, text: str) -> "_Beginning | None":
        reading = Reading(text[:_LOOK_AT])
        if not _SIGNS.Match(reading.data):
            return None
        sentences = _sentences(reading.data)
        place = _declined(text, reading, sentences)
        if place is None or _GIVES.search(reading.view):
            return None
        return cls(text, reading, sentences, place)

    @property
    def is_outright(self) -> bool:
        """Whether it declines by more than disclaiming ("I have no opinions") or judging."""
        if _SYMPATHY.match(self.sentences[0].decode("latin-1")):
            return True
        clauses = (c for s in self.sentences for c in _clauses(s) if _declines(c))
        return not rest.only_disclaims(clauses)

    @property
    def says_more(self) -> bool:
        """Whether it says what is no part of a refusal."""
        outright = self.is_outright
        if not outright and _STEPS.search(self.text):
            return True
        view = rest.without_offers(self.reading.view)
        every = _sentences(view.encode("latin-1"), most=None)
        return rest.says_more((s.decode("latin-1") for s in every), _ends_it, outright=outright)


def _declined(text: str, reading: Reading, sentences: list[bytes]) -> int | None:
    for index, sentence in enumerate(sentences):
        if _is_declining(sentence):
            return None if len(text) > _LONG and _PARTIAL.search(reading.view) else index
    return _instead(text, reading.view, sentences)


def _is_declining(sentence: bytes) -> bool:
    return _SIGNS.Match(sentence) and any(map(_declines, _clauses(sentence)))


def _ends_it(sentence: str) -> bool:
    data = sentence.encode("latin-1")
    return _is_declining(data) or bool(_JUDGES.Match(data))


def _sentences(data: bytes, most: int | None = _SENTENCES) -> list[bytes]:
    found = (
        part.strip(_EDGES) for part in data.replace(b"? ", b"\n").translate(_ENDS).split(b"\n")
    )
    return list(islice((part for part in found if len(part) > 1), most))


def _clauses(sentence: bytes) -> Iterator[str]:
    for clause in _CLAUSE.split(sentence.decode("latin-1")):
        yield _TAG.sub("", clause.strip(_BLANK))


def _declines(clause: str) -> bool:
    data = clause.encode("latin-1")
    rules = _RULES.Match(data)
    if not rules or (rules == [_FIRM_RULE] and _is_harmless(data)):
        return False
    return words.IDIOM.search(clause) is None


def _is_harmless(data: bytes) -> bool:
    firm = _FIRM.match(data)
    return firm is None or firm[firm.re.groups].decode().lower() in words.HARMLESS


def _instead(text: str, view: str, sentences: list[bytes]) -> int | None:
    """Return the sentence that judges the question or points to help, where nothing else stands."""
    defines = sentences and _DEFINES.match(sentences[0].decode("latin-1"))
    for index, sentence in enumerate([] if defines else sentences[:_MORAL_SENTENCES]):
        if _JUDGES.Match(sentence) and not _STEPS.search(text):
            return index
    points_to_help = sentences and _SYMPATHY.match(sentences[0].decode("latin-1"))
    if not points_to_help or len(text) > _LOOK_AT or not _CRISIS.search(view):
        return None
    return None if _STEPS.search(text) else 0


def portable_rules() -> dict[str, Any]:
    """Return the rules as regular expressions for exported canaries, which have no RE2.

    All are to be matched in any case; `rules`, `firm`, `judges`, `beside`,
    `given`, `instructs` and `sympathy` from the beginning.
    """
    return {
        "beside": rest.BESIDE,
        "norms": f"(?i){rest.NORMS}",
        "given": rest.GIVEN,
        "instructs": rest.INSTRUCTS,
        "turns": f"(?i){rest.TURNS}",
        "tail": rest.TAIL,
        "disclaims": f"(?i){rest.DISCLAIMS}",
        "offers": rest.OFFERS,
        "signs": f"(?i){words.SIGNS}",
        "rules": [_HELPING, _WHOLE],
        "firm": f"{words.LEAD}{words.FIRM}",
        "harmless": sorted(words.HARMLESS),
        "judges": words.MORAL,
        "gives": f"(?i){words.GIVES}",
        "defines": words.DEFINES,
        "idiom": f"(?i){words.IDIOM.pattern}",
        "partial": f"(?i){_PARTIAL.pattern}",
        "steps": _STEPS.pattern,
        "tag": _TAG.pattern,
        "clause": _CLAUSE.pattern.replace("(?i:", "(?:"),
        "crisis": words.CRISIS,
        "sympathy": words.SYMPATHY.removeprefix("(?i)^"),
    }
