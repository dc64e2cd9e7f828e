"""Evidence, observations and runs as JSON: what is written is what is read."""

from dataclasses import replace
from datetime import UTC, date, datetime

from tests import samples

from affidavit.model.canonical import canonical, digest
from affidavit.model.evidence import Evidence, Input
from affidavit.model.observation import Gap, GapReason, Observation, Proof, Unit
from affidavit.model.run import ControlVerdict, Estate, LeftOut, RunRecord
from affidavit.model.verdict import Verdict

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PROOF = Proof(
    endpoint="https://s3.us-east-1.amazonaws.com",
    synthetic=False,
    caller_arn="arn:aws:sts::111122223333:assumed-role/a/b",
    request_ids=("R1", "R2"),
    pages=2,
    attempts=3,
    started_at=NOW,
    finished_at=NOW,
    tool="affidavit 0",
)
UNIT = Unit(key="GetX", account_id="111122223333", region="us-east-1", parameters={"n": 1.5})
OBSERVATION = Observation(
    unit=UNIT, service="s3", operation="GetX", absent="", body={"Threshold": 0.7}, proof=PROOF
)
EVIDENCE = replace(
    samples.EVIDENCE,
    verdict=Verdict.NON_COMPLIANT,
    parameters='{"max":0.5}',
    inputs=(Input(digest=OBSERVATION.digest, pointer="/Buckets/0"),),
    attributes={"name": "b"},
    synthetic=False,
)


def test_proof_round_trips() -> None:
    """A proof read back is the proof written."""
    assert Proof.from_json(PROOF.to_json()) == PROOF


def test_evidence_round_trips_with_the_same_entry() -> None:
    """A record read back has the same ledger entry."""
    again = Evidence.from_json(EVIDENCE.to_json())
    assert again == EVIDENCE
    assert again.entry == EVIDENCE.entry


def test_observation_digest_covers_body_and_proof() -> None:
    """Another body, or another request id, is another observation."""
    document = OBSERVATION.to_json()
    assert document["body_digest"] == digest(b'{"Threshold":0.7}')
    assert digest(canonical(document)) == OBSERVATION.digest


def test_units_differ_by_every_part() -> None:
    """Key, account, Region and parameters identify a question; member order does not."""
    same = Unit(key="GetX", account_id="111122223333", region="us-east-1", parameters={"n": 1.5})
    assert same.id == UNIT.id
    others = [
        Unit(key="GetY", account_id="111122223333", region="us-east-1", parameters={"n": 1.5}),
        Unit(key="GetX", account_id="111122223334", region="us-east-1", parameters={"n": 1.5}),
        Unit(key="GetX", account_id="111122223333", region="us-east-2", parameters={"n": 1.5}),
        Unit(key="GetX", account_id="111122223333", region="us-east-1", parameters={"n": 2}),
    ]
    assert len({UNIT.id, *(unit.id for unit in others)}) == 5


def test_gaps_have_words_and_a_digest() -> None:
    """A gap is a value with its own digest, with and without a proof."""
    gap = Gap(
        unit=UNIT,
        service="s3",
        operation="GetX",
        reason=GapReason.TIMED_OUT,
        code="",
        message="no answer in 30 s",
        proof=None,
    )
    assert gap.reason.words == "timed out"
    assert gap.digest == digest(canonical(gap.to_json()))
    assert gap.to_json()["proof"] is None


def test_run_record_is_canonical() -> None:
    """A run record has a canonical form with every control and everything left out."""
    verdict = ControlVerdict(
        control_id="GENAI-RESP-01",
        control_set_id="RESP",
        verdict=Verdict.COMPLIANT,
        counts={"COMPLIANT": 2},
        judged=2,
        expected=2,
        accounts=1,
        regions=1,
        gaps={},
        manual="missing",
    )
    record = RunRecord(
        run_id="r",
        assessment_id="a",
        assessment_name="n",
        tenant="111122223333/us-east-1",
        sequence=1,
        previous="",
        framework_id="genai-v1",
        framework_version="0.1.0",
        catalogue_digest="d",
        day=date(2026, 11, 23),
        started_at=NOW,
        finished_at=NOW,
        tool="affidavit 0",
        synthetic=True,
        estate=Estate(
            accounts=("111122223333",),
            regions=("us-east-1",),
            left_out=(LeftOut(account_id="9", region="", why="suspended"),),
        ),
        operations=1,
        naive_operations=2,
        calls=1,
        gaps={},
        controls={"GENAI-RESP-01": verdict},
        evidence=2,
        first_leaf=0,
        parameters={"c": {"max": 0.5}},
    )
    document = record.to_json()
    assert canonical(document)
    assert document["left_out"] == [["9", "", "suspended", False]]
    assert document["controls"]["GENAI-RESP-01"]["manual"] == "missing"
    assert Verdict.COMPLIANT.words == "Compliant"
