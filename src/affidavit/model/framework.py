"""Framework, control set, control and control source: Audit Manager's nouns, ours to read only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SourceType(StrEnum):
    """Where a control source's evidence comes from; Audit Manager's names where it has one."""

    API_CALL = "AWS_API_Call"
    CONFIG = "AWS_Config"
    CLOUDTRAIL = "AWS_Cloudtrail"
    SECURITY_HUB = "AWS_Security_Hub"
    PROMPT_CHECK = "Prompt_Check"
    INVOCATION_LOG = "Invocation_Log"
    MANUAL = "MANUAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that an owner writes; it judges what a custom control's source collects."""

    resource_set: str
    """What its records are, for example bucket."""
    compliant: str
    """CEL."""
    applies: str = "true"
    """CEL."""
    inconclusive: str = ""
    """CEL, or empty."""
    params: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""
    """What must hold, as reasons say it; empty: the expression itself."""
    remedy: str = ""
    """What to do where it does not hold."""
    severity: str = "medium"
    operations: tuple[str, ...] = ()
    """Keys of the operations that it reads; like `reads` found out once, in a process with limits,
    since reading a hostile expression can be as costly as evaluating it (`checks.own_rules`)."""
    reads: tuple[tuple[str, bool, str], ...] = ()
    """(path, required, kind) of each member that it reads."""


def rule_from_json(value: Mapping[str, Any]) -> Rule:
    """Return the rule that `canonical.json_values` wrote; `KeyError` or `TypeError` for none."""
    reads = tuple((str(path), bool(required), str(kind)) for path, required, kind in value["reads"])
    return Rule(**{**value, "operations": tuple(value["operations"]), "reads": reads})


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSource:
    """One mapping source of a control."""

    id: str
    """Name-based UUID of control, type, keyword and check."""
    type: SourceType
    keyword: str
    """Audit Manager's keyword, for example s3_GetBucketPolicy; empty for MANUAL."""
    name: str
    check: str
    """Id of the check that gives the verdict, or empty: activity or manual evidence."""
    params: Mapping[str, Any]
    """Parameters of this source that override the check's defaults."""
    frequency: str
    scoping: str
    note: str = ""
    rule: Rule | None = None
    """Of a custom control: what `check` is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPlan:
    """What to do when a control is not met."""

    title: str
    instructions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualEvidence:
    """What a person must add to a partially automated control."""

    expected: tuple[str, ...]
    renew_days: int
    input: str
    """Audit Manager's keywordInputType, for example UPLOAD_FILE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control of a framework."""

    id: str
    """Short id, for example GENAI-RESP-01."""
    uuid: str
    title: str
    control_set: str
    """Id of its control set, for example RESP."""
    statement: str
    basis_kind: str
    basis: tuple[str, ...]
    automation: str
    """full or partial."""
    severity: str
    """critical, high, medium or low."""
    sources: tuple[ControlSource, ...]
    testing_information: str
    action_plan: ActionPlan
    manual_evidence: ManualEvidence | None
    crosswalk: Mapping[str, tuple[str, ...]]
    """Identifiers by framework: nist_ai_rmf, iso_42001, eu_ai_act, owasp_llm_2025, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSet:
    """A group of controls: here one of the eight principles."""

    id: str
    uuid: str
    name: str
    principle: str
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """Control sets under a name and a version."""

    id: str
    """Short id, for example genai-v1."""
    uuid: str
    name: str
    description: str
    compliance_type: str
    version: str
    control_sets: tuple[ControlSet, ...]
    caveats: tuple[str, ...]

    def controls(self) -> Iterator[Control]:
        """Yield every control, in the order of the control sets."""
        for control_set in self.control_sets:
            yield from control_set.controls


def framework_from_json(value: Mapping[str, Any]) -> Framework:
    """Return the framework that `canonical.json_values` wrote.

    Raises `KeyError`, `TypeError` or `ValueError` for what is none.
    """
    sets = tuple(_control_set(one) for one in value["control_sets"])
    return Framework(**{**value, "control_sets": sets, "caveats": tuple(value["caveats"])})


def _control_set(value: Mapping[str, Any]) -> ControlSet:
    return ControlSet(**{**value, "controls": tuple(_control(one) for one in value["controls"])})


def _control(value: Mapping[str, Any]) -> Control:
    manual = value["manual_evidence"]
    if manual is not None:
        manual = ManualEvidence(**{**manual, "expected": tuple(manual["expected"])})
    read = {
        "basis": tuple(value["basis"]),
        "sources": tuple(
            ControlSource(
                **{
                    **one,
                    "type": SourceType(one["type"]),
                    "rule": rule_from_json(one["rule"]) if one.get("rule") else None,
                }
            )
            for one in value["sources"]
        ),
        "action_plan": ActionPlan(**value["action_plan"]),
        "manual_evidence": manual,
        "crosswalk": {name: tuple(items) for name, items in value["crosswalk"].items()},
    }
    return Control(**{**value, **read})
