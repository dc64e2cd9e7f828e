"""CloudTrail: trails with status and selectors, and the events of the last days."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from affidavit.demo.names import ROLE_ID, USER_ID
from affidavit.demo.overlay.bedrock import found
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema import Trail
from affidavit.demo.schema_region import Event
from affidavit.demo.world import Place

_MINUTES = 1 / 1440
_ATTRIBUTES = {"EventName", "EventId", "Username", "EventSource", "ReadOnly"}


def trail_arn(place: Place, trail: Trail) -> str:
    """Return the trail's ARN, in its home Region."""
    return f"arn:aws:cloudtrail:{trail.home}:{place.account.id}:trail/{trail.name}"


def _visible(place: Place) -> list[Trail]:
    return [t for t in place.account.trails if t.multi_region or t.home == place.region_name]


def _one(call: Call, member: str) -> Trail:
    wanted = call.need(member)
    for trail in _visible(call.place):
        by_name = wanted == trail.name and trail.home == call.place.region_name
        if by_name or wanted == trail_arn(call.place, trail):
            return trail
    raise AwsError("TrailNotFoundException", f"Unknown trail: {wanted}")


@answers("cloudtrail", "DescribeTrails", honours=["trailNameList", "includeShadowTrails"])
def describe_trails(call: Call) -> Answer:
    """Answer with the trails of the Region, and those of other Regions that cover it."""
    place = call.place
    names, shadows = call.get("trailNameList"), call.request.get("includeShadowTrails")
    trails = []
    for trail in _visible(place):
        if shadows is False and trail.home != place.region_name:
            continue
        if names and not {trail.name, trail_arn(place, trail)} & set(names):
            continue
        trails.append(_trail(place, trail))
    return {"trailList": trails}


def _trail(place: Place, trail: Trail) -> Answer:
    home = place.elsewhere(trail.home)
    answer: Answer = {
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "IncludeGlobalServiceEvents": True,
        "IsMultiRegionTrail": trail.multi_region,
        "HomeRegion": trail.home,
        "TrailARN": trail_arn(place, trail),
        "LogFileValidationEnabled": trail.validated,
        "HasCustomEventSelectors": bool(trail.data_events),
        "HasInsightSelectors": False,
        "IsOrganizationTrail": False,
    }
    if trail.key:
        answer["KmsKeyId"] = home.key_arn(trail.key)
    if trail.log_group:
        answer["CloudWatchLogsLogGroupArn"] = home.arn("logs", f"log-group:{trail.log_group}:*")
        answer["CloudWatchLogsRoleArn"] = place.global_arn("iam", "role/CloudTrailToLogs")
    return answer


@answers("cloudtrail", "GetTrailStatus", honours=["Name"])
def get_trail_status(call: Call) -> Answer:
    """Answer with whether the trail logs, and when it last delivered."""
    trail, place = _one(call, "Name"), call.place
    answer: Answer = {
        "IsLogging": trail.logging,
        "StartLoggingTime": place.ago(trail.age),
        "LatestDeliveryTime": place.ago(6 * _MINUTES),
        "LatestDigestDeliveryTime": place.ago(40 * _MINUTES),
    }
    if not trail.logging:
        answer["StopLoggingTime"] = place.ago(12)
    if trail.log_group:
        age = 3 * _MINUTES if trail.logging else 12
        answer["LatestCloudWatchLogsDeliveryTime"] = place.ago(age)
    return answer


@answers("cloudtrail", "GetEventSelectors", honours=["TrailName"])
def get_event_selectors(call: Call) -> Answer:
    """Answer with basic selectors, or with advanced ones where data events are recorded."""
    trail = _one(call, "TrailName")
    arn = trail_arn(call.place, trail)
    if not trail.data_events:
        basic = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
        return {"TrailARN": arn, "EventSelectors": [basic]}
    category = {"Field": "eventCategory", "Equals": ["Management"]}
    selectors: list[Answer] = [{"Name": "Management events", "FieldSelectors": [category]}]
    for kind in trail.data_events:
        fields = [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": [kind]},
        ]
        selectors.append({"Name": kind, "FieldSelectors": fields})
    return {"TrailARN": arn, "AdvancedEventSelectors": selectors}


