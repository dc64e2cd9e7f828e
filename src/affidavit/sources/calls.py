"""Calls that CloudTrail recorded and the invocation log did not, told apart by request id.

CloudTrail logs InvokeModel and Converse as management events. Its files are read where the
account's own trail writes them and the collecting role may read them. A call that is in no log is a
finding: logging was off, or not every call goes the way that is logged.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from affidavit.aws.log_reading import LogReader, NotReadError
from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.findings import ScanFinding, ScanGap
from affidavit.model.observation import JsonObject, Unit
from affidavit.sources.day import Day

INVOKING: Final = (
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "Converse",
    "ConverseStream",
)
_SOURCE: Final = "bedrock.amazonaws.com"
_MAX_OBJECT: Final = 2**28
_MAX_LISTED: Final = 200
"""Unlogged calls that are named one by one."""
_LATE: Final = timedelta(hours=1)
"""CloudTrail delivers within 15 minutes or so: a day's last events lie in the next day's folder."""


class Calls:
    """Reads one account's trail files of a Region and day."""

    def __init__(self, reader: LogReader, unit: Unit) -> None:
        self._reader, self._unit = reader, unit
        self._events: dict[str, ScanFinding] = {}
        self._unread: list[ScanGap] = []
        self._objects = 0

    def compared(
        self, logged: Collection[str], trails: Sequence[Mapping[str, Any]]
    ) -> JsonObject | None:
        """Return the calls of the first trail that can be read; None where there is no trail."""
        if not trails:
            return None
        why = ""
        for trail in trails:
            try:
                self._read(trail)
            except NotReadError as error:
                why = error.sentences
                continue
            return self._told(trail, logged)
        return {"trail": "", "why": why}

    def _read(self, trail: Mapping[str, Any]) -> None:
        settings = TrailSettings(
            events=frozenset(f"{_SOURCE}:{name}" for name in INVOKING), integrity=False
        )
        scanner = TrailScanner(settings)
        for key in self._keys(trail):
            uri = f"s3://{trail['bucket']}/{key}"
            try:
                content = self._reader.read(trail["bucket"], key, _MAX_OBJECT)
            except NotReadError as error:
                self._unread.append(ScanGap(object_uri=uri, why=error.sentences))
                continue
            self._objects += 1
            self._unread += scanner.scan(content, uri, self._take).gaps

    def _keys(self, trail: Mapping[str, Any]) -> list[str]:
        day = Day.of(self._unit.parameters["day"])
        own = f"{trail['prefix'].strip('/')}/" if trail["prefix"].strip("/") else ""
        organization = f"{trail['organization']}/" if trail.get("organization") else ""
        base = f"{own}AWSLogs/{organization}{self._unit.account_id}/CloudTrail/{self._unit.region}/"
        first, after = f"{base}{day.start:%Y/%m/%d}/", f"{base}{day.end:%Y/%m/%d}/"
        # Files are named by account_CloudTrail_Region_time: those of the first hour come first.
        late = f"T{(day.end + _LATE):%H}"
        keys = []
        # Folders of days sort as days do, so one listing has both of them.
        for one in self._reader.objects(trail["bucket"], base, after=first):
            of_day, of_next = one.key.startswith(first), one.key.startswith(after)
            if one.key > after and (not of_next or _hour(one.key) > late):
                break
            if of_day or of_next:
                keys.append(one.key)
        return [key for key in keys if not key.endswith("/")]

    def _take(self, found: ScanFinding) -> None:
        if found.time[:10] == self._unit.parameters["day"] and not found.error_code:
            self._events.setdefault(found.request_id, found)

    def _told(self, trail: Mapping[str, Any], logged: Collection[str]) -> JsonObject:
        unlogged = [e for request_id, e in sorted(self._events.items()) if request_id not in logged]
        by = Counter(event.principal for event in unlogged)
        return {
            "trail": f"s3://{trail['bucket']}/{trail['prefix']}",
            "objects": self._objects,
            "calls": len(self._events),
            "unlogged": len(unlogged),
            "listed": [
                {
                    "requestId": event.request_id,
                    "event": event.entity_type.partition(":")[2],
                    "principal": event.principal,
                    "time": event.time,
                }
                for event in unlogged[:_MAX_LISTED]
            ],
            "unloggedBy": [{"principal": who, "calls": n} for who, n in sorted(by.items())],
            "unread": [
                {"objectUri": g.object_uri, "why": g.why, "count": g.count} for g in self._unread
            ],
        }


def _hour(key: str) -> str:
    """Return `Thh` of a trail file's time, or what sorts after every hour."""
    parts = key.rpartition("/")[2].split("_")
    time = parts[3] if len(parts) > 3 else ""  # noqa: PLR2004 - the fourth part is the time
    at = time.find("T")
    return time[at : at + 3] if at > 0 else "U"
