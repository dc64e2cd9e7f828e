"""Watched logs on moto: what arrives is listed, scanned and alerted about, wherever it lies."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.alerting.conftest import Clock
from urllib3 import HTTPConnectionPool

from affidavit.aws.settings import AwsSettings
from affidavit.errors import AffidavitError, StoreError
from affidavit.operations import alert_channels, alerts, log_watches, log_watching, tenants
from affidavit.operations.alert_channels import Channel
from affidavit.operations.context import Context
from affidavit.operations.log_slices import LATER
from affidavit.operations.log_watches import Watch
from affidavit.operations.log_watching import LATE, watch_all
from affidavit.store import scanned
from affidavit.store.documents import Document

ACCOUNT, REGION = "123456789012", "us-east-1"
TENANT = f"{ACCOUNT}/{REGION}"
WATCH = Watch(tenant=TENANT, account_id=ACCOUNT, region=REGION)
KEYS: Any = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
LEAK = "Call maria.sample@mail.northwind-post.com"


@pytest.fixture
def moto() -> Iterator[str]:
    """Run moto, and give its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    HTTPConnectionPool(host, port).request("POST", "/moto-api/reset")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto: str) -> Any:
    """Return a function that makes clients."""
    return lambda service: boto3.client(service, region_name=REGION, endpoint_url=moto, **KEYS)


@pytest.fixture
def watched(context: Context, moto: str) -> Context:
    """Return the context with a watch of the tenant's own account."""
    settings = AwsSettings(endpoint_url=moto, access_key="test", secret_key="test")
    bound = replace(context, aws=settings)
    tenants.bind(context.settings, context.store, TENANT, tenants.Grant(ambient=True), by="admin")
    log_watches.add(context.store, WATCH, by="admin")
    return bound


