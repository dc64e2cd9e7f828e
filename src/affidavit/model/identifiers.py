"""Identifiers: name-based UUIDs that never change, and time-ordered ones for what happens."""

import secrets
import uuid
from collections.abc import Callable
from datetime import datetime

NAMESPACE = uuid.UUID("6f1a7d5e-3c0b-5f5e-9a53-8d0f6a2c7e41")
"""Our own namespace for name-based UUIDs (RFC 9562, version 5). Never change it."""

_UUID_BITS_RANDOM = 74


def stable_id(kind: str, name: str) -> str:
    """Return the UUID that `name` of this `kind` ("control", "framework", …) has for ever."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}:{name}"))


def new_id(now: datetime, randbits: Callable[[int], int] = secrets.randbits) -> str:
    """Return a UUID version 7 (RFC 9562): ordered by `now` in milliseconds, the rest random."""
    milliseconds = int(now.timestamp() * 1000)
    random = randbits(_UUID_BITS_RANDOM)
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 62) << 64
    value |= 0b10 << 62 | (random & (2**62 - 1))
    return str(uuid.UUID(int=value))


def new_salt(randbits: Callable[[int], int] = secrets.randbits) -> str:
    """Return 128 random bits as 32 hexadecimal digits: an evidence record's salt."""
    return f"{randbits(128):032x}"
