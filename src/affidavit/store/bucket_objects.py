"""Objects in a bucket of S3, or of any server that speaks its protocol.

An object is there whole or not at all, and durable once the server has answered. Content that is
named by its digest is written only where there is none (If-None-Match). What the server refuses or
does not answer is a `StoreError` that names the object; nothing is registered then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from affidavit.aws.bucket import CONNECTIONS, Bucket, Entry
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError, SettingsError, StoreError
from affidavit.settings import Settings
from affidavit.store.files import NewFile, sweep_unfinished
from affidavit.store.objects import Stored, gone
from affidavit.store.places import micros

FRESH: Final = timedelta(minutes=20)
"""Objects older than this get a new time when they are used again: sweeping goes by age."""
_T = TypeVar("_T")


class BucketObjects:
    """Objects below a prefix of a bucket; safe to share between threads."""

    def __init__(self, bucket: Bucket, prefix: str, staging: Path, lock_days: int = 0) -> None:
        """Take the bucket; files are written in `staging` before they are sent.

        `lock_days`: so long nobody may delete checkpoints and bodies, if the bucket has Object
        Lock.
        """
        self._bucket, self._prefix, self._staging = bucket, prefix, staging
        self._lock_days = lock_days
        self._locks: bool | None = None
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="objects")

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown()
        self._bucket.close()

    def where(self, name: str) -> str:
        """Return the object's URL."""
        return f"s3://{self._bucket.name}/{self._prefix}{name}"

    def new(self, folder: str) -> NewFile:
        """Return a file on this machine, to be sent when it is kept."""
        del folder
        sweep_unfinished(self._staging)
        return NewFile(self._staging)

    def keep(self, new: NewFile, name: str) -> None:
        """Send the file, unless an object of that name is there: such names tell the content."""
        self._asked(name, lambda key: self._bucket.put(key, new.path, new=True))

    def put(self, files: Mapping[str, bytes], *, locked: bool = False) -> None:
        """Write objects, several at once; `locked` ones under Object Lock where it is on."""
        until = self._until() if locked else None

        def write(name: str) -> None:
            self._asked(name, lambda key: self._bucket.put(key, files[name], until=until))

        self._all(write, list(files))

    def read(self, name: str) -> bytes:
        """Return an object; `StoreDamagedError` where it is gone."""
        return b"".join(self.parts(name))

    def parts(self, name: str) -> Iterator[bytes]:
        """Yield an object's bytes in parts; `StoreDamagedError` where it is gone."""
        try:
            yield from self._bucket.parts(self._prefix + name)
        except FileNotFoundError as error:
            raise gone(self.where(name)) from error
        except CollectError as error:
            raise _stored(error) from error

    def hold(self, names: Sequence[str], first: int) -> dict[str, bytes]:
        """Return the first bytes of those that are there; those of long ago get a new time."""
        found = self._all(lambda name: self._held(name, first), names)
        return {name: head for name, head in zip(names, found, strict=True) if head is not None}

    def _held(self, name: str, first: int) -> bytes | None:
        stored = self.stat(name)
        if stored is None:
            return None
        try:
            if stored.micros < micros(datetime.now(UTC) - FRESH):
                self.refresh(name)
            return b"".join(
                self._asked(name, lambda key: list(self._bucket.parts(key, first=first)))
            )
        except FileNotFoundError:
            return None

    def refresh(self, name: str) -> None:
        """Copy the object onto itself: S3 sets its time so."""
        self._asked(name, self._bucket.touch)

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return those that are not there."""
        found = self._all(self.stat, names)
        return [name for name, one in zip(names, found, strict=True) if one is None]

    def stat(self, name: str) -> Stored | None:
        """Return what an object is, or None."""
        found = self._asked(name, self._bucket.entry)
        return self._entry(found) if found is not None else None

    def tenants(self) -> list[str]:
        """Return the tenants that have objects."""
        accounts = self._asked("", self._bucket.folders)
        found = [
            one
            for account in accounts
            for one in self._asked(account.removeprefix(self._prefix), self._bucket.folders)
        ]
        return sorted(one.removeprefix(self._prefix).rstrip("/") for one in found)

    def every(self, folder: str) -> Iterator[Stored]:
        """Yield all objects below a folder."""
        try:
            for one in self._bucket.entries(f"{self._prefix}{folder.rstrip('/')}/"):
                yield self._entry(one)
        except CollectError as error:
            raise _stored(error) from error

    def remove(self, name: str) -> None:
        """Delete an object; under Object Lock its version stays, behind a delete marker."""
        self._asked(name, self._bucket.delete)

    def _entry(self, one: Entry) -> Stored:
        name = one.key.removeprefix(self._prefix)
        return Stored(name=name, size=one.size, micros=micros(one.time))

    def _until(self) -> datetime | None:
        if not self._lock_days:
            return None
        if self._locks is None:
            self._locks = self._asked("", lambda _: self._bucket.locks())
            if not self._locks:
                raise SettingsError(
                    "AFFIDAVIT_OBJECTS_LOCK_DAYS cannot be kept",
                    why=f"The bucket {self._bucket.name} has no Object Lock.",
                    todo="Make a bucket with Object Lock, or unset it.",
                )
        return datetime.now(UTC) + timedelta(days=self._lock_days)

    def _asked(self, name: str, ask: Callable[[str], _T]) -> _T:
        try:
            return ask(self._prefix + name)
        except CollectError as error:
            raise _stored(error) from error

    def _all(self, ask: Callable[[str], _T], names: Sequence[str]) -> list[_T]:
        """Ask for all names, several at once; the first error counts, once all have ended."""
        waiting = [self._pool.submit(ask, name) for name in names]
        outcomes = [one.exception() for one in waiting]
        for error in outcomes:
            if error is not None:
                raise error
        return [one.result() for one in waiting]


def open_bucket(settings: Settings) -> BucketObjects:
    """Return the objects of `AFFIDAVIT_OBJECTS=s3://bucket/prefix`; nothing is sent yet."""
    url = urlsplit(settings.objects)
    prefix = url.path.strip("/")
    aws = AwsSettings(
        endpoint_url=settings.objects_endpoint,
        region=settings.objects_region,
        call_timeout=settings.call_timeout,
    )
    if settings.objects_endpoint and urlsplit(settings.objects_endpoint).scheme not in (
        "http",
        "https",
    ):
        raise SettingsError(
            f"AFFIDAVIT_OBJECTS_ENDPOINT is {settings.objects_endpoint!r}",
            why="It must begin with https:// or, on a trusted network, http://.",
        )
    return BucketObjects(
        Bucket(url.netloc, aws, settings.objects_encryption),
        f"{prefix}/" if prefix else "",
        settings.cache_folder / "staging",
        settings.objects_lock_days,
    )


def _stored(error: CollectError) -> StoreError:
    return StoreError(error.what, why=error.why, todo=error.todo)
