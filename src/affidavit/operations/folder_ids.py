"""Ids of evidence folders: a UUID of assessment, control and UTC day that tells the day by itself.

UUID version 8 (RFC 9562): the day's number in the first 32 bits, SHA-256 over the three names in
the rest. So a folder is found without listing an assessment's years, and no id can be made up for
one that is not there: the caller compares the whole id.
"""

import uuid
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Final

_DAY_SHIFT: Final = 96
_LOW: Final = (1 << _DAY_SHIFT) - 1
_VERSION: Final = 0x8 << 76
_VARIANT: Final = 0b10 << 62
_FREE: Final = _LOW & ~(0xF << 76) & ~(0b11 << 62)


@lru_cache(maxsize=8192)
def folder_id(assessment_id: str, control_id: str, day: date) -> str:
    """Return the id of the folder of a control (as evidence names it) and day."""
    name = f"{assessment_id}\n{control_id}\n{day.isoformat()}".encode()
    low = int.from_bytes(sha256(name).digest()[:12], "big") & _FREE
    return str(uuid.UUID(int=day.toordinal() << _DAY_SHIFT | low | _VERSION | _VARIANT))


def day_of(identifier: str) -> date | None:
    """Return the day of a folder id; None for what cannot be one."""
    number = uuid.UUID(identifier).int >> _DAY_SHIFT
    return date.fromordinal(number) if 0 < number <= date.max.toordinal() else None
