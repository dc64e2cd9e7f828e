"""Measures of likeness: known values and bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.prompts import similarity

MEASURES = [
    similarity.word_f1,
    similarity.rouge_l,
    similarity.similarity,
    lambda one, two: similarity.rouge_n(one, two, 2),
]


@pytest.mark.parametrize("measure", MEASURES)
@given(st.text(max_size=80), st.text(max_size=80))
def test_bounds(measure: object, one: str, two: str) -> None:
    """Each lies from 0 to 1 and does not depend on the order."""
    assert callable(measure)
    value = measure(one, two)
    assert 0 <= value <= 1 + 1e-9
    assert value == pytest.approx(measure(two, one))


@pytest.mark.parametrize("measure", MEASURES)
def test_same_and_nothing(measure: object) -> None:
    """The same words are 1, other words 0, and nothing is like nothing."""
    assert callable(measure)
    assert measure("The cat sat.", "cat SAT") == pytest.approx(1)
    assert measure("abc def", "xyz uvw") == 0
    assert measure("", "") == 0
    assert measure("the", "a") == 0


def test_known_values() -> None:
    """Values worked out by hand from the definitions."""
    text, reference = "police killed the gunman", "police kill the gunman today"
    assert similarity.word_f1(text, reference) == pytest.approx(2 * 2 / 7)
    assert similarity.rouge_n(text, reference, 1) == pytest.approx(2 * 2 / 7)
    assert similarity.rouge_l(text, reference) == pytest.approx(2 * 2 / 7)
    assert similarity.rouge_l("one two three four", "two one three four") == pytest.approx(6 / 8)


def test_long_texts_are_cut() -> None:
    """A very long text is compared by its beginning, and that is told."""
    long = "word " * (similarity.MAX_WORDS + 1)
    assert similarity.is_cut(long)
    assert len(similarity.words(long)) == similarity.MAX_WORDS
