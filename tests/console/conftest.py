"""A real installation with evidence of two days, its users, and clients that are signed in."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from tests import samples
from tests.console import library, traffic

from affidavit import catalogue as catalogues
from affidavit import demo
from affidavit.aws.settings import AwsSettings
from affidavit.checks.rules import effective_parameters
from affidavit.finder.engine import Finder
from affidavit.model.canonical import plain_json
from affidavit.model.evidence import Evidence, Input
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.model.run import Assessment, ControlVerdict, Estate
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import passwords, runs, tasks, users
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.server import Background, ServeOptions, make_app, make_context
from affidavit.settings import Settings
from affidavit.store import Store, open_store

ACCOUNT = "111122223333"
REGION = "us-east-1"
TENANT = f"{ACCOUNT}/{REGION}"
PASSWORD = "correct horse battery"
TODAY = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
OWN = {"origin": "http://localhost", "host": "localhost"}
"""What a browser says of a request from our own page."""
PARTS = ("missing", "present", "expired")
"""How the manual parts of partial controls stand, in turn."""


@dataclass(slots=True)
class Installation:
    """A store in a running server, without its threads."""

    store: Store
    context: Context
    app: ASGIApp
    assessment: Assessment
    time: datetime = NOW

    def client(self, user: str = "", role: str = "") -> TestClient:
        """Return a browser; signed in where a user is named, acting in a role where one is."""
        client = TestClient(self.app, base_url="http://localhost", headers=OWN)
        if user:
            given = {"name": user, "password": PASSWORD}
            answer = client.post("/console/sign-in", data=given, follow_redirects=False)
            assert answer.status_code == 303, answer.text
        if role == "admin":
            client.post("/console/account/grant", data={"grant": "1"})
        return client

    def ask(self, role: str, operation: str, **members: Any) -> Any:
        """Return an operation's answer to a persona."""
        caller = Caller(
            account_id=ACCOUNT,
            region=REGION,
            principal_arn=f"arn:aws:iam::{ACCOUNT}:user/{PERSONAS[role]}",
            role=role,  # type: ignore[arg-type] # of the table below
            request_id="test",
        )
        return Dispatcher(self.context)(operation, caller, members)

    def work(self) -> None:
        """Do what the server's worker would: everything that waits."""
        while tasks.run_one(self.context, lambda: False):
            pass


LONG = "CLOUD_TRAIL_CLOUD_WATCH_LOGS_AND_KEYS_ENABLED_IN_EVERY_REGION"
"""A word that has to be broken to fit on a narrow screen."""
PERSONAS = {"owner": "olga", "delegate": "dora", "auditor": "arthur", "admin": "olga"}
"""Role -> the user that has it."""


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hash with little memory: what the real parameters are is a test of its own."""
    real = passwords._hasher
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64)  # type: ignore[misc]
    yield
    passwords._hasher = real  # type: ignore[misc]


class Maker:
    """Makes installations; a filled one is a copy of the first."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._opened: list[Any] = []
        self._assessment = assessment_of("Assistants")
        self._template: Path | None = None

    def __call__(self, *, filled: bool = True, options: ServeOptions | None = None) -> Installation:
        """Return a new installation."""
        folder = self._factory.mktemp("console")
        if filled:
            shutil.copytree(self._filled(), folder, dirs_exist_ok=True)
        return self._open(folder, options or ServeOptions())

    def demo(self) -> Installation:
        """Return an installation that has collected the simulated estate, now."""
        folder = self._factory.mktemp("demo")
        settings = Settings(home=folder / "home", keys=folder / "keys")
        with demo.start() as estate:
            request = runs.RunRequest(
                aws=AwsSettings(
                    access_key=estate.access_key,
                    secret_key=estate.secret_key,
                    endpoint_url=estate.endpoint_url,
                    region=estate.regions[0],
                    role_name=estate.role_name,
                    external_id=estate.external_id,
                    requests_per_second=1000,
                    lookups_per_second=1000,
                ),
                name="Assistants",
                accounts=estate.accounts,
                parameters=estate.parameters,
                parameters_why="of the simulated estate",
            )
            done = runs.run(request, settings)
        made = self._open(folder, ServeOptions())
        made.assessment, made.time = done.assessment, utc_now()
        _register(made)
        return made

    def close(self) -> None:
        """End all of them."""
        while self._opened:
            self._opened.pop().close()

    def _filled(self) -> Path:
        if self._template is None:
            self._template = self._factory.mktemp("template")
            _fill(self._open(self._template, ServeOptions()))
            self.close()
        return self._template

    def _open(self, folder: Path, options: ServeOptions) -> Installation:
        settings = Settings(home=folder / "home", keys=folder / "keys")
        store = open_store(settings, clock=lambda: made.time)
        finder = Finder(store)
        self._opened += [store, finder]
        context = replace(make_context(store, settings, options), now=lambda: made.time)
        app = make_app(Background(context), options, finder)
        made = Installation(store, context, app, self._assessment)
        return made


