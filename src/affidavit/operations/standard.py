"""The catalogue as Audit Manager shows it: standard framework, standard, core and common controls.

Core controls are the catalogue's checks. Common controls are the groupings of its crosswalk: one
for each requirement of another framework that controls refer to. Control domains are its control
sets. Ids are name-based and stable for ever.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.framework import Control, ControlSource, Framework, SourceType
from affidavit.model.identifiers import stable_id
from affidavit.operations.caller import Caller
from affidavit.operations.keywords import SHOWN_AS

PUBLISHED: Final = datetime(2026, 11, 23, tzinfo=UTC)
"""The day of the catalogue's first publication: when standard controls were "created"."""
AUTHOR: Final = "Affidavit"
UNCATEGORIZED: Final = "UNCATEGORIZED"
_MAX_NAME: Final = 300
_FREQUENCIES: Final = frozenset({"DAILY", "WEEKLY", "MONTHLY"})
_SHOWN_SOURCES: Final[Mapping[str, str]] = {
    "AWS_API_Call": "AWS API calls",
    "AWS_Cloudtrail": "AWS CloudTrail",
    "AWS_Config": "AWS Config",
    "AWS_Security_Hub": "AWS Security Hub",
    "Common_Control": "Common control",
    "Core_Control": "Core control",
    "MANUAL": "Manual",
}
"""Words for a control's data sources, in `controlSources`; all together are 98 characters."""
ONLY_MANUAL: Final = "Manual"
"""`controlSources` of what people alone bring evidence for."""


_KEPT: Final[dict[str, tuple[Framework, Mapping[str, Any]]]] = {}
"""By tenant, whose name stands in every ARN: the framework, and what is shown of it."""
_MOST_KEPT: Final = 64
"""Tenants; each takes about 200 KB."""


def source_types() -> dict[str, str]:
    """Return the source type that each word of `control_sources` stands for, in lower case."""
    return {shown.lower(): kind for kind, shown in _SHOWN_SOURCES.items()}


def arn(caller: Caller, kind: str, identifier: str) -> str:
    """Return the ARN of a resource of the caller's tenant, for example a control's."""
    return f"arn:aws:auditmanager:{caller.region}:{caller.account_id}:{kind}/{identifier}"


