"""Records of CloudTrail: trails, and the events that controls name."""

from collections.abc import Iterator

from affidavit.checks.drafts import Draft, View
from affidavit.checks.events import (
    actor_arn,
    cloudtrail_region,
    event_names,
    names_of,
    parse_event,
    resource_arn,
)
from affidavit.checks.fanout import lookup_parameters, lookup_start
from affidavit.checks.places import Record, RecordSet
from affidavit.model.observation import Gap, GapReason


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
    wanted = set(event_names(view.answers.catalogue))
    for found in view.items("LookupEvents"):
        name = found.value["EventName"]
        service = next((s for s in sorted(names_of(found.value)) if (s, name) in wanted), None)
        if service is None:
            continue
        draft = view.of(found)
        draft.attributes |= {
            "eventId": found.value["EventId"],
            "keyword": f"{service}_{name}",
            "time": found.value.get("EventTime"),
            "user": found.value.get("Username"),
        }
        yield draft.record(_read(draft, found.value.get("CloudTrailEvent")) or _named(draft))


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
    if actor := actor_arn(parsed):
        draft.values["fact"] = {"actorArn": actor}
        draft.attributes["actor"] = actor
    return resource_arn(parsed)


def _named(draft: Draft) -> str:
    """Return the ARN among the listed resources of an event, else its id."""
    item = draft.values["item"]
    names = [str(r.get("ResourceName", "")) for r in item.get("Resources", ())]
    return next((name for name in names if name.startswith("arn:")), str(item["EventId"]))
