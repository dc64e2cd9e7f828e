"""Canaries: on time, kept once, alerting when they stop passing, missed runs named."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from moto.server import ThreadedMotoServer

from affidavit import catalogue, demo
from affidavit.aws.metrics import Datum, put_metrics
from affidavit.aws.settings import AwsSettings
from affidavit.cli.canary import command
from affidavit.errors import UsageError
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate
from affidavit.model.times import parse
from affidavit.operations import (
    alert_channels,
    alerts,
    canaries,
    metrics,
    scheduler,
    tasks,
    tenants,
    work,
)
from affidavit.operations.alert_channels import Channel
from affidavit.operations.assessment_bodies import KIND as ASSESSMENT
from affidavit.operations.canaries import Canary, every_of
from affidavit.operations.context import Context
from affidavit.prompts.recorded_runs import KIND as PROMPT_RUN
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document

HOUR = timedelta(hours=1)


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture(scope="module")
def estate() -> Iterator[demo.Simulated]:
    """Run the simulated estate, models and all."""
    with demo.start() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def context(tmp_path: Path, estate: demo.Simulated, clock: Clock) -> Iterator[Context]:
    """Return an installation whose tenant is the estate's first account."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    aws = AwsSettings(
        endpoint_url=estate.endpoint_url,
        access_key=estate.access_key,
        secret_key=estate.secret_key,
        requests_per_second=1000,
    )
    with open_store(settings) as store:
        made = Context(
            store=store, catalogue=catalogue.load(), settings=settings, now=clock, aws=aws
        )
        tenants.bind(settings, store, tenant(estate), tenants.Grant(ambient=True), by="admin")
        yield made


def tenant(estate: demo.Simulated) -> str:
    """Return the tenant."""
    return f"{estate.accounts[0]}/{estate.regions[0]}"


def canary(estate: demo.Simulated, model: str = "demo.good", **more: Any) -> Canary:
    """Return a canary of known answers."""
    account, region = tenant(estate).split("/")
    given: dict[str, Any] = {
        "name": "answers", "tenant": tenant(estate), "suite": "known-answers", "model": model,
        "every": HOUR, "account_id": account, "region": region, "least_rate": 0.95, **more,
    }  # fmt: skip
    return Canary(**given)


def turn(context: Context) -> None:
    """Schedule what is due, and do it."""
    canaries.schedule(context)
    while tasks.run_one(context):
        pass


def states(context: Context, estate: demo.Simulated) -> list[str]:
    """Return the runs' states, the oldest first."""
    found = context.store.documents.every(tenant(estate), canaries.RUN)
    return [one.body["state"] for one in found]


def test_a_good_model_passes_and_nobody_is_told(context: Context, estate: demo.Simulated) -> None:
    """The first run is due at once, the next one an hour later."""
    canaries.add(context.store, canary(estate), by="admin")
    turn(context)
    turn(context)
    assert states(context, estate) == ["passed"]
    assert not alerts.every(context, tenant(estate))
    (run,) = context.store.documents.every(tenant(estate), canaries.RUN)
    assert run.body["synthetic"]
    assert run.body["cases"] > 10


