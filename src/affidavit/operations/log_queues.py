"""Queues that tell a watch of new objects: taken from, noted, and only then emptied.

What a message names is a row of the store before the message is deleted, and a row that is there is
not written again: messages that come twice, late or in any order cost nothing. Objects of which no
message tells are found by the listing, which goes on.
"""

import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from affidavit.aws.queues import Message, Queue
from affidavit.errors import UsageError
from affidavit.operations.context import Context
from affidavit.operations.tenant_bindings import aws_of, binding_of
from affidavit.sources.invocation_log import PROBE
from affidavit.sources.object_events import NewObject, new_objects
from affidavit.store import Store

RECONCILED: Final = timedelta(minutes=5)
"""How often a log is listed whose queue can be read."""
_BATCHES: Final = 100
"""Receives of one pass at most: 1,000 messages, then what was named is scanned."""
_HOUR: Final = re.compile(r"(\d{4})/(\d\d)/(\d\d)/(\d\d)/", re.ASCII)
_log: Final = logging.getLogger("affidavit.api.work")

Note = Callable[[Sequence[tuple[str, int]]], object]


def require_bound(store: Store, tenant: str, arn: str) -> None:
    """Raise `UsageError` for a queue that no administrator bound to the tenant."""
    binding = binding_of(store, tenant)
    if binding is None or arn not in binding.queues:
        raise UsageError(
            f"The queue {arn} is not bound to {tenant}",
            todo=f"An administrator runs `affidavit tenant bind {tenant} --queue {arn}`.",
        )


def take(  # noqa: PLR0913 - what bounds the log, given by name
    context: Context,
    tenant: str,
    arn: str,
    *,
    bucket: str,
    base: str,
    known_since: datetime,
    listed_from: datetime,
    note: Note,
) -> list[str]:
    """Note the objects of a log that a queue names, and delete its messages; return what is lost.

    `known_since` is how far back objects are known one by one: of an older one nobody can tell
    whether it was counted, so it is not taken, but named to the caller, unless the listing comes
    to it. A message that is no notification of S3 stays in the queue, for its dead-letter queue.
    Raises `CollectError`.
    """
    require_bound(context.store, tenant, arn)
    late: list[str] = []
    with Queue(aws_of(context, tenant), arn) as queue:
        for _ in range(_BATCHES):
            messages = queue.receive()
            if not messages:
                break
            named, read = _read(messages, arn)
            ours = [one for one in named if _is_of(one, bucket, base)]
            note([(one.uri, one.size) for one in ours if _written(one, base) >= known_since])
            before = min(known_since, listed_from)
            late += [one.uri for one in ours if _written(one, base) < before]
            if read:
                queue.delete(read)
    return late


def _read(messages: Sequence[Message], arn: str) -> tuple[list[NewObject], list[Message]]:
    """Return what the messages name, and those that were understood."""
    named: list[NewObject] = []
    read: list[Message] = []
    for message in messages:
        found = new_objects(message.body)
        if found is None:
            _log.warning("a message in %s is no notification of S3, and stays there", arn)
            continue
        named += found
        read.append(message)
    return named, read


def _is_of(one: NewObject, bucket: str, base: str) -> bool:
    in_log = one.bucket == bucket and one.key.startswith(base)
    return in_log and not one.key.endswith((PROBE, "/"))


def _written(one: NewObject, base: str) -> datetime:
    """Return when the hour began in whose folder Bedrock wrote the object; else the far future."""
    found = _HOUR.match(one.key, len(base))
    if found is None:
        return datetime.max.replace(tzinfo=UTC)
    year, month, day, hour = map(int, found.groups())
    try:
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
