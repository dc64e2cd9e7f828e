"""Messages into a tenant's own account: to its SNS topics, and to its EventBridge bus.

Topics of another account or Region are refused here once more, unless an administrator bound them:
a tenant must not make the server publish where only the server may.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Event as Stop
from typing import Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import Clients
from affidavit.aws.identity import Accounts
from affidavit.aws.limits import Limits
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError

_TOPIC: Final = re.compile(r"arn:[^:]+:sns:(?P<region>[^:]+):(?P<account>[0-9]{12}):[^:]+")
_MAX_SUBJECT: Final = 100
"""SNS: ASCII, below 100 characters (SNS API reference, Publish)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event for EventBridge."""

    source: str
    detail_type: str
    detail: Mapping[str, Any]
    resources: tuple[str, ...]
    """ARNs that it is about."""
    time: datetime
    bus: str = "default"


class Messages:
    """The topics and the bus of one account and Region; use it in a `with`.

    `topics` are those elsewhere that may be published to as well.
    """

    def __init__(
        self, settings: AwsSettings, account_id: str, region: str, topics: Collection[str] = ()
    ) -> None:
        self._account_id, self._region, self._topics = account_id, region, topics
        self._clients = Clients(settings)
        limits = Limits(settings.requests_per_second, Stop(), settings.lookups_per_second)
        self._accounts = Accounts(settings, self._clients, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def publish(self, topic_arn: str, subject: str, text: str, message_id: str) -> str:
        """Publish to a topic and return SNS's message id; `CollectError` says what SNS refused.

        `message_id` is what a FIFO topic, and who listens, tells repetitions by.
        """
        topic = _TOPIC.fullmatch(topic_arn)
        own = (self._account_id, self._region)
        if topic is None or (
            (topic["account"], topic["region"]) != own and topic_arn not in self._topics
        ):
            raise CollectError(
                f"{topic_arn} is not a topic of account {self._account_id} in {self._region}",
                todo="Set a topic of the account itself with UpdateSettings, or bind this one: "
                "`affidavit tenant bind TENANT --topic ARN`.",
            )
        request: dict[str, Any] = {
            "TopicArn": topic_arn,
            "Subject": subject.encode("ascii", "replace").decode()[: _MAX_SUBJECT - 1],
            "Message": text,
            "MessageAttributes": {"id": {"DataType": "String", "StringValue": message_id}},
        }
        if topic_arn.endswith(".fifo"):
            request |= {"MessageGroupId": "auditmanager", "MessageDeduplicationId": message_id}
        with self._asking("sns", topic["region"], topic_arn, "sns:Publish") as sns:
            return str(sns.publish(**request)["MessageId"])

    def put_event(self, event: Event) -> str:
        """Put an event on the bus and return its id; `CollectError` says what was refused."""
        entry = {
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": json.dumps(event.detail),
            "Resources": list(event.resources),
            "Time": event.time,
            "EventBusName": event.bus,
        }
        with self._asking(
            "events", self._region, f"The bus {event.bus}", "events:PutEvents"
        ) as events:
            answer = events.put_events(Entries=[entry])
        (result,) = answer["Entries"]
        if answer["FailedEntryCount"] or "EventId" not in result:
            raise CollectError(
                f"The bus {event.bus} did not take the event",
                why=f"{result.get('ErrorCode', '')} {result.get('ErrorMessage', '')}".strip(),
            )
        return str(result["EventId"])

    @contextmanager
    def _asking(self, service: str, region: str, place: str, action: str) -> Iterator[Any]:
        access = self._accounts.access(self._account_id)
        use = self._clients.use(access.session, self._account_id, region, service)
        try:
            with use as client:
                yield client
        except (ClientError, BotoCoreError) as error:
            raise CollectError(
                f"{place} could not be reached",
                why=str(error),
                todo=f"It must exist, and the role must be allowed {action} on it.",
            ) from error