@pytest.fixture(scope="session")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Return the one maker, which keeps the filled store that others are copied from."""
    return Maker(tmp_path_factory)


@pytest.fixture(scope="module")
def make_installation(maker: Maker) -> Iterator[Maker]:
    """Return the maker of installations; all of a module's end with it."""
    yield maker
    maker.close()


@pytest.fixture(scope="module")
def filled(make_installation: Maker) -> Installation:
    """Return an installation that tests only read."""
    return make_installation()


@pytest.fixture
def fresh(make_installation: Maker) -> Installation:
    """Return an installation of the test's own."""
    return make_installation()


def assessment_of(name: str) -> Assessment:
    """Return an assessment as `affidavit run` makes it."""
    return Assessment(
        id=new_id(datetime(2026, 9, 1, tzinfo=UTC)),
        name=name,
        tenant=TENANT,
        framework_id="genai-v1",
        estate=Estate(accounts=(ACCOUNT,), regions=(REGION,)),
        created_at=datetime(2026, 9, 1, tzinfo=UTC),
        created_by=f"arn:aws:iam::{ACCOUNT}:user/olga",
        parameters={},
    )


def _register(made: Installation) -> None:
    """Make the users and register the tenant."""
    for name, roles in (
        ("olga", ("owner", "admin")),
        ("dora", ("delegate",)),
        ("arthur", ("auditor",)),
    ):
        arn = users.principal_of(ACCOUNT, name)
        grants = [users.grant(ACCOUNT, REGION, role, arn) for role in roles]
        users.add(made.store, name, grants, by="test", now=NOW, password=PASSWORD)
    made.ask("admin", "RegisterAccount")


def _fill(made: Installation) -> None:
    """Register the tenant, commit two runs, delegate a control set, name an auditor."""
    _register(made)
    made.store.create_assessment(made.assessment, "test")
    for number in (1, 0):
        commit_run(made.store, made.assessment, TODAY - timedelta(days=number), number)
    arn = f"arn:aws:iam::{ACCOUNT}:user/dora"
    wanted = {"controlSetId": "Privacy", "roleArn": arn, "roleType": "RESOURCE_OWNER"}
    made.ask(
        "owner",
        "BatchCreateDelegationByAssessment",
        assessmentId=made.assessment.id,
        createDelegationRequests=[wanted],
    )
    roles = [users.principal_of(ACCOUNT, name) for name in ("olga", "arthur")]
    made.ask(
        "owner",
        "UpdateAssessment",
        assessmentId=made.assessment.id,
        scope={"awsAccounts": [{"id": ACCOUNT}]},
        roles=[{"roleType": "PROCESS_OWNER", "roleArn": arn} for arn in roles],
    )
    traffic.fill(made)
    library.fill(made)


