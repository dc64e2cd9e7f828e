"""Calls that CloudTrail recorded and the invocation log did not, told apart by request id.

CloudTrail logs InvokeModel and Converse as management events. Its files are read where the
account's own trail writes them and the collecting role may read them. A call that is in no log is a
finding: logging was off, or not every call goes the way that is logged.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from affidavit.aws.log_reading import LogReader, NotReadError
from affidavit.model.observation import JsonObject, Unit
from affidavit.sources.trail_files import TrailReadings
from affidavit.sources.trail_reading import TrailReading

_MAX_LISTED: Final = 200
"""Unlogged calls that are named one by one."""


def compared(
    readings: TrailReadings,
    reader: LogReader,
    unit: Unit,
    logged: Collection[str],
    trails: Sequence[Mapping[str, Any]],
) -> JsonObject | None:
    """Return the calls of the first trail that can be read; None where there is no trail."""
    if not trails:
        return None
    why = ""
    for trail in trails:
        try:
            reading = readings.read(reader, unit, trail)
        except NotReadError as error:
            why = error.sentences
            continue
        return _told(reading, trail, logged)
    return {"trail": "", "why": why}


def _told(reading: TrailReading, trail: Mapping[str, Any], logged: Collection[str]) -> JsonObject:
    unlogged = [(i, call) for i, call in sorted(reading.calls.items()) if i not in logged]
    by = Counter(call.principal for _, call in unlogged)
    return {
        "trail": f"s3://{trail['bucket']}/{trail['prefix']}",
        "objects": reading.totals.objects,
        "calls": len(reading.calls),
        "unlogged": len(unlogged),
        "listed": [
            {
                "requestId": request_id,
                "event": call.event,
                "principal": call.principal,
                "time": call.time,
            }
            for request_id, call in unlogged[:_MAX_LISTED]
        ],
        "unloggedBy": [{"principal": who, "calls": n} for who, n in sorted(by.items())],
        "unread": [
            {"objectUri": g.object_uri, "why": g.why, "count": g.count} for g in reading.unread
        ],
    }
