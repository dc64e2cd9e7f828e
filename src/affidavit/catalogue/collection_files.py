"""operations.yaml, metrics.yaml, resource_sets.yaml and config_rules.yaml to values."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError

from affidavit.catalogue.fields import Fields
from affidavit.catalogue.shapes import service
from affidavit.catalogue.yaml_nodes import Node, Problems
from affidavit.model.catalogue import Check, ConfigRule, Join, Metric, Operation, ResourceSet

SCOPES: Final = ("account", "model")
STATISTICS: Final = ("Sum", "Average", "Maximum", "Minimum", "SampleCount")
FACT_KINDS: Final = ("string", "bool", "int", "double", "list", "timestamp")
DERIVED: Final = ("metric", "policy", "row", "stmt", "event")


def operations(document: Node, problems: Problems) -> dict[str, Operation]:
    """Return the operations by key, each checked against botocore's model of its service."""
    found: dict[str, Operation] = {}
    nodes: dict[str, Fields] = {}
    for node in _listed(document, problems):
        fields = Fields(node, problems)
        operation = _operation(fields)
        if operation.key in found:
            problems.add(node, f"operation {operation.key} stands twice")
        found[operation.key] = operation
        nodes[operation.key] = fields
    for key, operation in found.items():
        fields = nodes[key]
        for parent in operation.parents:
            if parent not in found:
                problems.add(fields.at("parents"), f"{key}: there is no operation {parent}")
        _known_to_botocore(operation, fields, problems)
    _acyclic(found, nodes, problems)
    return found


def _operation(fields: Fields) -> Operation:
    operation = Operation(
        key=fields.text("key"),
        service=fields.text("service"),
        operation=fields.text("operation"),
        per_account=fields.flag("per_account"),
        fan_out=fields.text("fan_out"),
        inputs=fields.words("inputs"),
        parents=fields.texts("parents"),
        absent_on=frozenset(fields.texts("absent_on")),
        iam_action=fields.text("iam_action"),
        redact=fields.texts("redact"),
        note=fields.text("note", ""),
    )
    fields.done()
    return operation


def _known_to_botocore(operation: Operation, fields: Fields, problems: Problems) -> None:
    try:
        model = service(operation.service).operation_model(operation.operation)
    except UnknownServiceError:
        problems.add(fields.at("service"), f"botocore knows no service {operation.service}")
        return
    except OperationNotFoundError:
        problems.add(
            fields.at("operation"), f"{operation.service} has no operation {operation.operation}"
        )
        return
    members = model.input_shape.members if model.input_shape else {}
    for name in sorted(set(operation.inputs) - set(members)):
        problems.add(fields.at("inputs"), f"{operation.key} takes no member {name}")
    for name in sorted(set(model.input_shape.required_members if model.input_shape else ())):
        if name not in operation.inputs:
            problems.add(fields.node, f"{operation.key} needs the member {name}")
    for path in operation.redact:
        if not _leads_somewhere(model.output_shape, path):
            problems.add(fields.at("redact"), f"{operation.key} answers nothing at {path}")


def _leads_somewhere(shape: Any, path: str) -> bool:
    for part in path.split("."):
        name = part.removesuffix("[]")
        kind = getattr(shape, "type_name", "")
        if kind == "map" and name == "*":
            shape = shape.value
        elif kind == "structure" and name in shape.members:
            shape = shape.members[name]
        else:
            return False
        if part.endswith("[]"):
            if shape.type_name != "list":
                return False
            shape = shape.member
    return True


def _acyclic(
    found: Mapping[str, Operation], nodes: Mapping[str, Fields], problems: Problems
) -> None:
    done: set[str] = set()
    waiting = dict(found)
    while waiting:
        ready = [k for k, o in waiting.items() if not (set(o.parents) & set(waiting)) - done]
        if not ready:
            for key in sorted(waiting):
                problems.add(nodes[key].at("parents"), f"{key} is, in the end, its own parent")
            return
        for key in ready:
            done.add(key)
            del waiting[key]


def metrics(document: Node, problems: Problems) -> dict[str, Metric]:
    """Return the metrics by name."""
    found: dict[str, Metric] = {}
    for name, node in _named(document, problems):
        fields = Fields(node, problems)
        found[name] = Metric(
            name=name,
            per_model=fields.choice("scope", SCOPES) == "model",
            namespace=fields.text("namespace"),
            metric_names=fields.texts("names", None),
            stat=fields.choice("stat", STATISTICS),
        )
        fields.done()
    return found


def resource_sets(
    document: Node, known: Mapping[str, Operation], problems: Problems
) -> dict[str, ResourceSet]:
    """Return the resource sets by id; every operation that they name must be `known`."""
    found: dict[str, ResourceSet] = {}
    for name, node in _named(document, problems):
        fields = Fields(node, problems)
        item = fields.fields("item", optional=True)
        found[name] = ResourceSet(
            id=name,
            title=fields.text("title"),
            arn=fields.text("arn"),
            resource_type=fields.text("resource_type"),
            per_account=fields.flag("per_account"),
            item_operation=item.text("operation") if item else "",
            item_path=item.text("path") if item else "",
            joins=tuple(
                Join(name=join, operation=join, mode=mode)
                for join, mode in fields.words("joins").items()
            ),
            facts=fields.words("facts"),
            derived=fields.texts("derived"),
            scoping_operations=fields.texts("scoping_operations"),
            scoping=fields.text("scoping"),
        )
        if item:
            item.done()
        fields.done()
        _set_holds(found[name], fields, known, problems)
    return found


def _set_holds(
    found: ResourceSet, fields: Fields, known: Mapping[str, Operation], problems: Problems
) -> None:
    named = [("item", found.item_operation)] if found.item_operation else []
    named += [("joins", join.operation) for join in found.joins]
    named += [("scoping_operations", key) for key in found.scoping_operations]
    for where, key in named:
        if key not in known:
            problems.add(fields.at(where), f"{found.id}: there is no operation {key}")
    for join in found.joins:
        if join.mode not in {"one", "list"} and not join.mode.startswith("elem:"):
            problems.add(fields.at("joins"), f"{found.id}: no such way to join: {join.mode}")
    for kind in sorted(set(found.facts.values()) - set(FACT_KINDS)):
        problems.add(fields.at("facts"), f"{found.id}: no such kind of fact: {kind}")
    for kind in sorted(set(found.derived) - set(DERIVED)):
        problems.add(fields.at("derived"), f"{found.id}: {kind} cannot be derived")


def config_rules(
    document: Node, checks: Mapping[str, Check], problems: Problems
) -> dict[str, ConfigRule]:
    """Return the AWS Config managed rules by identifier; every check that they name must exist."""
    found: dict[str, ConfigRule] = {}
    for identifier, node in _named(document, problems):
        check = str(node.value)
        if check not in checks:
            problems.add(node, f"{identifier}: there is no check {check}")
        found[identifier] = ConfigRule(identifier=identifier, check=check)
    return found


def _named(document: Node, problems: Problems) -> Iterator[tuple[str, Node]]:
    yield from Fields(document, problems).members.items()


def _listed(document: Node, problems: Problems) -> list[Node]:
    if isinstance(document.value, list):
        return document.value
    problems.add(document, "a list is expected here")
    return []
