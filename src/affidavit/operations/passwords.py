"""Passwords of the console's users: argon2id, and what a password must be.

Hashing is dear on purpose (64 MiB, some tens of milliseconds), so only a few run at once: a flood
of sign-ins waits, and does not take the memory of the server.
"""

import secrets
import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 256
AT_ONCE: Final = 2
"""Hashes under way at once."""
_MIN_DIFFERENT: Final = 5
_turn: Final = threading.BoundedSemaphore(AT_ONCE)
_hasher: Final = PasswordHasher()


def problem(password: str, name: str = "") -> str:
    """Return what is wrong with a new password, or an empty text."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters"
    if len(set(password)) < _MIN_DIFFERENT:
        return f"A password has at least {_MIN_DIFFERENT} different characters"
    if name and name.lower() in password.lower():
        return "A password does not hold the user's name"
    return ""


def hashed(password: str) -> str:
    """Return the argon2id hash of a password, with its salt and parameters."""
    with _turn:
        return _hasher.hash(password)


def fits(password: str, known: str) -> bool:
    """Tell whether a password is the one that was hashed; an empty `known` fits none.

    Where there is no hash, one is checked nevertheless, so that the time tells nothing about
    which users there are.
    """
    with _turn:
        try:
            _hasher.verify(known or _nobodys(), password[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
        return bool(known)


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_hex())
