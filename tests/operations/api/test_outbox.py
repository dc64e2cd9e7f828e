"""What is sent to a tenant's account: to SNS and EventBridge of an emulator (moto), over HTTP."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from affidavit.aws.messages import Event, Messages
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError
from affidavit.operations import tasks, work
from affidavit.operations.dispatch import Dispatcher

ACCOUNT = "123456789012"
"""The account that moto says we are."""
REGION = "us-east-1"
REVIEWER = f"arn:aws:iam::{ACCOUNT}:role/Reviewer"
SOURCE = "affidavit.test"


class Places(NamedTuple):
    """Where a tenant's messages go, in the emulator."""

    url: str
    topic: str
    messages: str
    """URL of the queue behind the topic."""
    events: str
    """URL of the queue behind the rule."""

    def settings(self) -> AwsSettings:
        """Return how the emulator is reached."""
        return AwsSettings(access_key="made", secret_key="up", endpoint_url=self.url)

    def taken(self, queue: str) -> list[dict[str, Any]]:
        """Return the bodies in a queue, and empty it."""
        found = []
        sqs = _client(self.url, "sqs")
        while batch := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for one in batch:
                found.append(json.loads(one["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        sqs.close()
        return found


def _client(url: str, service: Any) -> Any:
    session = Session()
    session.set_credentials("made", "up")
    return session.create_client(service, region_name=REGION, endpoint_url=url)


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    """Give a topic and a rule, each with a queue behind it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # moto's backends are of the process: what other tests left in them must not be found.
    reset = Request(f"{url}/moto-api/reset", method="POST")  # noqa: S310 - on loopback
    urlopen(reset).close()  # noqa: S310
    sns, sqs, events = (_client(url, name) for name in ("sns", "sqs", "events"))
    topic = sns.create_topic(Name="audit")["TopicArn"]
    queues = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("messages", "events")]
    arns = [f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}" for name in ("messages", "events")]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns[0])
    events.put_rule(Name="ours", EventPattern=json.dumps({"source": [SOURCE]}))
    events.put_targets(Rule="ours", Targets=[{"Id": "queue", "Arn": arns[1]}])
    yield Places(url, topic, *queues)
    for client in (sns, sqs, events):
        client.close()
    server.stop()


@pytest.fixture
def sender(owner: Any, places: Places) -> Any:
    """Give an owner of moto's own account, whose messages go to the emulator."""
    context = replace(owner.context, aws=places.settings())
    own = f"arn:aws:iam::{ACCOUNT}:role/AuditOwner"
    caller = replace(owner.caller, account_id=ACCOUNT, region=REGION, principal_arn=own)
    made = replace(owner, context=context, dispatcher=Dispatcher(context), caller=caller)
    made.as_(role="admin")("RegisterAccount")
    made.as_(role="admin")("UpdateSettings", snsTopic=places.topic)
    made.bind(ambient=True, report_buckets={"reports": ACCOUNT}, event_source=SOURCE)
    return made


def _assessment(owner: Any, shipped: Any) -> dict[str, str]:
    made = owner(
        "CreateAssessment",
        name="Northwind",
        assessmentReportsDestination={"destinationType": "S3", "destination": "s3://reports"},
        scope={},
        roles=[],
        frameworkId=shipped.framework.uuid,
    )["assessment"]
    first = made["framework"]["controlSets"][0]
    return {
        "assessmentId": made["metadata"]["id"],
        "controlSetId": first["id"],
        "controlId": first["controls"][0]["id"],
    }


def _delegate(owner: Any, place: dict[str, str]) -> None:
    given = {"roleArn": REVIEWER, "roleType": "RESOURCE_OWNER"}
    given |= {"controlSetId": place["controlSetId"]}
    owner(
        "BatchCreateDelegationByAssessment",
        assessmentId=place["assessmentId"],
        createDelegationRequests=[given],
    )


def _drop_collection(owner: Any) -> None:
    """Leave only what is to be sent: nothing here collects."""
    documents = owner.context.store.documents
    every = documents.every(owner.caller.tenant, work.KIND)
    gone = [one for one in every if one.body["task"] == "collect"]
    documents.act(owner.caller.tenant, now=owner.clock(), deletes=gone)


def _send(owner: Any) -> None:
    _drop_collection(owner)
    while tasks.run_one(owner.context):
        pass


def test_the_six_events_and_the_notifications_arrive(
    sender: Any, shipped: Any, places: Places
) -> None:
    """Each act is one event of its detail-type; delegation and completion reach the topic."""
    place = _assessment(sender, shipped)
    within = {"assessmentId": place["assessmentId"], "controlSetId": place["controlSetId"]}
    sender("UpdateAssessment", assessmentId=place["assessmentId"], scope={})
    _delegate(sender, place)
    sender("UpdateAssessmentControl", **place, controlStatus="REVIEWED")
    sender("UpdateAssessmentControlSetStatus", **within, status="REVIEWED", comment="done")
    sender("DeleteAssessment", assessmentId=place["assessmentId"])
    _send(sender)
    events = places.taken(places.events)
    assert sorted(one["detail-type"] for one in events) == [
        "Assessment Control Reviewed",
        "Assessment ControlSet Delegation Created",
        "Assessment ControlSet Reviewed",
        "Assessment Created",
        "Assessment Deleted",
        "Assessment Updated",
    ]
    for one in events:
        assert one["source"] == SOURCE
        assert one["detail"]["assessmentID"] == place["assessmentId"]
        assert one["detail"]["assessmentName"] == "Northwind"
        assert one["detail"]["assessmentTenantId"] == ACCOUNT
        assert one["resources"][0].endswith(f":assessment/{place['assessmentId']}")
    assert places.taken(places.messages) == []
    _send(sender)


def test_notifications_reach_the_topic(sender: Any, shipped: Any, places: Places) -> None:
    """A delegation's message carries its words and an id by which to tell a repetition."""
    place = _assessment(sender, shipped)
    _delegate(sender, place)
    _send(sender)
    (message,) = places.taken(places.messages)
    reviewer = sender.as_(role="delegate", principal_arn=REVIEWER)
    (told,) = reviewer("ListNotifications")["notifications"]
    assert message["Message"] == told["description"]
    assert message["MessageAttributes"]["id"]["Value"] == told["id"]
    assert sender.context.store.documents.every(sender.caller.tenant, work.KIND) == []
    places.taken(places.events)


def test_what_was_taken_by_a_dead_server_is_sent_by_another(
    sender: Any, shipped: Any, places: Places
) -> None:
    """A server killed after it took a message loses none: another one sends it a minute later."""
    _delegate(sender, _assessment(sender, shipped))
    _drop_collection(sender)
    while work.take(sender.context) is not None:
        pass
    assert not tasks.run_one(sender.context)
    sender.clock.forward(seconds=61)
    _send(sender)
    assert len(places.taken(places.messages)) == 1
    assert len(places.taken(places.events)) == 2


def test_a_topic_that_fails_is_tried_again_and_shown(
    sender: Any, shipped: Any, places: Places
) -> None:
    """A missing topic shows beside the notification; the message is tried for a day, then not."""
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:gone"
    sender.as_(role="admin")("UpdateSettings", snsTopic=topic)
    _delegate(sender, _assessment(sender, shipped))
    _send(sender)
    reviewer = sender.as_(role="delegate", principal_arn=REVIEWER)
    (told,) = reviewer("ListNotifications")["notifications"]
    assert f"Not delivered to {topic}" in told["description"]
    (task,) = sender.context.store.documents.every(sender.caller.tenant, work.KIND)
    assert task.body["attempts"] == 1
    hours = 0
    while sender.context.store.documents.every(sender.caller.tenant, work.KIND):
        sender.clock.forward(hours=1)
        hours += 1
        _send(sender)
    assert 24 <= hours <= 30
    assert "Not delivered" in reviewer("ListNotifications")["notifications"][0]["description"]
    places.taken(places.events)


def test_events_that_fail_are_shown_to_administrators(sender: Any, shipped: Any) -> None:
    """One notification a day says that events are not sent, and why."""
    nowhere = replace(sender.context.aws, endpoint_url="http://127.0.0.1:9", max_attempts=1)
    context = replace(sender.context, aws=nowhere)
    lost = replace(sender, context=context, dispatcher=Dispatcher(context))
    _assessment(lost, shipped)
    _assessment(lost, shipped)
    _send(lost)
    admin = lost.as_(role="admin")
    (told,) = admin("ListNotifications")["notifications"]
    assert told["description"].startswith("The event Assessment Created could not be sent")
    assert lost("ListNotifications")["notifications"] == []


def test_no_events_without_a_source(owner: Any, an_assessment: Any) -> None:
    """Without a source or bus in the tenant's binding nothing is left to be sent."""
    an_assessment()
    found = owner.context.store.documents.every(owner.caller.tenant, work.KIND)
    assert [one.body["task"] for one in found] == ["collect"]


@pytest.mark.parametrize(
    "topic",
    [f"arn:aws:sns:{REGION}:999999999999:audit", f"arn:aws:sns:eu-west-1:{ACCOUNT}:a", "audit"],
)
def test_topics_of_others_are_refused(places: Places, topic: str) -> None:
    """A topic of another account or Region is never called, whatever the settings say."""
    with (
        Messages(places.settings(), ACCOUNT, REGION) as messages,
        pytest.raises(CollectError, match="not a topic of account"),
    ):
        messages.publish(topic, "s", "t", "1")


def test_an_entry_that_is_refused_is_an_error(places: Places, sender: Any) -> None:
    """PutEvents answers 200 for entries that it did not take: that is a failure here."""
    event = Event(
        source="x",
        detail_type="",
        detail={},
        resources=(),
        time=sender.clock(),
    )
    with (
        Messages(places.settings(), ACCOUNT, REGION) as messages,
        pytest.raises(CollectError, match="did not take"),
    ):
        messages.put_event(event)
