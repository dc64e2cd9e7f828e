"""What kind of evidence a source gives, and CloudTrail's events of one keyword in a place."""

from collections.abc import Mapping
from typing import Any

from affidavit.checks.events import names_of
from affidavit.checks.records import Place, RecordSet
from affidavit.model.framework import SourceType
from affidavit.model.observation import Gap

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
