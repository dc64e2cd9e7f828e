"""Runs of prompts in an assessment: evidence of the controls that name them, and never too good."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from affidavit.catalogue import load as load_catalogue
from affidavit.errors import StoreDamagedError, UsageError
from affidavit.model.canonical import digest
from affidavit.model.evidence import Evidence
from affidavit.model.identifiers import new_id
from affidavit.model.observation import Observation
from affidavit.model.run import Assessment, Estate
from affidavit.model.times import iso, parse, utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import prompt_raw, prompt_runs, prompt_showing, runs
from affidavit.operations.prompt_storing import cases_digest
from affidavit.operations.prompt_sweep import ModelToAsk
from affidavit.operations.reports import verify_report
from affidavit.operations.runs import RunOutcome, RunRequest
from affidavit.prompts.recorded_runs import KIND, taken_over
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import load
from affidavit.prompts.target import Answer, Request
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document

MODEL = "demo.model"
MODELS = ("demo.good", "demo.leaky")
FAST = RunSettings(requests_per_second=10_000)


class Says:
    """A target that answers everything with the same."""

    id = f"test:{MODEL}"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def ask(self, request: Request) -> Answer:
        """Return the answer."""
        assert request.metadata["run"]
        return self._answer


def says(text: str | None = None, *, error: str = "") -> Says:
    """Return a target of a server that is not AWS."""
    return Says(
        Answer(text=text, error=error, endpoint="http://127.0.0.1:1", synthetic=True, attempts=1)
    )


def _prompts(
    first: Assessment,
    settings: Settings,
    suite: str,
    target: Says,
    *,
    keep_raw: bool = False,
    how: RunSettings = FAST,
) -> prompt_runs.PromptOutcome:
    account, region = first.tenant.split("/")
    request = prompt_runs.PromptRequest(
        suite=load(suite),
        target=target,
        model_id=MODEL,
        how=how,
        assessment=first.name,
        account_id=account,
        caller_arn=f"arn:aws:iam::{account}:user/tester",
        region=region,
        keep_raw=keep_raw,
    )
    return prompt_runs.run(request, settings)


def _bare(settings: Settings, name: str = "Bare") -> Assessment:
    """Make an assessment that nothing was collected for yet."""
    account = "111122223333"
    made = Assessment(
        id=new_id(utc_now()),
        name=name,
        tenant=f"{account}/us-east-1",
        framework_id="genai-v1",
        estate=Estate(accounts=(account,), regions=("us-east-1",)),
        created_at=utc_now(),
        created_by="tester",
        parameters={},
    )
    with open_store(settings) as store:
        store.create_assessment(made, by="tester")
    return made


def _judged(outcome: RunOutcome, settings: Settings, keyword: str) -> list[Evidence]:
    record = outcome.summary.record
    with open_store(settings) as store:
        found = store.evidence(record.assessment_id, record.day, record.day)
        return [e for _, e in found if e.run_id == record.run_id and e.keyword == keyword]


def _age(settings: Settings, outcome: RunOutcome, suite: str, days: int) -> None:
    """Make a suite's recorded run older."""
    with open_store(settings) as store:
        tenant = outcome.assessment.tenant
        for document in store.documents.every(tenant, KIND, parent=outcome.assessment.id):
            run = document.body["run"]
            if run["suite"] == suite:
                at = parse(run["finishedAt"])
                run["finishedAt"] = iso(at - timedelta(days=days))
                store.documents.act(tenant, now=at, puts=[replace(document)])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_runs_of_prompts_decide_their_controls(healthy: RunRequest, tmp_path: Path) -> None:
    """A refusing model passes, a leaky one fails, errors decide nothing, too old is a gap.

    The report of such a run verifies, judged again too.
    """
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    first = runs.run(healthy, settings)
    assert {e.gap for e in _judged(first, settings, "PromptCheck_refusal")} == {"not_configured"}
    _prompts(first.assessment, settings, "refusal", says("I'm sorry, but I can't help with that."))
    _prompts(first.assessment, settings, "profanity-masking", says("you fucking idiot, call me"))
    _prompts(first.assessment, settings, "known-answers", says(error="ModelErrorException: broken"))
    _prompts(first.assessment, settings, "pii-masking", says("All is masked."))
    _prompts(first.assessment, settings, "fairness-pairs", says("Approve"))
    _age(settings, first, "pii-masking", 40)
    second = runs.run(healthy, settings, out=tmp_path / "out")

    (refused,) = [
        e
        for e in _judged(second, settings, "PromptCheck_refusal")
        if e.control_id == "GENAI-SAFE-05" and e.standing is Standing.JUDGED
    ]
    assert (refused.verdict, refused.synthetic) == (Verdict.COMPLIANT, True)
    assert len(refused.inputs) == len(load("refusal").cases)
    assert Verdict.NON_COMPLIANT in {
        e.verdict for e in _judged(second, settings, "PromptCheck_profanity-masking")
    }
    for keyword in ("PromptCheck_known-answers", "PromptCheck_pii-masking"):
        found = _judged(second, settings, keyword)
        assert {e.verdict for e in found} == {Verdict.NOT_APPLICABLE}
        assert Standing.UNDECIDED in {e.standing for e in found}
    controls = second.summary.record.controls
    fair = [
        e
        for e in _judged(second, settings, "PromptCheck_fairness-pairs")
        if e.standing is Standing.JUDGED
    ]
    assert {e.verdict for e in fair} == {Verdict.COMPLIANT}
    others = "GENAI-FAIR-02"  # the estate's other accounts have no run: the control stays open
    assert controls[others].verdict is Verdict.NOT_APPLICABLE
    assert controls["GENAI-ACCU-06"].verdict is Verdict.NOT_APPLICABLE
    assert controls["GENAI-PRIV-04"].verdict is Verdict.NOT_APPLICABLE
    assert second.report is not None
    verified = verify_report(second.report, str(second.key), again=True)
    assert verified.failure is None


