"""Invocation logs of the last full UTC day, read with the collecting role and counted.

One observation for each account, Region and destination. Its body holds counts, disclosures (never
their text) and what could not be read, each with its object's name; see `sources.log_counts`. A
destination that cannot be read at all is a gap.
"""

from collections.abc import Iterator
from typing import Final

from affidavit.aws.door import Door
from affidavit.aws.log_reading import LogReader, NotReadError, as_export
from affidavit.errors import CollectError
from affidavit.logscan.findings import ScanGap
from affidavit.logscan.invocations import ScanSettings
from affidavit.model.catalogue import Operation
from affidavit.model.observation import GapReason, Observation, Result, Unit
from affidavit.sources.calls import compared
from affidavit.sources.day import Day
from affidavit.sources.log_counts import LogCounts
from affidavit.sources.origin import Origin
from affidavit.sources.source import Scope, no_answer
from affidavit.sources.trail_files import TrailReadings

FAN_OUT: Final = "invocation_log"
MAX_OBJECT: Final = 2**30
"""Bytes of an object, compressed: Bedrock writes some MB."""
PROBE: Final = "amazon-bedrock-logs-permission-check"


def log_prefix(prefix: str, account_id: str, region: str) -> str:
    """Return where Bedrock writes an account's log of a Region, below the configured prefix."""
    own = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    return f"{own}AWSLogs/{account_id}/BedrockModelInvocationLogs/{region}/"


class InvocationLogSource:
    """Scans the logs that the account's own logging configuration names."""

    def __init__(self, door: Door, settings: ScanSettings, readings: TrailReadings) -> None:
        """Scan by `settings`, the tenant's: the key of the hashes, what is the company's own."""
        self._door, self._readings, self._settings = door, readings, settings

    def observe(self, scope: Scope) -> Iterator[Result]:
        """Yield the counts of each destination, or the gap that says why there are none."""
        for unit in scope.units:
            yield self._observe(scope.operation, unit)

    def _observe(self, operation: Operation, unit: Unit) -> Result:
        try:
            reader = self._door.log_reader(unit.account_id, unit.region)
        except CollectError as error:
            return no_answer(operation, unit, error, GapReason.DENIED)
        asked = unit.parameters
        day = Day.of(asked["day"])
        origin = Origin(account_id=unit.account_id, region=unit.region, day=day)
        counts = LogCounts(self._settings, origin)
        try:
            if asked["invocationLog"] == "s3":
                self._read_s3(reader, unit, counts)
            else:
                self._read_events(reader, unit, counts)
        except NotReadError as error:
            return no_answer(operation, unit, error, error.reason, error.code, reader.proof())
        trails = asked.get("trails", ())
        calls = compared(self._readings, reader, unit, counts.request_ids, trails)
        body = {**counts.to_json(), "calls": calls, "log": dict(asked)}
        return Observation(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            absent="",
            body=body,
            proof=reader.proof(),
        )

    def _read_s3(self, reader: LogReader, unit: Unit, counts: LogCounts) -> None:
        asked = unit.parameters
        day = Day.of(asked["day"])
        base = log_prefix(asked["prefix"], unit.account_id, unit.region)
        for one in reader.objects(asked["bucket"], f"{base}{day.start:%Y/%m/%d}/"):
            if not one.key.endswith((PROBE, "/")):
                _add(reader, counts, one.bucket, one.key)
        _missing(reader, counts, asked["bucket"])

    def _read_events(self, reader: LogReader, unit: Unit, counts: LogCounts) -> None:
        asked = unit.parameters
        day, group = Day.of(asked["day"]), asked["logGroupName"]
        span = (int(day.start.timestamp() * 1000), int(day.end.timestamp() * 1000))
        for events in reader.events(group, *span):
            counts.add(as_export(events), f"logs://{group}")
        _missing(reader, counts, asked.get("largeData", ""))


def _missing(reader: LogReader, counts: LogCounts, bucket: str) -> None:
    """Fetch the bodies that were kept apart, from the one bucket that the configuration names."""
    for uri in list(counts.missing()):
        name, _, key = uri.removeprefix("s3://").partition("/")
        if bucket and name == bucket:
            _add(reader, counts, name, key)
            continue
        why = "it is a body kept apart in a bucket that the logging configuration does not name"
        counts.unread_objects([ScanGap(object_uri=uri, why=why)])


def _add(reader: LogReader, counts: LogCounts, bucket: str, key: str) -> None:
    uri = f"s3://{bucket}/{key}"
    try:
        content = reader.read(bucket, key, MAX_OBJECT)
    except NotReadError as error:
        counts.unread_objects([ScanGap(object_uri=uri, why=error.sentences)])
        return
    counts.add(content, uri)
