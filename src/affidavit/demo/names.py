"""Identifiers of the simulated estate: made from a seed, so that two starts agree."""

import hashlib
import uuid

_UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ234567"
_LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
_HEX = "0123456789abcdef"

USER_ID, ROLE_ID, GROUP_ID, POLICY_ID = "AIDA", "AROA", "AGPA", "ANPA"
"""Prefixes of IAM's unique ids (IAM User Guide, "Unique identifiers")."""


class Names:
    """Makes identifiers of AWS's forms; the same parts always give the same identifier."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def _digest(self, parts: tuple[object, ...]) -> bytes:
        text = "|".join(str(part) for part in (self._seed, *parts))
        return hashlib.sha256(text.encode()).digest()

    def _text(self, alphabet: str, length: int, parts: tuple[object, ...]) -> str:
        number = int.from_bytes(self._digest(parts))
        letters = []
        for _ in range(length):
            number, rest = divmod(number, len(alphabet))
            letters.append(alphabet[rest])
        return "".join(letters)

    def uuid(self, *parts: object) -> str:
        """Return a UUID (key ids, job ids, plan ids)."""
        return str(uuid.UUID(bytes=self._digest(parts)[:16], version=4))

    def upper(self, length: int, *parts: object) -> str:
        """Return capitals and digits (agent and knowledge base ids have 10)."""
        return self._text(_UPPER, length, parts)

    def lower(self, length: int, *parts: object) -> str:
        """Return small letters and digits (guardrail and model ids have 12)."""
        return self._text(_LOWER, length, parts)

    def hexadecimal(self, length: int, *parts: object) -> str:
        """Return hexadecimal digits (EC2 ids have 17)."""
        return self._text(_HEX, length, parts)

    def principal(self, prefix: str, *parts: object) -> str:
        """Return one of IAM's unique ids: four letters, then 17."""
        return prefix + self.upper(17, prefix, *parts)