@answers(
    "cloudtrail",
    "LookupEvents",
    honours=["LookupAttributes", "StartTime", "EndTime"],
    paging=Paging("NextToken", "MaxResults", 50),
)
def lookup_events(call: Call) -> Answer:
    """Answer with the management events that match, newest first."""
    wanted = {
        each["AttributeKey"]: each["AttributeValue"] for each in call.get("LookupAttributes", [])
    }
    if len(wanted) > 1 or not set(wanted) <= _ATTRIBUTES:
        raise AwsError("InvalidLookupAttributesException", "One known attribute can be looked up")
    events = [
        event
        for event in events_of(call.place)
        if all(event[key] == value for key, value in wanted.items()) and _within(call, event)
    ]
    return {"Events": sorted(events, key=lambda event: event["EventTime"], reverse=True)}


def _within(call: Call, event: Answer) -> bool:
    time: datetime = event["EventTime"].replace(tzinfo=None)
    start, end = call.get("StartTime"), call.get("EndTime")
    late_enough = start is None or time >= start.replace(tzinfo=None)
    return late_enough and (end is None or time <= end.replace(tzinfo=None))


def events_of(place: Place, *, in_trail: bool = False) -> Iterator[Answer]:
    """Yield the Region's events as LookupEvents gives them; only those that trail files have."""
    for group in place.region.events:
        if in_trail and not group.in_trail:
            continue
        for index in range(group.count):
            yield _event(place, group, index)


def _event(place: Place, group: Event, index: int) -> Answer:
    time = _time(place, group, index)
    event_id = place.names.uuid(*place.id("event", group.name, group.by, index))
    identity, user = _identity(place, group.by)
    resources = [{"ResourceType": "", "ResourceName": group.resource}] if group.resource else []
    record = _record(place, group, time, event_id)
    record["userIdentity"] = identity
    return {
        "EventId": event_id,
        "EventName": group.name,
        "ReadOnly": str(group.read_only).lower(),
        "EventTime": time,
        "EventSource": record["eventSource"],
        "Username": user,
        "Resources": resources,
        "CloudTrailEvent": json.dumps(record),
    }


def _time(place: Place, group: Event, index: int) -> datetime:
    if group.at is None:
        return place.ago(group.hours.at(index, group.count) / 24)
    hour, _, minute = group.at.partition(":")
    return place.ago(1).replace(hour=int(hour), minute=int(minute), second=0)


def _record(place: Place, group: Event, time: datetime, event_id: str) -> dict[str, Any]:
    host = f"{group.source}.{place.region_name}.amazonaws.com"
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{group.source}.amazonaws.com",
        "eventName": group.name,
        "awsRegion": place.region_name,
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-cli/2.27.0",
        "requestParameters": dict(group.request) or None,
        "responseElements": None,
        "requestID": place.names.uuid(event_id),
        "eventID": event_id,
        "readOnly": group.read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": place.account.id,
        "eventCategory": "Management",
    }
    if group.error:
        record |= {"errorCode": group.error, "errorMessage": "The request was refused"}
    if group.tls:
        suite = "TLS_AES_128_GCM_SHA256"
        details = {"tlsVersion": group.tls, "cipherSuite": suite, "clientProvidedHostHeader": host}
        record["tlsDetails"] = details
    return record


def _identity(place: Place, by: str) -> tuple[dict[str, Any], str]:
    """Return CloudTrail's userIdentity and the user name of LookupEvents."""
    kind, _, name = by.partition("/")
    account = place.account.id
    if kind == "user":
        principal = place.names.principal(USER_ID, account, name)
        arn = place.global_arn("iam", f"user/{name}")
        identity: dict[str, Any] = {"type": "IAMUser", "principalId": principal, "arn": arn}
        return identity | {"accountId": account, "userName": name}, name
    role = found(place.account.roles, lambda each: each.name == name, f"Role {name}")
    principal = place.names.principal(ROLE_ID, account, name)
    issuer = {
        "type": "Role",
        "principalId": principal,
        "arn": place.global_arn("iam", f"role{role.path}{name}"),
        "accountId": account,
        "userName": name,
    }
    session = f"session-{place.names.lower(6, account, name)}"
    identity = {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "sessionContext": {"sessionIssuer": issuer, "attributes": {"mfaAuthenticated": "false"}},
    }
    return identity, session