def commit_run(
    store: Store, assessment: Assessment, day: date, shift: int, *, synthetic: bool = True
) -> None:
    """Commit a run with three records for each control of the catalogue."""
    catalogue = catalogues.load()
    began = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    store.keep_catalogue(TENANT, catalogue)
    run = store.begin_run(assessment, day, catalogue.digest, began)
    seen = _observation(began)
    store.put_results(run.run_id, [seen, *traffic.usage(began)])
    said: dict[str, ControlVerdict] = {}
    with store.segment_writer(run.run_id, TENANT, assessment.id, day) as writer:
        for place, control in enumerate(catalogue.framework.controls()):
            verdicts = [list(Verdict)[(place + shift + n) % 3] for n in range(3)]
            writer.append(
                [
                    replace(
                        _evidence(run.run_id, assessment.id, control, seen, verdict, n),
                        synthetic=synthetic,
                    )
                    for n, verdict in enumerate(verdicts)
                ]
            )
            said[control.id] = ControlVerdict(
                control_id=control.id,
                control_set_id=control.control_set,
                verdict=verdicts[0],
                counts={one.value: 1 for one in Verdict},
                judged=2,
                expected=3,
                accounts=1,
                regions=1,
                gaps={"denied": 1},
                manual=PARTS[place // 3 % 3] if control.automation == "partial" else "",
            )
        segment = writer.close()
    record = replace(
        samples.run_record(run.run_id, assessment, day, said, began),
        framework_version=catalogue.framework.version,
        catalogue_digest=catalogue.digest,
        finished_at=began + timedelta(minutes=2),
        gaps={"denied": len(said)},
        synthetic=synthetic,
    )
    store.commit_run(record, [segment])


def _observation(began: datetime) -> Observation:
    """Return the answer that all evidence of a run cites."""
    return Observation(
        unit=Unit(key="ListBuckets", account_id=ACCOUNT, region="aws-global", parameters={}),
        service="s3",
        operation="ListBuckets",
        absent="",
        body={"Buckets": [{"Name": f"bucket-{number}-<i>"} for number in range(3)]},
        proof=Proof(
            endpoint="http://127.0.0.1:9",
            synthetic=True,
            caller_arn=f"arn:aws:iam::{ACCOUNT}:role/reader",
            request_ids=("request-1",),
            pages=1,
            attempts=1,
            started_at=began,
            finished_at=began + timedelta(seconds=1),
            tool="test",
        ),
    )


def _evidence(
    run_id: str, assessment_id: str, control: Any, seen: Observation, verdict: Verdict, number: int
) -> Evidence:
    began = seen.proof.started_at
    source = control.sources[0]
    check = catalogues.load().checks.get(source.check)
    decided = verdict is not Verdict.NOT_APPLICABLE
    return Evidence(
        id=new_id(began),
        assessment_id=assessment_id,
        run_id=run_id,
        control_set_id=control.control_set,
        control_id=control.id,
        source_id=source.id,
        source_type=source.type.value,
        keyword=source.keyword,
        evidence_type="Compliance check",
        time=began + timedelta(seconds=number),
        account_id=ACCOUNT,
        region=REGION,
        resource_arn=f"arn:aws:s3:::bucket-{number}-<b>&'\"",
        resource_type="AWS::S3::Bucket",
        verdict=verdict,
        standing=Standing.JUDGED if decided else Standing.UNDECIDED,
        reason=f"Reason {number} <script>alert(1)</script> {LONG}",
        gap="" if decided else "denied",
        check_id=source.check,
        check_digest=check.digest if check else "",
        parameters=plain_json(effective_parameters(check, source.params, {})).decode()
        if check
        else "",
        origin="direct" if decided else "",
        inputs=(Input(digest=seen.digest, pointer=f"/Buckets/{number}"),),
        attributes=_attributes(source.keyword, number),
        synthetic=True,
        salt=new_salt(),
    )


def _attributes(keyword: str, number: int) -> dict[str, str]:
    """Return what a record shows; those of the invocation log tell of a disclosure."""
    if keyword != "InvocationLog_pii-in-output":
        return {"name": f"bucket-{number}"}
    return {
        "entity type": "EMAIL" if number else "PHONE",
        "model": "vendor.model-<b>-v1",
        "principal": f"arn:aws:iam::{ACCOUNT}:role/app-{number}",
        "object": "s3://logs/0.json.gz",
        "request": f"r{number}",
        "part": "answer",
        "hash": "ab",
    }


@pytest.fixture
def collected(make_installation: Maker) -> Installation:
    """Return an installation with the simulated estate's evidence."""
    return make_installation.demo()


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """Return a file to upload."""
    path = tmp_path / "minutes.txt"
    path.write_text("Minutes of the review.", encoding="utf-8")
    return path
