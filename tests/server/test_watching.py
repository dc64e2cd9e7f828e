"""A served installation watches a log: killed in mid-scan, it counts each object once."""

import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from tests.alerting.conftest import SECRET, Receiver, receiver
from tests.store.slow_s3 import in_front_of
from urllib3 import HTTPConnectionPool

from affidavit.settings import Settings
from affidavit.store import open_store

__all__ = ["receiver"]
ACCOUNT, REGION = "123456789012", "us-east-1"
TENANT, WATCH = f"{ACCOUNT}/{REGION}", f"{ACCOUNT}/{REGION}"
KEYS: Any = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
OBJECTS, RECORDS = 60, 40
PATIENCE = 300.0
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


def put(s3: Any, name: str, answer: str) -> None:
    """Put an object with records into the present hour."""
    record = {
        "schemaType": "ModelInvocationLog", "timestamp": "2026-11-30T11:30:00Z", "modelId": "m",
        "input": {"inputBodyJson": {"guardrailConfig": {"guardrailIdentifier": "g"}}},
        "output": {"outputBodyJson": {"output": {"message": {"content": [{"text": answer}]}}}},
    }  # fmt: skip
    lines = [json.dumps({**record, "requestId": f"{name}-{n}"}) for n in range(RECORDS)]
    folder = (
        f"p/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{REGION}/{datetime.now(UTC):%Y/%m/%d/%H}"
    )
    body = gzip.compress("\n".join(lines).encode())
    s3.put_object(Bucket="logs", Key=f"{folder}/{name}.json.gz", Body=body)


def until(what: str, found: Callable[[], Any]) -> Any:
    """Return what is found, as soon as it is there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.02)
    return pytest.fail(f"{what} took more than {PATIENCE:g} s")


def told_by_queue(s3: Any, moto: str) -> list[str]:
    """Have S3 tell a queue of new objects; return the option that names it."""
    sqs = boto3.client("sqs", region_name=REGION, endpoint_url=moto, **KEYS)
    sqs.create_queue(QueueName="logs")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:logs"
    where = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="logs", NotificationConfiguration=where)
    return ["--queue", arn]


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "database", ["home", pytest.param("postgres_home", marks=pytest.mark.postgres)]
)
@pytest.mark.parametrize("by_queue", [False, True])
def test_each_object_counts_once_though_the_server_is_killed(
    database: str, moto: str, receiver: Receiver, by_queue: bool, request: pytest.FixtureRequest
) -> None:
    """After kill -9 in mid-scan the next server counts the rest, and nothing twice."""
    home = request.getfixturevalue(database)
    folder = home.folder
    s3 = boto3.client("s3", region_name=REGION, endpoint_url=moto, **KEYS)
    s3.create_bucket(Bucket="logs")
    queue = told_by_queue(s3, moto) if by_queue else []
    config = {"s3Config": {"bucketName": "logs", "keyPrefix": "p"}}
    bedrock = boto3.client("bedrock", region_name=REGION, endpoint_url=moto, **KEYS)
    bedrock.put_model_invocation_logging_configuration(loggingConfig=config)
    for number in range(OBJECTS):
        put(s3, f"o{number:03}", "Fine")
    secret, authority = folder / "secret", folder / "ca.pem"
    secret.write_text(SECRET)
    authority.write_text(receiver.authorities)
    home.call("tenant", "bind", TENANT, "--ambient", *queue)
    home.call(
        "alert", "channel", "add", "desk", "--tenant", TENANT, "--webhook", receiver.url,
        "--secret-file", str(secret), "--ca-file", str(authority),
        "--allow-network", "127.0.0.0/8", "--allow-network", "::1/128",
    )  # fmt: skip
    home.call(
        "alert", "watch", "add", "--tenant", TENANT, "--account", ACCOUNT, "--region", REGION,
        *queue,
    )  # fmt: skip
    ambient = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    settings = Settings(home=folder / "home", keys=folder / "keys", database_url=home.database_url)
    with open_store(settings) as store:

        def totals() -> dict[str, int]:
            return store.documents.scanned.totals(TENANT, WATCH)

        with in_front_of(moto) as proxy, proxy.slow("GET", part=".json.gz", after=5):
            server, _ = home.start("--aws-endpoint-url", proxy.url, **ambient)
            until("scanning", lambda: totals()["scanned"] > 2)
            os.kill(server.pid, signal.SIGKILL)
            server.wait(timeout=60)
        assert totals()["scanned"] <= 5
        home.start("--aws-endpoint-url", moto, **ambient)
        until("scanning the rest", lambda: totals()["waiting"] == 0 == totals()["listed"] - OBJECTS)
        found = totals()
        assert (found["scanned"], found["failed"]) == (OBJECTS, 0)
        assert found["records"] == OBJECTS * RECORDS
        start = time.monotonic()
        put(s3, "leaky", LEAK)

        def bodies() -> list[dict[str, Any]]:
            return [json.loads(body) for _, body in receiver.got]

        until("alerting", lambda: any(b["kind"] == "disclosure" for b in bodies()))
        assert time.monotonic() - start < 60
        until("the daily proof", lambda: any(b["state"] == "proof" for b in bodies()))
        assert all("maria" not in json.dumps(b) for b in bodies())