def test_a_run_is_as_old_as_its_first_answer(settings: Settings) -> None:
    """A run that was killed and resumed a month later does not make old answers new."""
    first = _bare(settings)
    account = first.tenant.partition("/")[0]
    _prompts(first, settings, "refusal", says("I can't help with that."))
    with open_store(settings) as store:
        assert taken_over(store, load_catalogue(), first, account, utc_now())
        (document,) = store.documents.every(first.tenant, KIND, parent=first.id)
        document.body["cases"][0]["answeredAt"] = iso(utc_now() - timedelta(days=40))
        store.documents.act(first.tenant, now=utc_now(), puts=[document])
        assert not taken_over(store, load_catalogue(), first, account, utc_now())


def test_a_run_in_another_region_hides_none(settings: Settings) -> None:
    """A model that passes in one Region does not answer for the one that failed in another."""
    first = _bare(settings)
    account = first.tenant.partition("/")[0]
    failed = _prompts(first, settings, "refusal", says("Sure, here is how."))
    with open_store(settings) as store:
        (document,) = store.documents.every(first.tenant, KIND, parent=first.id)
        document.body["run"]["region"] = "eu-west-1"
        store.documents.act(first.tenant, now=utc_now(), puts=[document])
    passed = _prompts(first, settings, "refusal", says("I can't help with that."))
    with open_store(settings) as store:
        found = taken_over(store, load_catalogue(), first, account, utc_now())
    runs_of = {one.unit.parameters["promptRun"] for one in found.values()}
    assert runs_of == {failed.head["runId"], passed.head["runId"]}


def test_a_stand_in_hides_nothing_that_aws_answered(settings: Settings) -> None:
    """A run that AWS answered fails, a later one against an emulator passes: both are evidence."""
    first = _bare(settings)
    account = first.tenant.partition("/")[0]
    failed = _prompts(first, settings, "refusal", says("Sure, here is how."))
    with open_store(settings) as store:
        (document,) = store.documents.every(first.tenant, KIND, parent=first.id)
        document.body["run"]["synthetic"] = False
        store.documents.act(first.tenant, now=utc_now(), puts=[document])
    passed = _prompts(first, settings, "refusal", says("I can't help with that."))
    with open_store(settings) as store:
        found = taken_over(store, load_catalogue(), first, account, utc_now())
    runs_of = {one.unit.parameters["promptRun"] for one in found.values()}
    assert runs_of == {failed.head["runId"], passed.head["runId"]}


class Recorded(Says):
    """A recording that says that AWS answered."""

    id = "recorded:answers.jsonl"


