"""The plan: the smallest set of distinct operations that answers the chosen controls.

Each operation is asked once for all controls that need it, parents before children.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from affidavit.checks import trail_files
from affidavit.collector.api_calls import operations_of
from affidavit.errors import CatalogueError, UsageError
from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.framework import Control, ControlSource, Framework, SourceType
from affidavit.model.observation import GapReason, Observation, Result
from affidavit.prompts.recorded_runs import is_taken_over

EVENT_OPERATION = "LookupEvents"
CONFIG_OPERATIONS = ("DescribeConfigRules", "GetComplianceDetailsByConfigRule")

_NEEDED: Mapping[SourceType, tuple[str, ...]] = {
    SourceType.CONFIG: CONFIG_OPERATIONS,
    SourceType.CLOUDTRAIL: (EVENT_OPERATION,),
    SourceType.INVOCATION_LOG: ("FilterLogEvents",),
}
"""Operations that a source of the type needs besides its check's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked in every account of a run."""

    catalogue: Catalogue
    """The catalogue, its framework narrowed to the chosen controls: fan-outs ask for no other."""
    operations: tuple[Operation, ...]
    """Every parent before its children."""
    events: tuple[str, ...]
    """Keywords of the CloudTrail sources, `<service>_<EventName>`, sorted."""
    by_control: Mapping[str, frozenset[str]]
    """Keys of the operations that each control needs, by control id."""

    def naive(self, facts: Iterable[Result]) -> int:
        """Return how many of one account's questions asking for each control alone would take.

        A control needs all questions of its operations, but of LookupEvents and of Config's
        evaluations only those of its own keywords. What is not configured is no question.
        """
        asked = _Asked(facts)
        return sum(
            asked.of(control, self.by_control[control.id])
            for control in self.catalogue.framework.controls()
        )


class _Asked:
    """The questions of one account, counted by operation and, where it matters, by keyword."""

    def __init__(self, facts: Iterable[Result]) -> None:
        self._by_key: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        rules: dict[str, str] = {}
        named: Counter[str] = Counter()
        for result in facts:
            if not isinstance(result, Observation) and result.reason is GapReason.NOT_CONFIGURED:
                continue
            if is_taken_over(result.unit):
                continue
            key, parameters = result.unit.key, result.unit.parameters
            if key == EVENT_OPERATION:
                self._events.update(a["AttributeValue"] for a in parameters["LookupAttributes"])
            elif key == CONFIG_OPERATIONS[1]:
                named[parameters["ConfigRuleName"]] += 1
            else:
                self._by_key[key] += 1
            if key == CONFIG_OPERATIONS[0] and isinstance(result, Observation):
                rules.update(_identifiers(result))
        self._rules: Counter[str] = Counter()
        for name, count in named.items():
            self._rules[rules.get(name, "")] += count

    def of(self, control: Control, keys: Collection[str]) -> int:
        """Return how many of the questions a control needs."""
        config = {s.keyword for s in control.sources if s.type is SourceType.CONFIG}
        events = {
            s.keyword.partition("_")[2] for s in control.sources if s.type is SourceType.CLOUDTRAIL
        }
        return (
            sum(self._by_key[key] for key in keys)
            + sum(self._events[name] for name in events)
            + sum(self._rules[identifier] for identifier in config)
        )


def _identifiers(rules: Observation) -> dict[str, str]:
    """Return the identifier of each managed Config rule by the rule's name."""
    return {
        rule["ConfigRuleName"]: rule.get("Source", {}).get("SourceIdentifier", "")
        for rule in rules.body.get("ConfigRules", [])
    }


def plan(catalogue: Catalogue, controls: Collection[str] | None = None) -> Plan:
    """Return the plan of the named controls, or of all.

    Raises `UsageError` for a control that the framework does not have, `CatalogueError` where
    operations are parents of each other or missing.
    """
    narrowed = catalogue if controls is None else _narrow(catalogue, controls)
    by_control = {
        control.id: frozenset(_closure(catalogue, _control_keys(catalogue, control)))
        for control in narrowed.framework.controls()
    }
    joined = {
        key for control in narrowed.framework.controls() for key in _joins(catalogue, control)
    }
    needed = _closure(catalogue, joined.union(*by_control.values()))
    return Plan(
        catalogue=narrowed,
        operations=tuple(_in_order(catalogue, needed)),
        events=tuple(sorted(set(_events(narrowed.framework)))),
        by_control=by_control,
    )


def _narrow(catalogue: Catalogue, controls: Collection[str]) -> Catalogue:
    framework = catalogue.framework
    unknown = set(controls) - {control.id for control in framework.controls()}
    if unknown:
        raise UsageError(
            f"Unknown control: {', '.join(sorted(unknown))}",
            why=f"The framework {framework.id} does not have it.",
            todo="See affidavit framework show.",
        )
    control_sets = tuple(
        replace(one, controls=tuple(c for c in one.controls if c.id in controls))
        for one in framework.control_sets
    )
    return replace(catalogue, framework=replace(framework, control_sets=control_sets))


def _events(framework: Framework) -> Iterator[str]:
    for control in framework.controls():
        for source in control.sources:
            if source.type is SourceType.CLOUDTRAIL:
                yield source.keyword


def _control_keys(catalogue: Catalogue, control: Control) -> set[str]:
    """Return the operations that the control's sources read, without their parents."""
    return {key for source in control.sources for key in _source_keys(catalogue, source)}


def _source_keys(catalogue: Catalogue, source: ControlSource) -> Iterator[str]:
    yield from _NEEDED.get(source.type, ())
    if source.type is SourceType.CLOUDTRAIL and trail_files.OPERATION in catalogue.operations:
        yield trail_files.OPERATION  # a catalogue of LookupEvents alone asks for nothing else
    if source.check:
        yield from catalogue.checks[source.check].operations
    elif source.type is SourceType.API_CALL:
        yield from (operation.key for operation in operations_of(catalogue, source.keyword))


def _joins(catalogue: Catalogue, control: Control) -> Iterator[str]:
    """Yield what the records of the control's resource sets are made of."""
    for source in control.sources:
        if source.check:
            found = catalogue.resource_sets[catalogue.checks[source.check].resource_set]
            yield from (found.item_operation,) if found.item_operation else ()
            yield from (join.operation for join in found.joins)
            yield from found.scoping_operations


def _closure(catalogue: Catalogue, keys: Iterable[str]) -> set[str]:
    """Return the operations with all their parents; `CatalogueError` names a missing one."""
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        if key not in catalogue.operations:
            raise CatalogueError(
                f"The catalogue has no operation {key}",
                why="A check, a resource set or another operation needs it.",
                todo="Add it to operations.yaml.",
            )
        found.add(key)
        waiting.extend(catalogue.operations[key].parents)
    return found


def _in_order(catalogue: Catalogue, needed: set[str]) -> Iterator[Operation]:
    """Yield parents before children, otherwise in the catalogue's order."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for key, operation in catalogue.operations.items():
        if key in needed:
            # An operation that asks again from its own answers is no cycle.
            sorter.add(key, *(parent for parent in operation.parents if parent != key))
    try:
        order = tuple(sorter.static_order())
    except CycleError as error:
        raise CatalogueError(
            "Operations are parents of each other",
            why=" needs ".join(error.args[1]),
            todo="Remove a parent in operations.yaml.",
        ) from error
    for key in order:
        yield catalogue.operations[key]
