"""CloudWatch Logs: log groups and metric filters."""

from affidavit.demo.overlay.registry import Answer, Call, Paging, answers
from affidavit.demo.schema_region import LogGroup
from affidavit.demo.world import Place, spread

_PAGES = Paging("nextToken", "limit", 10)
_MILLISECONDS = 1000


@answers(
    "logs",
    "DescribeLogGroups",
    honours=["logGroupNamePrefix", "logGroupNamePattern", "logGroupClass", "includeLinkedAccounts"],
    paging=_PAGES,
)
def describe_log_groups(call: Call) -> Answer:
    """Answer with the log groups by name."""
    prefix, pattern = call.get("logGroupNamePrefix", ""), call.get("logGroupNamePattern", "")
    groups = sorted(spread(call.place.region.log_groups), key=lambda group: group.name)
    return {
        "logGroups": [
            _group(call.place, group)
            for group in groups
            if group.name.startswith(prefix) and pattern in group.name
        ]
    }


def _group(place: Place, group: LogGroup) -> Answer:
    arn = place.arn("logs", f"log-group:{group.name}")
    filters = [each for each in place.region.metric_filters if each.log_group == group.name]
    answer: Answer = {
        "logGroupName": group.name,
        "creationTime": int(place.ago(group.age).timestamp() * _MILLISECONDS),
        "metricFilterCount": len(filters),
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": 1 << 20,
        "logGroupClass": "STANDARD",
    }
    if group.retention:
        answer["retentionInDays"] = group.retention
    if group.key:
        answer["kmsKeyId"] = place.key_arn(group.key)
    if group.masking:
        answer["dataProtectionStatus"] = "ACTIVATED"
    return answer


@answers(
    "logs",
    "DescribeMetricFilters",
    honours=["logGroupName", "filterNamePrefix", "metricName", "metricNamespace"],
    paging=Paging("nextToken", "limit", 3),
)
def describe_metric_filters(call: Call) -> Answer:
    """Answer with the metric filters."""
    place = call.place
    wanted = {
        "log_group": call.get("logGroupName"),
        "metric": call.get("metricName"),
        "namespace": call.get("metricNamespace"),
    }
    prefix = call.get("filterNamePrefix", "")
    return {
        "metricFilters": [
            {
                "filterName": each.name,
                "filterPattern": each.pattern,
                "metricTransformations": [
                    {
                        "metricName": each.metric,
                        "metricNamespace": each.namespace,
                        "metricValue": "1",
                    }
                ],
                "creationTime": int(place.ago(200).timestamp() * _MILLISECONDS),
                "logGroupName": each.log_group,
            }
            for each in place.region.metric_filters
            if each.name.startswith(prefix)
            and all(value in {None, getattr(each, name)} for name, value in wanted.items())
        ]
    }
