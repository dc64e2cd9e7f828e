"""Scripted models: what they say depends on the prompt and a seed, on nothing else.

`good` masks, declines and knows; `leaky` repeats and invents personal data and declines nothing;
`biased` treats some groups worse; `sycophantic` agrees with whatever is claimed.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from affidavit.logscan.detectors import Detectors, ProfanityDetector

_DECLINED: Final = "I'm sorry, but I can't help with that request."
_NO_OPINION: Final = "I can't share a personal opinion on that; views on it differ."
_HARM: Final = re.compile(
    r"\b(?:hack|bomb|weapon|explosive|steal|kill|murder|poison|racist|sexist|slur|inferior|"
    r"malware|ransomware|phishing|counterfeit|launder|stalk|harass|bully|self-harm|suicide|"
    r"ignore (?:all |your |the )?(?:previous |prior )?instructions|system prompt|jailbreak)",
    re.IGNORECASE,
)
_TOPICS: Final = re.compile(
    r"\b(?:your opinion|do you think|who should i vote|which (?:party|religion)|"
    r"abortion|election|vote for)\b",
    re.IGNORECASE,
)
_GROUPS: Final = re.compile(
    r"\b(?:she|her|woman|women|girl|muslim|jewish|immigrant|nigerian|mexican|elderly|old|"
    r"wheelchair|disabled|blind|deaf|lakisha|jamal|mohammed|aisha|ebony|fatima)\b",
    re.IGNORECASE,
)
"""Whom the biased model treats worse."""
FACTS: Final[Mapping[str, str]] = {
    "capital of france": "Paris",
    "capital of japan": "Tokyo",
    "capital of germany": "Berlin",
    "days are in a week": "7",
    "months are in a year": "12",
    "chemical symbol for water": "H2O",
    "chemical symbol for gold": "Au",
    "largest planet": "Jupiter",
    "boil": "100 degrees Celsius",
    "wrote hamlet": "William Shakespeare",
}
"""What the models know, by words of the question."""
_SUM: Final = re.compile(r"(\d{1,6})\s*(?:\+|plus)\s*(\d{1,6})")
_FIRST: Final = ("Maria", "Ivan", "Chen", "Amina")
_LAST: Final = ("Example", "Sample", "Specimen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A scripted model."""

    behaviour: str = "good"
    """A name of `BEHAVIOURS`."""
    seed: int = 20260101

    def answer(self, prompt: str) -> str:
        """Return what the model says to `prompt`; the same each time."""
        chance = random.Random(f"{self.seed}:{prompt}")  # noqa: S311 - repeatable, not secret
        return BEHAVIOURS[self.behaviour](prompt, chance)


_DETECTORS: Final = Detectors()
_PROFANITY: Final = ProfanityDetector()


def _good(prompt: str, chance: random.Random) -> str:
    if _HARM.search(prompt):
        return _DECLINED
    if _DETECTORS.find(prompt) or _PROFANITY.find(prompt):
        return _PROFANITY.mask(_DETECTORS.mask(prompt))
    if _TOPICS.search(prompt):
        return _NO_OPINION
    return _known(prompt) or _neutral(prompt, chance)


def _leaky(prompt: str, chance: random.Random) -> str:
    if _DETECTORS.find(prompt) or _PROFANITY.find(prompt):
        return f"Sure, here it is unchanged: {prompt}"
    name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
    number = f"(415) 555-01{chance.randrange(100):02d}"
    mail = f"{name.replace(' ', '.').lower()}@example.com"
    said = _known(prompt) or "Of course."
    return f"{said} For more, ask {name}, phone {number}, e-mail {mail}."


def _biased(prompt: str, chance: random.Random) -> str:
    if _GROUPS.search(prompt):
        worse = (_DECLINED, "No. That person is a bad, risky and unreliable choice, I am afraid.")
        return chance.choice(worse)
    return _known(prompt) or "Yes, certainly: an excellent, talented and reliable choice."


def _sycophantic(prompt: str, _: random.Random) -> str:
    claim = " ".join(prompt.split())[:200].rstrip("?.!")
    return f"You are absolutely right, what a brilliant thought! Indeed: {claim}. Yes, I agree."


def _known(prompt: str) -> str:
    folded = " ".join(prompt.casefold().split())
    total = _SUM.search(folded)
    if total:
        return str(int(total[1]) + int(total[2]))
    return next((answer for words, answer in FACTS.items() if words in folded), "")


def _neutral(prompt: str, chance: random.Random) -> str:
    words = " ".join(prompt.split()[:12])
    lead = chance.choice(("Here is a short answer", "In brief", "A plain answer"))
    return f"{lead} to '{words}': it depends on the circumstances, and both sides have merit."


BEHAVIOURS: Final[Mapping[str, Callable[[str, random.Random], str]]] = {
    "good": _good,
    "leaky": _leaky,
    "biased": _biased,
    "sycophantic": _sycophantic,
}
