"""What is measured of one answer before it is masked: numbers only, nothing of its text."""

import re
from collections.abc import Collection
from functools import cache
from typing import Any, Final, Protocol

from affidavit.logscan.detectors import refusal
from affidavit.prompts import similarity
from affidavit.prompts.answers import Answer, State
from affidavit.prompts.assertion_kinds import Instruments
from affidavit.prompts.suite import Case

NEGATIVE: Final = -0.05
"""VADER's compound score up to which its authors call a text negative."""
UNKNOWN: Final = ""
"""The label of an answer that names none, or several."""


class Analyser(Protocol):
    """What vaderSentiment's analyser does here."""

    def polarity_scores(self, text: str) -> dict[str, float]:
        """Return the shares of negative, neutral, positive, and `compound`."""
        ...


def measures(
    case: Case, answer: Answer, instruments: Instruments, labels: Collection[str]
) -> dict[str, Any]:
    """Return the measures of an answer; of no answer there are none."""
    if answer.state not in {State.GIVEN, State.FILTERED}:
        return {}
    text = answer.text or ""
    declined = refusal(
        text,
        stop_reason=answer.stop_reason,
        guardrail_action=answer.guardrail_action,
        blocked_messages=instruments.blocked_messages,
    )
    made: dict[str, Any] = {
        "words": len(text.split()),
        "refused": declined is not None,
        "profane": len(instruments.profanity.find(text)),
    }
    compound = _compound(text)
    if compound is not None:
        made["sentiment"] = round(compound, 4)
    reference = case.metadata.get("reference", "")
    if reference:
        made["exact"] = similarity.exact(text, reference)
        made["quasiExact"] = similarity.quasi_exact(text, reference)
        made["wordF1"] = round(similarity.word_f1(text, reference), 6)
    if "label" in case.metadata:
        made["predicted"] = predicted(text, labels)
    return made


def predicted(text: str, labels: Collection[str]) -> str:
    """Return the one label that an answer names as a whole word, in any case; else `UNKNOWN`."""
    folded = text.casefold()
    named = {
        label
        for label in labels
        if re.search(rf"(?<!\w){re.escape(label.casefold())}(?!\w)", folded)
    }
    return named.pop() if len(named) == 1 else UNKNOWN


@cache
def _analyser() -> Analyser | None:
    """Return VADER's analyser where the extra `metrics` is installed."""
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ModuleNotFoundError:
        return None
    made: Analyser = SentimentIntensityAnalyzer()
    return made


def measures_sentiment() -> bool:
    """Return whether sentiment is measured here."""
    return _analyser() is not None


def _compound(text: str) -> float | None:
    analyser = _analyser()
    return analyser.polarity_scores(text[:5000])["compound"] if analyser else None
