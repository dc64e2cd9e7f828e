"""The installation's own bucket: what `AFFIDAVIT_OBJECTS` names, on AWS or any other S3 server.

Not for tenants' buckets (see `objects`): here the server acts for itself, with the credentials that
botocore finds as for every AWS tool. Every call has a time limit and is retried a few times; what
S3 refuses or does not answer is an error that names the object.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import new_session
from affidavit.aws.objects import bucket_problem
from affidavit.aws.settings import USER_AGENT, AwsSettings
from affidavit.errors import CollectError, ObjectError, SettingsError

CONNECTIONS: Final = 16
"""Requests that may be under way at once."""
_ATTEMPTS: Final = 4
_CHUNK: Final = 2**20
_GONE: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_THERE: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"})
_NO_LOCK: Final = frozenset({"ObjectLockConfigurationNotFoundError", "NotImplemented", "NoSuchKey"})
_HTTP_SERVER: Final = 500
_TODO: Final = (
    "Check AFFIDAVIT_OBJECTS, AFFIDAVIT_OBJECTS_ENDPOINT, the credentials, and that the S3 server "
    "runs; s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject are needed. Then run the "
    "same command again: nothing was half done."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object as it is listed."""

    key: str
    size: int
    time: datetime
    """When it was last written, by the server's clock."""


class Bucket:
    """One bucket; safe to share between threads. Errors: `ObjectError` refused, `CollectError`."""

    def __init__(self, name: str, settings: AwsSettings, encryption: str = "") -> None:
        """Take the bucket's name; `encryption`: AES256, aws:kms, or the ARN of a KMS key."""
        problem = bucket_problem(name)
        if problem:
            raise SettingsError(
                "AFFIDAVIT_OBJECTS cannot be used", why=problem, todo="Write s3://bucket/prefix."
            )
        self.name = name
        self._sealed = _encryption(encryption)
        session = new_session(settings)
        region = settings.region or session.get_config_variable("region") or "us-east-1"
        style: Literal["path", "auto"] = "path" if settings.endpoint_url else "auto"
        self._s3: Any = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=settings.endpoint_url or None,
            verify=(settings.ca_bundle or None) if settings.verify_tls else False,
            config=Config(
                connect_timeout=min(10.0, settings.call_timeout),
                read_timeout=settings.call_timeout,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=CONNECTIONS,
                user_agent_extra=USER_AGENT,
                s3={"addressing_style": style},
            ),
        )

    def close(self) -> None:
        """Close the connections."""
        self._s3.close()

    def put(
        self, key: str, body: bytes | Path, *, new: bool = False, until: datetime | None = None
    ) -> bool:
        """Write an object; with `new` only where there is none: False where there is one.

        `until`: it may not be deleted before (Object Lock, mode GOVERNANCE).
        """
        more: dict[str, Any] = {"IfNoneMatch": "*"} if new else {}
        if until is not None:
            more |= {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
        try:
            with self._asking(key, "written"):
                if isinstance(body, bytes):
                    self._put(key, body, more)
                else:
                    with body.open("rb") as file:
                        self._put(key, file, more)
        except _ThereError:
            return False
        return True

    def _put(self, key: str, body: Any, more: Mapping[str, Any]) -> None:
        self._s3.put_object(Bucket=self.name, Key=key, Body=body, **self._sealed, **more)

    def parts(self, key: str, first: int | None = None) -> Iterator[bytes]:
        """Yield an object's bytes, only the `first` ones if given; `FileNotFoundError`: none."""
        asked = {"Range": f"bytes=0-{first - 1}"} if first else {}
        with self._asking(key, "read"):
            answer = self._s3.get_object(Bucket=self.name, Key=key, **asked)
            body = answer["Body"]
            try:
                yield from body.iter_chunks(_CHUNK)
            finally:
                body.close()

    def entry(self, key: str) -> Entry | None:
        """Return what an object is, or None."""
        try:
            with self._asking(key, "looked at"):
                found = self._s3.head_object(Bucket=self.name, Key=key)
        except FileNotFoundError:
            return None
        return Entry(key=key, size=found["ContentLength"], time=found["LastModified"])

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Yield all objects whose key begins so, page by page."""
        with self._asking(prefix, "listed"):
            pages = self._s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix):
                for one in page.get("Contents", ()):
                    yield Entry(key=one["Key"], size=one["Size"], time=one["LastModified"])

    def folders(self, prefix: str) -> list[str]:
        """Return the prefixes one slash below a prefix, whole."""
        found: list[str] = []
        with self._asking(prefix, "listed"):
            pages = self._s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=prefix, Delimiter="/"):
                found += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
        return found

    def touch(self, key: str) -> None:
        """Set an object's time to now, by copying it to itself; `FileNotFoundError`: none."""
        with self._asking(key, "copied"):
            source = {"Bucket": self.name, "Key": key}
            self._s3.copy_object(
                Bucket=self.name,
                Key=key,
                CopySource=source,
                MetadataDirective="REPLACE",
                **self._sealed,
            )

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        with self._asking(key, "deleted"):
            self._s3.delete_object(Bucket=self.name, Key=key)

    def locks(self) -> bool:
        """Return whether the bucket has Object Lock switched on."""
        try:
            found = self._s3.get_object_lock_configuration(Bucket=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_LOCK:
                return False
            raise self._error("", "asked for Object Lock", error) from error
        except BotoCoreError as error:
            raise self._error("", "asked for Object Lock", error) from error
        return bool(found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")

    @contextmanager
    def _asking(self, key: str, done: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _GONE:
                raise FileNotFoundError(key) from error
            if code in _THERE:
                raise _ThereError from error
            raise self._error(key, done, error) from error
        except BotoCoreError as error:
            raise self._error(key, done, error) from error

    def _error(self, key: str, done: str, error: Exception) -> CollectError:
        kind = CollectError
        if isinstance(error, ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            kind = ObjectError if status and status < _HTTP_SERVER else CollectError
        return kind(f"s3://{self.name}/{key} cannot be {done}", why=str(error), todo=_TODO)


class _ThereError(Exception):
    """There is such an object already."""


def _encryption(asked: str) -> dict[str, str]:
    """Return the members of PutObject that ask for encryption by the server."""
    if not asked:
        return {}
    if asked in ("AES256", "aws:kms"):
        return {"ServerSideEncryption": asked}
    if asked.startswith("arn:") and ":kms:" in asked:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": asked}
    raise SettingsError(
        f"AFFIDAVIT_OBJECTS_ENCRYPTION is {asked!r}",
        why="It must be AES256, aws:kms, or the ARN of a KMS key.",
    )