def test_what_stops_passing_alerts_and_recovers(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """A leaky model alerts once; when a good one answers again, the alert ends."""
    canaries.add(context.store, canary(estate, "demo.leaky"), by="admin")
    turn(context)
    clock.now += HOUR
    turn(context)
    (alert,) = alerts.every(context, tenant(estate))
    assert (alert.body["state"], alert.body["times"]) == ("firing", 2)
    assert "threshold" in alert.body["facts"]
    document = context.store.documents.get(tenant(estate), canaries.KIND, "answers")
    assert document is not None
    mended = replace(document, body={**document.body, "model": "demo.good"})
    context.store.documents.act(tenant(estate), now=clock.now, puts=[mended])
    clock.now += HOUR
    turn(context)
    assert states(context, estate) == ["failed", "failed", "passed"]
    (alert,) = alerts.every(context, tenant(estate))
    assert alert.body["state"] == "resolved"


def test_a_canary_of_a_tenant_that_left_asks_nothing(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """After the deregistration no model is asked, not even for a task that waits already."""
    canaries.add(context.store, canary(estate), by="admin")
    assert canaries.schedule(context) == 1
    account = Document(kind="account", id="account", body={"status": "INACTIVE"})
    context.store.documents.act(tenant(estate), now=clock.now, puts=[account])
    turn(context)
    clock.now += HOUR
    assert canaries.schedule(context) == 0
    assert states(context, estate) == []
    assert not alerts.every(context, tenant(estate))


def test_missed_runs_are_kept_as_missed(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """Five hours without a server: four missed, each with its time, and one run."""
    canaries.add(context.store, canary(estate), by="admin")
    turn(context)
    clock.now += 5 * HOUR
    turn(context)
    assert states(context, estate) == ["passed", "missed", "missed", "missed", "missed", "passed"]


def test_missed_runs_alert_until_one_is_made(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """The alert says how many and when, is written with them, and ends with the next run."""
    canaries.add(context.store, canary(estate), by="admin")
    turn(context)
    assert not alerts.every(context, tenant(estate))
    began = clock.now
    clock.now += 3 * HOUR
    canaries.schedule(context)
    (alert,) = alerts.every(context, tenant(estate))
    assert (alert.body["state"], alert.body["kind"], alert.body["times"]) == ("firing", "canary", 2)
    facts = alert.body["facts"]
    assert (facts["state"], facts["missed"]) == ("missed", "2")
    assert parse(facts["last"]) - parse(facts["first"]) == HOUR
    assert began <= parse(facts["first"]) <= clock.now
    while tasks.run_one(context):
        pass
    (alert,) = alerts.every(context, tenant(estate))
    assert alert.body["state"] == "resolved"
    assert states(context, estate) == ["passed", "missed", "missed", "passed"]


def test_a_run_that_cannot_be_made_does_not_end_missed_runs(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """Nobody could ask since: both alerts go on, the missed times and the error."""
    canaries.add(context.store, canary(estate, account_id="999988887777"), by="admin")
    clock.now += 2 * HOUR
    turn(context)
    found = {a.body["key"]: a.body["state"] for a in alerts.every(context, tenant(estate))}
    assert found == {"canary:answers": "firing", "canary-missed:answers": "firing"}


def test_a_channel_is_told_of_missed_runs_and_of_their_end(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """It is left once for each channel, whoever looks for what is due, and it arrives."""
    keys: Any = {"aws_access_key_id": estate.access_key, "aws_secret_access_key": estate.secret_key}
    sns = boto3.client(
        "sns", region_name=estate.regions[0], endpoint_url=estate.endpoint_url, **keys
    )
    topic = sns.create_topic(Name="team")["TopicArn"]
    channel = Channel(name="team", tenant=tenant(estate), kind="sns", target=topic)
    alert_channels.add(context.store, channel, by="admin")
    canaries.add(context.store, canary(estate), by="admin")
    turn(context)
    clock.now += 2 * HOUR
    canaries.schedule(context)
    canaries.schedule(context)
    assert told(context, estate) == ["firing"]
    while tasks.run_one(context):
        pass
    (alert,) = alerts.every(context, tenant(estate))
    assert alert.body["state"] == "resolved"
    assert alert.body["deliveries"]["team"]["state"] == "SENT"


def told(context: Context, estate: demo.Simulated) -> list[str]:
    """Return what the tenant's channels are to be told of missed runs, the oldest first."""
    every = context.store.documents.every(tenant(estate), work.KIND)
    found = [one.body for one in every if one.body["task"] == "alert"]
    return [b["alert"]["state"] for b in found if b["alert"]["key"].startswith("canary-missed")]


def test_a_renamed_assessment_keeps_the_runs_of_its_canary(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """A canary is of an assessment, not of its name: its runs go on where they were kept."""
    first = made(context, estate, "Old name")
    canaries.add(context.store, canary(estate, assessment_id=first.id), by="admin")
    turn(context)
    renamed_to(context, first, "New name")
    clock.now += HOUR
    turn(context)
    assert states(context, estate) == ["passed", "passed"]
    kept = context.store.documents.every(tenant(estate), PROMPT_RUN, parent=first.id)
    assert len(kept) == 2
    assert {one.body["run"]["assessmentId"] for one in kept} == {first.id}


def test_a_canary_is_added_to_an_assessment_by_the_name_that_it_has_now(
    context: Context, estate: demo.Simulated
) -> None:
    """The command finds a renamed assessment by its new name, and by the old one no more."""
    first = made(context, estate, "Old name")
    renamed_to(context, first, "New name")
    asked = ["add", "known-answers", "--model", "demo.good", "--every", "1h", "--assessment"]
    settings = context.settings
    refused = CliRunner().invoke(command, [*asked, "Old name"], obj=settings)
    assert isinstance(refused.exception, UsageError)
    added = CliRunner().invoke(command, [*asked, "New name"], obj=settings)
    assert added.exit_code == 0, added.output
    (one,) = canaries.listed(context.store)
    assert one.body["assessmentId"] == first.id


def made(context: Context, estate: demo.Simulated, name: str) -> Assessment:
    """Return a new assessment of the tenant."""
    account, region = tenant(estate).split("/")
    one = Assessment(
        id=new_id(context.now()), name=name, tenant=tenant(estate), framework_id="genai-v1",
        estate=Estate(accounts=(account,), regions=(region,)), created_at=context.now(),
        created_by="tester", parameters={},
    )  # fmt: skip
    context.store.create_assessment(one, by="tester")
    return one


def renamed_to(context: Context, one: Assessment, name: str) -> None:
    """Rename an assessment as the API does: in its document, not in the collector's record."""
    body = {"metadata": {"name": name, "status": "ACTIVE"}}
    put = Document(kind=ASSESSMENT, id=one.id, sort=name, body=body)
    context.store.documents.act(one.tenant, now=context.now(), puts=[put])


def test_two_leaders_leave_one_run(context: Context, estate: demo.Simulated) -> None:
    """A time has one task and one run, whoever leaves it and does it again."""
    canaries.add(context.store, canary(estate), by="admin")
    before = context.store.documents.get(tenant(estate), canaries.KIND, "answers")
    assert canaries.schedule(context) == 1
    assert canaries.schedule(context) == 0
    assert before is not None
    while tasks.run_one(context):
        pass
    assert states(context, estate) == ["passed"]


def test_a_model_that_is_not_there_is_no_pass(context: Context, estate: demo.Simulated) -> None:
    """Nothing was answered: failed, with an alert."""
    canaries.add(context.store, canary(estate, "no.such-model"), by="admin")
    turn(context)
    assert states(context, estate) == ["failed"]
    (alert,) = alerts.every(context, tenant(estate))
    assert alert.body["kind"] == "canary"


def test_an_account_that_is_not_bound_is_an_error(context: Context, estate: demo.Simulated) -> None:
    """No role, no run: an error that alerts, never a pass."""
    other = canary(estate, account_id="999988887777")
    canaries.add(context.store, other, by="admin")
    turn(context)
    assert states(context, estate) == ["error"]
    assert [a.body["state"] for a in alerts.every(context, tenant(estate))] == ["firing"]


def test_the_scheduler_leaves_canaries(context: Context, estate: demo.Simulated) -> None:
    """The leader's look for what is due finds them."""
    canaries.add(context.store, canary(estate), by="admin")
    assert scheduler.schedule(context) == 1


@pytest.mark.parametrize("text", ["", "0m", "1", "h", "1w", "-1h", "1.5h"])
def test_an_interval_that_is_none_is_refused(text: str) -> None:
    """Minutes, hours and days, whole ones."""
    with pytest.raises(UsageError):
        every_of(text)


@pytest.mark.parametrize(
    "wrong", [{"name": "A B"}, {"suite": "no-such-suite"}, {"every": timedelta(seconds=1)}]
)
def test_a_canary_that_cannot_run_is_refused(
    context: Context, estate: demo.Simulated, wrong: dict[str, Any]
) -> None:
    """Name, suite and interval are looked at when it is added."""
    with pytest.raises(UsageError):
        canaries.add(context.store, canary(estate, **wrong), by="admin")
    assert not canaries.listed(context.store)


def test_metrics_show_canaries_and_no_secret(context: Context, estate: demo.Simulated) -> None:
    """Prometheus' form: each family with help and type; what never ran has no result."""
    canaries.add(context.store, canary(estate), by="admin")
    assert "affidavit_canary_success_percent{" not in metrics.prometheus(context)
    turn(context)
    text = metrics.prometheus(context)
    named = '{CanaryName="answers",suite="known-answers",model="demo.good"}'
    assert f"affidavit_canary_success_percent{named} 100\n" in text
    assert text.count("# HELP") == text.count("# TYPE")
    assert estate.secret_key not in text


def test_cloudwatch_gets_synthetics_own_names() -> None:
    """SuccessPercent and Duration by CanaryName, and by step."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys: Any = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    url = f"http://{host}:{port}"
    aws = AwsSettings(endpoint_url=url, access_key="test", secret_key="test")
    own = {"CanaryName": "answers"}
    data = [
        Datum("SuccessPercent", 100.0, "Percent", own),
        Datum("Duration", 12.0, "Milliseconds", own),
        Datum("SuccessPercent", 50.0, "Percent", {**own, "StepName": "facts"}),
    ]
    put_metrics(aws, ("123456789012", "us-east-1"), "CloudWatchSynthetics", data)
    client = boto3.client("cloudwatch", region_name="us-east-1", endpoint_url=url, **keys)
    listed = client.list_metrics(Namespace="CloudWatchSynthetics")["Metrics"]
    server.stop()
    found = {(m["MetricName"], tuple(d["Name"] for d in m["Dimensions"])) for m in listed}
    assert found == {
        ("SuccessPercent", ("CanaryName",)),
        ("Duration", ("CanaryName",)),
        ("SuccessPercent", ("CanaryName", "StepName")),
    }
