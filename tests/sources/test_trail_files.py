"""Which of a trail's events are kept, and with what proof."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit.aws.log_reading import LogObject, LogReader, NotReadError
from affidavit.model.observation import GapReason, Unit
from affidavit.sources import trail_reading
from affidavit.sources.trail_files import TrailReadings

ACCOUNT, DAY, BUCKET = "111122223333", "2026-11-29", "trail-files"
ROOT = f"AWSLogs/{ACCOUNT}"
EVENTS = ["bedrock.amazonaws.com:UpdateGuardrail", "iam.amazonaws.com:CreateAccessKey"]


class Bucket:
    """A bucket in memory, listed in S3's order."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.denied: set[str] = set()
        self.started_at = datetime(2026, 11, 30, 18, tzinfo=UTC)

    def objects(self, bucket: str, prefix: str, after: str = "") -> Iterator[LogObject]:
        """Yield the objects as `LogReader` does."""
        for key in sorted({*self.held, *self.denied}):
            if key.startswith(prefix) and key > after:
                yield LogObject(bucket=bucket, key=key, size=1)

    def folders(self, _bucket: str, prefix: str) -> list[str]:
        """Return the common prefixes."""
        rest = (key.removeprefix(prefix) for key in sorted(self.held) if key.startswith(prefix))
        return list(
            dict.fromkeys(f"{prefix}{one.partition('/')[0]}/" for one in rest if "/" in one)
        )

    def read(self, bucket: str, key: str, _limit: int) -> bytes:
        """Return an object, or refuse it."""
        if key in self.denied:
            raise NotReadError(f"s3://{bucket}/{key}", "Access Denied", GapReason.DENIED)
        return self.held[key]


def event(name: str = "UpdateGuardrail", number: int = 0, **more: Any) -> dict[str, Any]:
    """Return a record."""
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/R/session"},
        "eventTime": f"{DAY}T10:30:00Z",
        "eventSource": "bedrock.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "eventID": f"e-{number}",
        "readOnly": False,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **more,
    }


def write(
    bucket: Bucket, records: list[dict[str, Any]], stamp: str = "20261129T1035Z", root: str = ROOT
) -> str:
    """Write a log file of CloudTrail's name; return its key."""
    folder = f"{root}/CloudTrail/us-east-1/{stamp[:4]}/{stamp[4:6]}/{stamp[6:8]}"
    key = f"{folder}/{ACCOUNT}_CloudTrail_us-east-1_{stamp}_x.json.gz"
    bucket.held[key] = gzip.compress(json.dumps({"Records": records}).encode())
    return key


def reading(bucket: Bucket | LogReader, **more: Any) -> dict[str, Any]:
    """Return what is observed of the bucket."""
    trail = {
        "trail": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main",
        "bucket": BUCKET,
        "prefix": "",
        "organization": False,
        "home": "us-east-1",
        "validated": False,
        "keys": [],
        "day": DAY,
        "events": EVENTS,
        **more,
    }
    unit = Unit(key="TrailFiles", account_id=ACCOUNT, region="us-east-1", parameters=trail)
    reader: Any = bucket
    return TrailReadings().read(reader, unit, trail).body()


def test_an_event_is_kept_with_the_place_of_its_bytes() -> None:
    """Object, hashes, offset and length lead to the very record; an event in two files is one."""
    bucket = Bucket()
    key = write(bucket, [event("ListGuardrails", 1), event(number=2), event(number=3)])
    write(bucket, [event(number=2)], "20261130T0005Z")
    body = reading(bucket)
    assert [one["EventId"] for one in body["events"]] == ["e-2", "e-3"]
    file, raw = body["events"][1]["file"], gzip.decompress(bucket.held[key])
    exact = raw[file["offset"] : file["offset"] + file["length"]]
    assert json.loads(exact)["eventID"] == "e-3"
    assert body["events"][1]["CloudTrailEvent"].encode() == exact
    assert file["recordSha256"] == hashlib.sha256(exact).hexdigest()
    assert (file["object"], file["sha256"]) == (
        f"s3://{BUCKET}/{key}",
        hashlib.sha256(raw).hexdigest(),
    )
    assert body["population"]["objects"] == 2
    assert body["population"]["ofNextDay"] == 1
    assert 10 not in body["population"]["hoursWithout"]


