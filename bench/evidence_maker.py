"""Synthetic evidence, seeded, written through the real store: segments, ledger, commits.

`make` gives the same records for the same seed and number, but for the salts of signatures: two
assessments of one tenant (four records to one), a run each a day, 52 controls, 40 accounts.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from tests import samples

from affidavit.model.evidence import Evidence, Input
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate, RunRecord
from affidavit.model.verdict import Standing, Verdict
from affidavit.store import Segment, Store

TENANT = "111122223333/us-east-1"
SETS = ("ACCU", "FAIR", "PRIV", "RESI", "RESP", "SAFE", "SECU", "SUST")
CONTROLS = tuple(f"GENAI-{SETS[n % 8]}-{n // 8 + 1:02d}" for n in range(52))
ACCOUNTS = tuple(f"{n:012d}" for n in range(100_000_000_001, 100_000_000_041))
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
LAST_DAY = date(2026, 10, 31)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_KINDS = (
    ("s3", "GetBucketPolicy", "AWS::S3::Bucket", "arn:aws:s3:::{}"),
    ("iam", "ListRoles", "AWS::IAM::Role", "arn:aws:iam::{account}:role/{}"),
    (
        "bedrock",
        "GetGuardrail",
        "AWS::Bedrock::Guardrail",
        "arn:aws:bedrock:{region}:{account}:guardrail/{}",
    ),
    ("kms", "DescribeKey", "AWS::KMS::Key", "arn:aws:kms:{region}:{account}:key/{}"),
)
_WORDS = ("logs", "data", "models", "backup", "public", "train")
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    assessments: tuple[str, str]
    days: int
    records: int
    one: Evidence
    """A record somewhere in the middle."""


def make(store: Store, records: int, *, days: int = 120, seed: int = 4) -> Made:
    """Write `records` records over `days` days up to `LAST_DAY`."""
    dice = random.Random(seed)  # noqa: S311 - the same evidence for the same seed
    begin = BEGIN
    large, small = (assessment_of(name, begin, dice) for name in ("Production", "Test"))
    for one in (large, small):
        store.create_assessment(one, "bench")
    middle: Evidence | None = None
    for number in range(days):
        day = LAST_DAY - timedelta(days=days - 1 - number)
        of_day = records * (number + 1) // days - records * number // days
        for assessment, share in ((large, of_day - of_day // 5), (small, of_day // 5)):
            last = _run(store, assessment, day, share, dice)
            if number == days // 2 and assessment is large:
                middle = last
    assert middle is not None
    return Made((large.id, small.id), days, records, middle)


def assessment_of(name: str, begin: datetime, dice: random.Random) -> Assessment:
    """Return an assessment of the estate."""
    return Assessment(
        id=new_id(begin, dice.getrandbits),
        name=name,
        tenant=TENANT,
        framework_id="genai-v1",
        estate=Estate(accounts=ACCOUNTS, regions=REGIONS),
        created_at=begin,
        created_by="bench",
        parameters={},
    )


def _run(
    store: Store, assessment: Assessment, day: date, records: int, dice: random.Random
) -> Evidence:
    """Write and commit one run; return its last record."""
    began = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    run = store.begin_run(assessment, day, "c" * 64, began)
    last: Evidence | None = None
    with store.segment_writer(run.run_id, TENANT, assessment.id, day) as writer:
        for batch in _batches(run.run_id, assessment.id, began, records, dice):
            writer.append(batch)
            last = batch[-1]
        segment = writer.close()
    store.commit_run(record_of(run.run_id, assessment, day, began, segment), [segment])
    assert last is not None
    return last


def _batches(
    run_id: str, assessment_id: str, began: datetime, records: int, dice: random.Random
) -> Iterator[list[Evidence]]:
    step = timedelta(hours=2) / max(1, records)
    for first in range(0, records, _BATCH):
        numbers = range(first, min(first + _BATCH, records))
        yield [
            evidence_of(run_id, assessment_id, began + step * number, number, dice)
            for number in numbers
        ]


def evidence_of(
    run_id: str, assessment_id: str, time: datetime, number: int, dice: random.Random
) -> Evidence:
    """Return the record of this number; the dice give the rest."""
    control = CONTROLS[number % len(CONTROLS)]
    service, call, kind, arn = _KINDS[number % len(_KINDS)]
    account, region = dice.choice(ACCOUNTS), dice.choice(REGIONS)
    name = f"{dice.getrandbits(32):08x}-{dice.choice(_WORDS)}"
    chance = dice.random()
    verdict = Verdict.COMPLIANT
    if chance > 0.8:
        verdict = Verdict.NON_COMPLIANT if chance < 0.93 else Verdict.NOT_APPLICABLE
    gap = "denied" if chance > 0.98 else ""
    return Evidence(
        id=new_id(time, dice.getrandbits),
        assessment_id=assessment_id,
        run_id=run_id,
        control_set_id=control.split("-")[1],
        control_id=control,
        source_id=f"source-{number % 154}",
        source_type="AWS_API_Call",
        keyword=f"{service}_{call}",
        evidence_type="Configuration data",
        time=time,
        account_id=account,
        region=region,
        resource_arn=arn.format(name, account=account, region=region),
        resource_type=kind,
        verdict=verdict,
        standing=Standing.UNDECIDED if verdict is Verdict.NOT_APPLICABLE else Standing.JUDGED,
        reason=f"{kind} does {'not ' if verdict is Verdict.NON_COMPLIANT else ''}meet {control}",
        gap=gap,
        check_id=f"check-{number % 83}",
        check_digest=f"{number % 83:064x}",
        parameters="{}",
        origin="" if gap else "direct",
        inputs=(Input(digest=f"{dice.getrandbits(256):064x}", pointer=f"/items/{number % 100}"),),
        attributes={"name": name},
        synthetic=True,
        salt=f"{dice.getrandbits(128):032x}",
    )


def record_of(
    run_id: str, assessment: Assessment, day: date, began: datetime, segment: Segment
) -> RunRecord:
    """Return the run record that counts what the segment holds."""
    held: dict[tuple[str, str], Counter[str]] = {}
    for place, found in segment.counts.items():
        held.setdefault(place, Counter()).update(found)
    controls = {
        name: replace(one, accounts=len(ACCOUNTS), regions=len(REGIONS))
        for name, one in samples.verdicts(held).items()
    }
    return samples.run_record(run_id, assessment, day, controls, began)
