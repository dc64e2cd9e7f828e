"""Whether checks read what AWS answers: members, constants, parameters, operations."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from affidavit.catalogue.check_files import CheckFile
from affidavit.catalogue.reads import Reads, reads_of
from affidavit.catalogue.shapes import PathError, Shapes, enum_of, kind_of
from affidavit.catalogue.yaml_nodes import Problems
from affidavit.model.catalogue import Check, Member, Operation
from affidavit.model.framework import Framework

KNOWN_EXCEPTIONS: Final = frozenset({("VpcEndpoint", "State", "available")})
"""Values that the service answers though its model does not list them (structure, member, value):
DescribeVpcEndpoints answers `available`, the model lists `Available`."""

_SCHEDULED: Final = frozenset({"lookback_days", "job_lookback_days", "suite", "detectors"})
"""Parameters that steer the collection, not an expression."""
_FROM: Final[Mapping[str, tuple[str, ...]]] = {
    "metric": ("GetMetricData",),
    "policy": ("GetBucketPolicy",),
}
"""Operations behind members of a record that are derived."""


class CheckValidator:
    """Compares checks with the shapes behind them and with what they declare."""

    def __init__(
        self, shapes: Shapes, operations: Mapping[str, Operation], problems: Problems
    ) -> None:
        self.shapes = shapes
        self.operations = operations
        self.problems = problems

    def check(self, read: CheckFile) -> Check:
        """Return the check with the kinds of what it reads; what does not hold is a problem."""
        check = read.check
        reads = reads_of(*read.trees.values())
        if check.resource_set not in self.shapes.resource_sets:
            return check
        self._declared(read, reads)
        self._parameters(read, reads)
        self._constants(read, reads)
        self._operations(read, reads)
        return replace(check, reads=tuple(self._kinds(read)))

    def _declared(self, read: CheckFile, reads: Reads) -> None:
        declared = {member.path: member.required for member in read.check.reads}
        where = read.fields.at("reads")
        for path, required in reads.members().items():
            words = "required" if required else "optional"
            if path not in declared:
                self.problems.add(where, f"{read.check.id} reads {path} ({words}) undeclared")
            elif declared[path] != required:
                self.problems.add(where, f"{read.check.id}: {path} is {words}, declared otherwise")
        for path in sorted(set(declared) - set(reads.members())):
            self.problems.add(where, f"{read.check.id} declares {path}, which it does not read")

    def _kinds(self, read: CheckFile) -> Iterator[Member]:
        where = read.fields.at("reads")
        for member in read.check.reads:
            try:
                shape = self.shapes.of(member.path, read.check.resource_set)
            except PathError as error:
                self.problems.add(where, f"{read.check.id}: {error}")
                yield member
                continue
            yield replace(member, kind=kind_of(shape))

    def _parameters(self, read: CheckFile, reads: Reads) -> None:
        declared = set(read.check.params)
        for name in sorted(reads.parameters - declared):
            self.problems.add(
                read.fields.at("params"), f"{read.check.id}: parameter {name} has no default"
            )
        for name in sorted(declared - reads.parameters - _SCHEDULED):
            self.problems.add(
                read.fields.at("params"), f"{read.check.id}: parameter {name} is never read"
            )

    def _constants(self, read: CheckFile, reads: Reads) -> None:
        params = read.check.params
        compared = list(reads.constants)
        for path, parameter in reads.params:
            value = params.get(parameter.split(".")[1].removesuffix("[]"))
            values = value if isinstance(value, list) else [value]
            compared += [(path, v) for v in values if isinstance(v, str)]
        for path, value in sorted(set(compared)):
            self._possible(read, path, value)
        for path, keys in reads.tables:
            missing = set(enum_of(self._shape(read, path))) - set(keys)
            for value in sorted(missing):
                self.problems.add(
                    read.fields.node, f"{read.check.id}: {path} may be {value}, which is not mapped"
                )

    def _possible(self, read: CheckFile, path: str, value: str) -> None:
        allowed = enum_of(self._shape(read, path))
        if not allowed or value in allowed:
            return
        structure = path.rpartition(".")[0]
        name = path.rpartition(".")[2].removesuffix("[]")
        owner = getattr(self._shape(read, structure), "name", "")
        if (owner, name, value) not in KNOWN_EXCEPTIONS:
            self.problems.add(
                read.fields.node, f"{read.check.id}: {path} is never {value!r} in botocore's model"
            )

    def _shape(self, read: CheckFile, path: str) -> Any:
        try:
            return self.shapes.of(path, read.check.resource_set)
        except (PathError, IndexError):
            return "any"

    def _operations(self, read: CheckFile, reads: Reads) -> None:
        declared = set(read.check.operations)
        for path in reads.members():
            for key in self._behind(path, read.check.resource_set):
                if key in self.operations and key not in declared:
                    self.problems.add(
                        read.fields.at("operations"),
                        f"{read.check.id} reads {path}, so it needs the operation {key}",
                    )

    def _behind(self, path: str, resource_set: str) -> Iterable[str]:
        root, *parts = [part.removesuffix("[]") for part in path.split(".")]
        if root == "acct" and parts[0] == "set":
            resource_set, parts = parts[1], parts[2:] or ["item"]
        elif root == "acct":
            return _FROM.get(parts[0], (parts[0],))
        found = self.shapes.resource_sets.get(resource_set)
        if parts[0] == "item" and found:
            return (found.item_operation,)
        return _FROM.get(parts[0], (parts[0],))


def references(framework: Framework, checks: Mapping[str, Check]) -> Iterator[str]:
    """Yield what does not hold between controls and checks: duplicates, and checks nobody names."""
    ids = [control.id for control in framework.controls()]
    yield from (
        f"control {name} stands twice" for name in sorted({i for i in ids if ids.count(i) > 1})
    )
    sources = [source.id for control in framework.controls() for source in control.sources]
    if len(set(sources)) != len(sources):
        yield "two sources of one control have the same type, keyword and check"
    named = {source.check for control in framework.controls() for source in control.sources}
    yield from (f"no control names the check {name}" for name in sorted(set(checks) - named))
