"""Objects in the buckets that are bound to a tenant: written, read and deleted, in no other.

Every call goes through the role of the bucket's account and names that account as the bucket's
expected owner, so that S3 itself refuses a bucket of another account: a tenant cannot make the
server read or write what only the server, or another tenant, may.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import Clients, new_session
from affidavit.aws.identity import Accounts
from affidavit.aws.limits import Limits
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError, ObjectError

_URL: Final = re.compile(r"[sS]3://(?P<bucket>[^/]*)(/(?P<key>.*))?", re.DOTALL)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9.]+", re.ASCII)
_NO_PREFIX: Final = ("xn--", "sthree-")
_NO_SUFFIX: Final = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3", ".mrap")
"""Names of access points and of other kinds of buckets: they lead elsewhere than they say."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAX_KEY: Final = 1024
"""Bytes of an object's key, by S3's documentation."""
_KMS_ACTION: Final = re.compile(r"kms:[A-Z]\w+")
_KMS_KEY: Final = re.compile(r"arn:aws[a-z-]*:kms:[\w-]+:[0-9]{12}:(key|alias)/[\w/-]+")
_KMS_WHO: Final = re.compile(r"arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[\w+=,.@/-]+")
_CHUNK: Final = 2**20
_HTTP_REFUSED: Final = range(400, 500)
_HTTP_TIMEOUT: Final = 408
_HTTP_TOO_MANY: Final = 429


