"""Moving over: another server of the same API stands for AWS Audit Manager."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from tests.server.conftest import ACCOUNT, Home

from affidavit import catalogue as catalogues
from affidavit.api.protocol import Protocol
from affidavit.aws.settings import AwsSettings
from affidavit.cli import main
from affidavit.model.times import utc_now
from affidavit.operations import migrating
from affidavit.operations.context import Context
from affidavit.operations.faults import QuotaFault
from affidavit.operations.migrating import TAG, Moved, Order, move
from affidavit.settings import Settings
from affidavit.store import open_store

REGION = "us-east-1"
TENANT = f"{ACCOUNT}/{REGION}"
CHECK = Protocol().members
BUCKET = "reports-of-ours"
SOURCE = {
    "sourceName": "Trails",
    "sourceSetUpOption": "System_Controls_Mapping",
    "sourceType": "AWS_API_Call",
    "sourceKeyword": {
        "keywordInputType": "SELECT_FROM_LIST",
        "keywordValue": "cloudtrail_DescribeTrails",
    },
    "sourceFrequency": "WEEKLY",
}


@dataclass(frozen=True, slots=True)
class There:
    """What a customer has at AWS, and how to get at it."""

    home: Home
    aws: AwsSettings
    owner: Any
    control_id: str


@pytest.fixture
def there(home: Home) -> There:
    """Give a server with a custom control, a framework of it and a standard one, an assessment."""
    home.call(*("tenant", "bind", ACCOUNT, "--ambient", "--report-bucket", BUCKET))
    keys = {role: home.key(role) for role in ("admin", "owner")}
    _, port = home.start("--aws-endpoint-url", "http://127.0.0.1:9")
    url = f"http://127.0.0.1:{port}"
    admin, owner = (_client(url, key) for key in keys.values())
    admin.register_account()
    control = owner.create_control(
        name="Trails are there",
        description="Our own",
        controlMappingSources=[SOURCE],
        tags={"Team": "audit"},
    )["control"]
    standard = owner.list_controls(controlType="Standard")["controlMetadataList"][0]
    framework = owner.create_assessment_framework(
        name="Our framework",
        complianceType="Ours",
        controlSets=[
            {"name": "One", "controls": [{"id": control["id"]}]},
            {"name": "Two", "controls": [{"id": standard["id"]}, {"id": control["id"]}]},
        ],
    )["framework"]
    own = owner.list_assessment_frameworks(frameworkType="Standard")["frameworkMetadataList"][0]
    for name, identifier in (("Ours 2026", framework["id"]), ("Assistants", own["id"])):
        owner.create_assessment(
            name=name,
            frameworkId=identifier,
            assessmentReportsDestination={
                "destinationType": "S3",
                "destination": f"s3://{BUCKET}/reports",
            },
            scope={"awsAccounts": [{"id": ACCOUNT}]},
            roles=[{"roleType": "PROCESS_OWNER", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/owner"}],
        )
    key = keys["owner"]
    aws = AwsSettings(
        access_key=key["accessKeyId"],
        secret_key=key["secretAccessKey"],
        endpoint_url=url,
        region=REGION,
    )
    return There(home, aws, owner, control["id"])


def _client(url: str, key: dict[str, Any]) -> Any:
    return boto3.client(
        "auditmanager",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key["accessKeyId"],
        aws_secret_access_key=key["secretAccessKey"],
    )


@pytest.fixture
def here(make_home: Callable[[Path], Home], tmp_path: Path) -> Settings:
    """Give a new installation, bound to the account and the bucket."""
    home = make_home(tmp_path / "here")
    home.call(*("tenant", "bind", ACCOUNT, "--ambient", "--report-bucket", BUCKET))
    return Settings(home=home.folder / "home", keys=home.folder / "keys")


def _move(here: Settings, there: There, *, assessments: bool = False) -> dict[str, Moved]:
    order = Order(tenant=TENANT, aws=there.aws, by="anna", check=CHECK, assessments=assessments)
    return {f"{one.kind} {one.name}": one for one in move(here, order)}


def test_controls_frameworks_and_assessments_are_made_here(there: There, here: Settings) -> None:
    """All that the customer made is here with the same texts and sources, and only once."""
    moved = _move(here, there, assessments=True)
    assert {one.state for one in moved.values()} == {"made"}, moved
    assert len(moved) == 5, "a standard control in a framework becomes a custom one"
    with open_store(here) as store:
        controls = {d.body["name"]: d.body for d in store.documents.every(TENANT, "control")}
        (framework,) = store.documents.every(TENANT, "framework")
        assessments = {
            d.body["metadata"]["name"]: d.body for d in store.documents.every(TENANT, "assessment")
        }
    own = controls["Trails are there"]
    (source,) = own["controlMappingSources"]
    assert {name: source[name] for name in SOURCE} == SOURCE
    assert own["tags"]["Team"] == "audit"
    assert own["tags"][TAG].endswith(f":control/{there.control_id}")
    sets = [[c["id"] for c in one["controls"]] for one in framework.body["controlSets"]]
    assert len(sets[1]) == 2
    assert own["id"] == sets[0][0] == sets[1][1]
    assert assessments["Ours 2026"]["framework"]["id"] == framework.id
    assert "our texts and checks" in moved["assessment Assistants"].words
    again = _move(here, there, assessments=True)
    assert {one.state for one in again.values()} == {"was here"}


@pytest.mark.slow
def test_what_is_not_collected_here_becomes_manual_evidence(there: There, here: Settings) -> None:
    """A keyword that brings nothing here is a manual source that says so, not a lost one."""
    there.home.stop()
    settings = Settings(home=there.home.folder / "home", keys=there.home.folder / "keys")
    with open_store(settings) as store:
        found = store.documents.get(TENANT, "control", there.control_id)
        assert found is not None
        wrong = {**SOURCE, "sourceType": "AWS_Cloudtrail"}
        wrong["sourceKeyword"] = {
            "keywordInputType": "SELECT_FROM_LIST",
            "keywordValue": "cloudtrail_DescribeTrails",
        }
        sources = [{**found.body["controlMappingSources"][0], **wrong}]
        body = found.body | {"controlMappingSources": sources}
        store.documents.act(TENANT, now=utc_now(), puts=[replace(found, body=body)])
    _, port = there.home.start("--aws-endpoint-url", "http://127.0.0.1:9")
    again = replace(there, aws=replace(there.aws, endpoint_url=f"http://127.0.0.1:{port}"))
    moved = _move(here, again)
    assert "not collected here" in moved["control Trails are there"].words
    with open_store(here) as store:
        controls = {d.body["name"]: d.body for d in store.documents.every(TENANT, "control")}
    (source,) = controls["Trails are there"]["controlMappingSources"]
    assert source["sourceType"] == "MANUAL"
    assert "AWS_Cloudtrail cloudtrail_DescribeTrails" in source["sourceDescription"]


@pytest.mark.slow
def test_what_cannot_be_made_is_named(
    there: There, make_home: Callable[[Path], Home], tmp_path: Path
) -> None:
    """Without the bucket's binding the assessments are not made, and everything else is."""
    home = make_home(tmp_path / "bare")
    home.call("tenant", "bind", ACCOUNT, "--ambient", "--report-bucket", "another-one")
    bare = Settings(home=home.folder / "home", keys=home.folder / "keys")
    moved = _move(bare, there, assessments=True)
    assert moved["framework Our framework"].state == "made"
    assert moved["assessment Ours 2026"].state == "not made"
    assert "assessmentReportsDestination" in moved["assessment Ours 2026"].words


