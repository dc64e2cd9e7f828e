"""The guardrail of a call or of a run of prompts: its id and its version, together.

The version is part of the name: DRAFT and version 3 are different guardrails.
"""

from typing import Final

Named = tuple[str, str]
"""Id of a guardrail without ARN, and its version; both empty: none."""

NONE: Final[Named] = ("", "")
"""No guardrail but what the account or the organization enforces upon everybody."""
UNKNOWN: Final = "?"
UNNAMED: Final[Named] = (UNKNOWN, UNKNOWN)
"""A guardrail of which is not known which."""
DRAFT: Final = "DRAFT"
DRAFT_BEFORE: Final = "DRAFT (changed since)"
DRAFT_UNSURE: Final = "DRAFT (not known whether it was changed since)"
"""Versions of the guardrail of a run that no call has: what its draft was, or may have been."""


def named(identifier: object, version: object) -> Named:
    """Return the name; without a version Bedrock's runtime means the draft."""
    plain = str(identifier or "").rpartition("/")[2]
    return (plain, str(version or DRAFT)) if plain else NONE


def in_words(one: Named) -> str:
    """Return the name for people."""
    if one == NONE:
        return "no guardrail"
    if one == UNNAMED:
        return "a guardrail that the log does not name"
    identifier, version = one
    if version == UNKNOWN:
        return f"guardrail {identifier} in a version that the log does not name"
    return f"guardrail {identifier} version {version}"
