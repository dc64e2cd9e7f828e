"""CloudWatch metrics: which sums are needed over which lookback, how they are asked and read.

One question per Region holds all models and metrics of all lookbacks (GetMetricData takes 500
queries): days are asked as far back as the longest lookback goes, and each window adds up its own.
A window is `days` whole UTC days before today, and today as far as it has come: its times derive
from the UTC day, so that a resumed run asks the same question.

A sum is known only where CloudWatch says Complete for it; a metric without data points is 0.0, a
metric that is not in the answer, PartialData on any page or a message beside the sum is a gap,
never 0.0. The pages of one query are added up.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from affidavit.checks.places import IN_USE_DAYS, SCOPED_BY_INVOCATIONS, metrics_read
from affidavit.checks.scoping import Scope
from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.observation import JsonObject
from affidavit.model.times import iso

MAX_QUERIES = 500
"""Queries in one GetMetricData call (API reference, MetricDataQueries)."""
DAY_SECONDS = 86400
MODEL_DIMENSION = "ModelId"
OTHER_DOORS: Mapping[str, tuple[str, str]] = {
    "AWS/BedrockMantle": ("Inferences", "bedrock-mantle"),
    "AWS/Bedrock/Agents": ("ModelInvocationCount", "Agents"),
}
"""Namespace -> (metric, door) of calls of models that AWS/Bedrock's Invocations may not count."""

Series = tuple[str, str]
"""CloudWatch's metric name and the value of ModelId, empty for the whole account."""


@dataclass(slots=True)
class Wanted:
    """The metrics that one window needs."""

    of_account: set[str] = field(default_factory=set)
    of_models: set[str] = field(default_factory=set)
    of_provisioned: set[str] = field(default_factory=set)


def other_doors() -> Iterator[JsonObject]:
    """Yield the questions that list who calls models by other doors than bedrock-runtime."""
    for namespace, (name, _door) in OTHER_DOORS.items():
        yield {"Namespace": namespace, "MetricName": name}


def day(now: datetime) -> datetime:
    """Return the start of the UTC day of `now`."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def days_before(now: datetime, days: int) -> str:
    """Return the start of the UTC day `days` before that of `now`, as RFC 3339."""
    return iso(day(now) - timedelta(days=days))


def parameter_values(
    catalogue: Catalogue, check: Check, name: str, params: Mapping[str, Mapping[str, Any]]
) -> set[Any]:
    """Return every value that a parameter of a check takes: the user's, else per source."""
    given = params.get(check.id, {})
    if name in given:
        return {given[name]}
    values = {
        source.params.get(name, check.params.get(name))
        for control in catalogue.framework.controls()
        for source in control.sources
        if source.check == check.id
    } or {check.params.get(name)}
    return values - {None}


def lookbacks(
    catalogue: Catalogue, check: Check, params: Mapping[str, Mapping[str, Any]]
) -> set[int]:
    """Return the days that a check looks back on metrics."""
    values = parameter_values(catalogue, check, "lookback_days", params)
    return {int(value) for value in values} or {IN_USE_DAYS}


def windows(catalogue: Catalogue, params: Mapping[str, Mapping[str, Any]]) -> dict[int, Wanted]:
    """Return what is needed by days of lookback, for all checks of the catalogue together."""
    needed: dict[int, Wanted] = {}
    for check in catalogue.checks.values():
        reads = metrics_read(check)
        scoped = check.resource_set == SCOPED_BY_INVOCATIONS
        for days in lookbacks(catalogue, check, params):
            if scoped:
                longer = needed.setdefault(max(days, IN_USE_DAYS), Wanted())
                longer.of_models.add("invocations")
            if reads["acct"]:
                needed.setdefault(days, Wanted()).of_account |= reads["acct"]
            if reads["r"] and scoped:
                needed.setdefault(days, Wanted()).of_models |= reads["r"]
            elif reads["r"] and check.resource_set == "provisioned":
                needed.setdefault(days, Wanted()).of_provisioned |= reads["r"]
    return needed


def models(scope: Scope, region: str) -> list[str]:
    """Return the values of ModelId that CloudWatch lists for Invocations, sorted."""
    names = {
        dimension["Value"]
        for metric in scope.items("ListMetrics", region)
        for dimension in metric.value.get("Dimensions", ())
        if dimension.get("Name") == MODEL_DIMENSION and dimension.get("Value")
    }
    return sorted(names)


def provisioned(scope: Scope, region: str) -> list[str]:
    """Return the ARNs of the provisioned throughputs in service, sorted."""
    return sorted(
        item.value["provisionedModelArn"]
        for item in scope.items("ListProvisionedModelThroughputs", region)
        if item.value["status"] == "InService"
    )


