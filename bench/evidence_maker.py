"""Synthetic evidence, seeded, written through the real store: segments, ledger, commits.

`make` gives the same records for the same seed and number, but for the salts of signatures: two
assessments of one tenant (four records to one), a run each a day, 52 controls, 40 accounts.
"""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from tests import samples

from affidavit.model.evidence import Evidence
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate, RunRecord
from affidavit.store import Segment, Store
from bench.evidence_columns import ACCOUNTS, REGIONS, columns_of, records_of

TENANT = "111122223333/us-east-1"
NAME = "Production"
"""Of the larger assessment."""
DAYS = 120
LAST_DAY = date(2026, 10, 31)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 4096
"""As many as the store sorts and writes together, of whatever it is given."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    assessments: tuple[str, str]
    days: int
    records: int
    one: Evidence
    """A record somewhere in the middle."""


def make(store: Store, records: int, *, days: int = DAYS, seed: int = 4) -> Made:
    """Write `records` records over `days` days up to `LAST_DAY`."""
    dice = random.Random(seed)  # noqa: S311 - the same evidence for the same seed
    begin = BEGIN
    large, small = (assessment_of(name, begin, dice) for name in (NAME, "Test"))
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
    step = timedelta(hours=2) / max(1, records)
    last: Evidence | None = None
    with store.segment_writer(run.run_id, TENANT, assessment.id, day) as writer:
        for first in range(0, records, _BATCH):
            numbers = range(first, min(first + _BATCH, records))
            columns = columns_of(run.run_id, assessment.id, (began, step), numbers, dice)
            writer._sink.write(columns)  # noqa: SLF001 - by `append` it takes records only
            last = records_of([column[-1:] for column in columns])[0]
        segment = writer.close()
    store.commit_run(record_of(run.run_id, assessment, day, began, segment), [segment])
    assert last is not None
    return last


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
