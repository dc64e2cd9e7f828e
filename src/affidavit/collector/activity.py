"""What kind of evidence a source gives, and CloudTrail's events of one keyword in a place."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from affidavit.checks.events import names_of
from affidavit.checks.facts import Facts
from affidavit.checks.records import Place, Record, RecordSet, build
from affidavit.collector.configuration import Entry
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Input
from affidavit.model.framework import Control, ControlSource, Framework, SourceType
from affidavit.model.observation import GLOBAL_REGION, Gap

EVENT_OPERATION: Final = "LookupEvents"
EVENT_ID: Final = "eventId"
"""Attribute of evidence that names the event."""

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


def result_synthetic(result: object) -> bool:
    """Tell whether an observation or gap was made against anything but AWS itself."""
    proof = getattr(result, "proof", None)
    return bool(proof and proof.synthetic)


def shown_sources(framework: Framework) -> Iterator[ControlSource]:
    """Yield the sources whose events are shown, each for itself, and not judged."""
    for control in framework.controls():
        for source in control.sources:
            if source.type is SourceType.CLOUDTRAIL and not source.check:
                yield source


def of_activity(catalogue: Catalogue) -> Catalogue:
    """Return what a run of activity alone collects with: the sources whose events are shown.

    The digest stays, for the rules are the same.
    """
    shown = {source.id for source in shown_sources(catalogue.framework)}
    sets = tuple(
        replace(one, controls=tuple(filter(None, (_narrowed(c, shown) for c in one.controls))))
        for one in catalogue.framework.control_sets
    )
    return replace(
        catalogue,
        framework=replace(catalogue.framework, control_sets=sets),
        resource_sets={"event": catalogue.resource_sets["event"]},
    )


def _narrowed(control: Control, shown: Collection[str]) -> Control | None:
    sources = tuple(source for source in control.sources if source.id in shown)
    return replace(control, sources=sources, manual_evidence=None) if sources else None


def places_of(
    catalogue: Catalogue, facts: Facts, now: datetime, params: Mapping[str, Mapping[str, Any]]
) -> tuple[Place, ...]:
    """Return the places of an account that was asked for activity alone.

    Since when it was asked is not the same in each account: the questions themselves say it.
    """
    asked = next((one for one in facts if one.unit.key == EVENT_OPERATION), None)
    if asked is not None:
        params = {**params, EVENT_OPERATION: {"StartTime": asked.unit.parameters["StartTime"]}}
    return build(catalogue, facts, now, params).places


def activity(
    facts: Facts, place: Place, keyword: str, seen: Collection[str], *, only_new: bool
) -> Iterator[Entry]:
    """Yield the events of a keyword in a place but those whose ids were `seen`, and its gaps.

    Where there is none, why; but not with `only_new`, as a run asks for that is of activity alone.
    """
    if place.region == GLOBAL_REGION:
        return
    events = events_of(place, keyword)
    asked = {result.digest for result in facts.results(EVENT_OPERATION, place.region)}
    for gap in events.gaps:
        if gap.digest in asked or not only_new:
            yield _gap(gap)
    new = [one for one in events.records if one.attributes[EVENT_ID] not in seen]
    yield from map(_event, new)
    if not new and not events.gaps and not only_new:
        yield _none(facts, place, keyword, len(events.records))


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


def _none(facts: Facts, place: Place, keyword: str, seen: int) -> Entry:
    """Return the word that there is no event, or none that earlier runs have not recorded."""
    words = f"No {keyword} event was recorded in the period asked."
    if seen:
        words = f"No new {keyword} event: earlier runs hold the {seen} of the period asked."
    results = facts.results(EVENT_OPERATION, place.region)
    return Entry(
        region=place.region,
        reason=words,
        empty=True,
        inputs=place.acct_inputs.get(EVENT_OPERATION, ()),
        synthetic=any(map(result_synthetic, results)),
    )


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
