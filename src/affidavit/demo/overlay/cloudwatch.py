"""CloudWatch: alarms, and Bedrock's metrics as the estate's models were used."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from affidavit.demo.overlay.bedrock import provisioned_arn
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema_region import Alarm
from affidavit.demo.world import Place, spread

_NAMESPACE = "AWS/Bedrock"
_WINDOW_DAYS = 30
"""Totals of the estate are those of the last 30 days."""
_LATENCY_MS = 900.0
_FAILURES = "ModelInvocationLogsCloudWatchDeliveryFailure"
_DELIVERIES = "ModelInvocationLogs%sDeliverySuccess"
_PER_MODEL = {
    "Invocations": "invocations",
    "InvocationThrottles": "throttles",
    "InvocationServerErrors": "server_errors",
    "InputTokenCount": "input_tokens",
    "OutputTokenCount": "output_tokens",
    "LegacyModelInvocations": "legacy",
}
_MOST_DATAPOINTS = 2000
"""Datapoints a page of GetMetricData (AWS: 100,800; small here, so that there are pages)."""


def _totals(place: Place) -> dict[str, dict[str, int]]:
    """Return, by ModelId, the total of each metric of the last 30 days, where not zero."""
    totals: dict[str, dict[str, int]] = {}
    for used in place.region.bedrock.models_in_use:
        counts = {metric: int(getattr(used, name)) for metric, name in _PER_MODEL.items()}
        totals[used.model] = {metric: count for metric, count in counts.items() if count}
    for provisioned in place.region.bedrock.provisioned:
        if provisioned.invocations:
            arn = provisioned_arn(place, provisioned.name)
            totals[arn] = {
                "Invocations": provisioned.invocations,
                "InputTokenCount": provisioned.invocations * 800,
                "OutputTokenCount": provisioned.invocations * 200,
            }
    return totals


def invocations_of(place: Place, start: datetime, end: datetime) -> dict[str, int]:
    """Return how often each model was invoked within a span, as GetMetricData counts it."""
    seconds = int((end - start).total_seconds())
    return {
        model: int(
            sum(
                n for _, n in _points(place.world.now, counts["Invocations"], (start, end), seconds)
            )
        )
        for model, counts in _totals(place).items()
        if counts.get("Invocations")
    }


def _metrics(place: Place) -> dict[tuple[str, str], int]:
    """Return the totals by metric and ModelId; the empty ModelId stands for all models."""
    metrics: dict[tuple[str, str], int] = {}
    for model, counts in _totals(place).items():
        for metric, count in counts.items():
            metrics[metric, model] = count
            metrics[metric, ""] = metrics.get((metric, ""), 0) + count
    logging = place.region.bedrock.logging
    if logging and logging.failures:
        metrics[_FAILURES, ""] = logging.failures
    delivered = metrics.get(("Invocations", ""), 0)
    for kind, target in (
        ("CloudWatch", logging and logging.log_group),
        ("S3", logging and logging.bucket),
    ):
        if target and delivered:
            metrics[_DELIVERIES % kind, ""] = delivered
    return metrics


@answers(
    "cloudwatch",
    "ListMetrics",
    honours=["Namespace", "MetricName", "Dimensions"],
    paging=Paging("NextToken", "", 3),
)
def list_metrics(call: Call) -> Answer:
    """Answer with the metrics of Bedrock that have data."""
    if call.get("Namespace", _NAMESPACE) != _NAMESPACE:
        return {"Metrics": []}
    name = call.get("MetricName")
    wanted = {each["Name"]: each.get("Value") for each in call.get("Dimensions", [])}
    metrics = []
    for metric, model in sorted(_metrics(call.place)):
        has = {"ModelId": model} if model else {}
        named = name in {None, metric}
        if named and all(key in has and value in {None, has[key]} for key, value in wanted.items()):
            dimensions = [{"Name": key, "Value": value} for key, value in has.items()]
            entry = {"Namespace": _NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
            metrics.append(entry)
    return {"Metrics": metrics}


@answers(
    "cloudwatch",
    "GetMetricData",
    honours=["MetricDataQueries", "StartTime", "EndTime", "ScanBy", "NextToken", "MaxDatapoints"],
)
def get_metric_data(call: Call) -> Answer:
    """Answer with sums; each page ends where its datapoints are used up, as CloudWatch's do."""
    totals = _metrics(call.place)
    start, end = _aware(call.need("StartTime")), _aware(call.need("EndTime"))
    results: list[Answer] = []
    for query in call.need("MetricDataQueries"):
        if "MetricStat" not in query:
            raise AwsError("SimulationGap", "The estate answers MetricStat queries only", 501)
        results.append(_result(call, query, totals, (start, end)))
    first = int(call.get("NextToken", "0"))
    return _page(results, first)


