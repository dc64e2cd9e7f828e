"""A store with two assessments of one tenant and one of another, ten days, and the records."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import samples
from tests.samples import TENANT

from affidavit.finder.bind import Names, bind
from affidavit.finder.engine import Finder
from affidavit.finder.parse import parse
from affidavit.finder.query import Question, Scope
from affidavit.model.evidence import Evidence, Input
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.run import Assessment, RunRecord
from affidavit.model.verdict import Standing, Verdict
from affidavit.settings import Settings
from affidavit.store import Store, open_store

OTHER = "444455556666/us-east-1"
FIRST = date(2026, 10, 1)
DAYS = 10
FEW = 3
OF_A_DAY = 30
NAMES = ("plain", "=cmd()", "ü-\u2028", 'quo"te', "per%cent_", "line\nbreak", "a*b")


@dataclass(frozen=True, slots=True)
class Estates:
    """What the store holds."""

    store: Store
    settings: Settings
    mine: Assessment
    second: Assessment
    strange: Assessment
    """Of another tenant."""
    records: dict[str, list[Evidence]]
    """By assessment id, in the order of leaves within a day."""

    def question(self, text: str, *assessments: Assessment) -> Question:
        """Return a question, of `mine` where no assessment is named."""
        chosen = assessments or (self.mine,)
        names = Names(
            assessments={one.id: one.name for one in (self.mine, self.second)},
            domains={"C00": "Privacy", "C01": "Safety", "C02": "Safety"},
            categories={"s3": "Storage"},
        )
        scope = Scope(tenant=chosen[0].tenant, assessments=tuple(one.id for one in chosen))
        return Question(scope=scope, where=bind(parse(text), names, text))


def make_assessment(name: str, tenant: str = TENANT) -> Assessment:
    """Return an assessment."""
    made = datetime(2026, 9, 1, tzinfo=UTC)
    return replace(samples.ASSESSMENT, id=new_id(made), name=name, tenant=tenant, created_at=made)


def make_evidence(run_id: str, assessment_id: str, day: date, number: int) -> Evidence:
    """Return a record; nearly all of it changes with `number`."""
    time = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(seconds=number % 20)
    verdict = list(Verdict)[(number + day.day) % 3]
    gap = "denied" if number % 7 == 0 else ""
    kind = ("AWS_API_Call", "AWS_Config", "AWS_Cloudtrail", "MANUAL", "Prompt_Check")[number % 5]
    keyword = ("s3_GetBucketPolicy", "ENCRYPTED_VOLUMES", "iam_PutRolePolicy", "", "Prompts_x")
    return Evidence(
        id=new_id(time),
        assessment_id=assessment_id,
        run_id=run_id,
        control_set_id=f"SET{number % 2}",
        control_id=f"C{number % 4:02d}",
        source_id=f"s{number % 6}",
        source_type=kind,
        keyword=keyword[number % 5],
        evidence_type="Compliance check" if number % 5 == 1 else "Configuration data",
        time=time,
        account_id=f"{111122223333 + number % 3}",
        region=("us-east-1", "eu-west-1")[number % 2],
        resource_arn=f"arn:aws:s3:::{NAMES[number % 7]}-{number}" + "-logs" * (number % 3 == 0),
        resource_type="AWS::S3::Bucket",
        verdict=verdict,
        standing=Standing.UNDECIDED if verdict == Verdict.NOT_APPLICABLE else Standing.JUDGED,
        reason=f"Reason {number % 4}" + "\n'\"," * (number % 2),
        gap=gap,
        check_id=f"check-{number % 5}",
        check_digest="0" * 64,
        parameters='{"ratio":0.5}',
        origin="direct",
        inputs=tuple(Input(digest="1" * 64, pointer=f"/a/{i}") for i in range(number % 3)),
        attributes={"z": "1", "name": NAMES[number % 7]} if number % 2 else {},
        synthetic=bool(number % 3 == 0),
        salt=new_salt(),
    )


def commit(
    store: Store, assessment: Assessment, day: date, evidence: Sequence[Evidence] | None = None
) -> list[Evidence]:
    """Commit a day's run; return its records as its segment holds them."""
    began = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    run = store.begin_run(assessment, day, "c" * 64, began)
    numbers = range(OF_A_DAY)
    made = [make_evidence(run.run_id, assessment.id, day, number) for number in numbers]
    if evidence is not None:
        made = [replace(one, run_id=run.run_id, assessment_id=assessment.id) for one in evidence]
    with store.segment_writer(run.run_id, assessment.tenant, assessment.id, day) as writer:
        writer.append(made)
        segment = writer.close()
    store.commit_run(run_record(run.run_id, assessment, day, made), [segment])
    return sorted(made, key=lambda one: (one.control_id, one.time, one.id))


def run_record(
    run_id: str, assessment: Assessment, day: date, made: Sequence[Evidence]
) -> RunRecord:
    """Return the record of a run, with a verdict of each control by the usual rule."""
    began = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    return samples.run_record(run_id, assessment, day, samples.counted(made), began)


@contextmanager
def filled(home: Path, days: int, **more: Any) -> Iterator[Estates]:
    """Give a store with so many days of three assessments; `more`: settings."""
    settings = replace(Settings(home=home / "home", keys=home / "keys"), **more)
    mine, second = make_assessment("Production"), make_assessment("Test")
    strange = make_assessment("Production", OTHER)
    with open_store(settings) as store:
        records: dict[str, list[Evidence]] = {}
        for one in (mine, second, strange):
            store.create_assessment(one, "test")
        for number in range(days):
            for one in (mine, second, strange):
                made = commit(store, one, FIRST + timedelta(days=number))
                records.setdefault(one.id, []).extend(made)
        yield Estates(store, settings, mine, second, strange, records)


@pytest.fixture(scope="session")
def estates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estates]:
    """Give a filled store that is only read."""
    with filled(tmp_path_factory.mktemp("estates"), DAYS) as made:
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Estates]:
    """Give a store of `FEW` days that a test may change."""
    with filled(tmp_path, FEW) as made:
        yield made


@pytest.fixture(scope="session")
def finder(estates: Estates) -> Iterator[Finder]:
    """Give a finder over the store that is only read."""
    with Finder(estates.store) as opened:
        yield opened


@pytest.fixture
def fresh_finder(fresh: Estates) -> Iterator[Finder]:
    """Give a finder over the store that a test may change."""
    with Finder(fresh.store) as opened:
        yield opened
