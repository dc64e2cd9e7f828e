"""An installation on SQLite with a clock that tests move, and callers of all kinds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from tests.operations.api.activity_story import Story

from affidavit import catalogue
from affidavit.api import serialise
from affidavit.aws.settings import AwsSettings
from affidavit.checks.judge import Judgement
from affidavit.collector.evidence import EvidenceMaker
from affidavit.collector.run import Collector
from affidavit.collector.verdicts import Tally
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Evidence
from affidavit.model.framework import Control
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import activity, tenants
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.tenant_bindings import Binding
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document

NOW = datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=UTC)
UNREACHABLE = AwsSettings(
    access_key="made", secret_key="up", endpoint_url="http://127.0.0.1:9", max_attempts=1
)
"""No test here reaches AWS, nor looks for credentials."""
CALLER = Caller(
    account_id="111122223333",
    region="us-east-1",
    principal_arn="arn:aws:iam::111122223333:role/AuditOwner",
    role="owner",
    request_id="test",
)
MODEL = botocore.session.get_session().get_service_model("auditmanager")


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def forward(self, **delta: float) -> None:
        """Let time pass, for example days=3."""
        self.time += timedelta(**delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Calls operations as the doors do, and holds every answer to the service model."""

    context: Context
    clock: Clock
    dispatcher: Dispatcher
    caller: Caller

    def __call__(self, operation: str, /, **request: Any) -> Mapping[str, Any]:
        """Return the operation's answer to this installation's caller."""
        answer = self.dispatcher(operation, self.caller, request)
        shape = MODEL.operation_model(operation).output_shape
        assert serialise.problems(shape, answer) == []
        assert b":null" not in serialise.body(answer)
        return answer

    def as_(self, **members: Any) -> "Installation":
        """Return the same installation for another caller: role, account_id, region, ..."""
        return replace(self, caller=replace(self.caller, **members))

    def bind(self, **grant: Any) -> Binding:
        """Bind the caller's tenant to more, as an administrator does by the command line."""
        context, name = self.context, self.caller.tenant
        given = tenants.Grant(**grant)
        return tenants.bind(context.settings, context.store, name, given, by="test", now=self.clock)

    def leaves(self) -> list[dict[str, Any]]:
        """Return the change records of the caller's ledger."""
        store = self.context.store
        size = store.log(self.caller.tenant).size
        return [record for _, record in store.records_between(self.caller.tenant, 0, size)]


@pytest.fixture(scope="session")
def shipped() -> Catalogue:
    """Return the shipped catalogue."""
    return catalogue.load()


@pytest.fixture
def installation(tmp_path: Path, shipped: Catalogue) -> Iterator[Installation]:
    """Give a new installation whose caller's account is not registered."""
    clock = Clock()
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings, clock=clock) as store:
        context = Context(
            store=store, catalogue=shipped, settings=settings, now=clock, aws=UNREACHABLE
        )
        yield Installation(
            context=context, clock=clock, dispatcher=Dispatcher(context), caller=CALLER
        )


@pytest.fixture
def owner(installation: Installation) -> Installation:
    """Give an installation called by an owner of a registered account."""
    installation.as_(role="admin")("RegisterAccount")
    return installation


@pytest.fixture
def admin(owner: Installation) -> Installation:
    """Give an installation called by the administrator of a registered account."""
    return owner.as_(role="admin")


@pytest.fixture
def stranger(owner: Installation) -> Installation:
    """Give the same installation called by an owner of another registered account."""
    other = owner.as_(
        account_id="444455556666", principal_arn="arn:aws:iam::444455556666:role/AuditOwner"
    )
    other.as_(role="admin")("RegisterAccount")
    return other


@pytest.fixture
def a_control(owner: Installation) -> Callable[..., dict[str, Any]]:
    """Return the maker of custom controls with one manual source."""

    def make(name: str = "Own control", **members: Any) -> dict[str, Any]:
        sources = [{"sourceName": "Paper", "sourceType": "MANUAL"}]
        request = {"name": name, "controlMappingSources": sources, **members}
        made: dict[str, Any] = owner("CreateControl", **request)["control"]
        return made

    return make


@pytest.fixture
def a_framework(
    owner: Installation, a_control: Callable[..., dict[str, Any]], shipped: Catalogue
) -> Callable[..., dict[str, Any]]:
    """Return the maker of custom frameworks: a set with an own and a standard control."""

    def make(name: str = "Own framework", **members: Any) -> dict[str, Any]:
        standard = next(shipped.framework.controls()).uuid
        refs = [{"id": a_control()["id"]}, {"id": standard}]
        request = {"name": name, "controlSets": [{"name": "Set", "controls": refs}], **members}
        made: dict[str, Any] = owner("CreateAssessmentFramework", **request)["framework"]
        return made

    return make


