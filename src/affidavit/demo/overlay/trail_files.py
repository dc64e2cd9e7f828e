"""The files that the estate's trails have written since yesterday: log files, and their digests.

They hold the events that LookupEvents knows, and yesterday's calls of models. Of events that are
read-only only the calls stand in them: LookupEvents' own are a few examples of the same calls.
There are two digests, one of them for most of a day, where CloudTrail writes one each hour.
"""

import gzip
import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from affidavit.demo.bedrock.logs import Invocation
from affidavit.demo.overlay.cloudtrail import events_of
from affidavit.demo.overlay.registry import Answer, Call, answers
from affidavit.demo.schema import Trail
from affidavit.demo.world import Place
from affidavit.model.times import iso

_EXPONENT, _BITS = 65537, 2048
_HOURS = 2
"""Of one log file; CloudTrail's are of minutes, but each file is a request."""
_ENDS = (24 - _HOURS, 24, 24 + _HOURS, 25 + _HOURS)
"""Hours after yesterday's start at which a digest may end: at any time of day two have been."""
_making = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Objects of the logs of one account, by bucket and key."""

    by_bucket: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, bucket: str, key: str, content: bytes) -> None:
        """Add to an object: gzip members stand one after another."""
        known = self.by_bucket[bucket]
        known[key] = known.get(key, b"") + content


def _key() -> RSAPrivateKey:
    """Return the key that signs digests; another one in each emulator."""
    with _making:
        return _made()


@cache
def _made() -> RSAPrivateKey:
    return generate_private_key(_EXPONENT, _BITS)


def _public() -> tuple[bytes, str]:
    """Return the public key as CloudTrail gives it, PKCS #1, and its fingerprint."""
    der = _key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return der, hashlib.md5(der, usedforsecurity=False).hexdigest()


@answers("cloudtrail", "ListPublicKeys", honours=["StartTime", "EndTime"])
def list_public_keys(call: Call) -> Answer:
    """Answer with the one key that signs digests."""
    der, fingerprint = _public()
    validity = {"ValidityStartTime": call.place.ago(400), "ValidityEndTime": call.place.ago(-400)}
    return {"PublicKeyList": [{"Value": der, "Fingerprint": fingerprint, **validity}]}


def write(place: Place, calls: Iterable[tuple[Invocation, datetime]], made: Objects) -> None:
    """Write the files of all trails that record the Region."""
    hours: defaultdict[datetime, list[dict[str, Any]]] = defaultdict(list)
    for call, moment in calls:
        hours[_hour(moment)].append(_call(place, call, moment))
    for event in events_of(place, in_trail=True):
        if not json.loads(event["ReadOnly"]):
            record = json.loads(event["CloudTrailEvent"])
            hours[_hour(event["EventTime"])].append(record)
    for trail in place.account.trails:
        if trail.logging and (trail.multi_region or trail.home == place.region_name):
            files = dict(_log_files(place, hours))
            for key, content in files.items():
                made.add(trail.bucket, key, gzip.compress(content, mtime=0))
            if trail.validated:
                _digests(place, trail, files, made)


def _hour(moment: datetime) -> datetime:
    """Return the hour from which on a moment's events are written into one file."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour - timedelta(hours=hour.hour % _HOURS)


def _yesterday(place: Place) -> datetime:
    today = place.world.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1)


def _call(place: Place, call: Invocation, moment: datetime) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "arn": call.identity, "accountId": call.account_id},
        "eventTime": iso(moment.replace(microsecond=0)),
        "eventSource": "bedrock.amazonaws.com",
        "eventName": call.operation,
        "awsRegion": place.region_name,
        "requestParameters": {"modelId": call.model_id},
        "requestID": call.request_id,
        "eventID": place.names.uuid(*place.id("event", call.request_id)),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call.account_id,
        "eventCategory": "Management",
    }


def _log_files(
    place: Place, hours: dict[datetime, list[dict[str, Any]]]
) -> Iterator[tuple[str, bytes]]:
    """Yield key and content of each hour's file, uncompressed; hours before yesterday are left."""
    account, region = place.account.id, place.region_name
    for hour, events in sorted(hours.items()):
        if hour < _yesterday(place):
            continue
        mark = place.names.lower(16, *place.id("trail file", hour))
        key = (
            f"AWSLogs/{account}/CloudTrail/{region}/{hour:%Y/%m/%d}/"
            f"{account}_CloudTrail_{region}_{hour:%Y%m%dT%H}55Z_{mark}.json.gz"
        )
        yield key, json.dumps({"Records": events}).encode()


def _digests(place: Place, trail: Trail, files: dict[str, bytes], made: Objects) -> None:
    """Write a digest of yesterday, with the first file after it where there is one, and the next.

    A digest has the signature of the one before it; the newest one's is not in any.
    """
    start, before = _yesterday(place), dict.fromkeys(_BEFORE)
    ends = [start + timedelta(hours=hours) for hours in _ENDS]
    for end in [end for end in ends if end <= place.world.now][-2:]:
        listed = {key: data for key, data in files.items() if start <= _of_key(key) < end}
        before = _digest(place, trail, listed, (start, end), before, made)
        start = end


_BEFORE = ("previousDigestS3Object", "previousDigestHashValue", "previousDigestSignature")


def _of_key(key: str) -> datetime:
    stamp = key.rpartition("/")[2].split("_")[3]
    return _hour(datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=UTC))


def _digest(
    place: Place,
    trail: Trail,
    files: dict[str, bytes],
    span: tuple[datetime, datetime],
    before: dict[str, Any],
    made: Objects,
) -> dict[str, Any]:
    """Write one digest; return what the next one says of it."""
    account, region, (start, end) = place.account.id, place.region_name, span
    key = (
        f"AWSLogs/{account}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/{account}_CloudTrail-Digest_"
        f"{region}_{trail.name}_{trail.home}_{end:%Y%m%dT%H%M%S}Z.json.gz"
    )
    logs = [
        {
            "s3Bucket": trail.bucket,
            "s3Object": name,
            "hashValue": hashlib.sha256(content).hexdigest(),
            "hashAlgorithm": "SHA-256",
        }
        for name, content in files.items()
    ]
    digest = {
        "awsAccountId": account,
        "digestStartTime": iso(start),
        "digestEndTime": iso(end),
        "digestS3Bucket": trail.bucket,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": _public()[1],
        "digestSignatureAlgorithm": "SHA256withRSA",
        **before,
        "logFiles": logs,
    }
    content = json.dumps(digest).encode()
    own = hashlib.sha256(content).hexdigest()
    last = before["previousDigestSignature"] or "null"
    signed = "\n".join([iso(end), f"{trail.bucket}/{key}", own, last])
    signature = _key().sign(signed.encode(), PKCS1v15(), SHA256()).hex()
    made.add(trail.bucket, key, gzip.compress(content, mtime=0))
    return dict(zip(_BEFORE, (key, own, signature), strict=True))
