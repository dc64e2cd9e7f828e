"""Trail files in S3: which are read, of which days, and whether a trail should hold an event.

A trail can be narrowed or stopped by whoever is watched, and its selectors are known as they stand
at the collection, not as they stood on the day. So its files only ever add to what LookupEvents
answered: that they lack an event says something about the trail, nothing about the event.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from affidavit.checks.events import DOMAIN, GLOBAL_EVENTS, cloudtrail_region
from affidavit.checks.facts import Facts
from affidavit.checks.invocation_logs import scanned_day
from affidavit.model.observation import Gap, JsonObject, Observation
from affidavit.model.times import parse

if TYPE_CHECKING:
    from affidavit.checks.scoping import Scope

OPERATION: Final = "TrailFiles"
SETTLED: Final = timedelta(hours=2)
"""An event as old when the files were read is in them, or will never be: CloudTrail delivers within
some minutes (user guide), and the first hour of the next day is read for it."""
LACKED: Final = "LACK IT, though by its settings the trail records it: incomplete, or narrowed"
"""What is said of an event that LookupEvents has and the files should have."""
_BEDROCK: Final = ("bedrock", "bedrock-agent", "bedrock-runtime", "bedrock-agent-runtime")
"""Event sources whose events a keyword names as `bedrock_...`."""
_WRITES: Final = ("All", "WriteOnly")


def sources_of(service: str) -> tuple[str, ...]:
    """Return the event sources in which a keyword's service is looked for."""
    names = _BEDROCK if service == "bedrock" else (service,)
    return tuple(f"{name}{DOMAIN}" for name in names)


def events_asked(names: Iterable[tuple[str, str]], region: str) -> list[str]:
    """Return the events that are looked for in a Region's files, as `<source>:<name>`, sorted."""
    return sorted(
        f"{source}:{name}"
        for service, name in names
        if cloudtrail_region(service, region) == region
        for source in sources_of(service)
    )


def trail_questions(
    scope: "Scope", region: str, events: list[str], since: str
) -> Iterator[JsonObject]:
    """Yield the questions for a Region: each day since `since` from trails until one is whole.

    Whole is a trail that takes all writes and is read. Where none is, each adds what it has.
    """
    trails = list(_trails(scope, region))
    for day in _days(since, scanned_day(scope.now)):
        for trail, narrowed in trails:
            question = {**trail, "day": day, "events": events}
            yield question
            known = scope.facts.result(OPERATION, region, question)
            if not narrowed and not isinstance(known, Gap):
                break


def _days(since: str, last: str) -> Iterator[str]:
    """Yield the whole days since a time; the last one whatever that time is."""
    day = min(parse(since).date(), date.fromisoformat(last))
    while day.isoformat() <= last:
        yield day.isoformat()
        day += timedelta(days=1)


def _trails(scope: "Scope", region: str) -> Iterator[tuple[JsonObject, bool]]:
    """Yield where trails write a Region's files, and whether narrowed ones; those come last."""
    facts = scope.facts
    keys = [
        {"Fingerprint": one["Fingerprint"], "Value": one["Value"]}
        for answer in facts.results("ListPublicKeys", region)
        if isinstance(answer, Observation)
        for one in answer.body.get("PublicKeyList", ())
        if one.get("Fingerprint") and one.get("Value")
    ]
    ranked = sorted(
        (found.value for found in scope.trails(region) if found.value.get("S3BucketName")),
        key=lambda t: (
            bool(_narrowed(facts, t)),
            bool(t.get("IsOrganizationTrail")),
            t["TrailARN"],
        ),
    )
    for trail in ranked:
        validated = bool(trail.get("LogFileValidationEnabled"))
        question = {
            "trail": trail["TrailARN"],
            "bucket": trail["S3BucketName"],
            "prefix": trail.get("S3KeyPrefix") or "",
            "organization": bool(trail.get("IsOrganizationTrail")),
            "home": trail.get("HomeRegion") or "",
            "validated": validated,
            "keys": keys if validated else [],
        }
        yield question, bool(_narrowed(facts, trail))


def validated_trails(scope: "Scope", region: str) -> bool:
    """Tell whether a trail that records a Region has digest files."""
    return any(found.value.get("LogFileValidationEnabled") for found in scope.trails(region))