def _page(results: list[Answer], first: int) -> Answer:
    page: list[Answer] = []
    points = 0
    for result in results[first:]:
        points += len(result["Values"])
        if page and points > _MOST_DATAPOINTS:
            break
        page.append(result)
    answer: Answer = {"MetricDataResults": page, "Messages": []}
    if first + len(page) < len(results):
        answer["NextToken"] = str(first + len(page))
    return answer


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _result(
    call: Call,
    query: Mapping[str, Any],
    totals: Mapping[tuple[str, str], int],
    span: tuple[datetime, datetime],
) -> Answer:
    stat = query["MetricStat"]
    metric = stat["Metric"]
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []}
    name, model = metric["MetricName"], dimensions.pop("ModelId", "")
    known = metric["Namespace"] == _NAMESPACE and not dimensions
    total = totals.get((name, model), 0) if known else 0
    points = _points(call.place.world.now, total, span, int(stat["Period"]))
    if name == "InvocationLatency":
        points = [(time, _LATENCY_MS) for time, _ in points]
    elif stat["Stat"] != "Sum" and points:
        raise AwsError("SimulationGap", f"The estate sums only, not {stat['Stat']}", 501)
    if call.get("ScanBy", "TimestampDescending") == "TimestampDescending":
        points.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or name,
        "Timestamps": [time for time, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _points(
    now: datetime, total: int, span: tuple[datetime, datetime], period: int
) -> list[tuple[datetime, float]]:
    """Return the whole counts of each period in which something happened."""
    begin = now - timedelta(days=_WINDOW_DAYS)
    length = timedelta(days=_WINDOW_DAYS)
    step = timedelta(seconds=period)
    points: list[tuple[datetime, float]] = []
    time = datetime.fromtimestamp(span[0].timestamp() // period * period, UTC)

    def until(moment: datetime) -> int:
        share = (min(max(moment, begin), now) - begin) / length
        return round(total * share)

    while time < span[1]:
        count = until(time + step) - until(time)
        if count:
            points.append((time, float(count)))
        time += step
    return points


@answers(
    "cloudwatch",
    "DescribeAlarms",
    honours=["AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "ActionPrefix"],
    paging=Paging("NextToken", "MaxRecords", 10),
)
def describe_alarms(call: Call) -> Answer:
    """Answer with the metric alarms; the estate has no composite ones."""
    if "MetricAlarm" not in call.get("AlarmTypes", ["MetricAlarm"]):
        return {"CompositeAlarms": [], "MetricAlarms": []}
    names, prefix = call.get("AlarmNames"), call.get("AlarmNamePrefix", "")
    state, action = call.get("StateValue", "OK"), call.get("ActionPrefix", "")
    alarms = [_alarm(call.place, each) for each in spread(call.place.region.alarms)]
    chosen = [
        alarm
        for alarm in alarms
        if alarm["AlarmName"].startswith(prefix)
        and (names is None or alarm["AlarmName"] in names)
        and state == alarm["StateValue"]
        and (not action or any(each.startswith(action) for each in alarm["AlarmActions"]))
    ]
    return {"CompositeAlarms": [], "MetricAlarms": chosen}


def alarm_arn(place: Place, name: str) -> str:
    """Return the ARN of an alarm."""
    return place.arn("cloudwatch", f"alarm:{name}")


def _alarm(place: Place, alarm: Alarm) -> Answer:
    actions = [place.arn("sns", alarm.topic)] if alarm.topic else []
    return {
        "AlarmName": alarm.name,
        "AlarmArn": alarm_arn(place, alarm.name),
        "AlarmConfigurationUpdatedTimestamp": place.ago(200),
        "ActionsEnabled": alarm.enabled,
        "OKActions": [],
        "AlarmActions": actions,
        "InsufficientDataActions": [],
        "StateValue": "OK",
        "StateReason": "Threshold not crossed",
        "StateUpdatedTimestamp": place.ago(3),
        "MetricName": alarm.metric,
        "Namespace": alarm.namespace,
        "Statistic": "Sum",
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions.items()],
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": alarm.threshold,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "StateTransitionedTimestamp": place.ago(3),
    }
