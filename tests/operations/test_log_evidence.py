"""Invocation logs as evidence, end to end: collected, judged, reported, verified, judged again."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.operations.conftest import StartEstate

from affidavit import catalogue
from affidavit.collector.alert_proofs import proofs
from affidavit.demo import Fault
from affidavit.model.evidence import Evidence
from affidavit.model.times import iso, utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import alerts, log_followup, own_data, runs
from affidavit.operations.context import Context
from affidavit.operations.reports import verify_report
from affidavit.operations.runs import RunOutcome, RunRequest
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.documents import Document

CHECKS = {"log-pii-free", "log-profanity-free", "traffic-guarded", "log-complete"}
TRAIL, GAPS = "AWS_Cloudtrail", ("denied", "failed")
OWNER = "111122223333/us-east-1"
TEXTS = (b"maria.sample", b"4111 1111", b"bullshit")


def leave_proof(store: Store, tenant: str, state: str, at: datetime) -> None:
    """Keep a channel of alerts and what became of a proof through it."""
    body = {"kind": "webhook", "state": state, "alertState": "proof", "at": iso(at),
            "why": "HTTP 200", "change": "c-1"}  # fmt: skip
    puts = [
        Document(kind="alert_channel", id="desk", sort="desk", body={}),
        Document(kind="alert_proof", id="p-1", parent="desk", sort=iso(at), body=body),
    ]
    store.documents.act(tenant, now=at, puts=puts)


@pytest.fixture(scope="module")
def collected(
    healthy: RunRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunOutcome, Settings]:
    """Run once with a report."""
    folder = tmp_path_factory.mktemp("logs")
    settings = Settings(home=folder / "home", keys=folder / "keys")
    with open_store(settings) as opened:
        leave_proof(opened, OWNER, "SENT", utc_now())
        own = {"numbers": ["+49 30 901820"], "domains": ["example.org"]}
        own_data.edit(opened, OWNER, **own, dropped=(), by="test")
    return runs.run(healthy, settings, out=folder / "out"), settings


@pytest.fixture(scope="module")
def store(collected: tuple[RunOutcome, Settings]) -> Iterator[Store]:
    """Open the store of the run."""
    with open_store(collected[1]) as opened:
        yield opened


def of_logs(store: Store, outcome: RunOutcome) -> list[Evidence]:
    """Return the evidence of invocation logs."""
    record = outcome.summary.record
    found = store.evidence(record.assessment_id, record.day, record.day)
    return [e for _, e in found if e.source_type == "Invocation_Log"]


def test_good_and_bad_logs_are_judged(collected: tuple[RunOutcome, Settings], store: Store) -> None:
    """Production passes each check, the laboratory fails each; nothing is judged without input."""
    found = of_logs(store, collected[0])
    judged = {(e.account_id, e.check_id, e.verdict) for e in found if e.standing is Standing.JUDGED}
    for check in CHECKS:
        assert ("111122223333", check, Verdict.COMPLIANT) in judged
        assert ("111122223333", check, Verdict.NON_COMPLIANT) not in judged
        assert ("444455556666", check, Verdict.NON_COMPLIANT) in judged
    assert all(e.inputs and e.synthetic for e in found if e.standing is Standing.JUDGED)


def test_disclosures_and_totals_are_evidence(
    collected: tuple[RunOutcome, Settings], store: Store
) -> None:
    """Each disclosure, each population and "nothing found in N records" is a record of its own."""
    found = of_logs(store, collected[0])
    types = Counter(e.attributes["entity type"] for e in found if "entity type" in e.attributes)
    assert types == {"EMAIL": 1, "CREDIT_DEBIT_CARD_NUMBER": 1, "PROFANITY": 1}
    assert any(e.reason.startswith("Nothing found in ") for e in found)
    assert any(e.reason.startswith("5 of ") for e in found)
    assert any("no invocation log of this Region was read" in e.reason for e in found)
    assert any("records carry a group of language, 3 groups" in e.reason for e in found)
    groups = {e.attributes["group"] for e in found if "group" in e.attributes}
    assert groups == {"en", "de", "fr"}


def test_what_is_the_companys_own_is_left_out_and_never_silently(
    collected: tuple[RunOutcome, Settings], store: Store
) -> None:
    """The tenant's list leaves a number out; verdict and population tell it, and which list."""
    found = [e for e in of_logs(store, collected[0]) if e.account_id == "444455556666"]
    own = "left out as the company's own"
    told = [e for e in found if e.attributes.get(own) == "4930901820 (1)"]
    assert any("outputs with personal data" in e.attributes for e in told)
    over = [e for e in told if "list of the company's own" in e.attributes]
    assert over
    for one in over:
        assert "Left out as the company's own: 1." in one.reason
        assert one.attributes["list of the company's own"].startswith("version 1 of the tenant's")


def test_use_by_model_and_principal_is_evidence(
    collected: tuple[RunOutcome, Settings], store: Store
) -> None:
    """What the calls of each came to in the day is a record."""
    found = [e for e in of_logs(store, collected[0]) if "tokens in" in e.attributes]
    assert any(e.attributes.get("principal", "").startswith("arn:aws:") for e in found)
    assert any("model" in e.attributes for e in found)
    assert all(int(e.attributes["calls"]) > 0 for e in found)


