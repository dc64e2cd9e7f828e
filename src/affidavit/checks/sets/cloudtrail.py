"""Records of CloudTrail: trails, and the events that controls name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from affidavit.checks.drafts import Draft, View
from affidavit.checks.events import (
    actor_arn,
    cloudtrail_region,
    event_names,
    lookup_parameters,
    lookup_start,
    names_of,
    parse_event,
    resource_arn,
)
from affidavit.checks.listed import Found
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.trail_files import LACKED, TrailDay, trail_days
from affidavit.checks.trail_files import OPERATION as TRAIL_FILES
from affidavit.model.observation import Gap, GapReason
from affidavit.model.times import parse


def trail(view: View) -> RecordSet:
    """Return the trails visible in this Region, shadow trails included."""
    return view.finish(_trails(view), view.gaps("DescribeTrails"))


def _trails(view: View) -> Iterator[Record]:
    for found in view.readable(view.scope.trails(view.region)):
        arn = found.value["TrailARN"]
        draft = view.of(found)
        asked_in = view.scope.trail_region(found.value)
        draft.join("GetTrailStatus", "GetTrailStatus", asked_in, {"Name": arn})
        draft.join("GetEventSelectors", "GetEventSelectors", asked_in, {"TrailName": arn})
        draft.attributes |= {
            "name": found.value.get("Name"),
            "home": found.value.get("HomeRegion"),
            "multiRegion": found.value.get("IsMultiRegionTrail"),
        }
        yield draft.record(arn)


def event(view: View) -> RecordSet:
    """Return the events of all CloudTrail keywords; a gap names its event in the unit."""
    return view.finish(_events(view), _event_gaps(view))


def _event_gaps(view: View) -> Iterator[Gap]:
    yield from view.gaps("LookupEvents")
    regions = view.answers.facts.regions
    since = lookup_start(view.answers.now, view.answers.params)
    for service, name in event_names(view.answers.catalogue):
        home = cloudtrail_region(service, view.region)
        if home not in regions and view.region == regions[0]:
            words = (
                f"CloudTrail keeps the events of {service} in {home}, which is not in scope:"
                f" {name} was not asked."
            )
            parameters = lookup_parameters(name, since)
            reason = GapReason.NOT_CONFIGURED
            yield view.answers.gap("LookupEvents", view.region, parameters, reason, words)


def _events(view: View) -> Iterator[Record]:
    """Yield the events of LookupEvents and of the trail's files, each event id once.

    This is the one place where events are joined. LookupEvents' answer stands where both have the
    event; that the files lack one is said of it only where they should hold it.
    """
    wanted = set(event_names(view.answers.catalogue))
    days = trail_days(view.answers.facts, view.region)
    held = sorted(view.items(TRAIL_FILES), key=_is_proved)
    filed = {found.value["EventId"]: found for found in held}
    seen: set[str] = set()
    for found in (*view.items("LookupEvents"), *filed.values()):
        name, identifier = found.value["EventName"], found.value["EventId"]
        service = next((s for s in sorted(names_of(found.value)) if (s, name) in wanted), None)
        if service is None or identifier in seen:
            continue
        seen.add(identifier)
        draft = view.of(found)
        draft.attributes |= {
            "eventId": identifier,
            "keyword": f"{service}_{name}",
            "time": found.value.get("EventTime"),
            "user": found.value.get("Username"),
        }
        arn = _read(draft, found.value.get("CloudTrailEvent"))
        if days:
            _seen_in(draft, found, filed.get(identifier), days)
        yield draft.record(arn or _named(draft))


def _is_proved(found: Found) -> bool:
    """Tell whether a digest proves the file: of two trails' records that one stands."""
    return bool(found.value["file"].get("proved"))


def _seen_in(draft: Draft, found: Found, filed: Found | None, days: Sequence[TrailDay]) -> None:
    """Note which places have an event, and what the trail's files say of one that they lack."""
    item = draft.values["item"]
    if filed is None:
        draft.attributes["seen in"] = "LookupEvents"
        _compare(draft, days)
        return
    file = filed.value["file"]
    draft.attributes |= {
        "trail file": file["object"],
        "record": f"sha256 {file['recordSha256']}{_at(file)}",
        "proved by a digest": file.get("proved"),
    }
    if filed is found:
        draft.values["item"] = {**item, "EventTime": parse(item["EventTime"])}
        draft.attributes["seen in"] = "trail files"
        return
    draft.cite(filed.source, filed.pointer)
    draft.attributes["seen in"] = "LookupEvents and trail files"


def _at(file: Mapping[str, Any]) -> str:
    """Return where a record's bytes are in the uncompressed file, where they were found again."""
    return f", {file['length']} bytes from {file['offset']} on" if "offset" in file else ""


def _compare(draft: Draft, days: Sequence[TrailDay]) -> None:
    """Note that the files of the event's day lack it, or why they need not have it."""
    item, event = draft.values["item"], draft.values.get("event", {})
    time = item.get("EventTime")
    of_day = next((d for d in days if time and d.day == time.date().isoformat()), None)
    if of_day is None or event.get("readOnly") is True:
        return
    source = str(item.get("EventSource") or "")
    why = of_day.should_hold(draft.view.answers.facts, source, item["EventName"], time)
    draft.attributes["trail files"] = f"do not have it: {why}" if why else LACKED
    if not why:
        draft.cite(of_day.read, "/population")


def _read(draft: Draft, text: object) -> str:
    """Put in r.event and fact.actorArn; return the ARN that the event is about, or empty."""
    draft.values["fact"] = {}
    try:
        parsed = parse_event(text)
    except ValueError as error:
        words = f"The event cannot be read: {error}."
        draft.unknown("LookupEvents", "LookupEvents", GapReason.MALFORMED, words)
        return ""
    draft.values["event"] = parsed
    draft.attributes["error"] = parsed.get("errorCode")
    if actor := actor_arn(parsed):
        draft.values["fact"] = {"actorArn": actor}
        draft.attributes["actor"] = actor
    return resource_arn(parsed)


def _named(draft: Draft) -> str:
    """Return the ARN among the listed resources of an event, else its id."""
    item = draft.values["item"]
    names = [str(r.get("ResourceName", "")) for r in item.get("Resources", ())]
    return next((name for name in names if name.startswith("arn:")), str(item["EventId"]))
