"""The main job on the simulated estate: what a user gets, and what happens when AWS fails."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.operations.conftest import StartEstate

from affidavit.demo import Fault
from affidavit.errors import UsageError
from affidavit.model.observation import GapReason
from affidavit.model.verdict import Verdict
from affidavit.operations import runs
from affidavit.operations.reports import verify_report
from affidavit.operations.runs import RunOutcome, RunRequest
from affidavit.settings import Settings
from affidavit.store import open_store

DECIDED_AT_LEAST = 42
COMPLIANT_AT_LEAST = 12


def _verdicts(outcome: RunOutcome) -> dict[str, Verdict]:
    return {k: v.verdict for k, v in outcome.summary.record.controls.items()}


@pytest.fixture(scope="module")
def first(
    healthy: RunRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunOutcome, Settings]:
    """Run once with a report; shared by the tests that only look."""
    folder = tmp_path_factory.mktemp("first")
    settings = Settings(home=folder / "home", keys=folder / "keys")
    return runs.run(healthy, settings, out=folder / "out"), settings


@pytest.fixture
def again(first: tuple[RunOutcome, Settings], settings: Settings) -> tuple[RunOutcome, Settings]:
    """Return the first run in a store of its own, for tests that run once more."""
    outcome, made = first
    shutil.copytree(made.home, settings.home)
    shutil.copytree(made.keys, settings.keys)
    return outcome, settings


def test_every_control_has_evidence_and_most_a_verdict(first: tuple[RunOutcome, Settings]) -> None:
    """All 52 controls have a record; at least 42 are decided, and each verdict occurs."""
    outcome, _ = first
    controls = outcome.summary.record.controls
    assert len(controls) == 52
    assert all(sum(c.counts.values()) for c in controls.values())
    verdicts = list(_verdicts(outcome).values())
    assert len(verdicts) - verdicts.count(Verdict.NOT_APPLICABLE) >= DECIDED_AT_LEAST
    assert verdicts.count(Verdict.COMPLIANT) >= COMPLIANT_AT_LEAST
    assert set(verdicts) == set(Verdict)


def test_evidence_cites_what_was_observed(first: tuple[RunOutcome, Settings]) -> None:
    """Every judged record cites stored observations, is marked synthetic, and names its check."""
    outcome, settings = first
    record = outcome.summary.record
    with open_store(settings) as store:
        evidence = [e for _, e in store.evidence(record.assessment_id, record.day, record.day)]
        for item in evidence:
            if item.verdict is not Verdict.NOT_APPLICABLE:
                assert item.inputs, item
                assert item.synthetic, item
                assert item.check_digest, item
        digests = {i.digest for e in evidence for i in e.inputs}
        assert all(store.observation(digest).digest == digest for digest in sorted(digests)[::20])
    assert len(evidence) == record.evidence
    assert record.synthetic


def test_the_ledger_and_the_report_verify(first: tuple[RunOutcome, Settings]) -> None:
    """The log verifies as a whole; the report does with the public key, and only with it."""
    outcome, settings = first
    assert outcome.report is not None
    with open_store(settings) as store:
        assert store.verify()
    verified = verify_report(outcome.report, str(outcome.key), again=True)
    assert verified.failure is None
    assert verified.verified
    assert not verify_report(outcome.report, "").verified


def test_each_question_is_asked_once(first: tuple[RunOutcome, Settings]) -> None:
    """A run asks at most half of what asking for each control by itself would take."""
    record = first[0].summary.record
    assert record.operations * 2 < record.naive_operations


def test_parameters_are_leaves(first: tuple[RunOutcome, Settings]) -> None:
    """Each deviation from the catalogue stands in the log with value, by whom and why."""
    outcome, settings = first
    with open_store(settings) as store:
        size = store.log(outcome.assessment.tenant).size
        records = [r for _, r in store.records_between(outcome.assessment.tenant, 0, size - 1)]
    logged = [r for r in records if r["kind"] == "parameter"]
    expected = sum(len(values) for values in outcome.assessment.parameters.values())
    assert len(logged) == expected > 0
    assert all(r["why"] == "of the simulated estate" and r["by"] for r in logged)


def test_a_second_run_continues_the_first(
    healthy: RunRequest, again: tuple[RunOutcome, Settings]
) -> None:
    """Two runs are numbered, linked and consistent; the second report proves it of the first."""
    one, settings = again
    two = runs.run(healthy, settings, out=settings.home.parent / "two")
    assert one.assessment.id == two.assessment.id
    assert two.summary.record.sequence == 2
    assert two.summary.record.previous
    assert one.report is not None
    assert two.report is not None
    assert verify_report(two.report, str(two.key), one.report).verified


def test_changed_parameters_are_logged_and_used(
    healthy: RunRequest, again: tuple[RunOutcome, Settings]
) -> None:
    """Taking a parameter back is a change of its own, and the next run judges without it."""
    _, settings = again
    changed = runs.run(replace(healthy, parameters={}, parameters_why="none"), settings)
    verdicts = _verdicts(changed)
    assert verdicts["GENAI-RESP-06"] is Verdict.NOT_APPLICABLE
    with open_store(settings) as store:
        size = store.log(changed.assessment.tenant).size
        records = [r for _, r in store.records_between(changed.assessment.tenant, 0, size - 1)]
    assert any(r["kind"] == "parameter" and r["value"] == "null" for r in records)


FAULTS = {
    "iam denied": [Fault(kind="deny", service="iam")],
    "bedrock denied in one place": [
        Fault(kind="deny", service="bedrock", account="444455556666", region="us-east-1")
    ],
    "every second service": [
        Fault(kind=kind, service=service)
        for kind, service in (
            ("html", "s3"),
            ("garbage", "cloudtrail"),
            ("throttle", "config"),
            ("error", "backup"),
            ("expired", "kms"),
            ("deny", "cloudwatch"),
        )
    ],
    "lists only": [
        Fault(kind="deny", operation=operation)
        for operation in ("ListGuardrails", "ListBuckets", "DescribeTrails", "ListMetrics")
    ],
    "scoping only": [
        Fault(kind="deny", operation=operation)
        for operation in ("GetDataSource", "GetModelCustomizationJob", "GetBucketPolicy")
    ],
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[] if n == "every second service" else [pytest.mark.slow])
        for n in FAULTS
    ],
)
def test_faults_never_make_anything_compliant(
    name: str,
    start_estate: StartEstate,
    settings: Settings,
    first: tuple[RunOutcome, Settings],
) -> None:
    """When AWS refuses, the run ends, says so as gaps, and no control becomes COMPLIANT."""
    baseline = _verdicts(first[0])
    with start_estate(FAULTS[name]) as request:
        outcome = runs.run(request, settings, out=settings.home.parent / "out")
    for control, verdict in _verdicts(outcome).items():
        if verdict is Verdict.COMPLIANT:
            assert baseline[control] is Verdict.COMPLIANT, control
    honest = {GapReason.NOTHING_TO_COLLECT.value, GapReason.NOT_CONFIGURED.value}
    assert set(outcome.summary.record.gaps) - honest
    assert outcome.report is not None
    assert verify_report(outcome.report, str(outcome.key), again=True).verified


def test_a_hanging_service_costs_a_timeout_not_the_run(
    start_estate: StartEstate, settings: Settings
) -> None:
    """A service that never answers becomes gaps 'timed out'; everything else is collected."""
    with start_estate([Fault(kind="hang", service="kms")], timeout=1) as request:
        outcome = runs.run(request, settings)
    record = outcome.summary.record
    assert record.gaps[GapReason.TIMED_OUT.value] > 0
    assert record.controls["GENAI-SECU-07"].verdict is Verdict.NON_COMPLIANT


def test_an_account_that_cannot_be_entered_is_named(
    healthy: RunRequest, settings: Settings
) -> None:
    """A role that may not be assumed leaves its account out; no control is COMPLIANT for it."""
    wrong = replace(healthy, aws=replace(healthy.aws, external_id="wrong"))
    outcome = runs.run(wrong, settings, out=settings.home.parent / "out")
    estate = outcome.summary.record.estate
    assert estate.accounts == ("111122223333",)
    left_out = [x for x in estate.left_out if x.account_id == "444455556666"]
    assert left_out
    assert "AssumeRole" in left_out[0].why
    assert Verdict.COMPLIANT not in _verdicts(outcome).values()
    assert outcome.summary.record.gaps[GapReason.DENIED.value] == 52
    assert outcome.report is not None
    assert verify_report(outcome.report, str(outcome.key), again=True).verified


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"framework": "nist"}, "no framework 'nist'"),
        ({"parameters": {"nope": {"a": 1}}}, "no check 'nope'"),
        ({"parameters": {"keys-rotated": {"days": 1}}}, "no parameter days"),
        ({"parameters": {"keys-rotated": {"max_key_age_days": "90"}}}, "is '90'"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_asked(
    change: dict[str, object], says: str, healthy: RunRequest, settings: Settings
) -> None:
    """An unknown framework, check or parameter is a usage error, and nothing is written."""
    with pytest.raises(UsageError, match=says):
        runs.run(replace(healthy, **change), settings)  # type: ignore[arg-type]
    assert not Path(settings.home).exists()
