"""What kind of evidence a source gives, and CloudTrail's events of one keyword in a place.

Events come from LookupEvents and from the trail's files (`checks.sets.cloudtrail` joins them). What
the files add besides events is said here: over how much "none" is said, what of them could not be
read, what their digests show, and which events they lack. It carries no verdict: a gap of
LookupEvents stays one whatever the files show, because nobody can tell afterwards what a trail left
out on the day.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from affidavit.checks.events import names_of
from affidavit.checks.facts import Facts
from affidavit.checks.records import Place, Record, RecordSet
from affidavit.checks.trail_files import LACKED, OPERATION, TrailDay, sources_of, trail_days
from affidavit.collector.configuration import Entry
from affidavit.collector.plan import EVENT_OPERATION
from affidavit.model.evidence import Input
from affidavit.model.framework import SourceType
from affidavit.model.observation import (
    GLOBAL_REGION,
    Gap,
    GapReason,
    JsonObject,
    Observation,
    Unit,
)

EVIDENCE_TYPES: Mapping[SourceType, str] = {
    SourceType.API_CALL: "Configuration data",
    SourceType.CONFIG: "Compliance check",
    SourceType.SECURITY_HUB: "Compliance check",
    SourceType.CLOUDTRAIL: "User activity",
    SourceType.PROMPT_CHECK: "Configuration data",
    SourceType.INVOCATION_LOG: "Configuration data",
    SourceType.MANUAL: "Manual",
}
"""Audit Manager's evidenceByType of each source type (shared facts: behaviour.md, 2.6)."""
EVENT_ID: Final = "eventId"
"""Attribute of evidence that names the event."""
_NAMED: Final = 3
"""Files and findings that a sentence names; the answer that is cited has the others."""


def result_synthetic(result: object) -> bool:
    """Tell whether an observation or gap was made against anything but AWS itself."""
    proof = getattr(result, "proof", None)
    return bool(proof and proof.synthetic)


def events_of(place: Place, keyword: str) -> RecordSet:
    """Return the place's events of one CloudTrail keyword, such as bedrock_UpdateGuardrail."""
    service, _, name = keyword.partition("_")
    events = place.sets["event"]
    return RecordSet(
        records=tuple(r for r in events.records if _is_event(r.values, service, name)),
        gaps=tuple(g for g in events.gaps if _asks_for(g, name)),
    )


def _is_event(values: Mapping[str, Any], service: str, name: str) -> bool:
    item = values["item"]
    said = item.get("EventSource") or values.get("event", {}).get("eventSource", "")
    return item.get("EventName") == name and service in names_of({"EventSource": said})


def _asks_for(gap: Gap, name: str) -> bool:
    asked = [a.get("AttributeValue") for a in gap.unit.parameters.get("LookupAttributes", [])]
    return not asked or name in asked


def activity(
    facts: Facts,
    place: Place,
    keyword: str,
    left_out: Collection[str] = (),
    *,
    only_new: bool = False,
) -> Iterator[Entry]:
    """Yield the events of a keyword in a place, and its gaps; where there is none, why.

    Those whose ids are `left_out` stand in earlier runs: of them one entry says so. `only_new`, as
    a run asks for that is of activity alone: nothing is said where nothing is new.
    """
    if place.region == GLOBAL_REGION:
        return
    events = events_of(place, keyword)
    asked = {result.digest for result in facts.results(EVENT_OPERATION, place.region)}
    yield from (_gap(gap) for gap in events.gaps if gap.digest in asked or not only_new)
    known = []
    for record in events.records:
        if record.attributes[EVENT_ID] in left_out:
            known.append(record)
        else:
            yield _event(record)
    if known and not only_new:
        yield _known(facts, place, keyword, known)
    if not events.gaps and not events.records and not only_new:
        yield _none(facts, place, keyword)


