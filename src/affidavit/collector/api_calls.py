"""The API calls that custom controls name: which operation, for which things, what is a resource.

Audit Manager spells its 108 keywords its own way (elasticloadbalancingv2_DescribeSSLPolicies). Each
becomes an operation like those of the catalogue, made from botocore's model and from the exceptions
in `api_calls.yaml`; its key is the keyword. Where the catalogue itself asks the same question, its
operation is used, so that nothing is asked twice.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

from affidavit.aws.models import operation_model, paging
from affidavit.catalogue.shapes import SEVERAL
from affidavit.catalogue.shapes import service as service_model
from affidavit.checks.fanout import CONSTANT, EACH, ONE_OF_LIST, PER_ITEM
from affidavit.model.catalogue import Catalogue, Operation, ResourceSet

_WHOLE: Final = frozenset({"once", "list_buckets"})
"""Fan-outs that ask once for all there is."""


def added(catalogue: Catalogue, keywords: Iterable[str]) -> dict[str, Operation]:
    """Return the operations that a catalogue needs for the keywords, with their parents, by key.

    Those of the catalogue that answer a keyword as they are come with the places of its resources.
    A keyword that botocore does not know adds nothing.
    """
    found: dict[str, Operation] = {}
    waiting = sorted(set(keywords))
    while waiting:
        own = operation(waiting.pop())
        if own is None or own.key in found:
            continue
        waiting += own.parents
        asked = _as_asked(catalogue, own)
        found[asked.key] = asked
    return found


def operations_of(catalogue: Catalogue, keyword: str) -> list[Operation]:
    """Return the operations of a catalogue that a keyword such as s3_GetBucketPolicy names."""
    if keyword in catalogue.operations:
        return [catalogue.operations[keyword]]
    named = [
        operation
        for operation in catalogue.operations.values()
        if f"{operation.service}_{operation.operation}".lower() == keyword.lower()
    ]
    return named + [catalogue.operations[key] for key in _call(keyword).get("also", ()) if named]


def record_set(catalogue: Catalogue, keyword: str) -> ResourceSet:
    """Return the kind of record that one of Audit Manager's API calls makes; its id: the keyword.

    So that a rule may judge the answers of any call, those that the catalogue's own kinds of
    records are not made of among them (`checks.sets.api_call`).
    """
    own = operation(keyword)
    if own is None:
        raise KeyError(keyword)
    asked = _as_asked(catalogue, own)
    return ResourceSet(
        id=keyword,
        title=f"resources of {keyword}",
        arn="as the answer names it",
        resource_type="",
        per_account=asked.per_account,
        item_operation=asked.key,
        item_path=SEVERAL.join(asked.lists),
        joins=(),
        facts=_asked_of(asked),
        derived=(),
        scoping_operations=(),
        scoping="everything that the call answers",
    )


@cache
def keywords() -> tuple[str, ...]:
    """Return the 108 keywords of Audit Manager, sorted."""
    groups: dict[str, list[str]] = _read("api_keywords.yaml")
    return tuple(sorted(keyword for group in groups.values() for keyword in group))


@cache
def operation(keyword: str) -> Operation | None:
    """Return the operation that one of Audit Manager's API calls means; None for any other.

    Nothing else can ever be asked by a keyword, however it came into a control. It is known by the
    keyword, and those that list what it is asked of (ecs_ListClusters) are known too.
    Its key is the keyword, its fan-out `each`: `inputs` says what is asked.
    """
    if keyword not in _known():
        return None
    prefix, _, name = keyword.partition("_")
    service = _file()["services"].get(prefix, prefix)
    known = _operation_name(service, name)
    call = _call(keyword)
    each: Mapping[str, str] = call.get("each", {})
    sent = {name: CONSTANT + json.dumps(value) for name, value in call.get("with", {}).items()}
    action = f"{service_model(service).signing_name}:{known}"
    return Operation(
        key=keyword,
        service=service,
        operation=known,
        per_account=call.get("per_account", prefix in _file()["per_account"]),
        fan_out=EACH,
        inputs={**sent, **each},
        parents=tuple(dict.fromkeys(_parent(path) for path in each.values())),
        absent_on=frozenset(call.get("absent_on", ())),
        iam_action=call.get("iam_action", action),
        redact=tuple(call.get("redact", ())),
        note="",
        lists=tuple(call["lists"]) if "lists" in call else _lists(service, known),
        arn=call.get("arn", ""),
    )


def _as_asked(catalogue: Catalogue, own: Operation) -> Operation:
    """Return the catalogue's operation for the same question, else the own one, parents renamed."""
    same = _same(catalogue, own)
    if same is not None:
        return replace(same, lists=own.lists, arn=own.arn)
    names = {}
    for parent in own.parents:
        made = operation(parent)
        known = _same(catalogue, made) if made else None
        names[parent] = known.key if known else parent
    inputs = {
        member: text if text.startswith(CONSTANT) else text.replace(parent, names[parent], 1)
        for member, text in own.inputs.items()
        for parent in [_parent(text)]
    }
    return replace(own, inputs=inputs, parents=tuple(names.values()))


def _same(catalogue: Catalogue, own: Operation) -> Operation | None:
    """Return the catalogue's operation that asks exactly this, if there is one."""
    for known in catalogue.operations.values():
        alike = (known.service, known.operation) == (own.service, own.operation)
        if alike and known.fan_out in _WHOLE and not own.inputs:
            return known
    return None


def _asked_of(asked: Operation) -> dict[str, str]:
    """Return the members of a request that say which thing is asked of, with their kind."""
    if asked.fan_out not in PER_ITEM:
        return {}
    apart = (CONSTANT, ONE_OF_LIST)
    return {name: "string" for name, text in asked.inputs.items() if not text.startswith(apart)}


def _parent(path: str) -> str:
    return path.lstrip("*").partition(".")[0]


@cache
def _known() -> frozenset[str]:
    parents = {
        _parent(p) for call in _file()["calls"].values() for p in call.get("each", {}).values()
    }
    return frozenset(keywords()) | parents


@cache
def _file() -> Mapping[str, Any]:
    return _read("api_calls.yaml")


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(
        (files("affidavit.collector") / name).read_text(encoding="utf-8")
    )
    return read


def _call(keyword: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _file()["calls"].get(keyword, {})
    return found


def _operation_name(service: str, name: str) -> str:
    """Return botocore's spelling of an operation, whatever the case given."""
    names = service_model(service).operation_names
    return next(known for known in names if known.lower() == name.lower())


def _lists(service: str, name: str) -> tuple[str, ...]:
    """Return where an answer lists its resources: its paginator's results, or its only list."""
    pages = paging(service, name)
    if pages is not None:
        return tuple(f"{key}[]" for key in pages.result_keys)
    shape: Any = operation_model(service, name).output_shape
    members = shape.members if shape is not None else {}
    lists = [member for member, its in members.items() if its.type_name == "list"]
    return tuple(f"{member}[]" for member in lists) if len(lists) == 1 else ()
