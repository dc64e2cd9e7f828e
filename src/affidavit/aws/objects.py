"""Objects in a tenant's own S3 buckets: written, read and deleted, never in anybody else's.

Every call names the tenant's account as the bucket's expected owner, so that S3 itself refuses a
bucket of another account: a tenant cannot make the server read or write what only the server may.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import Clients
from affidavit.aws.identity import Accounts
from affidavit.aws.limits import Limits
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError

_URL: Final = re.compile(r"[sS]3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<key>.*))?")
_CHUNK: Final = 2**20


class Objects:
    """The buckets of one account; use it in a `with`."""

    def __init__(self, settings: AwsSettings, account_id: str, region: str) -> None:
        import threading

        self._account_id, self._region = account_id, region
        self._clients = Clients(settings)
        stop = threading.Event()
        limits = Limits(settings.requests_per_second, stop, settings.lookups_per_second)
        self._accounts = Accounts(settings, self._clients, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()

    def put(self, url: str, path: Path) -> None:
        """Write a file to `url`; `CollectError` says what S3 refused."""
        with self._asking(url, "written") as (s3, place), path.open("rb") as body:
            s3.put_object(**place, Body=body)

    def fetch(self, url: str, write: Callable[[bytes], object], limit: int) -> None:
        """Give the object to `write`, part by part; `CollectError` where it exceeds `limit`."""
        with self._asking(url, "read") as (s3, place):
            answer = s3.get_object(**place)
            if answer["ContentLength"] > limit:
                raise CollectError(f"{url} is too large", why=f"It may have {limit} bytes.")
            for part in answer["Body"].iter_chunks(_CHUNK):
                write(part)

    def delete(self, url: str) -> None:
        """Delete the object."""
        with self._asking(url, "deleted") as (s3, place):
            s3.delete_object(**place)

    @contextmanager
    def _asking(self, url: str, done: str) -> Iterator[tuple[Any, dict[str, str]]]:
        bucket, key = split(url)
        place = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": self._account_id}
        access = self._accounts.access(self._account_id)
        try:
            with self._clients.use(access.session, self._account_id, self._region, "s3") as client:
                yield client, place
        except (ClientError, BotoCoreError) as error:
            raise CollectError(
                f"{url} cannot be {done}",
                why=str(error),
                todo=f"The bucket must belong to account {self._account_id}, and the role must "
                "be allowed s3:PutObject, s3:GetObject and s3:DeleteObject on it.",
            ) from error


def split(url: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URL; `CollectError` for what is none."""
    found = _URL.fullmatch(url)
    if found is None:
        raise CollectError(f"{url!r} is not the URL of an S3 object", todo="s3://bucket/key")
    return found["bucket"], found["key"] or ""
