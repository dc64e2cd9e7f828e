"""Text folded to bytes keeps every character's place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.logscan.detectors.folding import fold


@given(st.text(st.characters(codec=None, categories=None)))
def test_one_byte_for_each_character(text: str) -> None:
    """Any string, lone surrogates included, has as many bytes as characters."""
    assert len(fold(text)) == len(text)


@given(st.text(st.characters(max_codepoint=127).filter(lambda c: c != "{")))
def test_ascii_stays(text: str) -> None:
    """Plain text is not changed."""
    assert fold(text) == text.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\uff10\uff11", b"01"),
        ("\u0664\u0665", b"45"),
        ("415\u2011555\u00a00132", b"415-555 0132"),
        ("M\u00fcller \u0159", b"Muller r"),
        ("\ud800", b"?"),
        ("{PHONE} {NO_TYPE}", b"\0\0\0\0\0\0\0 {NO_TYPE}"),
    ],
)
def test_lookalikes_and_masks(text: str, expected: bytes) -> None:
    """Look-alikes become ASCII; a mask is neither text nor context."""
    assert fold(text) == expected