def _gap(gap: Gap) -> Entry:
    return Entry(
        region=gap.unit.region,
        reason=gap.message,
        gap=gap,
        inputs=(Input(digest=gap.digest, pointer=""),),
        synthetic=result_synthetic(gap),
    )


def _event(record: Record) -> Entry:
    return Entry(
        region=record.region,
        reason="Recorded activity; it carries no verdict.",
        arn=record.arn,
        resource_type=record.resource_type,
        inputs=record.inputs,
        attributes=record.attributes,
        synthetic=record.synthetic,
    )


def _none(facts: Facts, place: Place, keyword: str) -> Entry:
    """Return that nothing was recorded, and over which files besides LookupEvents that is said."""
    days = _looked_in(facts, place.region, keyword)
    read = [day for day in days if day.read is not None and not day.read.body["unreadInAll"]]
    reason = f"No {keyword} event was recorded in the period asked."
    if read:
        reason = f"{reason} The trail's files of {_days(read)} have none either."
    return Entry(
        region=place.region,
        reason=reason,
        empty=True,
        inputs=(*place.acct_inputs.get("LookupEvents", ()), *_cited(read, "/population")),
        attributes=_population(facts, place.region, days),
        synthetic=any(
            result_synthetic(r)
            for key in ("LookupEvents", OPERATION)
            for r in facts.results(key, place.region)
        ),
    )


def _known(facts: Facts, place: Place, keyword: str, known: list[Record]) -> Entry:
    """Return how many events earlier runs hold, and what the trail's files have of them."""
    words = f"{len(known)} {keyword} event(s) of the period asked stand in earlier runs."
    read = [day for day in _looked_in(facts, place.region, keyword) if day.read is not None]
    if read:
        filed = [one for one in known if one.attributes.get("trail file")]
        words = f"{words} The trail's files of {_days(read)} have {len(filed)}."
    inputs = dict.fromkeys(item for one in known for item in one.inputs)
    return Entry(
        region=place.region,
        reason=words,
        empty=True,
        inputs=tuple(inputs),
        synthetic=any(one.synthetic for one in known),
    )


def trail_entries(facts: Facts, place: Place, keyword: str) -> Iterator[Entry]:
    """Yield what is wrong with the files in which a keyword's events were looked for."""
    for day in _looked_in(facts, place.region, keyword):
        instead = "LookupEvents was asked" if day.read is None else "those of narrowed trails were"
        yield from (_unread(gap, instead, place) for gap in day.gaps)
        if day.read is not None:
            yield from _incomplete(day.read, day.day)
            yield from _altered(day.read, day.day)
    for record in events_of(place, keyword).records if place.region != GLOBAL_REGION else ():
        if record.attributes.get("trail files") == LACKED:
            yield _lacked(record, keyword)


def _looked_in(facts: Facts, region: str, keyword: str) -> list[TrailDay]:
    """Return the days of whose files a keyword's events are asked."""
    service, _, name = keyword.partition("_")
    wanted = {f"{source}:{name}" for source in sources_of(service)}
    return [
        day
        for day in trail_days(facts, region)
        if any(wanted & set(one.unit.parameters["events"]) for one in (day.read, *day.gaps) if one)
    ]


def _population(facts: Facts, region: str, days: list[TrailDay]) -> Mapping[str, str]:
    """Return how much of trail files was read, and what of it is not there.

    Nothing where trails were not asked for, or where CloudTrail keeps the events elsewhere.
    """
    bodies = [day.read.body for day in days if day.read is not None]
    asked = facts.results("DescribeTrails", region)
    if days and not bodies:
        return {"trail files": "not read"}
    if not bodies and (not asked or trail_days(facts, region)):
        return {}
    if not bodies:
        known = all(isinstance(one, Observation) for one in asked)
        return {"trail files": "no trail writes any" if known else "the trails are not known"}
    seen = [body["population"] for body in bodies]
    hours = [f"{hour:02}" for one in seen for hour in one["hoursWithout"]] if len(seen) == 1 else []
    others = sorted({name for body in bodies for name in body["otherAccounts"]})
    shown = {
        "trail files": sum(one["objects"] for one in seen),
        "records in them": sum(one["records"] for one in seen),
        "bytes": sum(one["bytes"] for one in seen),
        "hours without any record": ", ".join(hours) or ("none" if len(seen) == 1 else ""),
        "proved by digests": sum(body["integrity"].get("proved", 0) for body in bodies),
        "accounts left out": ", ".join(others),
    }
    return {name: str(value) for name, value in shown.items() if value != ""}


