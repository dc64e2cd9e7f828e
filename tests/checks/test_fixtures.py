"""Every example of the catalogue gets the verdict that it stands for."""

from collections.abc import Callable

import pytest

from affidavit import catalogue as catalogue_package
from affidavit.catalogue.fixtures import FIXTURE_NOW, load_fixtures
from affidavit.checks.judge import judge
from affidavit.checks.places import Place
from affidavit.checks.rules import effective_parameters
from affidavit.model.catalogue import Catalogue
from affidavit.model.verdict import Standing, Verdict

FIXTURES = load_fixtures()
EXPECTED = {"good": Verdict.COMPLIANT, "bad": Verdict.NON_COMPLIANT}


def test_every_check_has_a_passing_and_a_failing_example() -> None:
    """No check goes without both examples, and no example without a check."""
    checks = catalogue_package.load().checks
    assert {name: sorted(sides) for name, sides in FIXTURES.items()} == {
        name: ["bad", "good"] for name in checks
    }
    assert sum(len(sides) for sides in FIXTURES.values()) == 166


@pytest.mark.parametrize("side", ["good", "bad"])
@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_example(
    name: str, side: str, catalogue: Catalogue, place_of: Callable[..., Place]
) -> None:
    """The good example is compliant, the bad one non-compliant, and says what was expected."""
    check = catalogue.checks[name]
    example = FIXTURES[name][side]
    params = effective_parameters(check, {}, example.p)
    place = place_of(check, example)
    (judgement,) = judge(catalogue, place, name, params, FIXTURE_NOW)
    assert (judgement.verdict, judgement.standing) == (EXPECTED[side], Standing.JUDGED)
    assert check.words in judgement.reason
