"""A store whose reports verify: the shipped catalogue, real answers, runs of any size.

Every record is of a source of the catalogue, judged by the version of its check there, and cites an
answer that its run was given. Seeded; `python -m bench.report_store HOME RECORDS` writes one.
"""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from tests import samples

from affidavit import catalogue as catalogues
from affidavit.checks.rules import effective_parameters
from affidavit.collector.verdicts import Tally
from affidavit.model.canonical import plain_json
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence, Input
from affidavit.model.framework import SourceType
from affidavit.model.identifiers import new_id
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.model.run import Assessment, Estate, RunRecord
from affidavit.model.verdict import Standing, Verdict
from affidavit.settings import Settings
from affidavit.store import Store, open_store

TENANT = "111122223333/us-east-1"
NAME = "Reported"
ACCOUNTS = ("111122223333", "444455556666")
FIRST_DAY = date(2026, 10, 1)
RUNS = 20
ANSWERS = 200
"""Of each run; the records share them, as a list of buckets serves many checks."""
_BATCH = 10_000
_COMPLIANT = 0.9


def make(store: Store, records: int, runs: int = RUNS, seed: int = 5) -> Assessment:
    """Write an assessment with `records` records over `runs` days; return it."""
    dice = random.Random(seed)  # noqa: S311 - the same evidence for the same seed
    catalogue = catalogues.load()
    assessment = Assessment(
        id=new_id(_time(FIRST_DAY), dice.getrandbits),
        name=NAME,
        tenant=TENANT,
        framework_id=catalogue.framework.id,
        estate=Estate(accounts=ACCOUNTS, regions=("us-east-1",)),
        created_at=_time(FIRST_DAY),
        created_by="bench",
        parameters={},
    )
    store.create_assessment(assessment, "bench")
    store.keep_catalogue(TENANT, catalogue)
    for number in range(runs):
        share = records * (number + 1) // runs - records * number // runs
        _run(store, catalogue, assessment, FIRST_DAY + timedelta(days=number), share, dice)
    return assessment


def _run(
    store: Store,
    catalogue: Catalogue,
    assessment: Assessment,
    day: date,
    records: int,
    dice: random.Random,
) -> None:
    began = _time(day)
    opened = store.begin_run(assessment, day, catalogue.digest, began)
    answers = {
        account: [_answer(account, began, n) for n in range(ANSWERS // 2)] for account in ACCOUNTS
    }
    for results in answers.values():
        store.put_results(opened.run_id, results)
    digests = {account: [one.digest for one in results] for account, results in answers.items()}
    tally = Tally(catalogue.framework)
    run = _Run(assessment, opened.run_id, began, digests)
    made = islice(_evidence(catalogue, run, dice), records)
    with store.segment_writer(opened.run_id, TENANT, assessment.id, day) as writer:
        while batch := list(islice(made, _BATCH)):
            tally.add(batch)
            writer.append(batch)
        segment = writer.close()
    store.commit_run(_record(catalogue, run, tally), [segment])


@dataclass(frozen=True, slots=True)
class _Run:
    """What all records of a run share."""

    assessment: Assessment
    run_id: str
    began: datetime
    digests: Mapping[str, Sequence[str]]
    """Of the answers, by account."""


def _evidence(catalogue: Catalogue, run: _Run, dice: random.Random) -> Iterator[Evidence]:
    places = [
        (control, source, catalogue.checks.get(source.check), account)
        for control in catalogue.framework.controls()
        for source in control.sources
        for account in ACCOUNTS
        if source.type is not SourceType.MANUAL
    ]
    texts = {
        source.id: plain_json(effective_parameters(check, source.params, {})).decode()
        for _, source, check, _ in places
        if check is not None
    }
    time = run.began + timedelta(minutes=2)
    for number, (control, source, check, account) in enumerate(cycle(places)):
        good = dice.random() < _COMPLIANT
        name = f"northwind-{dice.getrandbits(40):010x}-{number}"
        verdict, standing = Verdict.NOT_APPLICABLE, Standing.ACTIVITY
        if check is not None:
            verdict = Verdict.COMPLIANT if good else Verdict.NON_COMPLIANT
            standing = Standing.JUDGED
        yield Evidence(
            id=new_id(time, dice.getrandbits),
            assessment_id=run.assessment.id,
            run_id=run.run_id,
            control_set_id=control.control_set,
            control_id=control.id,
            source_id=source.id,
            source_type=source.type.value,
            keyword=source.keyword,
            evidence_type="Configuration data",
            time=time,
            account_id=account,
            region="us-east-1",
            resource_arn=f"arn:aws:s3:::{name}",
            resource_type="AWS::S3::Bucket",
            verdict=verdict,
            standing=standing,
            reason=f"{name}: {'as required' if good else 'the public access block is missing'}.",
            gap="",
            check_id=source.check,
            check_digest=check.digest if check else "",
            parameters=texts.get(source.id, "{}"),
            origin="direct",
            inputs=(
                Input(digest=dice.choice(run.digests[account]), pointer=f"/items/{number % 100}"),
            ),
            attributes={"name": name},
            synthetic=True,
            salt=f"{dice.getrandbits(128):032x}",
        )


def _answer(account: str, began: datetime, number: int) -> Observation:
    return Observation(
        unit=Unit(
            key="GetBucketPolicy",
            account_id=account,
            region="us-east-1",
            parameters={"Bucket": f"b{number}"},
        ),
        service="s3",
        operation="GetBucketPolicy",
        absent="",
        body={"items": [{"day": began.isoformat(), "name": f"{account}-{number}"}]},
        proof=Proof(
            endpoint="http://127.0.0.1",
            synthetic=True,
            caller_arn=f"arn:aws:iam::{account}:root",
            request_ids=("R",),
            pages=1,
            attempts=1,
            started_at=began + timedelta(minutes=1),
            finished_at=began + timedelta(minutes=1),
            tool="affidavit",
        ),
    )


def _record(catalogue: Catalogue, run: _Run, tally: Tally) -> RunRecord:
    made = samples.run_record(run.run_id, run.assessment, run.began.date(), tally.results({}))
    return replace(
        made,
        framework_id=catalogue.framework.id,
        framework_version=catalogue.framework.version,
        catalogue_digest=catalogue.digest,
        started_at=run.began,
        finished_at=run.began + timedelta(minutes=5),
        synthetic=tally.synthetic,
        operations=ANSWERS,
        naive_operations=ANSWERS,
        calls=ANSWERS,
        gaps=dict(sorted(tally.gaps.items())),
        evidence=tally.evidence,
    )


def _time(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


def main() -> None:
    """Write a store at the home that the command line names."""
    home, records = Path(sys.argv[1]), int(sys.argv[2])
    with open_store(Settings(home=home, keys=home / "keys")) as store:
        make(store, records)


if __name__ == "__main__":
    main()
