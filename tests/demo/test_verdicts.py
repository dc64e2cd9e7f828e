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
from affidavit.demo import MODELS
from affidavit.demo.bedrock.backends import Model
from affidavit.demo.world import load
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Observation
from affidavit.model.run import Assessment, Estate
from affidavit.model.times import iso
from affidavit.model.verdict import Verdict
from affidavit.prompts import suite as suites
from affidavit.prompts.answers import Answer
from affidavit.prompts.journal import Journal
from affidavit.prompts.recorded_runs import observations
from affidavit.prompts.runner import Runner, RunSettings
from affidavit.prompts.target import Request

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "demo-estate.md"
_ROW = re.compile(r"^\| (GENAI-\w+-\d+) \| (\w+) \|", re.MULTILINE)


class Scripted:
    """A target that asks a scripted model in this process."""

    def __init__(self, model_id: str) -> None:
        self.id = model_id
        self._model = Model(behaviour=model_id.removeprefix("demo."))

    def ask(self, request: Request) -> Answer:
        """Return what the model says."""
        text = self._model.answer(request.prompt)
        return Answer(text=text, endpoint="http://127.0.0.1", synthetic=True, attempts=1)


def _asked(model_id: str, account_id: str, now: datetime, folder: Path) -> list[Observation]:
    """Run every shipped suite as `affidavit run --demo` does, and return the cases."""
    found: list[Observation] = []
    for name in suites.shipped():
        suite = suites.load(name)
        with Journal(folder, {"suite": name, "model": model_id}, f"{name}-{model_id}") as journal:
            cases = Runner(
                suite=suite,
                target=Scripted(model_id),
                settings=RunSettings(requests_per_second=100_000),
                journal=journal,
            ).run()
        run = {
            "runId": f"{name}-{model_id}",
            "suite": name,
            "suiteDigest": suite.digest,
            "shipped": True,
            "modelId": model_id,
            "guardrailId": "",
            "accountId": account_id,
            "region": "us-east-1",
            "callerArn": "",
            "finishedAt": iso(now),
            "cases": len(cases),
            "synthetic": True,
        }
        found += observations({"run": run, "cases": cases}, now)
    return found


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> list[Evidence]:
    """Collect and judge the whole estate, each account with a scripted model that was asked."""
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
    for account, model in zip(world.accounts, MODELS, strict=True):
        asked = {
            one.unit.id: one
            for one in _asked(model, account, world.now, tmp_path_factory.mktemp("prompts"))
        }
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
def test_the_careful_model_passes_and_the_leaky_one_fails(
    evidence: list[Evidence], control: str
) -> None:
    """Of each control that prompts decide, production's model holds and the laboratory's fails."""
    judged = {
        each.attributes["model"]: each.verdict
        for each in evidence
        if each.control_id == control and "model" in each.attributes and "suite" in each.attributes
    }
    assert judged == dict(zip(MODELS, (Verdict.COMPLIANT, Verdict.NON_COMPLIANT), strict=True))


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
