"""Queues of SQS that tell of new objects, read by the role that is bound for the queue's account.

A message stays in the queue until it is deleted: whoever receives it has `_HIDDEN` seconds to make
what it says durable. One that comes again, or twice, is the reader's to recognise.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import Clients
from affidavit.aws.identity import Accounts
from affidavit.aws.limits import Limits
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError

_MOST: Final = 10
"""Messages that SQS gives at once."""
_HIDDEN: Final = 60
_LOOK_EVERYWHERE: Final = 1
"""Seconds: a receive that waits asks all of the queue's servers, one that does not asks some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it was received."""

    body: str
    receipt: str
    """What deletes it."""


class Queue:
    """One queue, by its ARN; use it in a `with`. Raises `CollectError` for what SQS refuses."""

    def __init__(self, settings: AwsSettings, arn: str) -> None:
        """Take how AWS is reached on the tenant's behalf; nothing is sent yet."""
        self.arn = arn
        *_, self._region, self._account, self._name = arn.split(":")
        self._clients = Clients(settings)
        limits = Limits(
            settings.requests_per_second, threading.Event(), settings.lookups_per_second
        )
        self._accounts = Accounts(settings, self._clients, limits)
        self._url = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def receive(self) -> list[Message]:
        """Return some messages that wait, hidden from others for a minute; none: it is empty."""
        with self._asking("received", "sqs:ReceiveMessage") as sqs:
            answer = sqs.receive_message(
                QueueUrl=self._address(sqs),
                MaxNumberOfMessages=_MOST,
                VisibilityTimeout=_HIDDEN,
                WaitTimeSeconds=_LOOK_EVERYWHERE,
            )
        return [
            Message(body=one["Body"], receipt=one["ReceiptHandle"])
            for one in answer.get("Messages", ())
        ]

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages that were received; one that SQS keeps comes again."""
        with self._asking("deleted", "sqs:DeleteMessage") as sqs:
            for start in range(0, len(messages), _MOST):
                some = messages[start : start + _MOST]
                entries = [{"Id": f"{n}", "ReceiptHandle": m.receipt} for n, m in enumerate(some)]
                sqs.delete_message_batch(QueueUrl=self._address(sqs), Entries=entries)

    def _address(self, sqs: Any) -> str:
        if not self._url:
            answer = sqs.get_queue_url(QueueName=self._name, QueueOwnerAWSAccountId=self._account)
            self._url = answer["QueueUrl"]
        return self._url

    @contextmanager
    def _asking(self, done: str, action: str) -> Iterator[Any]:
        access = self._accounts.access(self._account)
        try:
            with self._clients.use(access.session, self._account, self._region, "sqs") as client:
                yield client
        except (ClientError, BotoCoreError) as error:
            raise CollectError(
                f"Messages of {self.arn} could not be {done}",
                why=str(error),
                todo=f"The role of account {self._account} needs sqs:GetQueueUrl and {action}.",
            ) from error
