"""JSON that can be read in one way only, and its canonical form (RFC 8785 without floats).

Told apart from the product's own implementation on purpose: neither side trusts the other.
"""

import hashlib
import json
import re
from typing import Any, NoReturn

from .failure import VerificationError

MAX_DEPTH = 128
"""Objects and lists within each other; what AWS answers has about ten."""
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def load(data: bytes, where: str) -> Any:
    """Return the value of `data`; refuse double members, NaN and deep nesting."""
    if _is_deep(data):
        raise VerificationError(where, f"is nested more than {MAX_DEPTH} deep")
    try:
        return json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = str(error) or "it is nested too deeply"
        raise VerificationError(where, f"is not proper JSON: {reason}") from error


def load_object(data: bytes, where: str) -> dict[str, Any]:
    """Return the object in `data`, which must be written in canonical form."""
    value = load(data, where)
    if not isinstance(value, dict):
        raise VerificationError(where, "is not a JSON object")
    if dump(value) != data:
        raise VerificationError(where, "is not written in canonical form")
    return value


def dump(value: Any) -> bytes:
    """Return sorted JSON without white space, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical form, hexadecimal."""
    return hashlib.sha256(dump(value)).hexdigest()


def _is_deep(data: bytes) -> bool:
    """Tell, before anything is parsed, whether brackets stand too deep within each other."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _TEXT.sub(b"", data).translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