def _asked_of(facts: Facts, key: str, member: str, trail: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an operation answered of a trail, in whatever Region it was asked."""
    for region in facts.regions:
        answer = facts.result(key, region, {member: trail["TrailARN"]})
        if isinstance(answer, Observation) and not answer.absent:
            return answer.body
    return {}


def _narrowed(facts: Facts, trail: Mapping[str, Any]) -> str:
    """Return why a trail may not hold every management event that writes; empty: it should."""
    answer = _asked_of(facts, "GetEventSelectors", "TrailName", trail)
    basic, advanced = answer.get("EventSelectors") or (), answer.get("AdvancedEventSelectors") or ()
    if not basic and not advanced:
        return "its selectors are not known"
    if any(_takes_writes(one) for one in basic) or any(_takes_all(one) for one in advanced):
        return ""
    return "its selectors leave management events out"


def _takes_writes(selector: Mapping[str, Any]) -> bool:
    return bool(
        selector.get("IncludeManagementEvents", True)
        and selector.get("ReadWriteType", "All") in _WRITES
        and not selector.get("ExcludeManagementEventSources")
    )


def _takes_all(selector: Mapping[str, Any]) -> bool:
    """Tell whether an advanced selector takes all management events, or all that write."""
    fields = {one["Field"]: one for one in selector.get("FieldSelectors", ())}
    category = fields.pop("eventCategory", {})
    read_only = fields.pop("readOnly", {"Equals": ["false"]})
    plain = read_only.get("Equals") == ["false"] and not fields
    return plain and category.get("Equals") == ["Management"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailDay:
    """What a Region's files of one trail and day say, or why no trail's files were read."""

    day: str
    read: Observation | None
    gaps: tuple[Gap, ...] = ()
    """Of trails that could not be read that day, told once; none where a whole one was."""

    def should_hold(self, facts: Facts, source: str, name: str, time: datetime) -> str:
        """Return why the files need not hold an event; empty: they lack it where they do.

        `source` is the event's own, such as `iam.amazonaws.com`.
        """
        read = self.read
        if read is None:
            return "they were not read"
        asked, region = read.unit.parameters, read.unit.region
        if f"{source}:{name}" not in asked["events"]:
            return "it was not looked for in them"
        if read.body["unreadInAll"]:
            return "not all of them could be read"
        if read.proof.started_at - time < SETTLED:
            return "it may not have been delivered when they were read"
        trail = next(
            found
            for answer in facts.results("DescribeTrails", region)
            if isinstance(answer, Observation)
            for found in answer.body.get("trailList", ())
            if found.get("TrailARN") == asked["trail"]
        )
        is_global = source.removesuffix(DOMAIN) in GLOBAL_EVENTS
        if is_global and not trail.get("IncludeGlobalServiceEvents"):
            return "the trail leaves events of global services out"
        return _narrowed(facts, trail) or _silent(facts, trail, time)


def _silent(facts: Facts, trail: Mapping[str, Any], time: datetime) -> str:
    """Return why a trail may not have been logging at a time; empty: it was, as far as it says."""
    status = _asked_of(facts, "GetTrailStatus", "Name", trail)
    started, stopped = status.get("StartLoggingTime"), status.get("StopLoggingTime")
    if not status.get("IsLogging") or not started:
        return "the trail is not logging, or its state is not known"
    if parse(started) > time or (stopped and time <= parse(stopped)):
        return "the trail was stopped, or not yet started, at that time"
    return ""


def trail_days(facts: Facts, region: str) -> list[TrailDay]:
    """Return what was read of a Region's files, by day; empty: no question was asked."""
    by_day: dict[str, list[Observation | Gap]] = {}
    for result in facts.results(OPERATION, region):
        by_day.setdefault(result.unit.parameters["day"], []).append(result)
    days = []
    for day, results in sorted(by_day.items()):
        gaps = tuple(one for one in results if isinstance(one, Gap))
        read = [one for one in results if isinstance(one, Observation)]
        if any(not _narrowed(facts, {"TrailARN": one.unit.parameters["trail"]}) for one in read):
            gaps = ()
        first, *others = read or (None,)
        days.append(TrailDay(day=day, read=first, gaps=gaps))
        days += [TrailDay(day=day, read=one) for one in others]
    return days
