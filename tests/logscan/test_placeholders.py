"""Made-up values: well formed, nobody's."""

import phonenumbers
import pytest

from affidavit.errors import UsageError
from affidavit.logscan.placeholders import Placeholders


def test_unknown_types_and_regions_are_refused() -> None:
    """A type that no guardrail has and a region without telephones say so."""
    with pytest.raises(UsageError, match="no placeholder for HEIGHT"):
        Placeholders(1).value("HEIGHT")
    with pytest.raises(UsageError, match="No telephone numbers are known for XX"):
        Placeholders(1).phone("XX")


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_telephones_of_every_region(region: str) -> None:
    """Every region has a number that libphonenumber holds possible there."""
    parsed = phonenumbers.parse(Placeholders(3).phone(region), region)
    assert phonenumbers.is_possible_number(parsed)
