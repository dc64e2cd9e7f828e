"""Canaries: on time, kept once, alerting when they stop passing, missed runs named."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from affidavit import catalogue, demo
from affidavit.api.hosts import LOOPBACK, HostAllowList
from affidavit.api.metrics import Metrics
from affidavit.aws.metrics import Datum, put_metrics
from affidavit.aws.settings import AwsSettings
from affidavit.errors import UsageError
from affidavit.operations import alerts, canaries, metrics, scheduler, tasks, tenants
from affidavit.operations.canaries import Canary, every_of
from affidavit.operations.context import Context
from affidavit.settings import Settings
from affidavit.store import open_store

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


def test_missed_runs_are_kept_as_missed(
    context: Context, estate: demo.Simulated, clock: Clock
) -> None:
    """Five hours without a server: four missed, each with its time, and one run."""
    canaries.add(context.store, canary(estate), by="admin")
    turn(context)
    clock.now += 5 * HOUR
    turn(context)
    assert states(context, estate) == ["passed", "missed", "missed", "missed", "missed", "passed"]


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


async def _get(app: Any, path: str, host: str, method: str = "GET") -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", host.encode())],
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


def test_metrics_go_through_the_same_door_as_health() -> None:
    """A foreign Host is refused; only GET and HEAD are answered."""
    import asyncio

    async def other(*_: Any) -> None:
        """Answer what is not of the metrics."""
        raise AssertionError("not for the API")

    app = HostAllowList(Metrics(other, lambda: "x 1\n", metrics.CONTENT_TYPE), LOOPBACK)
    assert asyncio.run(_get(app, "/metrics", "127.0.0.1")) == (200, b"x 1\n")
    assert asyncio.run(_get(app, "/metrics", "127.0.0.1", "POST"))[0] == 405
    status, body = asyncio.run(_get(app, "/metrics", "evil.example"))
    assert status >= 400
    assert b"x 1" not in body


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