class Collected:
    """An assessment of the command line with the runs that a test commits to it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.catalogue = installation.context.catalogue
        self.control = next(self.catalogue.framework.controls())
        self.set_name = self.catalogue.framework.control_sets[0].name
        now = installation.clock()
        self.assessment = Assessment(
            id=new_id(now),
            name="Northwind",
            tenant=installation.caller.tenant,
            framework_id=self.catalogue.framework.id,
            estate=Estate(accounts=("111122223333",), regions=("us-east-1",)),
            created_at=now,
            created_by=installation.caller.principal_arn,
            parameters={},
        )
        installation.context.store.create_assessment(self.assessment, by="test")

    def run(self, records: int = 6, *, judged: bool = True) -> list[Evidence]:
        """Commit a run with so many records of the first and of the second control.

        Without `judged` there is one for each check of each control, and all are undecided: a
        verdict that cites no answer, or a check without a record, fails verification.
        """
        store, now = self.installation.context.store, self.installation.clock()
        opened = store.begin_run(self.assessment, now.date(), self.catalogue.digest, now)
        maker = EvidenceMaker(
            catalogue=self.catalogue, assessment=self.assessment, run_id=opened.run_id, now=now
        )
        tally = Tally(self.catalogue.framework)
        first, second = list(self.catalogue.framework.controls())[:2]
        made = [_judged(maker, c, n) for c in (first, second) for n in range(records)]
        if not judged:
            made = [
                _judged(maker, replace(control, sources=(source,)), 2)
                for control in self.catalogue.framework.controls()
                for source in control.sources
                if source.check
            ]
        with store.segment_writer(
            opened.run_id, self.assessment.tenant, self.assessment.id, now.date()
        ) as writer:
            tally.add(made)
            writer.append(made)
            segment = writer.close()
        collector: Any = Collector(catalogue=self.catalogue, store=store, door=None)  # type: ignore[arg-type] # asks nothing
        collector.now = self.installation.clock
        assessment = self.assessment
        if not judged:  # no account was entered: none needs a record of every check
            estate = replace(assessment.estate, accounts=())
            assessment = replace(assessment, estate=estate)
        store.keep_catalogue(assessment.tenant, self.catalogue)
        entered = EvidenceMaker(
            catalogue=self.catalogue, assessment=assessment, run_id=opened.run_id, now=now
        )
        record = collector._record(entered, opened, tally, {})
        store.commit_run(record, [segment])
        return made


def _judged(maker: EvidenceMaker, control: Control, number: int) -> Evidence:
    source = next(s for s in control.sources if s.check)
    judgement = Judgement(
        check_id=source.check,
        verdict=list(Verdict)[number % 3],
        standing=Standing.UNDECIDED if number % 3 == 2 else Standing.JUDGED,
        reason=f"Reason {number}",
        arn=f"arn:aws:s3:::bucket-{number:03}" if number % 2 else "",
        resource_type="AWS::S3::Bucket",
        region="us-east-1",
    )
    return maker._from_judgement(control, source, "111122223333", judgement, "direct", "{}")


@pytest.fixture
def collected(owner: Installation) -> Collected:
    """Give an assessment of the owner's tenant without runs yet."""
    return Collected(owner)


@pytest.fixture
def as_document(owner: Installation, collected: Collected) -> Callable[..., None]:
    """Return the way to keep the collected assessment as the API would, with a delegation."""

    def keep(*, delegate_to: str = "", status: str = "ACTIVE", destination: str = "") -> None:
        sets = [
            {
                "id": one.name,
                "controls": [
                    {"id": c.uuid, "name": c.title, "status": "UNDER_REVIEW"} for c in one.controls
                ],
                "delegations": [],
            }
            for one in collected.catalogue.framework.control_sets
        ]
        if delegate_to:
            sets[0]["delegations"] = [{"roleArn": delegate_to, "controlSetId": sets[0]["id"]}]
        roles = [{"roleType": "PROCESS_OWNER", "roleArn": owner.caller.principal_arn}]
        metadata = {
            "id": collected.assessment.id,
            "name": collected.assessment.name,
            "status": status,
            "roles": roles,
            "assessmentReportsDestination": {
                "destinationType": "S3",
                "destination": destination,
            },
        }
        body = {"metadata": metadata, "framework": {"controlSets": sets}}
        document = Document(kind="assessment", id=collected.assessment.id, body=body)
        context = owner.context
        context.store.documents.act(owner.caller.tenant, now=context.now(), puts=[document])

    return keep


@pytest.fixture
def an_assessment(owner: Installation, shipped: Catalogue) -> Callable[..., dict[str, Any]]:
    """Return the maker of assessments: of the standard framework, on the owner's account."""

    def make(name: str = "Northwind", **members: Any) -> dict[str, Any]:
        request = {
            "name": name,
            "assessmentReportsDestination": {
                "destinationType": "S3",
                "destination": "s3://northwind-reports",
            },
            "scope": {"awsAccounts": [{"id": owner.caller.account_id}]},
            "roles": [],
            "frameworkId": shipped.framework.uuid,
            **members,
        }
        made: dict[str, Any] = owner("CreateAssessment", **request)["assessment"]
        return made

    return make


@pytest.fixture
def delegate(owner: Installation) -> Installation:
    """Give the same installation called by a delegate of the owner's account."""
    return owner.as_(role="delegate", principal_arn="arn:aws:iam::111122223333:role/Reviewer")


@pytest.fixture
def story(
    owner: Installation,
    an_assessment: Callable[..., dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Story:
    """Give an assessment collected as a whole once, and a worker that asks its trail."""
    made = Story(owner, an_assessment, tmp_path)
    monkeypatch.setattr(activity, "Door", lambda _aws: made.trail)
    made.whole()
    made.trail.asked.clear()
    return made