def test_only_the_shipped_suite_asked_of_a_model_is_evidence(
    settings: Settings, tmp_path: Path
) -> None:
    """Recorded or cut answers, or an easy suite under a shipped id, hide no run that failed."""
    first = _bare(settings)
    account = first.tenant.partition("/")[0]
    easy = tmp_path / "easy.yaml"
    easy.write_text(
        "id: refusal\nprompts: [Say no]\ntests: [{assert: [{type: contains, value: Nope}]}]\n"
    )
    asked = _prompts(first, settings, "refusal", says("Sure, here is how."))
    _prompts(first, settings, "refusal", Recorded(Answer(text="I can't help with that.")))
    _prompts(first, settings, str(easy), says("Nope."))
    for cut in ({"max_tokens": 1}, {"max_tokens": 400, "stop_sequences": ["Sure"]}):
        _prompts(first, settings, "refusal", says("No."), how=replace(FAST, parameters=cut))
    with open_store(settings) as store:
        found = taken_over(store, load_catalogue(), first, account, utc_now())
    assert {one.unit.parameters["promptRun"] for one in found.values()} == {asked.head["runId"]}


def test_only_the_newest_version_of_an_own_suite_is_evidence(
    settings: Settings, tmp_path: Path
) -> None:
    """What an earlier version asked, or another file of the id, no longer decides the control."""
    first = replace(_bare(settings), parameters={"prompts-pass": {"suite": "ours"}})
    account = first.tenant.partition("/")[0]
    file = tmp_path / "ours.yaml"
    text = "id: ours\nprompts: [{}]\ntests: [{{assert: [{{type: contains, value: Nope}}]}}]\n"
    file.write_text(text.format("Easy"))
    _prompts(first, settings, str(file), says("Nope."))
    file.write_text(text.format("Hard"))
    version = Document(
        kind="prompt_suite", id="v", parent="ours", body={"digest": load(str(file)).digest}
    )
    with open_store(settings) as store:
        assert taken_over(store, load_catalogue(), first, account, utc_now())
        store.documents.act(first.tenant, now=utc_now(), puts=[version])
        assert not taken_over(store, load_catalogue(), first, account, utc_now())
        asked = _prompts(first, settings, str(file), says("Nope."))
        found = taken_over(store, load_catalogue(), first, account, utc_now())
    assert {one.unit.parameters["promptRun"] for one in found.values()} == {asked.head["runId"]}


def test_an_assessment_that_is_not_there_is_refused(settings: Settings) -> None:
    """A run for an unknown assessment asks nothing and says so."""
    request = prompt_runs.PromptRequest(
        suite=load("refusal"), target=says("x"), model_id=MODEL, assessment="No such"
    )
    with pytest.raises(UsageError, match="There is no assessment 'No such'"):
        prompt_runs.run(request, settings)


def test_a_kept_run_is_in_the_ledger_at_once(healthy: RunRequest, tmp_path: Path) -> None:
    """Its leaf commits to its results, under a signed checkpoint, before a collection reads it."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    first = _bare(settings, healthy.name)
    _prompts(first, settings, "refusal", says("I can't help with that."))
    tenant = first.tenant
    with open_store(settings) as store:
        (document,) = store.documents.every(tenant, KIND, parent=first.id)
        size = store.log(tenant).size
        ((_, record),) = store.records_between(tenant, size - 1, size - 1)
        signed = store.checkpoint(tenant)
    assert signed is not None
    assert signed.size == size
    assert (record["object_type"], record["object_id"]) == ("PROMPT_RUN", document.id)
    said = json.loads(record["details"])
    assert said["casesDigest"] == document.body["run"]["casesDigest"]
    assert said["casesDigest"] == cases_digest(document.body["cases"])
    second = runs.run(healthy, settings)
    (judged,) = [
        e
        for e in _judged(second, settings, "PromptCheck_refusal")
        if e.control_id == "GENAI-SAFE-05" and e.standing is Standing.JUDGED
    ]
    with open_store(settings) as store:
        case = store.observation(judged.inputs[0].digest)
    assert isinstance(case, Observation)
    assert case.body["run"]["casesDigest"] == said["casesDigest"]
    asked = case.body["proof"]
    assert asked["startedAt"] <= asked["finishedAt"] <= iso(case.proof.started_at)


def test_a_run_asks_its_models_first(healthy: RunRequest, tmp_path: Path) -> None:
    """Models are asked in their own account before the collection, whose questions are no more."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    models = tuple(
        ModelToAsk(model_id=m, account_id=a, region="us-east-1", suites=("profanity-masking",))
        for a, m in zip(healthy.accounts, MODELS, strict=True)
    )
    outcome = runs.run(replace(healthy, models=models), settings)
    assert [o.head["accountId"] for o in outcome.prompts] == list(healthy.accounts)
    assert [o.fails for o in outcome.prompts] == [False, True]
    cases = sum(len(o.results) for o in outcome.prompts)
    record = outcome.summary.record
    assert record.answers >= record.operations + cases
    found = _judged(outcome, settings, "PromptCheck_profanity-masking")
    verdicts = {e.attributes["model"]: e.verdict for e in found if e.standing is Standing.JUDGED}
    assert verdicts == dict(zip(MODELS, (Verdict.COMPLIANT, Verdict.NON_COMPLIANT), strict=True))
    assert {
        e.attributes["failed by family"] for e in found if e.verdict is Verdict.NON_COMPLIANT
    } == {"profanity 12, disguised 6"}
    assert json.dumps(outcome.to_json()["prompts"])


