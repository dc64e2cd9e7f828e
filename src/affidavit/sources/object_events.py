"""What a message says of new objects: S3's notifications, however they came to the queue.

Three ways are known: S3 to SQS, S3 to SNS to SQS (with or without raw delivery), and S3 through
EventBridge. What is none of them is `None`, never an empty list: nobody may take it for done.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

_CREATED: Final = ("ObjectCreated:", "s3:ObjectCreated:")
_TEST: Final = "s3:TestEvent"
_ENVELOPES: Final = 2
"""SNS may be subscribed to by SNS's own envelope once; more is nobody's doing."""
_MAX_KEY: Final = 1024
"""Bytes of a key, as S3 takes them."""
_MAX_SIZE: Final = 2**53
"""Bytes: far more than S3 takes, and what every database holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """An object that was created, as a notification names it."""

    bucket: str
    key: str
    size: int

    @property
    def uri(self) -> str:
        """Return its s3:// URL."""
        return f"s3://{self.bucket}/{self.key}"


def new_objects(body: str) -> list[NewObject] | None:
    """Return the objects that a message says were created; None for a message of another kind.

    None, too, for one that names what S3 cannot have: whoever may write to a queue may write that.
    Empty: it is a notification, and of nothing new (a test of S3's, a deletion).
    """
    try:
        value = _opened(json.loads(body), 0)
        return list(_objects(value)) if isinstance(value, dict) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _opened(value: Any, depth: int) -> Any:
    """Take SNS's envelope off."""
    if isinstance(value, dict) and value.get("Type") == "Notification" and depth < _ENVELOPES:
        return _opened(json.loads(value["Message"]), depth + 1)
    return value


def _objects(value: Mapping[str, Any]) -> Iterator[NewObject]:
    if value.get("Event") == _TEST:
        return
    if value.get("source") == "aws.s3":
        if value["detail-type"] == "Object Created":
            yield _named(value["detail"], decoded=True)
        return
    for record in value["Records"]:
        if record["eventSource"] != "aws:s3":
            raise ValueError(record["eventSource"])
        if record["eventName"].startswith(_CREATED):
            yield _named(record["s3"], decoded=False)


def _named(about: Mapping[str, Any], *, decoded: bool) -> NewObject:
    """Return the object; S3's own notifications have its key encoded as in a form."""
    key, size = about["object"]["key"], about["object"].get("size", 0)
    if type(size) is not int or not 0 <= size <= _MAX_SIZE:
        raise ValueError("size")
    if not decoded:
        key = unquote_plus(key)
    # One that cannot be encoded, half a surrogate pair, is a `ValueError` as well.
    if not 0 < len(key.encode()) <= _MAX_KEY or "\0" in key:
        raise ValueError("key")
    return NewObject(bucket=str(about["bucket"]["name"]), key=key, size=size)
