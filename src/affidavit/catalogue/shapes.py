"""The shapes behind check paths: botocore's models for answers, our own for what is derived.

`Shapes.of(path, resource_set)` walks a path such as `r.GetGuardrail.contentPolicy.filters[].type`
and returns what lies there, so that a check cannot read a member that AWS never answers.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import OperationNotFoundError, ServiceModel, StructureShape

from affidavit.catalogue.model_files import LeanFiles
from affidavit.model.catalogue import Metric, Operation, ResourceSet


class PathError(ValueError):
    """A path leads nowhere; the message says at which member."""


_ROW_COLUMNS: Final = [
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
]
"""Columns of the credential report (IAM User Guide, 'Getting credential reports')."""

_STATEMENT: Final[Mapping[str, Any]] = {
    "Effect": "string",
    "Principal": ["string"],
    "Action": ["string"],
    "Resource": ["string"],
    "Condition": {"*": {"*": ["string"]}},
}
"""A normalised policy statement, see the conventions in framework.yaml."""

_EVENT: Final[Mapping[str, Any]] = {
    "errorCode": "string",
    "tlsDetails": {"tlsVersion": "string", "cipherSuite": "string"},
    "userIdentity": {"*": "any"},
    "requestParameters": {"*": "any"},
}
"""Members of a CloudTrail record that checks may read (CloudTrail User Guide, Record contents)."""

_FACT_KINDS: Final[Mapping[str, Any]] = {"list": ["string"]}
ACCOUNT_FACTS: Final[Mapping[str, Any]] = {
    "bedrockInUse": "boolean",
    "invocationLogGroups": ["string"],
    "bucketsHere": ["string"],
}
"""acct.fact: whether Bedrock is in use in the Region, the log groups that hold prompts, and the
in-scope buckets that lie in the Region (whoever names them)."""

_KINDS: Final[Mapping[str, str]] = {
    "integer": "integer",
    "long": "integer",
    "double": "double",
    "float": "double",
    "boolean": "boolean",
    "string": "string",
    "character": "string",
    "timestamp": "timestamp",
    "list": "list",
    "structure": "map",
    "map": "map",
    "blob": "string",
}
"""botocore's shape types and the kinds that checks see."""


SEVERAL: Final = " "
"""What stands between the paths of a set whose items are listed at several."""


@cache
def loader() -> Loader:
    """Return the loader of botocore's service models, one for the process."""
    return Loader(file_loader=LeanFiles())


@cache
def service(name: str) -> ServiceModel:
    """Return botocore's model of a service; raises botocore's `UnknownServiceError`."""
    return ServiceModel(loader().load_service_model(name, "service-2"), name)


