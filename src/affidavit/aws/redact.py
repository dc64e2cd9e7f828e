"""Secrets in answers are replaced before anything is hashed, stored or said.

Operations declare where their answers may hold secrets (`Operation.redact`). Besides, every answer
passes detectors for what is a secret wherever it stands: access keys, private keys, session tokens,
and values under names like `password`.
"""

import re
from collections.abc import Iterator
from typing import Any

from affidavit.aws.shapes import REDACTED

_SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|secret|secret_?key|secret_?access_?key|client_?secret"
    r"|private_?key|api_?key|access_?token|auth_?token|bearer_?token|id_?token|refresh_?token"
    r"|session_?token|security_?token)\Z|\Atoken\Z",
    re.IGNORECASE,
)
"""Names whose values are secrets. Names of paging and idempotency tokens are not among them."""

_NO_SECRET = re.compile(r"\Aarn:[\w-]+:|\A(?:true|false|none|enabled|disabled)?\Z", re.IGNORECASE)
"""Values that are none: references to a secret, words, nothing."""

_ACCESS_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b")
"""Identifiers of long-term and temporary access keys (IAM user guide, unique identifiers)."""

_NAMED_SECRET = re.compile(
    r"(?P<name>(?:secret|private)[\w. -]{0,20}key[\w]{0,10}\\?[\"']?\s*[:=]\s*\\?[\"']?)"
    r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    re.IGNORECASE,
)
"""A secret access key: 40 characters of base64 after a name that says so, also within texts."""

_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----.*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


_VALUES = frozenset({"Value", "value"})
"""Members that hold the value where the name stands beside it."""


def text(value: str) -> str:
    """Return a text, for example an error message, with what the detectors find replaced."""
    value = _ACCESS_KEY.sub(REDACTED, value)
    value = _NAMED_SECRET.sub(rf"\g<name>{REDACTED}", value)
    return _PRIVATE_KEY.sub(REDACTED, value)


def body(value: dict[str, Any], paths: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a copy of a body without its secrets, and the JSON pointers of what was replaced.

    `paths` are the operation's own: names joined by dots, `[]` for every element of a list, `*` for
    every member. A whole value at such a path is replaced, of whatever type.
    """
    pointers: list[str] = []
    clean = _detected(value, "", "", pointers)
    clean = _declared(clean, [_steps(path) for path in paths], "", pointers)
    return clean, tuple(sorted(set(pointers)))


def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.replace("[]", ".[]").split("."))


def _declared(value: Any, paths: list[tuple[str, ...]], pointer: str, found: list[str]) -> Any:
    if any(not path for path in paths):
        if value in (None, "", [], {}):
            return value
        found.append(pointer)
        return REDACTED
    if isinstance(value, dict):
        return {
            name: _declared(member, list(_under(paths, name, "*")), _join(pointer, name), found)
            for name, member in value.items()
        }
    if isinstance(value, list):
        inner = list(_under(paths, "[]"))
        return [_declared(e, inner, f"{pointer}/{i}", found) for i, e in enumerate(value)]
    return value


def _under(paths: list[tuple[str, ...]], *heads: str) -> Iterator[tuple[str, ...]]:
    return (path[1:] for path in paths if path[0] in heads)


def _join(pointer: str, name: str) -> str:
    """Return the JSON pointer of member `name` (RFC 6901)."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def _pair_name(value: dict[str, Any]) -> str:
    """Return the name in {"Name": "DB_PASSWORD", "Value": "..."}, or an empty string."""
    return next(
        (value[k] for k in ("Name", "name", "Key", "key") if isinstance(value.get(k), str)), ""
    )


def _detected(value: Any, name: str, pointer: str, found: list[str]) -> Any:
    if isinstance(value, dict):
        pair = _pair_name(value)
        return {
            k: _detected(v, pair if k in _VALUES and pair else k, _join(pointer, k), found)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [_detected(e, name, f"{pointer}/{i}", found) for i, e in enumerate(value)]
    if not isinstance(value, str) or value == REDACTED:
        return value
    secret = _SECRET_NAME.search(name) and not _NO_SECRET.search(value)
    clean = REDACTED if secret else text(value)
    if clean != value:
        found.append(pointer)
    return clean
