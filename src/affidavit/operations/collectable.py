"""What the collector runs for an assessment: the catalogue, with the assessment's own framework.

An assessment of the whole standard framework is collected with the catalogue as it is. Any other
one has a framework made of its document: standard controls as they are; custom controls with every
source that the catalogue can answer, and for each other source a check that decides nothing and
says why (gap "not configured"): so no control is silently smaller than it was meant to be, and none
with such a source ever comes out COMPLIANT.

Membership and texts are frozen in the document. The sources of a custom control are those of the
control now: an edit counts from the next collection on, as with Audit Manager. A control that was
deleted, or that has no source at all, is kept with a gap; an INACTIVE one is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from affidavit.catalogue.framework_files import SEVERITIES
from affidavit.checks import config, security_hub
from affidavit.checks.own_rules import is_current, kept, usable
from affidavit.collector import api_calls
from affidavit.collector.custom import CUSTOM, RULE_ID, with_framework, with_records
from affidavit.collector.evidence import UNMAPPED
from affidavit.model.canonical import plain_json
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import (
    ActionPlan,
    Control,
    ControlSet,
    ControlSource,
    Framework,
    ManualEvidence,
    SourceType,
)
from affidavit.model.identifiers import stable_id
from affidavit.model.run import Assessment
from affidavit.operations import standard
from affidavit.operations.assessment_bodies import KIND
from affidavit.operations.context import Context
from affidavit.operations.keywords import SHOWN_AS
from affidavit.operations.mapping_sources import PARAMETERS, RULE
from affidavit.store import Store

RENEW_DAYS: Final = 365
"""How long manual evidence of a custom control counts: Audit Manager says nothing of it; a year."""
_API: Final = "AWS_API_Call"

Source = Mapping[str, Any]
"""A mapping source as the API has it."""


def catalogue_for(context: Context, assessment: Assessment) -> Catalogue:
    """Return the catalogue that the assessment is collected, judged and reported with."""
    return assessment_catalogue(context.store, context.catalogue, assessment)


def assessment_catalogue(store: Store, catalogue: Catalogue, assessment: Assessment) -> Catalogue:
    """Return the same for an open store and the shipped catalogue.

    It is the shipped one, digest and all, unless the assessment's framework is another.
    """
    document = store.documents.get(assessment.tenant, KIND, assessment.id)
    if document is None:
        return catalogue
    sets = tuple(_sets(store, catalogue, assessment, document.body["framework"]["controlSets"]))
    if _same(catalogue.framework, sets):
        return catalogue
    return with_framework(catalogue, _framework(document.body["framework"], sets))


def current(context: Context, assessment: Assessment) -> Assessment:
    """Return what the collector runs under the name that the assessment has now."""
    document = context.store.documents.get(assessment.tenant, KIND, assessment.id)
    return assessment if document is None else replace(assessment, name=_name(document.body))


def sources_of(
    catalogue: Catalogue, control_id: str, given: Sequence[Source]
) -> list[ControlSource]:
    """Return what is collected for a custom control's mapping sources, each thing once.

    Raises nothing: a source that nothing answers becomes one with the check `UNMAPPED`, its reason
    in `note`.
    """
    found: dict[str, ControlSource] = {}
    for source in given:
        for one in _mapped(catalogue, control_id, source):
            found.setdefault(one.id, one)
    if not found:
        words = "The control has no source: nothing can be collected for it."
        return [_gap(control_id, {"sourceType": _API}, words)]
    return list(found.values())


def _same(framework: Framework, sets: tuple[ControlSet, ...]) -> bool:
    """Tell whether control sets are those of the shipped framework."""
    own = [(one.name, one.controls) for one in framework.control_sets]
    unsettled = [
        (one.name, tuple(replace(c, control_set=known.id) for c in one.controls))
        for one, known in zip(sets, framework.control_sets, strict=False)
    ]
    return len(sets) == len(own) and unsettled == own


def _framework(body: Mapping[str, Any], sets: tuple[ControlSet, ...]) -> Framework:
    metadata = body["metadata"]
    return Framework(
        id=body["id"],
        uuid=body["id"],
        name=metadata["name"],
        description=metadata.get("description", ""),
        compliance_type=metadata.get("complianceType", ""),
        version=CUSTOM,
        control_sets=sets,
        caveats=(),
    )


def _sets(
    store: Store, catalogue: Catalogue, assessment: Assessment, bodies: Sequence[Mapping[str, Any]]
) -> Iterator[ControlSet]:
    """Yield the control sets; a control in two sets is collected once, in the first."""
    known = {control.uuid: control for control in catalogue.framework.controls()}
    seen: set[str] = set()
    for body in bodies:
        controls = []
        for one in body["controls"]:
            if one.get("status") == "INACTIVE" or one["id"] in seen:
                continue
            seen.add(one["id"])
            own = known.get(one["id"]) or _custom(store, catalogue, assessment.tenant, one)
            controls.append(replace(own, control_set=body["id"]))
        yield ControlSet(
            id=body["id"],
            uuid=stable_id("assessment-control-set", f"{assessment.id}:{body['id']}"),
            name=body["id"],
            principle="",
            controls=tuple(controls),
        )


def _custom(store: Store, catalogue: Catalogue, tenant: str, body: Mapping[str, Any]) -> Control:
    kept = body.get("_control", {})
    given = _present_sources(store, catalogue, tenant, body)
    if given is None:
        words = "The control was deleted; nothing is collected for it any more."
        sources = [_gap(body["id"], {"sourceType": _API}, words)]
    else:
        sources = sources_of(catalogue, body["id"], given)
    manual = [one for one in given or () if one["sourceType"] == "MANUAL"]
    automated = any(source.type is not SourceType.MANUAL for source in sources)
    return Control(
        id=body["id"],
        uuid=body["id"],
        title=body["name"],
        control_set="",
        statement=kept.get("description", ""),
        basis_kind="custom",
        basis=("custom control",),
        automation="partial" if manual else "full",
        severity=_severity(sources),
        sources=tuple(sources),
        testing_information=kept.get("testingInformation", ""),
        action_plan=ActionPlan(
            title=kept.get("actionPlanTitle", ""),
            instructions=kept.get("actionPlanInstructions", ""),
        ),
        manual_evidence=_manual(manual) if manual or not automated else None,
        crosswalk={},
    )


def _severity(sources: Sequence[ControlSource]) -> str:
    """Return the gravest severity of the rules; Audit Manager has none: then medium."""
    found = {one.rule.severity for one in sources if one.rule is not None}
    return next((one for one in SEVERITIES if one in found), "medium")


def _present_sources(
    store: Store, catalogue: Catalogue, tenant: str, body: Mapping[str, Any]
) -> Sequence[Source] | None:
    """Return a custom or core control's sources now; None where it is gone."""
    if body.get("_type") == "Core":
        check = next((c for c in catalogue.checks if standard.core_id(c) == body["id"]), None)
        keyword = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": body["id"]}
        return None if check is None else [{"sourceType": "Core_Control", "sourceKeyword": keyword}]
    document = store.documents.get(tenant, "control", body["id"])
    if document is None:
        return None
    found: Sequence[Source] = document.body["controlMappingSources"]
    return found


