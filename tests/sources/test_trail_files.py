"""Which of a trail's events are kept, with what proof, and what digests say of the files."""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto.server import ThreadedMotoServer

from affidavit.aws.door import Door
from affidavit.aws.log_reading import LogObject, LogReader, NotReadError
from affidavit.aws.settings import AwsSettings
from affidavit.model.observation import GapReason, Unit
from affidavit.model.times import iso
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


def served(bucket: Bucket, url: str) -> LogReader:
    """Put a bucket's objects on a server of S3, and return what reads them from there."""
    settings = AwsSettings(
        access_key="AKIDEXAMPLE", secret_key="secret", endpoint_url=url, role_name="Reader"
    )
    s3 = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )
    s3.create_bucket(Bucket=BUCKET)
    for key, body in bucket.held.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    s3.close()
    return Door(settings).log_reader(ACCOUNT, "us-east-1")


def test_an_organizations_trail_is_read_for_one_account() -> None:
    """From a server of S3: only the account's own files, proved by its own digests, are read.

    Of the other accounts below the organization's id the names are told.
    """
    bucket, own = Bucket(), f"AWSLogs/o-abc123/{ACCOUNT}"
    signer = Signer(bucket, own)
    log = write(bucket, [event(number=0)], root=own)
    for stamp, logs in (("20261129T000100Z", []), ("20261129T105900Z", [log])):
        signer.write(stamp, logs)
    signer.write("20261130T000100Z", [])
    write(bucket, [event(number=1)], root="AWSLogs/o-abc123/444455556666")
    write(bucket, [event(number=7)])
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        reader = served(bucket, f"http://{host}:{port}")
        body = reading(reader, organization=True, validated=True, keys=signer.keys)
        with pytest.raises(NotReadError, match="no organization's folder"):
            reading(reader, organization=True, prefix="elsewhere")
    finally:
        server.stop()
    assert [(one["EventId"], one["file"]["proved"]) for one in body["events"]] == [("e-0", True)]
    assert body["otherAccounts"] == ["444455556666"]
    assert (body["integrity"]["findings"], body["integrity"]["proved"]) == ([], 1)


class Signer:
    """Writes digests as CloudTrail does: each has the signature of the one before it."""

    def __init__(self, bucket: Bucket, root: str = ROOT, key: RSAPrivateKey | None = None) -> None:
        self._bucket, self._root = bucket, root
        self.key = key or generate_private_key(65537, 2048)
        self._before: dict[str, Any] = {}

    @property
    def keys(self) -> list[dict[str, str]]:
        """Return the public key as ListPublicKeys gives it."""
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        return [{"Fingerprint": "f1", "Value": base64.b64encode(der).decode()}]

    def write(self, stamp: str, logs: list[str], late: str = "") -> str:
        """Write a digest over log files; return its key. `late`: the suffix of its name."""
        folder = f"{self._root}/CloudTrail-Digest/us-east-1/{stamp[:4]}/{stamp[4:6]}/{stamp[6:8]}"
        name = f"{ACCOUNT}_CloudTrail-Digest_us-east-1_main_us-east-1_{stamp}{late}.json.gz"
        key = f"{folder}/{name}"
        files = [
            {
                "s3Bucket": BUCKET,
                "s3Object": one,
                "hashValue": hashlib.sha256(gzip.decompress(self._bucket.held[one])).hexdigest(),
            }
            for one in logs
        ]
        end = iso(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))
        digest = {
            "awsAccountId": ACCOUNT,
            "digestStartTime": end,
            "digestEndTime": end,
            "digestS3Bucket": BUCKET,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": "f1",
            **self._before,
            "logFiles": files,
        }
        content = json.dumps(digest).encode()
        own = hashlib.sha256(content).hexdigest()
        last = self._before.get("previousDigestSignature", "null")
        signature = self.key.sign(
            "\n".join([end, f"{BUCKET}/{key}", own, last]).encode(), PKCS1v15(), SHA256()
        )
        self._bucket.held[key] = gzip.compress(content)
        self._before = {
            "previousDigestS3Object": key,
            "previousDigestHashValue": own,
            "previousDigestSignature": signature.hex(),
        }
        return key


@pytest.fixture(scope="module")
def signed() -> tuple[Bucket, Signer, list[str], list[str]]:
    """Return a bucket with a day's files and digests, and their keys."""
    bucket = Bucket()
    signer = Signer(bucket)
    before = write(bucket, [event(number=8)], "20261128T2355Z")
    logs = [write(bucket, [event(number=n)], f"20261129T1{n}35Z") for n in range(3)]
    digests = [signer.write("20261129T000100Z", [before])]
    digests += [signer.write(f"20261129T1{n}5900Z", [log]) for n, log in enumerate(logs)]
    digests.append(signer.write("20261130T000100Z", []))
    return bucket, signer, logs, digests


def copied(bucket: Bucket) -> Bucket:
    """Return a copy that a test may alter."""
    other = Bucket()
    other.held = dict(bucket.held)
    return other


