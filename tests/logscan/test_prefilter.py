"""The prefilter: what it does not hit holds nothing that a detector would find."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logscan.detectors import test_refusals

from affidavit.logscan.detectors import Detectors, ProfanityDetector, refusal, refusals
from affidavit.logscan.prefilter import Prefilter

DETECTORS, PROFANITY = Detectors(), ProfanityDetector()
PREFILTER = Prefilter(DETECTORS, PROFANITY, refusals=True, blocked_messages=("Sorry,  not\nhere.",))
KNOWN: Final = sorted(
    {
        text
        for test in vars(test_refusals).values()
        for mark in getattr(test, "pytestmark", ())
        for text in mark.args[1]
        if isinstance(text, str)
    }
)
"""The texts with which the rules of refusals are tested."""
PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "415-555-0132",
            "jo@example.org",
            "shit",
            "4111 1111 1111 1111",
            "\n",
            "7",
            "-",
            "sh",
            "it",
        ]
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=4).map("".join), max_size=6))
def test_texts_that_are_not_hit_hold_nothing(texts: list[str]) -> None:
    """Of many texts at once, every one with a finding is among those that are hit."""
    hit = set(PREFILTER.disclosing(texts))
    for number, text in enumerate(texts):
        if DETECTORS.find(text) or PROFANITY.find(text):
            assert number in hit


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["", "Well. ", "[INST] ", '"', "Bot: ", "- ", "Yes, but ", "\n\n"]),
    st.sampled_from(KNOWN),
)
def test_every_sentence_that_declines_is_hit(before: str, sentence: str) -> None:
    """Whatever the rules of refusals match has what the prefilter looks for."""
    for text in (before + sentence, sentence.replace("'", "\u2019")):
        if refusal(text):
            assert PREFILTER.declining(["Nothing here.", text]) == [1]


RULES: Final = st.one_of(
    *(
        st.from_regex(f"(?i:{rule})", fullmatch=True, alphabet=st.characters(codec="ascii"))
        for rule in (*refusals.portable_rules()["rules"], refusals.portable_rules()["firm"],
                     refusals.portable_rules()["judges"])
    )
)  # fmt: skip
"""Sentences that the rules of refusals were made for, drawn from the rules themselves."""


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "Hm. ", "- ", "[x] ", "So what? ", "\u200b", "{NAME} "]),
                  RULES,
                  st.sampled_from(["", ".", "_", "\u200b", "; and", " help", " that", "\n"])),
        min_size=1, max_size=3,
    ),
    st.booleans(),
)  # fmt: skip
def test_what_the_rules_describe_is_hit(
    drawn: list[tuple[str, str, str]], is_capital: bool
) -> None:
    """The loosened rules hold wherever a rule does, whatever stands around the sentence."""
    text = "".join("".join(one) for one in drawn)
    text = text.upper() if is_capital else text
    declines = refusal(text) is not None
    assert PREFILTER.declining(["It is fine.", text, "x"]) == ([1] if declines else [])


@pytest.mark.parametrize("text", [*KNOWN, "Well. SORRY, not  here. Bye"])
def test_known_answers(text: str) -> None:
    """Every refusal of the tests is hit, and a configured message however it is spaced."""
    assert len(KNOWN) > 30
    declines = refusal(text, blocked_messages=("Sorry,  not\nhere.",)) is not None
    assert not declines or PREFILTER.declining([text])


def test_what_is_not_looked_for_is_not_hit() -> None:
    """Without detectors nothing is hit."""
    nothing = Prefilter(None, None, refusals=False)
    assert nothing.disclosing(["jo@example.org"]) == nothing.declining(["I can't help."]) == []