def _manual(sources: Sequence[Source]) -> ManualEvidence:
    expected = tuple(
        dict.fromkeys(one.get("sourceDescription") or one["sourceName"] for one in sources)
    )
    kind = sources[0].get("sourceKeyword", {}).get("keywordInputType", "UPLOAD_FILE")
    return ManualEvidence(expected=expected, renew_days=RENEW_DAYS, input=kind)


def _mapped(catalogue: Catalogue, control_id: str, source: Source) -> Iterator[ControlSource]:
    """Yield what is collected for one mapping source, or why nothing is."""
    kind = source["sourceType"]
    keyword = source.get("sourceKeyword", {}).get("keywordValue", "")
    if kind == "MANUAL":
        yield _source(control_id, SourceType.MANUAL, "", "", source)
    elif kind == "AWS_Cloudtrail":
        yield _source(control_id, SourceType.CLOUDTRAIL, keyword, "", source)
    elif kind == "AWS_Config":
        rule = catalogue.config_rules.get(keyword)
        check = config.RECORDED if rule is None else rule.check
        yield _source(control_id, SourceType.CONFIG, keyword, check, source)
    elif kind == "AWS_Security_Hub":
        yield _source(control_id, SourceType.SECURITY_HUB, keyword, security_hub.CHECK, source)
    elif kind == _API and _is_asked(catalogue, keyword):
        yield _asked(catalogue, control_id, keyword, source)
    elif kind in ("Core_Control", "Common_Control"):
        yield from _catalogued(catalogue, control_id, kind, keyword, source)
    else:
        yield _gap(control_id, source, _why(kind, keyword))


