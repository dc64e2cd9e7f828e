"""The estate tells the story that docs/explanation/demo-estate.md promises, control by control."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.demo.within import WithinDoor

from affidavit.catalogue import load as load_catalogue
from affidavit.checks import records
from affidavit.collector.evidence import EvidenceMaker
from affidavit.collector.execute import execute
from affidavit.collector.plan import plan
from affidavit.collector.verdicts import Tally
from affidavit.demo.world import load
from affidavit.model.evidence import Evidence
from affidavit.model.run import Assessment, Estate
from affidavit.model.verdict import Verdict

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "demo-estate.md"
_ROW = re.compile(r"^\| (GENAI-\w+-\d+) \| (\w+) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def evidence() -> list[Evidence]:
    """Collect and judge the whole estate."""
    world = load(now=datetime.now(UTC), seed=1, scale=1)
    catalogue = load_catalogue()
    regions = world.estate.regions.enabled
    assessment = Assessment(
        id="00000000-0000-0000-0000-000000000000",
        name="Demo",
        tenant="111122223333/us-east-1",
        framework_id=catalogue.framework.id,
        estate=Estate(accounts=tuple(world.accounts), regions=regions),
        created_at=world.now,
        created_by="test",
        parameters=world.parameters,
    )
    made: list[Evidence] = []
    maker = EvidenceMaker(catalogue, assessment, "run", world.now)
    for account in world.accounts:
        facts = execute(
            plan(catalogue),
            WithinDoor(world),  # type: ignore[arg-type]  # as much of a door as execute uses
            account,
            regions,
            now=world.now,
            params=world.parameters,
            sink=lambda _: None,
            known=lambda _: None,
        )
        places = records.build(catalogue, facts, world.now, world.parameters).places
        made.extend(maker.account(facts, places))
    return made


@pytest.fixture(scope="module")
def tally(evidence: list[Evidence]) -> Tally:
    """Count the evidence by control."""
    counted = Tally(load_catalogue().framework)
    counted.add(evidence)
    return counted


def test_each_control_comes_out_as_documented(tally: Tally) -> None:
    """The verdict of every control is the one that the document gives, with its reason."""
    documented = dict(_ROW.findall(DOCUMENT.read_text(encoding="utf-8")))
    verdicts = {control: result.verdict.value for control, result in tally.results({}).items()}
    assert verdicts == documented


def test_most_controls_are_decided_and_all_three_verdicts_occur(tally: Tally) -> None:
    """At least 42 controls are decided, at least 12 of them compliant."""
    counts = Counter(result.verdict for result in tally.results({}).values())
    assert counts[Verdict.COMPLIANT] + counts[Verdict.NON_COMPLIANT] >= 42
    assert counts[Verdict.COMPLIANT] >= 12
    assert set(counts) == set(Verdict)


def test_nothing_but_prompts_and_logs_is_left_open(tally: Tally) -> None:
    """The only gaps of the estate are empty sets and what is not configured."""
    assert set(tally.gaps) == {"nothing_to_collect", "not_configured"}


def test_an_outdated_evaluation_does_not_hide_the_truth(evidence: list[Evidence]) -> None:
    """Where AWS Config still says COMPLIANT, both verdicts are kept, and the worse one counts."""
    both = {
        (each.origin, each.verdict)
        for each in evidence
        if each.check_id == "bucket-public-block"
        and each.resource_arn == "arn:aws:s3:::northwind-lab-training"
    }
    assert both == {("config", Verdict.COMPLIANT), ("direct", Verdict.NON_COMPLIANT)}


def test_everything_is_marked_synthetic(evidence: list[Evidence]) -> None:
    """No evidence that was made from answers of the estate passes for real."""
    assert all(each.synthetic for each in evidence if each.inputs)
    assert any(each.inputs for each in evidence)
