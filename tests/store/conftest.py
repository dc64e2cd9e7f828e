"""A database of each kind, and sample values, for the store's tests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import samples
from tests.samples import NOW, TENANT

from affidavit.model.evidence import Evidence, Input
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.observation import Gap, GapReason, Observation, Proof
from affidavit.model.run import Assessment, LeftOut, RunRecord
from affidavit.model.verdict import Standing, Verdict
from affidavit.settings import Settings
from affidavit.store import Committed, OpenRun, Segment, Store, open_store

DAY = NOW.date()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Give settings with a new home, on SQLite and again on PostgreSQL."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys", database_url=url)


@pytest.fixture
def sqlite_settings(tmp_path: Path) -> Settings:
    """Give settings with a new home on SQLite."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")


class Sample:
    """Makes values of the model for tests."""

    now = NOW
    tenant = TENANT
    day = DAY

    def assessment(self, name: str = "Northwind", tenant: str = TENANT) -> Assessment:
        """Return an assessment."""
        left_out = (LeftOut(account_id="444455556666", region="", why="suspended"),)
        return replace(
            samples.ASSESSMENT,
            id=new_id(NOW),
            name=name,
            tenant=tenant,
            estate=replace(samples.ASSESSMENT.estate, left_out=left_out),
            created_by="arn:aws:iam::111122223333:user/auditor",
            parameters={"GENAI-X": {"days": 30, "ratio": 0.5}},
        )

    def proof(self) -> Proof:
        """Return the proof of a call."""
        return Proof(
            endpoint="https://s3.us-east-1.amazonaws.com",
            synthetic=False,
            caller_arn="arn:aws:sts::111122223333:assumed-role/r/s",
            request_ids=("A", "B"),
            pages=2,
            attempts=2,
            started_at=NOW,
            finished_at=NOW + timedelta(seconds=1),
            tool="affidavit 0.1.0",
        )

    def observation(self, number: int, body: dict[str, Any] | None = None) -> Observation:
        """Return an observation; its parameters hold `number`."""
        asked = {"Policy": f"p{number}", "Ratio": 0.1} if body is None else body
        return samples.bucket_policy(f"bucket-{number}", asked, self.proof())

    def gap(self, number: int) -> Gap:
        """Return a gap."""
        unit = self.observation(number).unit
        return Gap(
            unit=replace(unit, key="ListKeys"),
            service="kms",
            operation="ListKeys",
            reason=GapReason.DENIED,
            code="AccessDenied",
            message="kms:ListKeys is denied",
            proof=self.proof(),
        )

    def evidence(self, run_id: str, assessment_id: str, number: int) -> Evidence:
        """Return an evidence record; verdict and control change with `number`."""
        verdict = list(Verdict)[number % 3]
        return replace(
            samples.EVIDENCE,
            id=new_id(NOW + timedelta(milliseconds=number)),
            assessment_id=assessment_id,
            run_id=run_id,
            control_set_id=f"SET{number % 2}",
            control_id=f"C{number % 4:02d}",
            evidence_type="Compliance check",
            time=NOW + timedelta(microseconds=number),
            resource_arn=f"arn:aws:s3:::bücket-{number}",
            verdict=verdict,
            standing=Standing.UNDECIDED if verdict == Verdict.NOT_APPLICABLE else Standing.JUDGED,
            reason="TLS is not required" + "\n'\"\u2028" * (number % 2),
            check_id="GENAI-X",
            parameters='{"ratio":0.5}',
            inputs=tuple(Input(digest="1" * 64, pointer=f"/a/{i}") for i in range(number % 3)),
            attributes={"z": "1", "a": "", "name": "ü"} if number % 2 else {},
            synthetic=bool(number % 2),
            salt=new_salt(),
        )

    def run_record(
        self,
        run_id: str,
        assessment: Assessment,
        evidence: Sequence[Evidence],
        day: date = DAY,
    ) -> RunRecord:
        """Return the run record that counts `evidence` as it is."""
        controls = {
            name: replace(
                one,
                verdict=Verdict.NON_COMPLIANT,
                counts={"COMPLIANT": 0, **one.counts},
                judged=1,
                expected=2,
                manual="missing",
            )
            for name, one in samples.counted(evidence).items()
        }
        made = samples.run_record(run_id, assessment, day, controls)
        return replace(made, gaps={"denied": 1})

    def commit(
        self, store: Store, assessment: Assessment, count: int = 10, day: date = DAY
    ) -> tuple[Committed, list[Evidence]]:
        """Begin a run, write `count` records in one segment, commit; return what was committed."""
        run = store.begin_run(assessment, day, "c" * 64, NOW)
        return self.finish(store, assessment, run, count, day)

    def finish(
        self, store: Store, assessment: Assessment, run: OpenRun, count: int, day: date = DAY
    ) -> tuple[Committed, list[Evidence]]:
        """Write `count` records of an open run in one segment and commit."""
        evidence = [self.evidence(run.run_id, assessment.id, n) for n in range(count)]
        segment = self.segment(store, assessment, run, evidence, day)
        record = self.run_record(run.run_id, assessment, evidence, day)
        return store.commit_run(record, [segment]), evidence

    def segment(
        self,
        store: Store,
        assessment: Assessment,
        run: OpenRun,
        evidence: Sequence[Evidence],
        day: date = DAY,
    ) -> Segment:
        """Write a segment of an open run."""
        with store.segment_writer(run.run_id, assessment.tenant, assessment.id, day) as writer:
            writer.append(evidence)
            return writer.close()


@pytest.fixture
def sample() -> Sample:
    """Give the maker of sample values."""
    return Sample()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Give an open store on each kind of database."""
    with open_store(settings, clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def assessment(store: Store, sample: Sample) -> Assessment:
    """Give an assessment that is in the store."""
    made = sample.assessment()
    store.create_assessment(made, "auditor")
    return made


@pytest.fixture
def reopen(settings: Settings) -> Callable[[], Store]:
    """Give a function that opens the same store once more."""
    return lambda: open_store(settings, clock=lambda: NOW, busy_seconds=0.2)
