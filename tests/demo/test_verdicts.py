"""The estate tells the story that docs/explanation/demo-estate.md promises, control by control."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.demo.within import WithinDoor

from affidavit.aws.bedrock import Reply
from affidavit.catalogue import load as load_catalogue
from affidavit.checks import records
from affidavit.collector.evidence import EvidenceMaker
from affidavit.collector.execute import execute
from affidavit.collector.plan import plan
from affidavit.collector.verdicts import Tally
from affidavit.demo import Prompted
from affidavit.demo.bedrock.answering import converse
from affidavit.demo.overlay.prompted import prompted, speakers_of
from affidavit.demo.world import World, load
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Observation
from affidavit.model.run import Assessment, Estate
from affidavit.model.times import iso
from affidavit.model.verdict import Verdict
from affidavit.prompts import suite as suites
from affidavit.prompts.journal import Journal
from affidavit.prompts.recorded_runs import observations
from affidavit.prompts.runner import Runner, RunSettings
from affidavit.prompts.suite import Suite
from affidavit.prompts.targets import BedrockTarget

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "demo-estate.md"
_ROW = re.compile(r"^\| (GENAI-\w+-\d+) \| (\w+) \|", re.MULTILINE)


class Within:
    """A runtime that asks the models of the estate in this process."""

    def __init__(self, world: World, account_id: str) -> None:
        self._speakers = speakers_of(world, account_id)

    def ask(self, operation: str, parameters: dict[str, Any]) -> Reply:
        """Return what the model says, and what its guardrail lets through."""
        assert operation == "Converse"
        given = converse(parameters["modelId"], parameters, self._speakers, streams=False)
        return Reply(body=given.body, endpoint="http://127.0.0.1", synthetic=True, attempts=1)


def _cases(world: World, one: Prompted, suite: Suite, folder: Path) -> list[dict[str, Any]]:
    with Journal(folder, {"suite": suite.id, "model": one.model_id}, suite.id) as journal:
        return Runner(
            suite=suite,
            target=BedrockTarget(Within(world, one.account_id), one.model_id),
            settings=RunSettings(
                requests_per_second=100_000,
                guardrail_id=one.guardrail_id,
                guardrail_version=one.guardrail_version,
            ),
            journal=journal,
        ).run()


def _asked(world: World, folder: Path) -> list[Observation]:
    """Run every shipped suite as `affidavit run --demo` does, and return the cases.

    The models of an account say the same behind the same guardrail: they are asked once.
    """
    found: list[Observation] = []
    known: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for number, one in enumerate(prompted(world)):
        for suite in map(suites.load, suites.shipped()):
            key = (one.account_id, one.guardrail_id, suite.id)
            if key not in known:
                known[key] = _cases(world, one, suite, folder / str(number))
            run = {
                "runId": f"{suite.id}-{number}",
                "suite": suite.id,
                "suiteDigest": suite.digest,
                "shipped": True,
                "modelId": one.model_id,
                "guardrailId": one.guardrail_id,
                "guardrailVersion": one.guardrail_version,
                "accountId": one.account_id,
                "region": one.region,
                "callerArn": "",
                "finishedAt": iso(world.now),
                "cases": len(known[key]),
                "synthetic": True,
            }
            found += observations({"run": run, "cases": known[key]}, world.now)
    return found


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> list[Evidence]:
    """Collect and judge the whole estate, whose models were asked first."""
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
    answered = _asked(world, tmp_path_factory.mktemp("prompts"))
    for account in world.accounts:
        asked = {one.unit.id: one for one in answered if one.unit.account_id == account}
        facts = execute(
            plan(catalogue),
            WithinDoor(world),  # type: ignore[arg-type]  # as much of a door as execute uses
            account,
            regions,
            now=world.now,
            params=world.parameters,
            sink=lambda _: None,
            known=lambda unit, asked=asked: asked.get(unit.id),  # type: ignore[misc]
            recorded=[one.unit for one in asked.values()],
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


def test_every_control_is_decided_and_all_three_verdicts_occur(
    tally: Tally, evidence: list[Evidence]
) -> None:
    """All 52 controls are decided, at least 12 of them compliant; records have each verdict."""
    counts = Counter(result.verdict for result in tally.results({}).values())
    assert counts[Verdict.COMPLIANT] + counts[Verdict.NON_COMPLIANT] == 52
    assert counts[Verdict.COMPLIANT] >= 12
    assert {each.verdict for each in evidence} == set(Verdict)


@pytest.mark.parametrize(
    "control",
    ["GENAI-SAFE-05", "GENAI-SAFE-06", "GENAI-FAIR-02", "GENAI-PRIV-04", "GENAI-ACCU-06"],
)
def test_the_careful_models_pass_and_the_leaky_ones_fail(
    evidence: list[Evidence], control: str
) -> None:
    """Of each control that prompts decide, production's models hold and the laboratory's fail."""
    judged = {
        (each.account_id, each.attributes["model"], each.verdict)
        for each in evidence
        if each.control_id == control and "model" in each.attributes and "suite" in each.attributes
    }
    wanted = (("111122223333", Verdict.COMPLIANT, 6), ("444455556666", Verdict.NON_COMPLIANT, 3))
    for account, verdict, models in wanted:
        assert {v for a, _, v in judged if a == account} == {verdict}
        assert len({model for a, model, _ in judged if a == account}) == models


def test_nothing_but_logs_is_left_open(tally: Tally) -> None:
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
