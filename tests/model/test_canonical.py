"""Canonical JSON: the bytes that are hashed and signed."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from affidavit.model.canonical import MAX_INTEGER, canonical, digest_of, plain_json

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_equals_an_independent_implementation(value: object) -> None:
    """Our bytes are those of the package rfc8785 for every value that we allow."""
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"a": [1.5]}, r"\$\.a\[0\]: float"),
        ({"a": 2**53}, "beyond"),
        ({"ä": 1}, "ASCII"),
        ({1: 1}, "ASCII"),
        ({"a": b"x"}, "bytes"),
        ({"a": {2, 3}}, "set"),
    ],
)
def test_refuses_what_has_no_canonical_form(value: object, names: str) -> None:
    """A float, a huge number, an odd key or an odd type is refused, and its place is named."""
    with pytest.raises(TypeError, match=names):
        canonical(value)


def test_digest_is_pinned() -> None:
    """The digest of a known value never changes: signed logs depend on it."""
    assert digest_of({"b": [True, None, "é"], "a": 1}) == (
        "9488dd13ca33d3291f5a91a1833dfa164811755ffba538c2b340780f8c31a0cb"
    )


def test_plain_json_is_deterministic_and_takes_floats() -> None:
    """Bodies may hold floats; member order does not matter, NaN is refused."""
    assert plain_json({"b": 0.7, "a": 1}) == plain_json({"a": 1, "b": 0.7})
    with pytest.raises(ValueError, match="Out of range"):
        plain_json({"a": float("nan")})