def dimension_of(arn: str, listed: Iterable[str]) -> str:
    """Return the ModelId under which CloudWatch lists a provisioned throughput, else its ARN."""
    identifier = arn.rsplit("/", maxsplit=1)[-1]
    return next((name for name in listed if name.rsplit("/", maxsplit=1)[-1] == identifier), arn)


def series(scope: Scope, region: str, wanted: Wanted) -> list[Series]:
    """Return the series of one window, in a fixed order, each once."""
    listed = models(scope, region)
    metrics = scope.catalogue.metrics
    found: dict[Series, None] = {}
    for name in sorted(wanted.of_account):
        found.update(dict.fromkeys((metric, "") for metric in metrics[name].metric_names))
    for names, dimensions in (
        (wanted.of_models, listed),
        (
            wanted.of_provisioned,
            [dimension_of(arn, listed) for arn in provisioned(scope, region)],
        ),
    ):
        for name in sorted(names):
            found.update(
                dict.fromkeys((m, d) for d in dimensions for m in metrics[name].metric_names)
            )
    return list(found)


def lookbacks_of(scope: Scope, region: str) -> dict[Series, list[int]]:
    """Return every series that is needed in a Region, in a fixed order, with its windows' days."""
    found: dict[Series, list[int]] = {}
    for days, wanted in sorted(windows(scope.catalogue, scope.params).items()):
        for one in series(scope, region, wanted):
            found.setdefault(one, []).append(days)
    return found


def questions(scope: Scope, region: str) -> Iterator[tuple[dict[Series, list[int]], JsonObject]]:
    """Yield each GetMetricData question of a Region: its series in order, and its parameters."""
    stats = {
        metric: (definition.namespace, definition.stat)
        for definition in scope.catalogue.metrics.values()
        for metric in definition.metric_names
    }
    needed = lookbacks_of(scope, region)
    longest = max((days for each in needed.values() for days in each), default=0)
    for part in _batches(needed):
        yield (
            part,
            {
                "MetricDataQueries": [
                    _query(index, name, dimension, *stats[name])
                    for index, (name, dimension) in enumerate(part)
                ],
                "StartTime": days_before(scope.now, longest),
                "EndTime": days_before(scope.now, -1),
            },
        )


def _batches(needed: Mapping[Series, list[int]]) -> Iterator[dict[Series, list[int]]]:
    waiting = iter(needed.items())
    while part := dict(islice(waiting, MAX_QUERIES)):
        yield part


def _query(index: int, name: str, dimension: str, namespace: str, stat: str) -> JsonObject:
    metric: JsonObject = {"Namespace": namespace, "MetricName": name}
    if dimension:
        metric["Dimensions"] = [{"Name": MODEL_DIMENSION, "Value": dimension}]
    return {
        "Id": query_id(index),
        "Label": f"{name} {dimension}".strip(),
        "MetricStat": {"Metric": metric, "Period": DAY_SECONDS, "Stat": stat},
        "ReturnData": True,
    }


def query_id(index: int) -> str:
    """Return the id of a question's query: q0, q1, …."""
    return f"q{index}"


Points = list[tuple[datetime, float]]


def read_points(body: Mapping[str, Any], identifier: str) -> tuple[Points | None, list[int]]:
    """Return the days of one query in a typed answer (None: unknown) and where its results stand.

    A query may come in several pages; every one must say Complete. PartialData on one of them is
    unknown even where a later page says Complete: daily sums are far below a page's datapoints, so
    something else than paging is behind it.
    """
    places = [
        (index, result)
        for index, result in enumerate(body.get("MetricDataResults", ()))
        if result.get("Id") == identifier
    ]
    indexes = [index for index, _ in places]
    results = [result for _, result in places]
    if not results or any(not _whole(result) for result in results):
        return None, indexes
    return [
        point
        for result in results
        for point in zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True)
    ], indexes


def sum_since(points: Points, now: datetime, days: int) -> float:
    """Return the sum of one window of days."""
    since = day(now) - timedelta(days=days)
    return float(sum(value for time, value in points if time >= since))


def _whole(result: Mapping[str, Any]) -> bool:
    """Tell whether CloudWatch vouches for one page of a query's result, and dates each value."""
    named = bool(result.get("Label")) and not result.get("Messages")
    dated = len(result.get("Timestamps", ())) == len(result.get("Values", ()))
    return named and dated and result.get("StatusCode") == "Complete"
