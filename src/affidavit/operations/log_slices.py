"""Slices of a watched log group: each event once, whenever it arrives.

A slice of time is read twice: soon, for what has arrived by then, and again some minutes later, for
what came after. When CloudWatch Logs took an event decides in which of the two it counts, so none
counts in both; the moment that parts them stands in the slice's name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from affidavit.aws.log_reading import LogReader, as_export
from affidavit.errors import UsageError
from affidavit.sources.log_counts import LogCounts

SLICE: Final = timedelta(seconds=20)
LONGEST_SLICE: Final = timedelta(hours=1)
SETTLED: Final = timedelta(seconds=15)
"""How old events are before their slice is read: they arrive out of order."""
_VISIBLE: Final = timedelta(seconds=5)
"""What arrived just now may not be seen by every reader yet: it counts in the later reading."""
LATER: Final = timedelta(minutes=10)
"""How long after its end a slice is read again; what comes later still is not seen."""
_NAME: Final = re.compile(
    r"logs://(?P<group>.+)#(?P<start>\d+)-(?P<end>\d+)(?:(?P<side>[<>])(?P<cut>\d+))?", re.ASCII
)

Late = list[Any]
"""Group, start, end and moment of a slice that is to be read again, as JSON keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where slices are to be cut."""

    group: str
    start: datetime
    now: datetime


def due(cut: Cut, late: Sequence[Late]) -> tuple[list[tuple[str, int]], list[Late], datetime]:
    """Return the slices to read, those to read again later, and where the next one begins."""
    start, end = cut.start, cut.now - SETTLED
    moment, again = _ms(cut.now - _VISIBLE), _ms(cut.now - LATER)
    found: list[tuple[str, int]] = []
    left: list[Late] = []
    for group, first, last, parted in late:
        if last <= again:
            found.append((f"logs://{group}#{first}-{last}>{parted}", 0))
        else:
            left.append([group, first, last, parted])
    while end - start >= SLICE:
        step = min(end, start + LONGEST_SLICE)
        found.append((f"logs://{cut.group}#{_ms(start)}-{_ms(step)}<{moment}", 0))
        left.append([cut.group, _ms(start), _ms(step), moment])
        start = step
    return found, left, start


def read(reader: LogReader, uri: str, counts: LogCounts) -> None:
    """Count the events of a slice, of those that arrived before or after its moment."""
    name = _NAME.fullmatch(uri)
    if name is None:
        raise UsageError(f"{uri!r} names no slice of a log group")
    for events in reader.events(name["group"], int(name["start"]), int(name["end"])):
        some = events
        if name["side"]:
            moment, is_late = int(name["cut"]), name["side"] == ">"
            some = [one for one in events if (one.arrived >= moment) == is_late]
        counts.add(as_export(some), f"logs://{name['group']}")


def _ms(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
