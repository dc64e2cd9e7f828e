"""What the digests of a trail say of its files: proved, altered, missing, or of late files only."""

import base64
import gzip
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto.server import ThreadedMotoServer
from tests.sources.test_trail_files import ACCOUNT, BUCKET, ROOT, Bucket, event, reading, write

from affidavit.aws.door import Door
from affidavit.aws.log_reading import LogReader, NotReadError
from affidavit.aws.settings import AwsSettings
from affidavit.model.times import iso


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
