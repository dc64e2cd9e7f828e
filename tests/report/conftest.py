"""The little estate of `maker`, runs over three days, its reports, and the galleries."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.assets import make_bad, make_claims, make_hostile
from tests.report.maker import FILE, FIRST_DAY, NOW, TEXT, Maker
from tests.report.memory_ledger import TENANT

from affidavit import catalogue as catalogues
from affidavit.ledger.checkpoint import VerifierKey, origin_of
from affidavit.model.canonical import canonical
from affidavit.model.catalogue import Catalogue, versioned
from affidavit.model.run import Assessment
from affidavit.report import Request, build


def small(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with two control sets, so that tests stay quick."""
    sets = catalogue.framework.control_sets
    framework = replace(catalogue.framework, control_sets=(sets[0], sets[3]))
    return versioned(replace(catalogue, framework=framework))


@dataclass(frozen=True)
class World:
    """A ledger with two assessments, and the reports made of it."""

    maker: Maker
    assessment: Assessment
    other: Assessment
    folder: Path

    @property
    def key(self) -> VerifierKey:
        """Return the public key that an auditor has."""
        return VerifierKey(origin_of(TENANT), self.maker.ledger.signer.public.raw)

    def build(self, name: str, now: datetime = NOW, **options: Any) -> Path:
        """Build a report and return its path."""
        request = Request(assessment_id=self.assessment.id, path=self.folder / name, **options)
        ledger = self.maker.ledger
        return build(request, ledger, ledger.signer, self.maker.catalogue, now, ledger).path


def make_world(folder: Path, catalogue: Catalogue, *, synthetic: bool = True) -> World:
    """Make the world of the tests: four runs of one assessment, one of another in between."""
    maker = Maker(catalogue, synthetic=synthetic)
    parameters = {"model-approved": {"approved_models": ["anthropic.claude", "amazon.nova"]}}
    assessment = maker.assessment("Northwind Assistants", parameters)
    other = maker.assessment("Another one", {})
    maker.run(assessment, FIRST_DAY - timedelta(days=1))
    maker.run(assessment, FIRST_DAY)
    maker.change("a delegation")
    maker.run(other, FIRST_DAY)
    maker.run(assessment, FIRST_DAY + timedelta(days=2))
    maker.change("a comment")
    maker.run(assessment, FIRST_DAY + timedelta(days=3))
    _manual(maker, assessment)
    assert canonical(maker.ledger.records[0])
    return World(maker, assessment, other, folder)


def _manual(maker: Maker, assessment: Assessment) -> None:
    """Have people add a text, a file, and two from S3, one of which could not be fetched."""
    control = maker.catalogue.framework.control_sets[0].controls[0]
    maker.add_manual(
        assessment,
        control,
        [
            {"id": "item-1", "text": TEXT},
            {"id": "item-2", "file": ("board minutes.pdf", FILE)},
            {"id": "item-3", "bucket": "s3://evidence/training.csv"},
            {"id": "item-4", "bucket": "s3://evidence/absent.pdf"},
        ],
    )
    maker.fetched(assessment, control, "item-3", b"name,done\n")
    maker.fetched(assessment, control, "item-4", None)
    maker.ledger.sign()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Return the shipped catalogue, cut to two control sets."""
    return small(catalogues.load())


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> World:
    """Return a world that no test changes."""
    return make_world(tmp_path_factory.mktemp("world"), catalogue)


@pytest.fixture(scope="session")
def good(world: World) -> Path:
    """Return a report of three of the four runs, whose days begin with the second run."""
    return world.build("good.zip", first_day=FIRST_DAY, attachments="included")


@pytest.fixture
def fresh(tmp_path: Path, catalogue: Catalogue) -> Callable[..., World]:
    """Return a maker of worlds that a test may change."""

    def make(**options: Any) -> World:
        return make_world(tmp_path, catalogue, **options)

    return make


@pytest.fixture(scope="session")
def gallery() -> ModuleType:
    """Return the script that makes the forged reports."""
    return make_bad


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """Return the script that makes the hostile ZIPs."""
    return make_hostile


@pytest.fixture(scope="session")
def claims() -> ModuleType:
    """Return the script that makes reports with a lying manifest."""
    return make_claims
