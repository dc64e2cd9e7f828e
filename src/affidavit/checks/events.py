"""CloudTrail events: which are asked, where CloudTrail keeps them, and how one is read."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from affidavit.checks.windows import days_before
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import SourceType
from affidavit.model.observation import JsonObject
from affidavit.model.times import iso, parse

GLOBAL_EVENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "iam": (("cn-", "cn-north-1"), ("us-gov-", "us-gov-west-1"), ("", "us-east-1")),
    **dict.fromkeys(
        ("organizations", "route53"),
        (("cn-", "cn-northwest-1"), ("us-gov-", "us-gov-west-1"), ("", "us-east-1")),
    ),
    **dict.fromkeys(
        ("account", "budgets", "ce", "cloudfront", "health"),
        (("cn-", "cn-northwest-1"), ("", "us-east-1")),
    ),
    **dict.fromkeys(("shield", "waf"), (("", "us-east-1"),)),
    "networkmanager": (("us-gov-", "us-gov-west-1"), ("", "us-west-2")),
}
"""Services whose events CloudTrail keeps in one Region of the partition (prefix, Region) only.

CloudTrail User Guide, "About global service events"; the Regions are those of botocore's endpoints
(services that are not regionalised).
"""

DOMAIN = ".amazonaws.com"


def event_names(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return (service, event name) of every CloudTrail keyword of the controls, sorted, each once.

    A keyword is `<service>_<EventName>`, for example iam_AttachRolePolicy.
    """
    keywords = {
        source.keyword
        for control in catalogue.framework.controls()
        for source in control.sources
        if source.type is SourceType.CLOUDTRAIL
    }
    return sorted((service, name) for service, _, name in (k.partition("_") for k in keywords))


def cloudtrail_region(service: str, region: str) -> str:
    """Return the Region whose CloudTrail holds the events that `service` has in `region`."""
    for prefix, home in GLOBAL_EVENTS.get(service, ()):
        if region.startswith(prefix):
            return home
    return region


def lookup_start(now: datetime, params: Mapping[str, Mapping[str, Any]]) -> str:
    """Return since when events are asked: the cursor in `params`, else the day before."""
    cursor = params.get("LookupEvents", {}).get("StartTime")
    return iso(parse(str(cursor))) if cursor else days_before(now, 1)


def lookup_parameters(name: str, since: str) -> JsonObject:
    """Return the request for the events of one name (LookupEvents takes one attribute)."""
    attribute = {"AttributeKey": "EventName", "AttributeValue": name}
    return {"LookupAttributes": [attribute], "StartTime": since}


def service_of(event: Mapping[str, Any]) -> str:
    """Return the service of an event as keywords name it: bedrock for bedrock.amazonaws.com.

    The agents' API writes bedrock.amazonaws.com itself; its own endpoint prefix counts as bedrock
    too.
    """
    name = str(event.get("EventSource", "")).removesuffix(DOMAIN)
    return name.split("-", maxsplit=1)[0] if name.startswith("bedrock-") else name


def names_of(event: Mapping[str, Any]) -> frozenset[str]:
    """Return the services that keywords may name an event by: its own source, and `service_of`."""
    return frozenset({str(event.get("EventSource", "")).removesuffix(DOMAIN), service_of(event)})


def parse_event(text: object) -> dict[str, Any]:
    """Return CloudTrailEvent's JSON without null members; `ValueError` if it is no object."""
    value = json.loads(text) if isinstance(text, str) else None
    if not isinstance(value, dict):
        raise ValueError("CloudTrailEvent holds no JSON object")  # noqa: TRY004 - bad data
    return {name: member for name, member in value.items() if member is not None}


def actor_arn(event: Mapping[str, Any]) -> str:
    """Return who acted: the session issuer's ARN for roles, else the user's; empty: unknown."""
    identity = event.get("userIdentity") or {}
    issuer = (identity.get("sessionContext") or {}).get("sessionIssuer") or {}
    return str(issuer.get("arn") or identity.get("arn") or "")


def resource_arn(event: Mapping[str, Any]) -> str:
    """Return the ARN of the first resource of an event (the parsed CloudTrailEvent), or empty."""
    for resource in event.get("resources") or ():
        if isinstance(resource, Mapping) and resource.get("ARN"):
            return str(resource["ARN"])
    return ""
