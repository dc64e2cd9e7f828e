"""What holds for any text: no crash, spans inside, nothing left after masking, linear time."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.logscan.detectors import (
    ENTITY_TYPES,
    Detectors,
    ProfanityDetector,
    refusal,
)
from affidavit.logscan.detectors.reading import Reading
from affidavit.logscan.placeholders import Placeholders

DETECTORS = Detectors()
PROFANITY = ProfanityDetector()
ANY = st.text(st.characters(codec=None, categories=None))
PIECES = st.sampled_from(
    [
        *" .-/:()+#@0123456789abcXYZ\n",
        "415-555-0132",
        "4111111111111111",
        "call ",
        "password: ",
        "passport ",
        "GB29NWBK60161331926819",
        "078-05-1120",
        "{PHONE}",
        "\ud800",
        "\uff11",
        "10.1.2.3",
        "fuck",
        "ssn ",
        "::1",
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=40).map("".join) | ANY


@given(TEXTS)
@settings(max_examples=300)
def test_findings_lie_inside_and_apart(text: str) -> None:
    """Findings are disjoint, in order, not empty, inside the text."""
    found = DETECTORS.find(text)
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@given(TEXTS)
@settings(max_examples=300)
def test_nothing_is_left_after_masking(text: str) -> None:
    """A masked text has no finding, and masking it again changes nothing."""
    masked = DETECTORS.mask(text)
    assert DETECTORS.find(masked) == []
    assert DETECTORS.mask(masked) == masked


@given(TEXTS)
@settings(max_examples=200)
def test_excerpts_hold_no_finding(text: str) -> None:
    """An excerpt, however cut, has no finding of its own."""
    found = DETECTORS.find(text)
    for finding in found:
        assert DETECTORS.find(DETECTORS.excerpt(text, finding, found, reach=9)) == []


@given(TEXTS)
@settings(max_examples=200)
def test_the_first_stage_misses_nothing(text: str) -> None:
    """Every rule that matches alone is among those that the set names."""
    data = Reading(text).data
    hits = set(DETECTORS._hits(data))
    alone = {i for i, (_, pattern, _) in enumerate(DETECTORS._rules) if pattern.search(data)}
    assert hits == alone


@given(TEXTS)
def test_profanity_keeps_the_length(text: str) -> None:
    """Masking profanity keeps length and spaces, and leaves none behind."""
    masked = PROFANITY.mask(text)
    assert len(masked) == len(text)
    assert [c.isspace() for c in masked] == [c.isspace() for c in text]
    assert PROFANITY.find(masked) == []


@given(TEXTS, st.text(max_size=20))
def test_refusals_take_any_text(text: str, message: str) -> None:
    """No text and no configured message makes the detector fail."""
    refusal(text, blocked_messages=[message])


@given(st.integers(0, 2**32), st.sampled_from(ENTITY_TYPES))
def test_placeholders_repeat(seed: int, entity_type: str) -> None:
    """The same seed gives the same value."""
    assert Placeholders(seed).value(entity_type) == Placeholders(seed).value(entity_type)


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "a@",
        "a.",
        "(1",
        "1-",
        "+1",
        ":f",
        "password: ",
        "GB29",
        "call 1234567 ",
        "x" * 39 + " ",
    ],
)
def test_time_is_linear(piece: str) -> None:
    """Eight times the text takes about eight times the time, in one line of any pattern."""

    def spent(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        started = time.process_time()
        DETECTORS.find(text)
        PROFANITY.find(text)
        refusal(text)
        return time.process_time() - started

    spent(1000)
    short = min(spent(25_000) for _ in range(3))
    assert spent(200_000) < 8 * 4 * max(short, 0.002)
