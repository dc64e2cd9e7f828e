"""Records of alarms on generative AI metrics and of log groups with prompts and responses."""

from collections.abc import Iterator, Mapping
from typing import Any

from affidavit.checks.drafts import View
from affidavit.checks.places import Record, RecordSet

NAMESPACES = frozenset({"AWS/Bedrock", "AWS/Bedrock/Guardrails", "AWS/Bedrock/Agents"})
"""The namespaces of Bedrock's own metrics."""

LOGGING = "GetModelInvocationLoggingConfiguration"


def log_group(view: View) -> RecordSet:
    """Return the log groups of invocation logs and of Bedrock's other logs."""
    gaps = (*view.gaps("DescribeLogGroups"), *view.scoping_gaps(LOGGING))
    return view.finish(_log_groups(view), gaps)


def _log_groups(view: View) -> Iterator[Record]:
    naming = {found.value: found for found in view.scope.log_group_names(view.region)}
    for found in view.readable(view.scope.log_groups(view.region)):
        name = found.value["logGroupName"]
        draft = view.of(found)
        if name in naming:
            draft.cite_found([naming[name]])
        draft.attributes |= {
            "name": name,
            "retentionInDays": found.value.get("retentionInDays"),
        }
        arn = found.value.get("logGroupArn") or found.value.get("arn", "").removesuffix(":*")
        yield draft.record(arn or view.arn("logs", f"log-group:{name}"))


def alarm(view: View) -> RecordSet:
    """Return the alarms on Bedrock's metrics and on metrics made from in-scope log groups."""
    scoping = view.scoping_gaps("DescribeMetricFilters", "DescribeLogGroups", LOGGING)
    return view.finish(_alarms(view), (*view.gaps("DescribeAlarms"), *scoping))


def _alarms(view: View) -> Iterator[Record]:
    emitted = _emitted(view)
    for found in view.items("DescribeAlarms"):
        metrics = _metrics(found.value)
        if any(space in NAMESPACES or (space, name) in emitted for space, name in metrics):
            draft = view.of(found)
            draft.attributes |= {
                "name": found.value.get("AlarmName"),
                "metric": ", ".join(sorted({name for _, name in metrics})),
                "state": found.value.get("StateValue"),
            }
            yield draft.record(found.value["AlarmArn"])


def _metrics(alarm: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (namespace, name) of the metrics that an alarm watches, metric math included."""
    watched = [(alarm.get("Namespace", ""), alarm.get("MetricName", ""))]
    for query in alarm.get("Metrics", ()):
        metric = query.get("MetricStat", {}).get("Metric", {})
        watched.append((metric.get("Namespace", ""), metric.get("MetricName", "")))
    return [metric for metric in watched if metric != ("", "")]


def _emitted(view: View) -> frozenset[tuple[str, str]]:
    """Return (namespace, name) of the metrics that filters make from in-scope log groups."""
    groups = {found.value["logGroupName"] for found in view.scope.log_groups(view.region)}
    groups |= {found.value for found in view.scope.log_group_names(view.region)}
    filters = view.scope.found("DescribeMetricFilters", view.region, "metricFilters[]")
    return frozenset(
        (made.get("metricNamespace", ""), made.get("metricName", ""))
        for found in filters
        if found.value.get("logGroupName") in groups
        for made in found.value.get("metricTransformations", ())
    )