class Shapes:
    """What lies at a path, for one catalogue's operations, metrics and resource sets."""

    def __init__(
        self,
        operations: Mapping[str, Operation],
        metrics: Mapping[str, Metric],
        resource_sets: Mapping[str, ResourceSet],
    ) -> None:
        self.operations = operations
        self.metrics = metrics
        self.resource_sets = resource_sets

    def output(self, key: str) -> StructureShape:
        """Return the output shape of operation `key`; `PathError` when it has none."""
        operation = self.operations.get(key)
        if operation is None:
            raise PathError(f"{key} is no operation of the catalogue")
        try:
            shape = service(operation.service).operation_model(operation.operation).output_shape
        except (UnknownServiceError, OperationNotFoundError) as error:
            raise PathError(f"{key} is unknown to botocore") from error
        if shape is None:
            raise PathError(f"{key} answers nothing")
        return shape

    def of(self, path: str, resource_set: str) -> Any:
        """Return the shape at `path` for records of `resource_set`; raises `PathError`."""
        head, *rest = path.split(".")
        if head == "acct":
            value: Any = self.account(rest[0].removesuffix("[]"))
        else:
            value = self.record(self.resource_sets[resource_set])
            rest.insert(0, "")
        for index, part in enumerate(rest):
            if part and (index or head != "acct"):
                value = self._member(value, part.removesuffix("[]"), path)
            for _ in range(part.count("[]")):
                value = _element(value, path)
        return value

    def has_members(self, path: str, resource_set: str) -> bool:
        """Tell whether what lies at `path` has members of fixed names: no map of AWS's, no list."""
        try:
            shape = self.of(path, resource_set)
        except PathError:
            return False
        if isinstance(shape, str):
            return shape.startswith("set:")
        return isinstance(shape, Mapping) or getattr(shape, "type_name", "") == "structure"

    def account(self, name: str) -> Any:
        """Return the shape of `acct.<name>`."""
        if name == "fact":
            return ACCOUNT_FACTS
        if name == "metric":
            return {m.name: "double" for m in self.metrics.values() if not m.per_model}
        if name == "set":
            return {key: [f"set:{key}"] for key in self.resource_sets}
        return self.output(name)

    def record(self, resource_set: ResourceSet) -> Mapping[str, Any]:
        """Return what `r` may hold in a resource set."""
        members: dict[str, Any] = {}
        if resource_set.item_operation:
            shape: Any = self.output(resource_set.item_operation)
            members["item"] = self._item(shape, resource_set.item_path)
        for join in resource_set.joins:
            shape = self.output(join.operation)
            if join.mode.startswith("elem:"):
                shape = self._walk(shape, join.mode.removeprefix("elem:"))
            members[join.name] = [shape] if join.mode == "list" else shape
        members["fact"] = {k: _FACT_KINDS.get(v, _fact(v)) for k, v in resource_set.facts.items()}
        derived: dict[str, Any] = {
            "metric": {m.name: "double" for m in self.metrics.values() if m.per_model},
            "row": dict.fromkeys(_ROW_COLUMNS, "string"),
            "stmt": _STATEMENT,
            "policy": [_STATEMENT],
            "event": _EVENT,
        }
        return members | {name: derived[name] for name in resource_set.derived}

    def _item(self, shape: Any, paths: str) -> Any:
        """Return what an answer lists at one path or several, or else the answer."""
        if not paths:
            return shape
        found = [self._walk(shape, path) for path in paths.split(SEVERAL)]
        if len(found) == 1:
            return found[0]
        return {name: its for one in found for name, its in one.members.items()}

    def _walk(self, shape: Any, path: str) -> Any:
        for part in path.split("."):
            shape = self._member(shape, part.removesuffix("[]"), path)
            for _ in range(part.count("[]")):
                shape = _element(shape, path)
        return shape

    def _member(self, value: Any, name: str, path: str) -> Any:
        if isinstance(value, str) and value.startswith("set:"):
            value = self.record(self.resource_sets[value.removeprefix("set:")])
        if isinstance(value, Mapping):
            found = value.get(name, value.get("*"))
        elif getattr(value, "type_name", "") == "structure":
            found = value.members.get(name)
        else:
            found = value.value if getattr(value, "type_name", "") == "map" else None
        if found is None:
            raise PathError(f"{path}: there is no {name}")
        return found


def _fact(kind: str) -> str:
    return {"bool": "boolean", "int": "integer"}.get(kind, kind)


def _element(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return value[0]
    if getattr(value, "type_name", "") == "list":
        return value.member
    if getattr(value, "type_name", "") == "map":
        return "string"
    raise PathError(f"{path}: not a list")


def kind_of(shape: Any) -> str:
    """Return the kind of value at a shape, in the words of `model.catalogue.Member.kind`."""
    if isinstance(shape, Mapping):
        return "map"
    if isinstance(shape, list):
        return "list"
    if isinstance(shape, str):
        return "map" if shape.startswith("set:") else shape
    return _KINDS[shape.type_name]


def enum_of(shape: Any) -> tuple[str, ...]:
    """Return the values that botocore lists for a string shape; empty where it lists none."""
    return tuple(getattr(shape, "enum", ()) or ())