def _unread(gap: Gap, instead: str, place: Place) -> Entry:
    """Return why files were not read; nothing may have been sent, so the place says whose it is."""
    words = f"The trail's files were not read, only {instead}. {gap.message}"
    return replace(_gap(gap), reason=words, synthetic=place.synthetic)


def _incomplete(read: Observation, day: str) -> Iterator[Entry]:
    """Yield, where files could not be read whole, how many things and the first of them."""
    count = read.body["unreadInAll"]
    why_not = read.body["integrity"].get("why", "")
    if count:
        first = [f"{one['objectUri']}: {one['why']}" for one in read.body["unread"][:_NAMED]]
        words = (
            f"{count} things in the trail's files of {day} could not be read: {', '.join(first)}."
        )
        yield _said(read, words, "/unread", gap=unread_gap(read, words, {}))
    if why_not:
        words = f"The trail's digest files of {day} could not be checked: {why_not}"
        yield _said(read, words, "/integrity", gap=unread_gap(read, words, {}))


def _altered(read: Observation, day: str) -> Iterator[Entry]:
    """Yield, where digests show missing or altered files, how many and the first of them."""
    count = read.body["integrity"].get("findingsInAll", 0)
    if count:
        first = [
            f"{one['what']} {one['object']} ({one['detail']})"
            for one in read.body["integrity"]["findings"][:_NAMED]
        ]
        words = (
            f"The digests of the trail's files of {day} show {count} things that are missing or "
            f"were altered: {', '.join(first)}."
        )
        yield _said(read, words, "/integrity")


def _lacked(record: Record, keyword: str) -> Entry:
    shown = record.attributes
    words = (
        f"LookupEvents has the {keyword.partition('_')[2]} of {shown.get('time', '')} by "
        f"{shown.get('actor') or shown.get('user', '')}, and the trail's files of the day lack it, "
        "though by its settings the trail records it: the files are incomplete, or the trail was "
        "narrowed or stopped meanwhile."
    )
    return Entry(
        region=record.region,
        arn=record.arn,
        reason=words,
        inputs=record.inputs,
        # It tells of the event, and is not its record: that one alone has the attribute.
        attributes={name: text for name, text in shown.items() if name != EVENT_ID},
        synthetic=record.synthetic,
    )


def _said(read: Observation, words: str, pointer: str, gap: Gap | None = None) -> Entry:
    return Entry(
        region=read.unit.region,
        reason=words,
        gap=gap,
        inputs=(Input(digest=read.digest, pointer=pointer),),
        attributes={"trail": str(read.unit.parameters["trail"])},
        synthetic=result_synthetic(read),
    )


def unread_gap(read: Observation, words: str, parameters: JsonObject) -> Gap:
    """Return the gap of what could not be read of an answer; it is found without a question."""
    unit = read.unit
    return Gap(
        unit=Unit(
            key=unit.key, account_id=unit.account_id, region=unit.region, parameters=parameters
        ),
        service=read.service,
        operation=read.operation,
        reason=GapReason.FAILED,
        code="",
        message=words,
        proof=None,
    )


def _cited(days: list[TrailDay], pointer: str) -> Iterator[Input]:
    return (Input(digest=d.read.digest, pointer=pointer) for d in days if d.read is not None)


def _days(read: list[TrailDay]) -> str:
    """Return the days, each once however many trails were read."""
    return ", ".join(dict.fromkeys(day.day for day in read))
