"""Profanity: whole words, masked with their own length."""

import pytest

from affidavit.logscan.detectors import ProfanityDetector, Words
from affidavit.logscan.detectors.profanity import published_terms

DETECTOR = ProfanityDetector()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("What the fuck is this shit?", "What the **** is this ****?"),
        ("You fucking assholes", "You ******* ********"),
        ("sh1t, b*tch, F\u00dcCK", "****, *****, ****"),
        ("a motherfucking mess", "a ************* mess"),
        ("dumb ass hole", "dumb *** hole"),
    ],
)
def test_masked_with_the_same_length(text: str, masked: str) -> None:
    """Each letter becomes a star, as the source document shows it."""
    assert DETECTOR.mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Scunthorpe, Essex and Penistone are places.",
        "Assess the class assignment; pass the assets to the embassy.",
        "The spices and the cocktail were grand.",
        "Breast cancer and the anus are subjects of medicine.",
        "Gay, Jewish and queer people were asked.",
        "Shiitake mushrooms, or shitake.",
        "hello",
    ],
)
def test_ordinary_words_are_not_found(text: str) -> None:
    """Words that only contain one, of medicine and of identity are left alone."""
    assert DETECTOR.find(text) == []


def test_own_words() -> None:
    """A company adds its words and takes others out."""
    detector = ProfanityDetector(
        Words(extra=frozenset({"Frobnicator"}), ignored=frozenset({"crap"}))
    )
    assert detector.mask("frobnicator crap") == "*********** crap"


def test_the_list_is_agreed_on() -> None:
    """Several hundred terms, none that a single list made up."""
    assert len(published_terms()) > 400
    assert "spaces" not in published_terms()
