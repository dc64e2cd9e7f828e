"""What answers list: items and other values, each with the place where it stands.

A place is a JSON pointer (RFC 6901) into the stored body, so that evidence can cite it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.model.observation import Observation

LISTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ListCustomModels": ("modelSummaries[]", ("modelArn",)),
    "ListModelCustomizationJobs": (
        "modelCustomizationJobSummaries[]",
        ("jobArn", "creationTime", "status"),
    ),
    "ListGuardrails": ("guardrails[]", ("id", "arn")),
    "ListEvaluationJobs": ("jobSummaries[]", ("jobArn",)),
    "ListProvisionedModelThroughputs": (
        "provisionedModelSummaries[]",
        ("provisionedModelArn", "status"),
    ),
    "ListKnowledgeBases": ("knowledgeBaseSummaries[]", ("knowledgeBaseId",)),
    "ListDataSources": ("dataSourceSummaries[]", ("knowledgeBaseId", "dataSourceId")),
    "ListAgents": ("agentSummaries[]", ("agentId",)),
    "ListBuckets": ("Buckets[]", ("Name",)),
    "ListBackupPlans": ("BackupPlansList[]", ("BackupPlanId", "BackupPlanArn")),
    "DescribeTrails": ("trailList[]", ("TrailARN",)),
    "DescribeAlarms": ("MetricAlarms[]", ("AlarmArn",)),
    "DescribeLogGroups": ("logGroups[]", ("logGroupName",)),
    "DescribeConfigRules": ("ConfigRules[]", ("ConfigRuleName", "ConfigRuleState")),
    "ListMetrics": ("Metrics[]", ("MetricName",)),
    "MetricsOfOtherDoors": ("Metrics[]", ("Namespace", "MetricName")),
    "LookupEvents": ("Events[]", ("EventId", "EventName", "EventSource")),
    "TrailFiles": ("events[]", ("EventId", "EventName")),
    "ListServiceSpecificCredentials": ("ServiceSpecificCredentials[]", ("UserName",)),
}
"""Where an operation lists its items, and the members without which an item cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value in a stored answer, and where it stands."""

    source: Observation
    pointer: str
    """JSON pointer (RFC 6901) into the body of `source`."""
    value: Any


def items(observation: Observation) -> Iterator[Found]:
    """Yield the items that an observation lists, without those that cannot be told apart."""
    path, members = LISTS[observation.unit.key]
    for found in walk(observation, path):
        if isinstance(found.value, Mapping) and all(map(found.value.get, members)):
            yield found


def nameless(observation: Observation) -> int:
    """Return how many items of an observation `items` leaves out."""
    if observation.unit.key not in LISTS:
        return 0
    path, _ = LISTS[observation.unit.key]
    return sum(1 for _ in walk(observation, path)) - sum(1 for _ in items(observation))


def walk(observation: Observation, path: str) -> Iterator[Found]:
    """Yield every value at `path` (dots, [] for list elements) in the body of an observation."""
    steps = path.replace("[]", ".[]").split(".")
    yield from _walk(observation, observation.body, steps, "")


def _walk(source: Observation, value: Any, steps: list[str], pointer: str) -> Iterator[Found]:
    if not steps:
        if value is not None:
            yield Found(source=source, pointer=pointer, value=value)
        return
    step, *rest = steps
    if step == "[]":
        for index, element in enumerate(value if isinstance(value, list) else ()):
            yield from _walk(source, element, rest, f"{pointer}/{index}")
    elif isinstance(value, Mapping) and step in value:
        yield from _walk(source, value[step], rest, f"{pointer}/{escape(step)}")


def escape(name: str) -> str:
    """Return a member's name as a reference token of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")