def log_to_s3(aws: Any) -> None:
    """Have invocations logged to a bucket."""
    aws("s3").create_bucket(Bucket="logs")
    config = {"s3Config": {"bucketName": "logs", "keyPrefix": "p"}, "textDataDeliveryEnabled": True}
    aws("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)


def record(answer: str, number: int) -> str:
    """Return a record as a line."""
    return json.dumps(
        {
            "schemaType": "ModelInvocationLog", "timestamp": "2026-11-30T11:30:00Z",
            "requestId": f"r{number}", "modelId": "m",
            "input": {"inputBodyJson": {"guardrailConfig": {"guardrailIdentifier": "g"}}},
            "output": {"outputBodyJson": {"output": {"message": {"content": [{"text": answer}]}}}},
        }
    )  # fmt: skip


def put(aws: Any, name: str, moment: datetime, *answers: str) -> None:
    """Put an object with records into the hour of a time."""
    key = f"p/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{REGION}/{moment:%Y/%m/%d/%H}/{name}"
    lines = "\n".join(record(answer, n) for n, answer in enumerate(answers))
    aws("s3").put_object(Bucket="logs", Key=f"{key}.json.gz", Body=gzip.compress(lines.encode()))


def totals(context: Context) -> dict[str, int]:
    """Return the accounting of the watch."""
    return context.store.documents.scanned.totals(TENANT, WATCH.name)


def kinds(context: Context) -> dict[str, str]:
    """Return the alerts' states by kind."""
    return {one.body["kind"]: one.body["state"] for one in alerts.every(context, TENANT)}


def test_new_objects_are_scanned_once(watched: Context, aws: Any, clock: Clock) -> None:
    """Each pass takes what is new, and nothing twice."""
    log_to_s3(aws)
    put(aws, "a", clock.now, "Fine", LEAK)
    assert watch_all(watched) == 1
    assert watch_all(watched) == 0
    put(aws, "b", clock.now, "Fine")
    assert watch_all(watched) == 1
    found = totals(watched)
    assert (found["listed"], found["scanned"], found["records"]) == (2, 2, 3)
    assert found["disclosures"] == 1
    (alert,) = alerts.every(watched, TENANT)
    assert alert.body["facts"] == {"EMAIL": "1"}
    assert "maria" not in json.dumps(alert.body)


def test_what_waits_of_one_log_holds_no_other_up(
    watched: Context, aws: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its turn is over the rest is left to the next pass, which takes it."""
    log_to_s3(aws)
    for name in ("a", "b", "c"):
        put(aws, name, clock.now, "Fine")
    monkeypatch.setattr(log_watching, "TURN", 0.0)
    assert watch_all(watched) == 1
    assert (totals(watched)["listed"], totals(watched)["scanned"]) == (3, 1)
    monkeypatch.undo()
    assert watch_all(watched) == 2


def test_the_log_of_a_tenant_that_left_is_not_read(
    watched: Context, aws: Any, clock: Clock
) -> None:
    """After the deregistration nothing is read with its role; when it is back, what came is."""
    account = Document(kind="account", id="account", body={"status": "INACTIVE"})
    documents = watched.store.documents
    documents.act(TENANT, now=clock.now, puts=[account])
    log_to_s3(aws)
    put(aws, "a", clock.now, "Fine", LEAK)
    assert watch_all(watched) == 0
    assert kinds(watched) == {}
    documents.act(TENANT, now=clock.now, deletes=[replace(account, version=1)])
    assert watch_all(watched) == 1


def test_what_comes_late_is_found(watched: Context, aws: Any, clock: Clock) -> None:
    """An object of an earlier hour that appears after the cursor has passed is scanned."""
    log_to_s3(aws)
    watch_all(watched)
    clock.now += timedelta(minutes=50)
    watch_all(watched)
    put(aws, "late", clock.now - LATE, "Fine")
    assert watch_all(watched) == 1


def test_after_a_long_stop_nothing_is_left_out(watched: Context, aws: Any, clock: Clock) -> None:
    """The cursor goes on where it stood, hour by hour."""
    log_to_s3(aws)
    watch_all(watched)
    for hours in (1, 9, 30):
        put(aws, f"o{hours}", clock.now + timedelta(hours=hours), "Fine")
    clock.now += timedelta(hours=31)
    assert watch_all(watched) == 3


def test_the_loss_of_logging_is_told_and_its_return(
    watched: Context, aws: Any, clock: Clock
) -> None:
    """Configuration deleted: an alert; back again: its end."""
    log_to_s3(aws)
    watch_all(watched)
    assert not kinds(watched)
    aws("bedrock").delete_model_invocation_logging_configuration()
    watch_all(watched)
    assert kinds(watched) == {"logging": "firing"}
    clock.now += timedelta(minutes=1)
    config = {"s3Config": {"bucketName": "logs", "keyPrefix": "p"}}
    aws("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    watch_all(watched)
    assert kinds(watched) == {"logging": "resolved"}


def test_a_fault_of_ours_at_one_log_is_told_and_ends_nothing(
    watched: Context, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a log makes our code raise: an alert, and the next pass goes on."""
    log_to_s3(aws)

    def fault(*_: object) -> None:
        raise ValueError("a number without end")

    with monkeypatch.context() as broken:
        broken.setattr(log_watching._Pass, "_list", fault)
        assert watch_all(watched) == 0
    assert kinds(watched) == {"logging": "firing"}
    watch_all(watched)
    assert kinds(watched) == {"logging": "resolved"}


def test_an_object_that_is_gone_is_failed_with_an_alert(
    watched: Context, aws: Any, clock: Clock
) -> None:
    """What cannot be read is counted as failed, named, and holds nothing else up."""
    log_to_s3(aws)
    uri = f"s3://logs/p/AWSLogs/{ACCOUNT}/gone.json.gz"
    watched.store.documents.scanned.listed(TENANT, WATCH.name, [(uri, 1)], clock.now)
    put(aws, "a", clock.now, "Fine")
    watch_all(watched)
    found = totals(watched)
    assert (found["scanned"], found["failed"], found["waiting"]) == (1, 1, 0)
    assert kinds(watched) == {"scan": "firing"}


def test_a_log_group_is_read_in_slices(watched: Context, aws: Any, clock: Clock) -> None:
    """Events are scanned once each, though they come in many passes."""
    logs = aws("logs")
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    config = {
        "cloudWatchConfig": {"logGroupName": "/g", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}
    }
    aws("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    clock.now = datetime.now(UTC) + timedelta(minutes=5)

    def happen(number: int, seconds: int) -> None:
        moment = clock.now - timedelta(seconds=seconds)
        event = {"timestamp": int(moment.timestamp() * 1000), "message": record(LEAK, number)}
        logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[event])

    for number, seconds in enumerate((1800, 900, 330)):
        happen(number, seconds)
    watch_all(watched)
    assert totals(watched)["records"] == 3
    clock.now += timedelta(seconds=30)
    watch_all(watched)
    watch_all(watched)
    found = totals(watched)
    assert (found["records"], found["disclosures"], found["waiting"]) == (3, 3, 0)
    clock.now += LATER
    for _ in range(3):
        watch_all(watched)
    assert totals(watched)["records"] == 3
    assert kinds(watched) == {"disclosure": "firing"}


def test_bodies_too_large_for_a_log_group_are_scanned(
    watched: Context, aws: Any, clock: Clock
) -> None:
    """Bedrock puts them into a bucket beside the group: what they disclose is told, once."""
    aws("logs").create_log_group(logGroupName="/g")
    aws("s3").create_bucket(Bucket="logs")
    large = {"bucketName": "logs", "keyPrefix": "p"}
    group = {"logGroupName": "/g", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}
    config = {"cloudWatchConfig": {**group, "largeDataDeliveryS3Config": large}}
    aws("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    hour = f"{clock.now:%Y/%m/%d/%H}"
    key = f"p/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{REGION}/{hour}/data/r1_output.json.gz"
    body = gzip.compress(json.dumps({"completion": f"{LEAK}, you fucking idiot"}).encode())
    aws("s3").put_object(Bucket="logs", Key=key, Body=body)
    for _ in range(3):
        watch_all(watched)
    assert totals(watched)["disclosures"] == 2
    assert kinds(watched) == {"disclosure": "firing", "profanity": "firing"}


def test_events_that_arrive_late_count_once(watched: Context, aws: Any, clock: Clock) -> None:
    """What CloudWatch Logs took after a slice was read is found when it is read again."""
    logs = aws("logs")
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    config = {"cloudWatchConfig": {"logGroupName": "/g", "roleArn": "arn:aws:iam::1:role/r"}}
    aws("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)
    clock.now = datetime.now(UTC) - timedelta(seconds=20)  # so that what arrives now is late
    watch_all(watched)
    moment = int((clock.now - timedelta(seconds=60)).timestamp() * 1000)
    event = {"timestamp": moment, "message": record(LEAK, 1)}
    logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[event])
    watch_all(watched)
    assert totals(watched).get("records", 0) == 0
    for _ in range(3):
        clock.now += LATER
        watch_all(watched)
        assert totals(watched)["records"] == 1
    assert kinds(watched) == {"disclosure": "firing"}


def test_slices_and_cursor_move_together(
    watched: Context, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ends while it notes slices leaves neither them nor a moved cursor."""
    logs = aws("logs")
    logs.create_log_group(logGroupName="/g")
    config = {"cloudWatchConfig": {"logGroupName": "/g", "roleArn": "arn:aws:iam::1:role/r"}}
    aws("bedrock").put_model_invocation_logging_configuration(loggingConfig=config)

    def ends(*_: Any) -> dict[str, Any]:
        raise StoreError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(scanned, "_row", ends)
        watch_all(watched)
    assert totals(watched)["listed"] == 0
    document = watched.store.documents.get(TENANT, log_watches.KIND, WATCH.name)
    assert document is not None
    assert document.body["listedTo"] == ""
    watch_all(watched)
    assert totals(watched)["listed"] == 1


def test_sns_is_published_by_the_tenants_own_role(watched: Context, aws: Any) -> None:
    """A topic of the tenant's account gets subject and text; without a binding nothing is sent."""
    topic = aws("sns").create_topic(Name="desk")["TopicArn"]
    queue = aws("sqs").create_queue(QueueName="desk")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:desk"
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    made = Channel(tenant=TENANT, name="topic", kind="sns", target=topic)
    alert_channels.add(watched.store, made, by="admin")
    assert alerts.send_test(watched, made)
    (message,) = aws("sqs").receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(message["Body"])
    assert told["Subject"] == "[TEST] A test of this channel"
    assert TENANT in told["Message"]
    nothing = tenants.Revocation()
    tenants.unbind(watched.store, TENANT, nothing, by="admin")
    with pytest.raises(AffidavitError):
        alerts.send_test(watched, made)
