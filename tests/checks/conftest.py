"""Fixtures of the tests of checks: the catalogue, and a catalogue's example as a place."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from affidavit import catalogue as catalogue_package
from affidavit.catalogue.fixtures import Fixture
from affidavit.checks.judge import judged_here
from affidavit.checks.places import Place, Record, RecordSet
from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.observation import GLOBAL_REGION, Gap

REGION = "eu-west-1"

PlaceOf = Callable[..., Place]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Return the shipped catalogue."""
    return catalogue_package.load()


@pytest.fixture(scope="session")
def place_of(catalogue: Catalogue) -> PlaceOf:
    """Return a function that makes a place from an example of a check, with gaps where wanted."""

    def make(
        check: Check,
        example: Fixture,
        *,
        gaps: Mapping[str, Gap] | None = None,
        set_gaps: Mapping[str, tuple[Gap, ...]] | None = None,
        acct_gaps: Mapping[str, tuple[Gap, ...]] | None = None,
    ) -> Place:
        own = Record(
            values=dict(example.r),
            arn="arn:aws:example:::one",
            resource_type="AWS::Example::One",
            region=REGION,
            gaps=gaps or {},
        )
        sets: dict[str, RecordSet] = {
            name: RecordSet(records=tuple(_record(values) for values in records))
            for name, records in example.acct.get("set", {}).items()
        }
        sets[check.resource_set] = RecordSet(records=(own,))
        for name, found in (set_gaps or {}).items():
            sets[name] = RecordSet(records=sets.get(name, RecordSet()).records, gaps=found)
        acct = {"fact": {}, "metric": {}, "set": {}, **example.acct}
        place = Place(region=REGION, acct=acct, sets=sets, acct_gaps=acct_gaps or {})
        if judged_here(catalogue, check, place):
            return place
        return Place(region=GLOBAL_REGION, acct=acct, sets=sets, acct_gaps=acct_gaps or {})

    return make


def _record(values: dict[str, Any]) -> Record:
    return Record(values=values, arn="", resource_type="", region=REGION)
