"""Watches that a queue tells of new objects, on moto: nothing lost, nothing twice."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.alerting.conftest import Clock
from tests.alerting.test_watching import (
    ACCOUNT,
    LEAK,
    REGION,
    TENANT,
    aws,
    kinds,
    log_to_s3,
    moto,
    put,
    totals,
)

from affidavit.aws.queues import Queue
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError, UsageError
from affidavit.operations import alerts, log_watches, tenants
from affidavit.operations.context import Context
from affidavit.operations.log_queues import RECONCILED
from affidavit.operations.log_watches import Watch
from affidavit.operations.log_watching import KEPT, watch_all
from affidavit.sources.object_events import new_objects

__all__ = ["aws", "moto"]
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:logs"
WATCH = Watch(tenant=TENANT, account_id=ACCOUNT, region=REGION, queue=ARN)
BASE = f"p/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/{REGION}"


@pytest.fixture
def told(context: Context, moto: str, aws: Any) -> Context:
    """Return the context with a watch and its queue, which S3 itself fills; it was listed once."""
    settings = AwsSettings(endpoint_url=moto, access_key="test", secret_key="test")
    bound = replace(context, aws=settings)
    grant = tenants.Grant(ambient=True, queues=[ARN])
    tenants.bind(context.settings, context.store, TENANT, grant, by="admin")
    log_watches.add(context.store, WATCH, by="admin")
    log_to_s3(aws)
    aws("sqs").create_queue(QueueName="logs")
    watch_all(bound)
    return bound


def notify(aws: Any) -> None:
    """Have S3 send its notifications to the queue."""
    where = [{"QueueArn": ARN, "Events": ["s3:ObjectCreated:*"]}]
    aws("s3").put_bucket_notification_configuration(
        Bucket="logs", NotificationConfiguration={"QueueConfigurations": where}
    )


def send(aws: Any, *bodies: str) -> None:
    """Put messages into the queue."""
    for body in bodies:
        aws("sqs").send_message(QueueUrl=_url(aws), MessageBody=body)


def waiting(aws: Any) -> int:
    """Return how many messages the queue holds, hidden ones too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws("sqs").get_queue_attributes(QueueUrl=_url(aws), AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


def _url(aws: Any) -> str:
    return str(aws("sqs").get_queue_url(QueueName="logs")["QueueUrl"])


def event(key: str, bucket: str = "logs") -> str:
    """Return what S3 sends about a new object."""
    about = {"bucket": {"name": bucket}, "object": {"key": key, "size": 7}}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": about}
    return json.dumps({"Records": [record]})


def test_an_object_is_scanned_from_its_notification(told: Context, aws: Any, clock: Clock) -> None:
    """S3 tells the queue; the next pass scans the object without a listing, and alerts."""
    notify(aws)
    clock.now += timedelta(seconds=10)
    put(aws, "a", clock.now, "Fine", LEAK)
    assert waiting(aws) >= 1
    document = told.store.documents.get(TENANT, log_watches.KIND, WATCH.name)
    assert watch_all(told) == 1
    assert told.store.documents.get(TENANT, log_watches.KIND, WATCH.name) == document
    assert (waiting(aws), totals(told)["records"]) == (0, 2)
    assert kinds(told) == {"disclosure": "firing"}


def test_repetitions_disorder_and_what_concerns_others_cost_nothing(
    told: Context, aws: Any, clock: Clock
) -> None:
    """Messages twice and in any order, by SNS and EventBridge, tests, deletions, other buckets."""
    names = [f"o{n}" for n in range(4)]
    for name in names:
        put(aws, name, clock.now, "Fine")
    keys = [f"{BASE}/{clock.now:%Y/%m/%d/%H}/{name}.json.gz" for name in reversed(names)]
    bridge = {"source": "aws.s3", "detail-type": "Object Created",
              "detail": {"bucket": {"name": "logs"}, "object": {"key": keys[2]}}}  # fmt: skip
    gone = event(keys[0]).replace("ObjectCreated:Put", "ObjectRemoved:Delete")
    send(
        aws, event(keys[0]), event(keys[1]), event(keys[0]), json.dumps(bridge),
        json.dumps({"Type": "Notification", "Message": event(keys[3])}),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"}),
        gone, event("other/key"), event(keys[0], "another"), event(f"{BASE}/x/"),
    )  # fmt: skip
    clock.now += timedelta(seconds=10)
    assert watch_all(told) == 4
    assert waiting(aws) == 0
    clock.now += RECONCILED
    assert watch_all(told) == 0
    assert (totals(told)["listed"], totals(told)["scanned"]) == (4, 4)


def test_the_listing_finds_what_no_message_told(told: Context, aws: Any, clock: Clock) -> None:
    """Without a message an object waits for the next listing, some minutes later."""
    put(aws, "silent", clock.now, "Fine")
    clock.now += timedelta(seconds=10)
    assert watch_all(told) == 0
    clock.now += RECONCILED
    assert watch_all(told) == 1


def test_messages_are_deleted_after_the_objects_are_noted(
    told: Context, aws: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ends before it deletes has the objects in its store, and knows them again."""
    put(aws, "a", clock.now, "Fine")
    send(aws, event(f"{BASE}/{clock.now:%Y/%m/%d/%H}/a.json.gz"))
    clock.now += timedelta(seconds=10)

    def ends(*_: Any) -> None:
        raise CollectError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "delete", ends)
        watch_all(told)
    assert totals(told)["listed"] == 1
    assert waiting(aws) == 1
    send(aws, event(f"{BASE}/{clock.now:%Y/%m/%d/%H}/a.json.gz"))
    watch_all(told)
    assert (totals(told)["scanned"], totals(told)["records"]) == (1, 1)


def test_a_queue_that_cannot_be_read_is_told_and_the_listing_goes_on(
    told: Context, aws: Any, clock: Clock
) -> None:
    """Deleted, or no longer bound: an alert, and objects are found as without a queue."""
    binding = tenants.Revocation(queues=[ARN])
    tenants.unbind(told.store, TENANT, binding, by="admin")
    put(aws, "a", clock.now, "Fine")
    assert watch_all(told) == 1
    assert kinds(told) == {"scan": "firing"}
    grant = tenants.Grant(queues=[ARN])
    tenants.bind(told.settings, told.store, TENANT, grant, by="admin")
    watch_all(told)
    assert kinds(told) == {"scan": "resolved"}
    aws("sqs").delete_queue(QueueUrl=_url(aws))
    put(aws, "b", clock.now, "Fine")
    assert watch_all(told) == 1


def test_only_a_bound_queue_is_read(context: Context) -> None:
    """A watch with a queue that no administrator bound is refused."""
    with pytest.raises(UsageError, match="is not bound"):
        log_watches.add(context.store, WATCH, by="owner")


def test_what_is_too_old_to_be_known_is_named(told: Context, aws: Any, clock: Clock) -> None:
    """Of an object of days ago nobody can tell whether it was counted: an alert and no count."""
    send(aws, event(f"{BASE}/{clock.now - KEPT:%Y/%m/%d/%H}/old.json.gz"))
    watch_all(told)
    (alert,) = alerts.every(told, TENANT)
    assert alert.body["facts"]["objects"] == "1"
    assert totals(told)["listed"] == 0


@pytest.mark.parametrize(
    "body",
    ["", "hello", "[]", "{}", '{"Records": [{}]}', '{"Records": 3}', "[" * 99_999,
     '{"Records": [{"eventSource": "aws:sns", "eventName": "ObjectCreated:Put"}]}',
     '{"Type": "Notification", "Message": "x"}', '{"source": "aws.s3", "detail-type": 1}'],
)  # fmt: skip
def test_what_is_no_notification_is_not_taken_for_one(body: str) -> None:
    """Anything else is left in the queue; nobody may delete it as done."""
    found = new_objects(body)
    assert found is None or (found == [] and "detail-type" in body)


@pytest.mark.parametrize(
    ("key", "size"),
    [("a", "Infinity"), ("a", "-1"), ("a", "1" + "0" * 30), ("a" * 1025, "7"), ("", "7"),
     ("a%00b", "7"), ("\\ud800", "7")],
)  # fmt: skip
def test_what_s3_never_says_of_an_object_is_no_notification(key: str, size: str) -> None:
    """Sizes and keys that no object has are left in the queue, and never reach the database."""
    body = event("KEY").replace('"KEY"', f'"{key}"').replace('"size": 7', f'"size": {size}')
    assert new_objects(body) is None


def test_a_hostile_message_holds_nothing_up(told: Context, aws: Any, clock: Clock) -> None:
    """Whoever may write to the queue can neither end the watching nor keep others' objects out."""
    put(aws, "a", clock.now, "Fine")
    key = f"{BASE}/{clock.now:%Y/%m/%d/%H}/a.json.gz"
    for size in ("Infinity", "9" * 30, "true"):
        send(aws, event(key).replace('"size": 7', f'"size": {size}'))
    send(aws, event(f"{BASE}/" + "k" * 5000), event(f"{BASE}/%00"), event(key))
    assert watch_all(told) == 1
    assert waiting(aws) == 5


def test_keys_are_as_s3_has_them() -> None:
    """S3's notifications have keys encoded as in a form, EventBridge's have not."""
    found = new_objects(event("a+b/%C3%BC%2B.gz")) or []
    assert [(one.key, one.uri) for one in found] == [("a b/ü+.gz", "s3://logs/a b/ü+.gz")]


def test_unknown_messages_stay(told: Context, aws: Any) -> None:
    """They are for the queue's dead letters."""
    send(aws, "hello")
    watch_all(told)
    assert waiting(aws) == 1