def _full(*_: Any) -> Any:
    raise QuotaFault("There are 500 custom controls")


@pytest.mark.slow
def test_no_framework_of_ours_stands_for_one_that_could_not_be_made(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A customer's stricter framework keeps its name to itself: its assessment is not made."""
    name = "Generative AI, but stricter"
    control = {"arn": "arn:control", "name": "One too many"}
    sets = [{"name": "One", "controls": [control]}]
    order = Order(tenant=TENANT, aws=AwsSettings(), by="anna", check=CHECK, assessments=True)
    with open_store(here) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=here)
        moving = migrating._Here(context, order)
        moving.register()
        monkeypatch.setattr(migrating._Here, "_ask", _full)
        made = list(moving.framework({"arn": "arn:ours", "name": name, "controlSets": sets}))
        framework = {"arn": "arn:ours", "metadata": {"name": name}}
        moved = moving.assessment(
            {"arn": "arn:a", "metadata": {"name": "Ours"}, "framework": framework}
        )
    assert [one.state for one in made] == ["not made", "not made"]
    assert (moved.state, moved.words) == ("not made", f"Its framework {name} could not be made.")


def test_a_silent_aws_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers: exit code 3, and the reason."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("AFFIDAVIT_KEYS", str(tmp_path / "keys"))
    command = ["--home", str(tmp_path / "home"), "framework", "import", "--tenant", TENANT]
    done = CliRunner().invoke(main, [*command, "--endpoint-url", "http://127.0.0.1:9"])
    assert done.exit_code == 3, done.output
    assert "Audit Manager was not read" in done.output
