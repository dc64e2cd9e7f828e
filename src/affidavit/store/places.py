"""Where a tenant's files lie below the object folder, and what may be a tenant."""

import re
from datetime import UTC, datetime, timedelta

from affidavit.errors import StoreError

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}/[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_tenant(tenant: str) -> None:
    """Raise `StoreError` unless `tenant` can be a folder and the name of a key."""
    if not _TENANT.fullmatch(tenant):
        raise StoreError(
            f"{tenant!r} cannot be a tenant",
            why="A tenant is <account id>/<Region>, for example 111122223333/us-east-1.",
        )


def micros(time: datetime) -> int:
    """Return whole microseconds since 1970 UTC."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def from_micros(value: int) -> datetime:
    """Return the time that `micros` gave."""
    return _EPOCH + timedelta(microseconds=value)
