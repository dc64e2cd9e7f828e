"""Entity types and findings.

The types and the `{TYPE}` masks are those of Amazon Bedrock Guardrails (`GuardrailPiiEntityType` in
botocore's `bedrock` model; a test compares), so that what we find and what a guardrail masks can be
compared by name.
"""

from bisect import bisect, bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

ENTITY_TYPES: Final = (
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "LICENSE_PLATE",
    "MAC_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
)
"""All 31, in the order of AWS's model."""

MODEL_TYPES: Final = frozenset({"NAME", "ADDRESS"})
"""The types that only a language model finds (`names.py`); rules do not look for them."""

QUIET_TYPES: Final = frozenset({"AGE", "URL"})
"""Types that are seldom personal by themselves: found and masked, but not worth an alert."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Where something personal stands in a text. Never holds the text itself."""

    start: int
    """Index of the first character."""
    end: int
    """Index after the last character."""
    entity_type: str
    """One of `ENTITY_TYPES`."""
    rule: str
    """The name of the rule that found it; all are listed in docs/reference/detectors.md."""
    score: float
    """0 to 1: how much the rule alone is worth. A rank among rules, not a probability."""


def mask_of(entity_type: str) -> str:
    """Return the mask that Bedrock Guardrails writes for a type: `{PHONE}`."""
    return "{" + entity_type + "}"


def replace_spans(text: str, findings: list[Finding]) -> str:
    """Return `text` with each finding replaced by its mask; findings are sorted and disjoint."""
    parts, position = [], 0
    for finding in findings:
        parts += [text[position : finding.start], mask_of(finding.entity_type)]
        position = finding.end
    return "".join([*parts, text[position:]])


_NEAR: Final = 700
"""Characters around a finding whose other findings are masked in its excerpt, and more: no finding
is as long."""


def apart(found: Finding, others: Sequence[Finding]) -> list[Finding]:
    """Return the findings near one without those that overlap one before, in order: it wins.

    `others` are sorted. Only those near are looked at: a text may have any number of them.
    """
    kept: list[Finding] = []
    reach = 0
    first = bisect_left(others, found.start - _NEAR, key=attrgetter("start"))
    for number in range(first, len(others)):
        one = others[number]
        if one.start >= found.end + _NEAR:
            break
        if reach <= one.start and (one.end <= found.start or found.end <= one.start):
            kept.append(one)
            reach = one.end
    return sorted([found, *kept])


def without_overlaps(findings: list[Finding]) -> list[Finding]:
    """Return disjoint findings: the higher score wins, then the longer, then the earlier.

    What is left of a loser is dropped, so a winner may be shorter than what it displaced. Sorting
    dominates the time.
    """
    if not findings:
        return []
    taken: list[Finding] = []
    cluster: list[Finding] = []
    reach = -1
    for finding in sorted(findings):
        if finding.start >= reach:
            taken += _winners(cluster)
            cluster = []
        cluster.append(finding)
        reach = max(reach, finding.end)
    return taken + _winners(cluster)


def _winners(cluster: list[Finding]) -> list[Finding]:
    """Return the disjoint winners of findings that overlap in a chain, in order of place."""
    if len(cluster) < 2:  # noqa: PLR2004 - a pair is the least that can overlap
        return cluster
    ranked = sorted(cluster, key=lambda f: (-f.score, f.start - f.end, f.start))
    won: list[Finding] = []
    for finding in ranked:
        at = bisect(won, finding)
        left = won[at - 1].end if at else 0
        right = won[at].start if at < len(won) else finding.end
        if left <= finding.start and finding.end <= right:
            won.insert(at, finding)
    return won