def _asked(catalogue: Catalogue, control_id: str, keyword: str, source: Source) -> ControlSource:
    """Return an API call: with its rule where it carries one, which is judged every day."""
    if RULE not in source:
        return _source(control_id, SourceType.API_CALL, keyword, "", source)
    if not is_current(source[RULE]):
        words = f"The rule of {keyword} is older than what rules are held to now: keep it anew."
        return _gap(control_id, source, words)
    rule = kept(source[RULE])
    if not usable(with_records(catalogue, rule.resource_set), rule):
        words = f"The rule of {keyword} reads what is not collected any more: keep it anew."
        return _gap(control_id, source, words)
    check = f"{RULE_ID}{source['sourceId']}"
    made = _source(control_id, SourceType.API_CALL, keyword, check, source)
    return replace(made, rule=rule, frequency="DAILY")


def _is_asked(catalogue: Catalogue, keyword: str) -> bool:
    """Tell whether an API call is asked: one of Audit Manager's, or of the catalogue's own."""
    if any(keyword == shown for _, shown in SHOWN_AS.values()):
        return False
    return bool(api_calls.operations_of(catalogue, keyword)) or keyword in api_calls.keywords()


def _catalogued(
    catalogue: Catalogue, control_id: str, kind: str, keyword: str, source: Source
) -> Iterator[ControlSource]:
    """Yield the checks of a core control, or of all controls that a common control groups."""
    if kind == "Core_Control":
        check = standard.core_check(catalogue, keyword)
        found = [catalogue.checks[check]] if check is not None else []
        for one in found:
            yield _source(control_id, SourceType(one.type), one.keyword, one.id, source)
        grouped: Sequence[ControlSource] = ()
    else:
        found = []
        controls = standard.common_controls(catalogue).get(keyword, ())
        grouped = [s for c in controls for s in c.sources if s.type is not SourceType.MANUAL]
    for own in grouped:
        yield replace(own, id=_id(control_id, own.type, own.keyword, own.check))
    if not found and not grouped:
        yield _gap(control_id, source, _why(kind, keyword))


def _why(kind: str, keyword: str) -> str:
    shown = {
        "AWS_API_Call": "the API call",
        "Common_Control": "the common control",
        "Core_Control": "the core control",
    }.get(kind, kind)
    return f"Mapping not available: {shown} {keyword} is not collected here."


def _gap(control_id: str, source: Source, words: str) -> ControlSource:
    """Return a source that nothing is collected for; catalogue ids are no keywords of services."""
    kind = source["sourceType"]
    keyword = source.get("sourceKeyword", {}).get("keywordValue", "")
    if kind in ("Common_Control", "Core_Control"):
        kind, keyword = _API, ""
    made = _source(control_id, SourceType(kind), keyword, UNMAPPED, source)
    return replace(made, id=_id(control_id, kind, keyword, words), note=words)


def _source(
    control_id: str, kind: SourceType, keyword: str, check: str, source: Source
) -> ControlSource:
    params = source.get(PARAMETERS, {})
    apart = [plain_json(params).decode()] if params else []
    return ControlSource(
        id=_id(control_id, kind, keyword, check, *apart),
        type=kind,
        keyword=keyword,
        name=source.get("sourceName") or keyword or "Source",
        check=check,
        params=params,
        frequency=source.get("sourceFrequency", "DAILY"),
        scoping="",
        note=source.get("sourceDescription", ""),
    )


def _id(control_id: str, *parts: str) -> str:
    return stable_id("control-source", ":".join((control_id, *parts)))


def _name(body: Mapping[str, Any]) -> str:
    return str(body["metadata"]["name"])