class Objects:
    """Some buckets of one tenant; use it in a `with`."""

    def __init__(self, settings: AwsSettings, buckets: Mapping[str, str], region: str) -> None:
        """Take the buckets that may be used, each with the id of the account that owns it."""
        self._buckets, self._region = buckets, region
        self._clients = Clients(settings)
        stop = threading.Event()
        limits = Limits(settings.requests_per_second, stop, settings.lookups_per_second)
        self._accounts = Accounts(settings, self._clients, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def put(self, url: str, path: Path, kms_key: str = "") -> None:
        """Write a file to `url`, encrypted under `kms_key` (ARN) or as the bucket does by default.

        Raises `ObjectError` with what S3 refused, `CollectError` where it did not answer.
        """
        sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        with self._asking(url, "written") as (s3, place), path.open("rb") as body:
            s3.put_object(**place, **sealed, Body=body)

    def fetch(self, url: str, write: Callable[[bytes], object], limit: int) -> None:
        """Give the object to `write`, part by part.

        Raises `ObjectError` where it is larger than `limit` bytes, whatever its header says, or
        refused; `CollectError` where it did not arrive whole.
        """
        with self._asking(url, "read") as (s3, place):
            _receive(url, s3.get_object(**place), write, limit)

    def delete(self, url: str) -> None:
        """Delete the object; one that is not there is no error."""
        with self._asking(url, "deleted") as (s3, place):
            s3.delete_object(**place)

    @contextmanager
    def _asking(self, url: str, done: str) -> Iterator[tuple[Any, dict[str, str]]]:
        bucket, key = split(url)
        owner = self._buckets.get(bucket)
        if owner is None or not key:
            why = f"The bucket {bucket} is not bound to this tenant for that."
            raise ObjectError(
                f"{url} cannot be {done}",
                why="It names no object." if owner else why,
                todo="" if owner else "An administrator binds buckets: affidavit tenant bind.",
            )
        place = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": owner}
        access = self._accounts.access(owner)
        try:
            with self._clients.use(access.session, owner, self._region, "s3") as client:
                yield client, place
        except (ClientError, BotoCoreError) as error:
            todo = (
                f"The bucket must belong to account {owner}, and the role that is bound for it "
                "must be allowed s3:PutObject, s3:GetObject and s3:DeleteObject on it."
            )
            raise _refused(url, done, error, todo) from error


def split(url: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URL; `ObjectError` for what is none, or leads elsewhere."""
    found = _URL.fullmatch(url)
    bucket, key = (found["bucket"], found["key"] or "") if found else ("", "")
    problem = bucket_problem(bucket) or _key_problem(key)
    if problem:
        raise ObjectError(
            f"{url!r} is not the URL of an S3 object", why=problem, todo="Write s3://bucket/key."
        )
    return bucket, key


def bucket_problem(name: str) -> str:
    """Return why a text cannot be a general purpose bucket's own name, or an empty text.

    Access points, their aliases, directory and table buckets, and ARNs are none: the account that
    they lead to is not the one that they name (S3 user guide, "Bucket naming rules").
    """
    if not _BUCKET.fullmatch(name) or ".." in name:
        return f"{name!r} is not the name of a bucket."
    if _ADDRESS.fullmatch(name) or name.startswith(_NO_PREFIX) or name.endswith(_NO_SUFFIX):
        return f"{name!r} is not the name of a general purpose bucket."
    return ""


def _key_problem(key: str) -> str:
    """Return why a key is refused: dot segments are taken away by HTTP clients, bucket and all."""
    if any(part in (".", "..") for part in key.split("/")):
        return "A key may not have . or .. between slashes."
    if _CONTROL.search(key) or len(key.encode()) > _MAX_KEY:
        return f"A key has at most {_MAX_KEY} bytes, and no control characters."
    return ""


def _receive(
    url: str, answer: Mapping[str, Any], write: Callable[[bytes], object], limit: int
) -> None:
    """Give what GetObject answered to `write`, part by part; `ObjectError` beyond `limit` bytes."""
    size, body = 0, answer["Body"]
    try:
        _require_small(url, answer.get("ContentLength", 0), limit)
        for part in body.iter_chunks(_CHUNK):
            size += len(part)
            _require_small(url, size, limit)
            write(part)
    finally:
        body.close()


def _refused(url: str, done: str, error: Exception, todo: str) -> CollectError:
    """Return the error to raise for S3's: `ObjectError` for a refusal, else `CollectError`."""
    kind = ObjectError if _is_refusal(error) else CollectError
    return kind(f"{url} cannot be {done}", why=str(error), todo=key_problem(error) or todo)


def key_problem(error: Exception) -> str:
    """Return what to do where S3 could not use the KMS key of an object; else an empty text.

    S3 passes KMS's refusal on in the message, with the key's ARN or its id.
    """
    words = str(error)
    if "kms" not in words.lower():
        return ""
    denied = _KMS_ACTION.search(words)
    found = _KMS_KEY.search(words)
    who = _KMS_WHO.search(words)
    action = denied[0] if denied else "kms:Decrypt"
    key, principal = found[0] if found else "KEY_ARN", who[0] if who else "ROLE_ARN"
    return (
        f"The object's KMS key {key} must be enabled, and the collector ({principal}) be allowed "
        f"{action} with it: add that to the key policy, or run `aws kms create-grant --key-id "
        f"{key} --grantee-principal {principal} --operations {action.removeprefix('kms:')}`."
    )


def _require_small(url: str, size: int, limit: int) -> None:
    if size > limit:
        raise ObjectError(f"{url} is too large", why=f"It may have {limit} bytes.")


def _is_refusal(error: Exception) -> bool:
    """Tell whether S3 said no, so that asking again is of no use."""
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status in _HTTP_REFUSED and status not in (_HTTP_TIMEOUT, _HTTP_TOO_MANY)


class OwnObjects:
    """What one's own credentials may read, for the command line: listed and read, never written.

    No bucket is bound and no owner expected: whoever runs the command sees what he may see anyway.
    Nothing that serves tenants may use it.
    """

    def __init__(self, settings: AwsSettings) -> None:
        """Take how AWS is reached; nothing is sent yet."""
        self._clients = Clients(settings)
        self._session = new_session(settings)
        self._region = settings.region or self._session.get_config_variable("region")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def listed(self, url: str) -> Iterator[tuple[str, int]]:
        """Return URL and bytes of all objects whose key begins with the URL's, page by page.

        Raises `ObjectError` with what S3 refused, `CollectError` where it did not answer.
        """
        bucket, prefix = split(url)
        request = {"Bucket": bucket, "Prefix": prefix}
        with self._asking(url, "listed") as s3:
            for page in s3.get_paginator("list_objects_v2").paginate(**request):
                for one in page.get("Contents", ()):
                    yield f"s3://{bucket}/{one['Key']}", one["Size"]

    def read(self, url: str, limit: int) -> bytes:
        """Return an object of at most `limit` bytes; errors as of `listed`."""
        bucket, key = split(url)
        with self._asking(url, "read") as s3:
            parts: list[bytes] = []
            _receive(url, s3.get_object(Bucket=bucket, Key=key), parts.append, limit)
            return b"".join(parts)

    @contextmanager
    def _asking(self, url: str, done: str) -> Iterator[Any]:
        region = self._region or "us-east-1"
        try:
            with self._clients.use(self._session, "", region, "s3") as client:
                yield client
        except (ClientError, BotoCoreError) as error:
            todo = "Check credentials and Region; s3:ListBucket and s3:GetObject are needed."
            raise _refused(url, done, error, todo) from error