def test_a_delivered_proof_of_alerting_is_evidence(
    collected: tuple[RunOutcome, Settings], store: Store
) -> None:
    """What was delivered is an activity without a verdict and no gap, with the ledger's change."""
    found = of_logs(store, collected[0])
    (proof,) = [e for e in found if e.keyword == "InvocationLog_alerting-proof"]
    assert (proof.gap, proof.origin, proof.standing) == ("", "activity", Standing.ACTIVITY)
    assert "delivered through the channel desk" in proof.reason
    assert "change c-1" in proof.reason
    assert proof.inputs


@pytest.mark.parametrize(
    ("state", "age", "reason"),
    [("", 0, "not_configured"), ("FAILED", 1, "failed"), ("SENT", 30, "failed"),
     ("SENT", 1, "nothing_to_collect")],
)  # fmt: skip
def test_what_is_not_proved_is_a_gap(
    store: Store, tmp_path: Path, state: str, age: int, reason: str
) -> None:
    """No channel, a proof that failed, and one of yesterday's yesterday each say so."""
    now, assessment = utc_now(), store.assessments()[0]
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings) as fresh:
        if state:
            leave_proof(fresh, assessment.tenant, state, now - timedelta(hours=age))
        told = proofs(fresh, assessment, "111122223333", now)
    assert [gap.reason.value for gap in told.values()] == [reason]


def test_activity_comes_from_trail_files_too(
    collected: tuple[RunOutcome, Settings], store: Store
) -> None:
    """An event of yesterday is one record of both places; one that a trail lacks is told."""
    record = collected[0].summary.record
    found = [e for _, e in store.evidence(record.assessment_id, record.day, record.day)]
    changes = [e for e in found if e.keyword == "bedrock_UpdateGuardrail" and not e.gap]
    assert len(changes) == 3
    assert {e.attributes["seen in"] for e in changes} == {"LookupEvents and trail files"}
    assert all(e.attributes["record"].startswith("sha256 ") for e in changes)
    assert all(len(e.inputs) == 2 for e in changes)
    (told,) = [e for e in found if e.reason.startswith("LookupEvents has the ")]
    assert (told.keyword, told.account_id) == ("iam_AttachRolePolicy", "444455556666")
    assert (told.standing, told.gap) == (Standing.ACTIVITY, "")
    none = [e for e in found if "The trail's files of " in e.reason and e.gap]
    assert {e.gap for e in none} == {"nothing_to_collect"}
    assert all(int(e.attributes["trail files"]) > 0 for e in none)


def test_the_report_verifies_is_judged_again_and_holds_no_text(
    collected: tuple[RunOutcome, Settings],
) -> None:
    """Verdicts follow from the observations in the report; what was disclosed is nowhere in it."""
    outcome, _ = collected
    assert outcome.report is not None
    verified = verify_report(outcome.report, str(outcome.key), again=True)
    assert verified.failure is None
    with zipfile.ZipFile(outcome.report) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert not any(text in content for text in TEXTS), name


def test_unlogged_calls_are_told(collected: tuple[RunOutcome, Settings], store: Store) -> None:
    """The laboratory's calls that are in no log make an alert, and those where no log was read."""
    outcome, settings = collected
    record = outcome.summary.record
    context = Context(store=store, catalogue=catalogue.load(), settings=settings)
    told = log_followup.tell_unlogged(context, record.tenant, record.assessment_id, record.day)
    found = {one.body["where"]: one.body["facts"] for one in alerts.every(context, record.tenant)}
    assert len(found) == told
    assert found.pop("444455556666/us-east-1")["calls in no log"] == "5"
    assert found
    assert all(facts["calls in no log"] == facts["calls"] for facts in found.values())


@pytest.mark.parametrize(
    "operation", [pytest.param("ListObjectsV2", marks=pytest.mark.slow), "GetObject"]
)
def test_logs_that_cannot_be_read_never_pass(
    start_estate: StartEstate, tmp_path: Path, operation: str
) -> None:
    """Denied listing or objects: no check of logs is COMPLIANT, and each place has a gap."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with start_estate([Fault(kind="deny", service="s3", operation=operation)]) as request:
        outcome = runs.run(request, settings)
    with open_store(settings) as opened:
        found = [e for e in of_logs(opened, outcome) if e.check_id]
        record = outcome.summary.record
        evidence = [e for _, e in opened.evidence(record.assessment_id, record.day, record.day)]
    assert Verdict.COMPLIANT not in {e.verdict for e in found}
    assert {e.gap for e in found} & {"denied", "failed"}
    places = {(e.control_id, e.account_id, e.region) for e in evidence if e.source_type == TRAIL}
    unread = [e for e in evidence if e.source_type == TRAIL and "could not be read" in e.reason]
    assert {e.gap in GAPS for e in unread} == {False, True}
    assert all(e.gap in GAPS or e.check_id for e in unread)
    assert {e.control_id for e in unread} == {control for control, _, _ in places}
