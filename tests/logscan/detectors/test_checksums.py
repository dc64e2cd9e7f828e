"""Check digits agree with python-stdnum, which we did not write."""

from collections.abc import Callable

import pytest
import stdnum.ca.sin
import stdnum.gb.nhs
import stdnum.gb.utr
import stdnum.iban
import stdnum.luhn
import stdnum.us.rtn
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from affidavit.logscan.detectors import checksums

DIGITS = st.text("0123456789", min_size=16, max_size=16)


@pytest.mark.parametrize(
    ("ours", "theirs", "length"),
    [
        (checksums.luhn, stdnum.luhn.is_valid, 16),
        (checksums.taxpayer_reference, stdnum.gb.utr.is_valid, 10),
        (checksums.health_service_number, stdnum.gb.nhs.is_valid, 10),
        (checksums.canadian_insurance_number, stdnum.ca.sin.is_valid, 9),
    ],
    ids=lambda value: getattr(value, "__module__", None) or str(value),
)
def test_agrees_with_stdnum(
    ours: Callable[[str], bool], theirs: Callable[[str], bool], length: int
) -> None:
    """Both accept the same numbers; only a row of one digit is no number to us."""

    @given(DIGITS.map(lambda digits: digits[:length]))
    def agrees(digits: str) -> None:
        if len(set(digits)) > 1:
            assert ours(digits) == theirs(digits)

    agrees()


@given(DIGITS.map(lambda digits: digits[:9]))
def test_routing_numbers_are_stricter(digits: str) -> None:
    """What we take for a routing number is one to stdnum too."""
    assert not checksums.routing_number(digits) or stdnum.us.rtn.is_valid(digits)


@pytest.mark.parametrize("locale", ["de_DE", "fr_FR", "en_GB", "es_ES", "it_IT", "nl_NL", "pl_PL"])
def test_ibans_of_many_countries(locale: str) -> None:
    """A generated IBAN holds; with two digits exchanged it does not."""
    fake = Faker(locale)
    fake.seed_instance(5)
    for _ in range(50):
        code = fake.iban()
        assert checksums.iban(code)
        assert not checksums.iban(code[:2] + f"{(int(code[2:4]) + 1) % 97:02d}" + code[4:])


def test_vehicle_number() -> None:
    """The example of 49 CFR 565 holds, and not with another check digit."""
    assert checksums.vehicle_number("1M8GDM9AXKP042788")
    assert not checksums.vehicle_number("1M8GDM9A1KP042788")


@pytest.mark.parametrize(
    "digits", ["000121234", "666121234", "900121234", "123001234", "123450000"]
)
def test_never_given_social_security_numbers(digits: str) -> None:
    """Areas, groups and serials that the SSA never gives are refused."""
    assert not checksums.social_security_number(digits)