def control_sources(sources: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of `controlSources` for mapping sources; "Manual" where there are none."""
    shown = {_SHOWN_SOURCES[source["sourceType"]] for source in sources}
    return ", ".join(sorted(shown)) or ONLY_MANUAL


def domain_arn(identifier: str) -> str:
    """Return the Control Catalog ARN of a control domain (a control set's UUID)."""
    return f"arn:aws:controlcatalog:::domain/{identifier}"


def common_controls(catalogue: Catalogue) -> dict[str, tuple[Control, ...]]:
    """Return common control ARN -> the controls whose crosswalk refers to that requirement."""
    found: dict[str, tuple[Control, ...]] = {}
    for control in catalogue.framework.controls():
        for framework, requirements in control.crosswalk.items():
            for requirement in requirements:
                key = common_arn(framework, requirement)
                found[key] = (*found.get(key, ()), control)
    return found


def common_arn(framework: str, requirement: str) -> str:
    """Return the ARN of the common control that groups what refers to a requirement."""
    name = stable_id("common-control", f"{framework}:{requirement}")
    return f"arn:aws:controlcatalog:::common-control/{name}"


def core_id(check_id: str) -> str:
    """Return the UUID of the core control that is this check."""
    return stable_id("core-control", check_id)


def core_check(catalogue: Catalogue, keyword: str) -> str | None:
    """Return the check that a Core_Control source's keyword (id or ARN) names, or None."""
    identifier = keyword.rpartition("/")[2]
    return next((check for check in catalogue.checks if core_id(check) == identifier), None)


def in_catalogue_id(catalogue: Catalogue, catalog_id: str) -> list[Control]:
    """Return the standard controls of a control domain or a common control, by its ARN."""
    common = common_controls(catalogue).get(catalog_id)
    if common is not None:
        return list(common)
    for control_set in catalogue.framework.control_sets:
        if domain_arn(control_set.uuid) == catalog_id:
            return list(control_set.controls)
    return []


def standard_control(caller: Caller, control: Control) -> dict[str, Any]:
    """Return a standard control in the API's shape."""
    sources = [_source(source, control) for source in control.sources]
    return {
        "arn": arn(caller, "control", control.uuid),
        "id": control.uuid,
        "type": "Standard",
        "name": control.title,
        "description": control.statement,
        "testingInformation": control.testing_information,
        "actionPlanTitle": control.action_plan.title,
        "actionPlanInstructions": control.action_plan.instructions,
        "controlSources": control_sources(sources),
        "controlMappingSources": sources,
        **_published(),
        "createdBy": AUTHOR,
        "lastUpdatedBy": AUTHOR,
        "tags": {},
        "state": "ACTIVE",
    }


def core_control(caller: Caller, check: Check) -> dict[str, Any]:
    """Return a core control (a check of the catalogue) in the API's shape."""
    kind, keyword = SHOWN_AS.get(SourceType(check.type), (check.type, check.keyword))
    source = {
        "sourceId": stable_id("core-control-source", check.id),
        "sourceName": check.id,
        "sourceDescription": check.words,
        "sourceSetUpOption": "System_Controls_Mapping",
        "sourceType": kind,
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
    }
    return {
        "arn": arn(caller, "control", core_id(check.id)),
        "id": core_id(check.id),
        "type": "Core",
        "name": check.id,
        "description": check.words,
        "controlSources": control_sources([source]),
        "controlMappingSources": [source],
        **_published(),
        "createdBy": AUTHOR,
        "lastUpdatedBy": AUTHOR,
        "tags": {},
        "state": "ACTIVE",
    }


def standard_framework(caller: Caller, catalogue: Catalogue) -> dict[str, Any]:
    """Return the standard framework with its control sets and controls in the API's shape.

    What is below its own members is made once; whoever gets it must not change it.
    """
    framework = catalogue.framework
    return {
        "arn": arn(caller, "assessmentFramework", framework.uuid),
        "id": framework.uuid,
        "name": framework.name,
        "type": "Standard",
        "complianceType": framework.compliance_type,
        "description": framework.description,
        **_contents(caller, framework),
        **_published(),
        "createdBy": AUTHOR,
        "lastUpdatedBy": AUTHOR,
        "tags": {},
    }


def _contents(caller: Caller, framework: Framework) -> Mapping[str, Any]:
    """Return the standard framework's control sets and sources, as kept for the tenant."""
    kept = _KEPT.get(caller.tenant)
    if kept is not None and kept[0] is framework:
        return kept[1]
    sets: list[dict[str, Any]] = [
        {
            "id": control_set.uuid,
            "name": control_set.name,
            "controls": [standard_control(caller, control) for control in control_set.controls],
        }
        for control_set in framework.control_sets
    ]
    shown = [control for one in sets for control in one["controls"]]
    sources = [source for control in shown for source in control["controlMappingSources"]]
    contents = {"controlSources": control_sources(sources), "controlSets": sets}
    if len(_KEPT) >= _MOST_KEPT:
        _KEPT.clear()
    _KEPT[caller.tenant] = framework, contents
    return contents


def _published() -> dict[str, datetime]:
    return {"createdAt": PUBLISHED, "lastUpdatedAt": PUBLISHED}


def _source(source: ControlSource, control: Control) -> dict[str, Any]:
    kind, keyword = SHOWN_AS.get(source.type, (source.type.value, source.keyword))
    manual = source.type is SourceType.MANUAL
    shown: dict[str, Any] = {
        "sourceId": source.id,
        "sourceName": source.name[:_MAX_NAME],
        "sourceDescription": source.note or source.scoping,
        "sourceSetUpOption": "Procedural_Controls_Mapping" if manual else "System_Controls_Mapping",
        "sourceType": kind,
    }
    if manual:
        expected = control.manual_evidence
        shown["sourceKeyword"] = {"keywordInputType": expected.input if expected else "UPLOAD_FILE"}
    else:
        shown["sourceKeyword"] = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword}
    if kind == "AWS_API_Call" and source.frequency in _FREQUENCIES:
        shown["sourceFrequency"] = source.frequency
    return shown
