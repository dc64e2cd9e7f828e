"""What uses an entry of the library: looked up before it is edited or deleted.

Assessments hold copies: an edited framework leaves them alone; an edited control's sources count
from their next collection on, and a deleted control is collected no more. Assessments of others
are counted, and not named.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.operations import looking, standard
from affidavit.operations.assessed import is_assigned
from affidavit.operations.assessment_bodies import KIND
from affidavit.operations.authorise import Scope, scope
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.framework_shares import open_shares
from affidavit.store.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """One thing that uses an entry."""

    id: str
    name: str
    status: str = ""
    """Of an assessment: ACTIVE or INACTIVE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """All that uses an entry."""

    frameworks: tuple[Used, ...] = ()
    """Custom frameworks that a control stands in."""
    assessments: tuple[Used, ...] = ()
    """Those that the caller may see."""
    others: int = 0
    """Assessments that the caller may not see."""
    shares: tuple[Mapping[str, Any], ...] = field(default=())
    """Open share requests of a framework."""


def uses_of_framework(context: Context, caller: Caller, framework_id: str) -> Uses:
    """Return the assessments that were made from a framework, and its open share requests."""
    looking.require(context, caller, "GetAssessmentFramework")
    found = [
        one
        for one in context.store.documents.every(caller.tenant, KIND)
        if one.body["framework"]["id"] == framework_id
    ]
    seen, others = _seen(context, caller, found)
    shares = open_shares(context, caller, framework_id)
    return Uses(assessments=seen, others=others, shares=tuple(shares))


def uses_of_control(context: Context, caller: Caller, control_id: str) -> Uses:
    """Return the custom frameworks that a control stands in, and the assessments that copied it."""
    looking.require(context, caller, "GetControl")
    documents = context.store.documents
    frameworks = tuple(
        Used(id=one.id, name=one.body["name"])
        for one in documents.every(caller.tenant, "framework")
        if control_id in _controls(one.body)
    )
    found = [
        one
        for one in documents.every(caller.tenant, KIND)
        if control_id in _controls(one.body["framework"])
    ]
    seen, others = _seen(context, caller, found)
    return Uses(frameworks=frameworks, assessments=seen, others=others)


def common_control_names(context: Context, caller: Caller) -> list[tuple[str, str]]:
    """Return (ARN, what it refers to) of every common control, by name."""
    looking.require(context, caller, "ListControls")
    return sorted(_common(context), key=lambda one: one[1])


def _common(context: Context) -> Iterator[tuple[str, str]]:
    known = standard.common_controls(context.catalogue)
    seen = set()
    for control in context.catalogue.framework.controls():
        for framework, requirements in control.crosswalk.items():
            for requirement in requirements:
                key = standard.common_arn(framework, requirement)
                if key in known and key not in seen:
                    seen.add(key)
                    yield key, f"{framework.replace('_', ' ')}: {requirement}"


def _controls(framework: Mapping[str, Any]) -> set[str]:
    return {ref["id"] for one in framework["controlSets"] for ref in one["controls"]}


def _seen(context: Context, caller: Caller, found: list[Document]) -> tuple[tuple[Used, ...], int]:
    everything = scope(caller.role, "ListAssessments") is Scope.ALLOW
    seen = tuple(
        Used(id=one.id, name=one.body["metadata"]["name"], status=one.body["metadata"]["status"])
        for one in found
        if everything or is_assigned(context, caller, one.id)
    )
    return seen, len(found) - len(seen)
