"""Rules, and controls whose sources carry them, for the tests of rules."""

from typing import Any

from affidavit.model.framework import Rule

TRAINING = Rule(
    resource_set="bucket",
    compliant="r.item.Name.startsWith(p.prefix)",
    words="Buckets are named after what they hold",
    remedy="Rename the bucket.",
    severity="high",
)
PREFIX = '{"prefix": "northwind-training"}'
_ROW = "[1,2,3,4,5,6,7,8,9,10].all("
COSTLY = Rule(
    resource_set="bucket",
    compliant="".join(f"{_ROW}{name}," for name in "bcdefghi") + 'r.item.Name != ""' + ")" * 8,
)
LACKING = Rule(
    resource_set="bucket",
    compliant='r.item.Name != "" && r.GetBucketVersioning.MFADelete != "Disabled"',
)
ENCRYPTED = Rule(
    resource_set="s3_GetBucketEncryption",
    applies="r.fact.Bucket.startsWith(p.prefix)",
    compliant="has(r.item) && r.item.ServerSideEncryptionConfiguration.Rules.size() > 0",
)
"""About a call that the shipped framework has no kind of record of."""


def source(kind: str, keyword: str, **members: Any) -> dict[str, Any]:
    """Return a source of a keyword that is chosen from a list."""
    value = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword}
    return {"sourceName": keyword, "sourceType": kind, "sourceKeyword": value, **members}


def control_of(owner: Any, *sources: dict[str, Any], name: str = "Own") -> dict[str, Any]:
    """Return a custom control that was made of these sources."""
    made: dict[str, Any] = owner("CreateControl", name=name, controlMappingSources=list(sources))
    found: dict[str, Any] = made["control"]
    return found


def place_of(control: dict[str, Any], number: int = 0) -> tuple[str, str]:
    """Return the ids of a control and of one of its sources."""
    return control["id"], control["controlMappingSources"][number]["sourceId"]


BUCKETS = source("AWS_API_Call", "s3_ListBuckets")
TRAILS = source("AWS_API_Call", "cloudtrail_DescribeTrails")
ENCRYPTION = source("AWS_API_Call", "s3_GetBucketEncryption")