def test_digests_of_late_files_are_a_chain_of_their_own(
    signed: tuple[Bucket, Signer, list[str], list[str]],
) -> None:
    """Their predecessor is days old: none is missing, and what the next of them signs is proved."""
    bucket, signer, logs, digests = copied(signed[0]), *signed[1:]
    late = write(bucket, [event(number=5)], "20261129T1935Z")
    other = Signer(bucket, key=signer.key)
    before = other.write("20261120T100000Z", [], "_backfill")
    del bucket.held[before]
    other.write("20261129T195900Z", [late], "_backfill")
    other.write("20261130T001000Z", [], "_backfill")
    told = reading(bucket, validated=True, keys=signer.keys)["integrity"]
    assert (told["findings"], told["proved"], told["inNone"]) == ([], len(logs) + 1, 0)
    del bucket.held[digests[-1]]  # those of the day's last hours
    bucket.started_at = datetime(2026, 12, 1, tzinfo=UTC)
    told = reading(bucket, validated=True, keys=signer.keys)["integrity"]
    assert [one["what"] for one in told["findings"]] == ["DIGEST_MISSING"]


def test_files_are_proved_by_a_signed_chain(
    signed: tuple[Bucket, Signer, list[str], list[str]],
) -> None:
    """Each file stands in a digest whose signature holds; those of the day before do not count."""
    bucket, signer, logs, _ = signed
    body = reading(copied(bucket), validated=True, keys=signer.keys)
    assert body["integrity"]["findings"] == []
    assert body["integrity"]["proved"] == len(logs)
    assert body["integrity"]["inNone"] == 0
    assert all(one["file"]["proved"] for one in body["events"])


@pytest.mark.parametrize("keys", [[], None])
def test_without_keys_nothing_is_proved(
    signed: tuple[Bucket, Signer, list[str], list[str]], keys: list[dict[str, str]] | None
) -> None:
    """Where the key is not known, or is another's, no file counts as proved."""
    bucket, _, logs, _ = signed
    given = Signer(Bucket()).keys if keys is None else keys
    body = reading(copied(bucket), validated=True, keys=given)
    assert body["integrity"]["proved"] == 0
    assert not any(one["file"]["proved"] for one in body["events"])
    assert body["integrity"]["unsigned"] == len(logs)


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("log gone", "LOG_FILE_MISSING"),
        ("log altered", "LOG_FILE_ALTERED"),
        ("digest gone", "DIGEST_MISSING"),
        ("digests gone", "DIGEST_MISSING"),
        ("first digests gone", "DIGEST_MISSING"),
        ("last digests gone", "DIGEST_MISSING"),
        ("log refused", ""),
    ],
)
def test_what_was_removed_or_altered_is_found(
    signed: tuple[Bucket, Signer, list[str], list[str]], what: str, found: str
) -> None:
    """A log file or digest that is gone or was changed is told; one that is refused is unread."""
    bucket, signer, logs, digests = copied(signed[0]), signed[1], signed[2], signed[3]
    if what == "log gone":
        del bucket.held[logs[1]]
    elif what == "log altered":
        bucket.held[logs[1]] = gzip.compress(json.dumps({"Records": []}).encode())
    elif what == "digest gone":
        del bucket.held[digests[2]]
    elif what.endswith("digests gone"):
        some = {"first": digests[:2], "last": digests[-2:]}.get(what.partition(" ")[0], digests)
        for key in some:
            del bucket.held[key]
    else:
        bucket.denied.add(logs[1])
    body = reading(bucket, validated=True, keys=signer.keys)
    wrong = {one["what"] for one in body["integrity"]["findings"]}
    assert wrong == ({found} if found else set())
    assert bool(body["unread"]) == (what == "log refused")


def test_a_forged_twin_hides_no_event(
    signed: tuple[Bucket, Signer, list[str], list[str]],
) -> None:
    """Where files tell an event in two ways, that is told; the record of a proved file stands."""
    bucket, signer = copied(signed[0]), signed[1]
    write(bucket, [event(number=1, userIdentity={"arn": "arn:of:another"})], "20261129T0035Z")
    body = reading(bucket, validated=True, keys=signer.keys)
    (kept,) = (one for one in body["events"] if one["EventId"] == "e-1")
    assert "arn:of:another" not in kept["CloudTrailEvent"]
    assert kept["file"]["proved"]
    assert [one["why"] for one in body["unread"]] == ["the files tell the event e-1 in two ways"]


def test_a_key_that_cannot_be_read_is_no_end_of_the_collection() -> None:
    """A public key of an unknown form proves nothing, and what else was read stands."""
    bucket = Bucket()
    write(bucket, [event(number=1)])
    keys = [{"Fingerprint": "f", "Value": base64.b64encode(b"no key").decode()}]
    body = reading(bucket, validated=True, keys=keys)
    assert [one["EventId"] for one in body["events"]] == ["e-1"]
    assert "keys" in body["integrity"]["why"]


def test_a_forged_file_is_in_no_digest(
    signed: tuple[Bucket, Signer, list[str], list[str]],
) -> None:
    """A file that was put there by somebody else is counted, and its events are not proved."""
    bucket, signer = copied(signed[0]), signed[1]
    write(bucket, [event(number=66)], "20261129T1536Z")
    body = reading(bucket, validated=True, keys=signer.keys)
    forged = next(one for one in body["events"] if one["EventId"] == "e-66")
    assert not forged["file"]["proved"]
    assert body["integrity"]["inNone"] == 1
