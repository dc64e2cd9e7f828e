"""Numbers of forms."""

import pytest

from affidavit.model.numbers import whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("012", 12),
        ("100", 100),
        ("101", None),
        ("", None),
        ("-1", None),
        ("1.0", None),
        (" 1", None),
        ("1_0", None),
        ("\u0663", None),
        ("9" * 5000, None),
        ("0" * 5000 + "7", None),
        ("000000001999", None),
    ],
)
def test_only_a_number_within_its_bounds_is_read(text: str, number: int | None) -> None:
    """Neither other digits, nor signs, nor a number that is cut off, nor one that is too long."""
    assert whole(text, 100) == number
    assert whole("3", 100, least=4) is None
