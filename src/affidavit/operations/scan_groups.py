"""Log groups as objects of a scan: slices of an hour, each read as a log file would be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from affidavit.aws.own_logs import OwnLogs
from affidavit.errors import CollectError, UsageError
from affidavit.logscan.engine import Listed
from affidavit.model.times import iso, utc_now

SCHEME: Final = "logs://"
_SLICE: Final = timedelta(hours=1)
_BACK: Final = timedelta(days=1)
_OPEN: Final = timedelta(hours=1)
"""How long after its end a slice may still get events that come late."""
_MOST: Final = 2**29
"""Bytes of a slice: it is held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which part of log groups is read; without ends the last 24 hours."""

    since: datetime | None = None
    until: datetime | None = None
    now: datetime = field(default_factory=utc_now)

    def ends(self) -> tuple[datetime, datetime]:
        """Return both ends; `UsageError` where there is nothing between them."""
        until = self.until or self.now
        since = self.since or until - _BACK
        if since >= until:
            raise UsageError(f"There is nothing between {iso(since)} and {iso(until)}")
        return since, until


def is_group(uri: str) -> bool:
    """Tell whether a URI names a log group."""
    return uri.lower().startswith(SCHEME)


def slices(uri: str, span: Span) -> Iterator[Listed]:
    """Return the slices of a group, cut at full hours: the same ones whenever it is scanned.

    One that may still get events has a version of its own, so that a journal scans it again.
    """
    group = uri[len(SCHEME) :]
    if not group:
        raise UsageError(f"{uri!r} names no log group", todo="Write logs:///aws/bedrock/calls.")
    start, until = span.ends()
    while start < until:
        hour = start.replace(minute=0, second=0, microsecond=0)
        end = min(until, hour + _SLICE)
        closed = end <= span.now - _OPEN
        yield Listed(
            uri=f"{SCHEME}{group}#{_ms(start)}-{_ms(end)}",
            size=0,
            version="" if closed else iso(span.now),
        )
        start = end


def read(logs: OwnLogs, uri: str, *, is_trail: bool) -> bytes:
    """Return a slice as a file: a CloudTrail file of its messages, or an export of each page."""
    group, _, part = uri[len(SCHEME) :].rpartition("#")
    start, _, end = part.partition("-")
    found: list[bytes] = []
    size = 0
    for events in logs.events(group, int(start), int(end)):
        listed = [{"timestamp": time, "message": text} for time, text in events]
        page = json.dumps({"events": listed}).encode() + b"\n"
        if is_trail:
            page = ",".join(text.strip() for _, text in events).encode("utf-8", "surrogatepass")
        size += len(page)
        if size > _MOST:
            raise CollectError(f"{uri} is too large", why=f"A slice may have {_MOST} bytes.")
        if events:
            found.append(page)
    return b'{"Records":[%b]}' % b",".join(found) if is_trail else b"".join(found)


def _ms(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
