"""Scans of log groups in CloudWatch Logs: every event once, in slices that do not move."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.logscan.test_cloudtrail import UPDATE, event
from tests.operations.test_scans import LINE, endpoint

from affidavit.aws.settings import AwsSettings
from affidavit.errors import UsageError
from affidavit.logscan.invocations import ScanSettings
from affidavit.operations import scans
from affidavit.operations.scan_groups import Span, slices

__all__ = ["endpoint"]
GROUP = "/aws/bedrock/calls"
NOW = datetime.now(UTC).replace(microsecond=0)
KEYS: Any = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "s"}
LOOK = ScanSettings(key=b"0123456789abcdef")


@pytest.fixture
def logs(endpoint: str) -> Iterator[Any]:
    """Return a client of an emulated CloudWatch Logs with an empty group."""
    client = boto3.client("logs", endpoint_url=endpoint, region_name="us-east-1", **KEYS)
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName="s")
    yield client
    client.delete_log_group(logGroupName=GROUP)
    client.close()


def put(client: Any, *messages: str, back: timedelta = timedelta()) -> None:
    """Put events into the group, some time ago."""
    at = int((NOW - back).timestamp() * 1000)
    events = [{"timestamp": at + n, "message": one} for n, one in enumerate(messages)]
    client.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)


def where(endpoint: str, *uris: str, **span: Any) -> scans.Where:
    """Return what is to be scanned."""
    aws = AwsSettings(endpoint_url=endpoint, region="us-east-1", max_attempts=1,
                      access_key="AKIDEXAMPLE", secret_key="s")  # fmt: skip
    return scans.Where(uris=uris, aws=aws, span=Span(**{"now": NOW + timedelta(seconds=5), **span}))


def test_records_of_a_group(endpoint: str, logs: Any) -> None:
    """Each record counts once, over slices and pages; what is no JSON is a gap of its slice."""
    put(logs, *[LINE.decode()] * 30, back=timedelta(hours=3))
    put(logs, LINE.decode(), "broken", back=timedelta(minutes=1))
    found: list[str] = []
    request = scans.ScanRequest(where=where(endpoint, f"logs://{GROUP}"), look=LOOK, processes=1)
    outcome = scans.scan(request, show=found.append)
    assert outcome.totals.records == 31
    assert sum(json.loads(line)["kind"] == "pii" for line in found) == 31
    (gap,) = outcome.gaps
    assert gap.object_uri.startswith(f"logs://{GROUP}#")
    early = where(endpoint, f"logs://{GROUP}", until=NOW - timedelta(hours=2))
    request = scans.ScanRequest(where=early, look=LOOK, processes=1)
    assert scans.scan(request).totals.records == 30


def test_events_of_a_trail_in_a_group(endpoint: str, logs: Any) -> None:
    """CloudTrail's events, one a message, are matched as in a file, with their records."""
    texts = [json.dumps(event(name)) for name in ("UpdateGuardrail", "GetGuardrail")]
    put(logs, *texts, back=timedelta(minutes=5))
    look = scans.trail_settings(events=[UPDATE])
    found: list[str] = []
    request = scans.ScanRequest(where=where(endpoint, f"logs://{GROUP}"), look=look)
    outcome = scans.scan(request, show=found.append)
    assert (outcome.totals.records, outcome.gaps) == (2, [])
    assert [json.loads(line)["record"] for line in found] == texts[:1]


def test_what_cannot_be_read_is_named(endpoint: str) -> None:
    """A group that is not there is a gap of every slice, and nothing is nothing found."""
    span = {"since": NOW - timedelta(minutes=1)}
    request = scans.ScanRequest(where=where(endpoint, "logs:///none", **span), look=LOOK)
    outcome = scans.scan(request)
    assert outcome.gaps
    assert all("could not be read" in gap.why for gap in outcome.gaps)


def test_a_journal_goes_on_and_counts_once(endpoint: str, logs: Any, tmp_path: Path) -> None:
    """Closed slices are taken from the journal; those that may grow are scanned again."""
    put(logs, LINE.decode(), back=timedelta(hours=5))

    def again(later: int) -> int:
        place = where(endpoint, f"logs://{GROUP}", now=NOW + timedelta(seconds=later))
        request = scans.ScanRequest(where=place, look=LOOK, processes=1, journal=tmp_path / "j")
        return scans.scan(request).totals.records

    assert again(5) == 1
    put(logs, LINE.decode(), back=timedelta(minutes=1))
    put(logs, LINE.decode(), back=timedelta(hours=5))  # too late for a slice that was closed
    assert again(6) == 1 + 1


def test_slices_are_cut_at_full_hours() -> None:
    """Whenever a group is scanned, the slices of past hours are the same."""
    at = datetime(2026, 11, 30, 10, 20, tzinfo=UTC)
    early = [one.uri for one in slices("logs://g#1", Span(now=at))]
    late = [one.uri for one in slices("logs://g#1", Span(now=at + timedelta(minutes=30)))]
    assert len(early) == 25
    assert early[1:-1] == late[1:-1]
    assert len(set(early)) == 25
    with pytest.raises(UsageError, match="nothing between"):
        list(slices("logs://g", Span(now=at, since=at)))
    with pytest.raises(UsageError, match="names no log group"):
        list(slices("logs://", Span(now=at)))
