"""Audit Manager's own limits on texts, read from its service model: lengths and patterns."""

import re
from collections.abc import Mapping
from typing import Any, Final

from affidavit.catalogue.shapes import service
from affidavit.catalogue.yaml_nodes import Node, Problems

_SERVICE = "auditmanager"
_SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    "framework name": ("CreateAssessmentFrameworkRequest", "name"),
    "framework description": ("CreateAssessmentFrameworkRequest", "description"),
    "compliance type": ("CreateAssessmentFrameworkRequest", "complianceType"),
    "control set name": ("CreateAssessmentFrameworkControlSet", "name"),
    "control title": ("CreateControlRequest", "name"),
    "statement": ("CreateControlRequest", "description"),
    "testing information": ("CreateControlRequest", "testingInformation"),
    "action plan title": ("CreateControlRequest", "actionPlanTitle"),
    "action plan instructions": ("CreateControlRequest", "actionPlanInstructions"),
    "source name": ("CreateControlMappingSource", "sourceName"),
    "source description": ("CreateControlMappingSource", "sourceDescription"),
    "keyword": ("SourceKeyword", "keywordValue"),
}
"""What we call a text, and the structure and member that take it in Audit Manager's API."""


def within(problems: Problems, node: Node, what: str, text: str) -> None:
    """Note a problem at `node` where Audit Manager's API would refuse `text` as its `what`."""
    structure, member = _SHAPES[what]
    shape: Any = service(_SERVICE).shape_for(structure)
    limits = shape.members[member].metadata
    longest = limits.get("max")
    if longest is not None and len(text) > longest:
        problems.add(
            node, f"{what} has {len(text)} characters, Audit Manager allows at most {longest}"
        )
    if len(text) < limits.get("min", 0):
        problems.add(node, f"{what} is shorter than Audit Manager's {limits['min']} characters")
    pattern = limits.get("pattern")
    if pattern and not re.search(pattern, text):
        problems.add(node, f"{what} does not match Audit Manager's pattern {pattern}")


def input_types() -> tuple[str, ...]:
    """Return Audit Manager's kinds of manual input (keywordInputType)."""
    shape: Any = service(_SERVICE).shape_for("KeywordInputType")
    return tuple(shape.enum)