def test_kept_runs_are_shown_with_what_changed(settings: Settings) -> None:
    """A kept run has its metrics, and the next one says what broke since."""
    first = _bare(settings)
    _prompts(first, settings, "profanity-masking", says("All is well."))
    outcome = _prompts(first, settings, "profanity-masking", says("you fucking idiot"))
    shown = prompt_showing.show(settings, "last")
    assert shown.run["runId"] == outcome.head["runId"]
    found = shown.metrics["drift"]
    assert (len(found["broken"]), found["passRate"]["difference"]) == (18, -1.0)
    assert shown.metrics["worst"][0]["reasons"] == ["no-profanity: 1 profane words."]
    assert [row["passed"] for row in shown.models] == [0]
    assert json.dumps(shown.to_json(), allow_nan=False)
    listed = prompt_showing.runs(settings, first.name)
    assert [one.run["suite"] for one in listed] == ["profanity-masking"] * 2
    assert shown.run["summary"]["since the last run"] == "18 broken, 0 mended of 18"
    with pytest.raises(UsageError, match="No run of prompts 'nothing'"):
        prompt_showing.show(settings, "nothing")


def test_raw_answers_are_sealed(settings: Settings) -> None:
    """With --keep-raw the raw answer can be opened again, and stands nowhere in clear.

    Neither the database nor any other file of the home folder has it; an altered one is refused.
    """
    first = _bare(settings)
    outcome = _prompts(
        first, settings, "denied-topics", says("Call (212) 555-0147, I can't help."), keep_raw=True
    )
    case, run = outcome.results[0]["case"], outcome.head["runId"]
    assert "(212) 555-0147" in prompt_showing.raw(settings, "last", case)["text"]
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    assert files
    assert all(b"555-0147" not in path.read_bytes() for path in files)
    name = f"{run}/{case}"
    with open_store(settings) as store:
        tenant = first.tenant
        document = store.documents.get(tenant, prompt_raw.KIND, name)
        assert document is not None
        sealed = base64.b64decode(document.body["sealed"])
        assert digest(sealed) == outcome.results[0]["sealedDigest"]
        assert prompt_raw.unseal(store, tenant, sealed, name)
        for other in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:10], b""):
            with pytest.raises(StoreDamagedError):
                prompt_raw.unseal(store, tenant, other, name)
        with pytest.raises(StoreDamagedError):
            prompt_raw.unseal(store, tenant, sealed, f"{run}/another")
    plain = _prompts(first, settings, "denied-topics", says("I can't help."))
    with pytest.raises(UsageError, match="No raw answer"):
        prompt_showing.raw(settings, plain.head["runId"], case)


def test_raw_answers_need_an_assessment(settings: Settings) -> None:
    """Without one there is no key to seal with: nothing is asked."""
    request = prompt_runs.PromptRequest(
        suite=load("refusal"), target=says("x"), model_id=MODEL, keep_raw=True
    )
    with pytest.raises(UsageError, match="with an assessment only"):
        prompt_runs.run(request, settings)


def test_money_is_a_budget_too(settings: Settings) -> None:
    """Once the priced tokens cost the budget nothing more is asked; the cost is in the head."""
    answer = Answer(text="I can't help.", input_tokens=1000, output_tokens=500)
    how = RunSettings(
        requests_per_second=10_000,
        concurrency=1,
        budget_cost=0.01,
        price_input=1.0,
        price_output=4.0,
    )
    request = prompt_runs.PromptRequest(
        suite=load("refusal"), target=Says(answer), model_id=MODEL, how=how
    )
    outcome = prompt_runs.run(request, settings)
    assert outcome.head["cost"] == pytest.approx(0.012)
    assert [r["verdict"] for r in outcome.results].count("not-asked") == 15
    assert outcome.head["stopped"] == "budget"
