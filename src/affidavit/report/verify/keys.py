"""Which key may have signed the report: the one that the auditor has, or one it was rotated to.

`keys.txt` in the package lists public keys and the statements by which one replaced another. A
public key found there proves nothing. A statement does when the key before signed it: it leads from
the auditor's key on to the next. A statement of replacement (the old key was lost) leads nowhere.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from .canonical import dump, load_object
from .failure import VerificationError
from .note import Key, parse_verifier_key
from .zipsafe import Archive

NAME = "keys.txt"
MAX_KEYS = 2**20
KEY = "key "
STATEMENT = "statement "


def _lines(archive: Archive) -> Iterator[tuple[str, str]]:
    text = archive.read(NAME, MAX_KEYS).decode("utf-8", "replace")
    for number, line in enumerate(text.split("\n"), 1):
        yield f"{NAME} line {number}", line


def key_in_package(archive: Archive, name: str) -> Key:
    """Return the first key that the package itself names: good for looking, not for trusting."""
    for where, line in _lines(archive):
        if line.startswith(KEY):
            key = parse_verifier_key(line.removeprefix(KEY).strip())
            if key is None or key.name != name:
                raise VerificationError(where, "is not a verifier key of this report's tenant")
            return key
    raise VerificationError(NAME, "names no public key")


def signing_key(archive: Archive, given: Key, name: str, wanted: str) -> tuple[Key, str]:
    """Return the key with the id `wanted` that `given` leads to, and in words how it does.

    Where no chain of statements leads there, the given key itself is returned: it will not verify.
    """
    key, words = given, ""
    for where, line in _lines(archive):
        if key.id(name).hex() == wanted:
            break
        if line.startswith(STATEMENT):
            record = load_object(line.removeprefix(STATEMENT).encode(), where)
            following = _rotated(record, key, where)
            if following is not None:
                key = following
                words = f"the key given was rotated to it ({record['time']}, by {record['by']})"
    return (key, words) if key.id(name).hex() == wanted else (given, "")


def _rotated(record: dict[str, Any], old: Key, where: str) -> Key | None:
    """Return the key that `old` was rotated to by this statement, or None if it is not about it."""
    try:
        about = record["action"] == "rotate" and record["old"] == fingerprint(old.public)
        if not about:
            return None
        new = Key(old.name, bytes.fromhex(record["new_public_key"]))
        signed = dump({k: v for k, v in record.items() if not k.startswith("signature_by_")})
        sound = old.verifies(bytes.fromhex(record["signature_by_old"]), signed) and new.verifies(
            bytes.fromhex(record["signature_by_new"]), signed
        )
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(where, f"is not a statement about keys ({error})") from error
    if not sound or record["new"] != fingerprint(new.public):
        raise VerificationError(where, "a signature of the statement about keys does not hold")
    return new


def fingerprint(public: bytes) -> str:
    """Return the SHA-256 of a public key's 32 bytes, hexadecimal."""
    return hashlib.sha256(public).hexdigest()