def test_what_is_left_out_is_counted() -> None:
    """Read-only and data events, other days and other accounts are no evidence here."""
    bucket = Bucket()
    others = [
        event(number=1, readOnly=True),
        event(number=2, eventCategory="Data"),
        event(number=3, recipientAccountId="999988887777"),
        event(number=4, eventTime="2026-11-30T00:00:01Z"),
        event("CreateAccessKey", 5),  # of another service than asked
        event("CreateAccessKey", 6, eventSource="iam.amazonaws.com", errorCode="AccessDenied"),
    ]
    write(bucket, others)
    body = reading(bucket)
    assert [one["EventId"] for one in body["events"]] == ["e-6"]
    assert json.loads(body["events"][0]["CloudTrailEvent"])["errorCode"] == "AccessDenied"
    assert body["leftOut"] == {"notManagement": 1, "readOnly": 1}
    assert body["eventsOfOtherAccounts"] == [{"accountId": "999988887777", "events": 1}]


def test_what_the_owner_of_a_bucket_writes_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long records, calls and accounts without end are not held; the answer is incomplete then."""
    monkeypatch.setattr(trail_reading, "_MAX_CALLS", 2)
    monkeypatch.setattr(trail_reading, "_MAX_NAMED", 3)
    bucket = Bucket()
    long = [event(number=number, pad="x" * 500) for number in range(20)]
    room = sum(len(json.dumps(one)) for one in long[:17]) + 500
    monkeypatch.setattr(trail_reading, "_MAX_RECORDS", room)
    calls = [event("InvokeModel", n, requestID=f"r-{n}", readOnly=True) for n in range(20, 25)]
    others = [event(number=n, recipientAccountId=f"{n:012}") for n in range(30, 36)]
    write(bucket, [*long, *calls, *others, event(number=40)])
    body = reading(bucket)
    ids = [one["EventId"] for one in body["events"]]
    assert ids == [*(f"e-{number}" for number in range(17)), "e-40"]
    raw = gzip.decompress(next(iter(bucket.held.values())))
    place = body["events"][-1]["file"]
    assert b'"e-40"' in raw[place["offset"] : place["offset"] + place["length"]]
    assert [one["count"] for one in body["unread"]] == [3, 3]
    assert body["calls"]["calls"] == 2
    told = {one["accountId"]: one["events"] for one in body["eventsOfOtherAccounts"]}
    assert told == {f"{30:012}": 1, f"{31:012}": 1, f"{32:012}": 1, "further accounts": 3}


def test_secrets_are_masked_and_the_place_of_the_record_stays() -> None:
    """A password and an access key do not reach the store; the hash is the original's."""
    bucket = Bucket()
    secret = {"password": "correct horse", "note": "key AKIAIOSFODNN7EXAMPLE"}
    key = write(bucket, [event(requestParameters=secret)])
    body = reading(bucket)
    kept = json.loads(body["events"][0]["CloudTrailEvent"])["requestParameters"]
    assert "correct horse" not in json.dumps(body)
    assert "AKIAIOSFODNN7EXAMPLE" not in json.dumps(body)
    assert set(kept) == {"password", "note"}
    file, raw = body["events"][0]["file"], gzip.decompress(bucket.held[key])
    exact = raw[file["offset"] : file["offset"] + file["length"]]
    assert file["recordSha256"] == hashlib.sha256(exact).hexdigest()


def test_what_cannot_be_read_is_named() -> None:
    """A refused file, a damaged one and an event without id are each named, the rest is read."""
    bucket = Bucket()
    write(bucket, [event(number=1), event(number=2, eventID=None)])
    damaged = write(bucket, [event(number=9)], "20261129T1135Z")
    bucket.held[damaged] = bucket.held[damaged][:-12]
    refused = damaged.replace("T1135", "T1235")
    bucket.denied.add(refused)
    body = reading(bucket)
    named = {one["objectUri"].rpartition("/")[2]: one["why"] for one in body["unread"]}
    assert "Access Denied" in named[refused.rpartition("/")[2]]
    assert damaged.rpartition("/")[2] in named
    assert "an event has no eventID" in named.values()
    assert body["unreadInAll"] >= 3
    assert "e-1" in {one["EventId"] for one in body["events"]}
