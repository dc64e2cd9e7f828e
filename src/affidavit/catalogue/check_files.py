"""checks/*.yaml to checks: fields, CEL that compiles, and a version digest for each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from affidavit.catalogue.cel_library import cel
from affidavit.catalogue.expression import ExpressionError, Literal, Node, parse
from affidavit.catalogue.fields import Fields
from affidavit.catalogue.yaml_nodes import Node as YamlNode
from affidavit.catalogue.yaml_nodes import Problems
from affidavit.model.catalogue import Check, Member, Operation, ResourceSet, version_of
from affidavit.model.framework import SourceType
from affidavit.model.verdict import Verdict

EXPRESSIONS: Final = ("applies", "compliant", "inconclusive")
_ALWAYS: Final = "true"


@dataclass(frozen=True, slots=True)
class CheckFile:
    """A check with where it stands and its expressions as trees."""

    check: Check
    fields: Fields
    trees: Mapping[str, Node]
    """By member: applies, compliant, inconclusive, empty."""


def checks(
    documents: Iterable[YamlNode],
    operations: Mapping[str, Operation],
    resource_sets: Mapping[str, ResourceSet],
    problems: Problems,
) -> dict[str, CheckFile]:
    """Return the checks of all `documents` by id."""
    found: dict[str, CheckFile] = {}
    for document in documents:
        if not isinstance(document.value, list):
            problems.add(document, "a list of checks is expected here")
            continue
        for node in document.value:
            read = _check(Fields(node, problems), problems)
            check = read.check
            if check.id in found:
                problems.add(node, f"check {check.id} stands twice")
            found[check.id] = read
            if check.resource_set not in resource_sets:
                where = read.fields.at("resource_set")
                problems.add(where, f"{check.id}: there is no resource set {check.resource_set}")
            for key in check.operations:
                if key not in operations:
                    where = read.fields.at("operations")
                    problems.add(where, f"{check.id}: there is no operation {key}")
    return found


def _check(fields: Fields, problems: Problems) -> CheckFile:
    empty = fields.fields("empty", optional=True)
    content: dict[str, Any] = {
        "id": fields.text("id"),
        "resource_set": fields.text("resource_set"),
        "type": fields.choice("type", tuple(SourceType)),
        "keyword": fields.text("keyword"),
        "applies": fields.text("applies"),
        "compliant": fields.text("compliant"),
        "inconclusive": fields.text("inconclusive", ""),
        "words": fields.text("words"),
        "params": fields.values("params"),
        "empty_verdict": Verdict(
            empty.choice("verdict", tuple(Verdict)) if empty else Verdict.NOT_APPLICABLE
        ),
        "empty_when": empty.text("when") if empty else _ALWAYS,
        "operations": fields.texts("operations", None),
        "reads": _reads(fields, problems),
        "note": fields.text("note", ""),
    }
    security_hub, remedy = fields.texts("security_hub"), fields.text("remedy")
    if empty:
        empty.done()
    fields.done()
    check = Check(**content, digest="", security_hub=security_hub, remedy=remedy)
    check = replace(check, digest=version_of(check))
    return CheckFile(check, fields, _trees(check, fields, problems))


def _reads(fields: Fields, problems: Problems) -> tuple[Member, ...]:
    members: list[Member] = []
    for node in fields.nodes("reads"):
        if isinstance(node.value, str):
            members.append(Member(path=node.value, required=True, absent_means=""))
            continue
        entry = Fields(node, problems)
        path, absent = entry.text("path"), entry.text("absent")
        entry.done()
        members.append(Member(path=path, required=False, absent_means=absent))
    return tuple(members)


def _trees(check: Check, fields: Fields, problems: Problems) -> Mapping[str, Node]:
    texts = {name: getattr(check, name) for name in EXPRESSIONS} | {"empty": check.empty_when}
    return {
        name: _tree(text, fields.at(name), f"{check.id} {name}", problems)
        for name, text in texts.items()
        if text
    }


def _tree(text: str, node: YamlNode, what: str, problems: Problems) -> Node:
    try:
        cel.compile(text)
        return parse(text)
    except ExpressionError as error:
        problems.add(node, f"{what} is no expression that checks may use: {error}")
    except ValueError as error:
        problems.add(node, f"{what} does not compile: {str(error).splitlines()[0]}")
    return Literal(value=None)
