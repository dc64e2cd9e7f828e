"""One-time codes (TOTP, RFC 6238): six digits every thirty seconds, a second factor of sign-in.

The secret is kept encrypted by AES-256-GCM under a key derived from the tenant's data key number 0,
as access keys are: it outlives a change of the master key. A code is taken once: the step of the
last one that was taken is kept.
"""

import base64
import hmac
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from affidavit.errors import SigningKeyError
from affidavit.store import Store

SECONDS: Final = 30
DIGITS: Final = 6
ISSUER: Final = "Affidavit"
_SECRET_BYTES: Final = 20
_NONCE: Final = 12
_AROUND: Final = (0, -1, 1)
"""Steps besides the present one that are taken: clocks differ."""


def new_secret() -> bytes:
    """Return a new secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def written(secret: bytes) -> str:
    """Return the secret as people type it into an authenticator: base32."""
    return base64.b32encode(secret).decode()


def uri(secret: bytes, name: str) -> str:
    """Return the otpauth address that authenticators take."""
    return f"otpauth://totp/{quote(ISSUER)}:{quote(name)}?secret={written(secret)}&issuer={ISSUER}"


def step_of(secret: bytes, code: str, now: datetime, after: int) -> int | None:
    """Return the step that a code is of, if it is one of now and later than `after`; else None."""
    digits = "".join(code.split())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    # RFC 6238's default hash, the only one that all authenticators know; HMAC does not suffer
    # from SHA-1's collisions.
    maker = TOTP(secret, DIGITS, SHA1(), SECONDS)  # noqa: S303
    present = int(now.timestamp()) // SECONDS
    for around in _AROUND:
        step = present + around
        expected = maker.generate(step * SECONDS)
        if step > after and hmac.compare_digest(expected, digits.encode()):
            return step
    return None


def sealed(store: Store, tenant: str, name: str, secret: bytes) -> str:
    """Return the secret encrypted, bound to the user's name."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(
        nonce + _cipher(store, tenant).encrypt(nonce, secret, name.encode())
    ).decode()


def opened(store: Store, tenant: str, name: str, text: str) -> bytes:
    """Return the secret that `sealed` encrypted; `SigningKeyError` under another master key."""
    data = base64.b64decode(text)
    try:
        return _cipher(store, tenant).decrypt(data[:_NONCE], data[_NONCE:], name.encode())
    except InvalidTag as error:
        raise SigningKeyError(
            f"The one-time code's secret of {name} cannot be decrypted",
            why="It was encrypted under another master key.",
            todo="Restore the key folder, or add the user again.",
        ) from error


def _cipher(store: Store, tenant: str) -> AESGCM:
    key = store.keyring.oldest(tenant).body
    return AESGCM(hmac.new(key, b"one-time codes", sha256).digest())
