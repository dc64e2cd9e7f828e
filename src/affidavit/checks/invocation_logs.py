"""Where invocation logs lie, which day of them is scanned, and what CloudWatch counted on it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, JsonObject

if TYPE_CHECKING:
    from affidavit.checks.scoping import Scope

CONFIGURATION: Final = "GetModelInvocationLoggingConfiguration"
PLACES_OF_LOGS: Final = (CONFIGURATION, "DescribeTrails")
"""What names the places where logs and trail files lie."""
_DATE: Final = 10
TYPES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "CREDIT_CARD": ("CREDIT_DEBIT_CARD_NUMBER",),
    "IBAN": ("INTERNATIONAL_BANK_ACCOUNT_NUMBER",),
}
"""Detectors that the catalogue names otherwise than Bedrock's entity types."""


def scanned_day(now: datetime) -> str:
    """Return the last full UTC day before `now`, as 2026-11-29."""
    return (now - timedelta(days=1)).date().isoformat()


def destinations(scope: "Scope", region: str) -> Iterator[JsonObject]:
    """Yield the questions for the log of a Region, in the order of preference: S3, then the group.

    The bucket and the group are those of the account's own logging configuration, no other.
    """
    day, trails = scanned_day(scope.now), list(_trails(scope, region))
    for found in scope.found(CONFIGURATION, region, "loggingConfig"):
        s3 = found.value.get("s3Config") or {}
        if s3.get("bucketName"):
            yield {
                "invocationLog": "s3",
                "bucket": s3["bucketName"],
                "prefix": s3.get("keyPrefix") or "",
                "day": day,
                "trails": trails,
            }
        group = found.value.get("cloudWatchConfig") or {}
        if group.get("logGroupName"):
            large = group.get("largeDataDeliveryS3Config") or {}
            yield {
                "invocationLog": "cloudwatch",
                "logGroupName": group["logGroupName"],
                "largeData": large.get("bucketName") or "",
                "day": day,
                "trails": trails,
            }


def _trails(scope: "Scope", region: str) -> Iterator[JsonObject]:
    """Yield where the account's trails write their files; those of an organization come last."""
    trails = [found.value for found in scope.trails(region)]
    for trail in sorted(trails, key=lambda t: (bool(t.get("IsOrganizationTrail")), t["TrailARN"])):
        if trail.get("S3BucketName"):
            organization = {"organization": True} if trail.get("IsOrganizationTrail") else {}
            place = {"bucket": trail["S3BucketName"], "prefix": trail.get("S3KeyPrefix") or ""}
            yield {**place, **organization}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What CloudWatch counted of one model on one day."""

    value: float | None
    """None: unknown."""
    gap: Gap | None
    inputs: tuple[Input, ...]


def sum_on(points: Iterable[tuple[datetime, float]], day: str) -> float:
    """Return the sum of a query's values of one day."""
    return float(sum(value for time, value in points if time.isoformat()[:_DATE] == day))


def outputs_with(personal: object, wanted: object, known: frozenset[str]) -> int | None:
    """Return how many outputs hold personal data of the wanted detectors; None: not known.

    Not known where no detector is named, or one that the scan did not look for.
    """
    if not isinstance(wanted, (list, tuple)) or not isinstance(personal, list) or not wanted:
        return None
    types = {t for name in wanted for t in TYPES_OF.get(str(name), (str(name),))}
    if not types <= known:
        return None
    return sum(int(one["records"]) for one in personal if types & set(one["types"]))
