"""Usage and tokens by model and principal, as CloudWatch and the log told the newest runs.

Nothing is asked anew. CloudWatch's numbers are sums of the daily points that a run kept; what it
did not give whole is told as missing, and never counted as nothing. The invocation log's are those
of the day that the run scanned.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from affidavit.aws.shapes import ShapeError, typed
from affidavit.checks.windows import read_points
from affidavit.model.observation import Gap, Observation
from affidavit.operations import looking
from affidavit.operations.assessed import is_whole
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.finding import Search

OPERATION: Final = "GetInsightsByAssessment"
_ANSWER: Final = "GetMetricData"
_SCAN: Final = "FilterLogEvents"
_SHOWN: Final = ("invocations", "inputTokens", "outputTokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """How much a model was used in an account and Region."""

    account_id: str
    region: str
    model: str
    sums: Mapping[str, int | None]
    """By `invocations`, `inputTokens` and `outputTokens`; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the newest runs say."""

    first: date | None
    last: date | None
    """Of the days that the points are of."""
    models: Sequence[ModelUsage]
    """The most used first."""
    gaps: Sequence[tuple[str, str, str]]
    """(account, Region, why): nothing is known of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedUse:
    """What the calls of one model, or of one principal, came to in an account and Region."""

    account_id: str
    region: str
    day: str
    """Which the log that was read is of."""
    name: str
    counts: Mapping[str, Any]
    """Calls, errors, tokens and latency in the words of the observation."""

    @property
    def mean_ms(self) -> int | None:
        """Return the mean latency of the calls that tell it; None where none does."""
        timed = self.counts["timed"]
        return round(self.counts["latencyMs"] / timed) if timed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What invocation logs say of use, the most used first."""

    models: Sequence[LoggedUse]
    principals: Sequence[LoggedUse]
    gaps: Sequence[tuple[str, str, str]]
    """(account, Region, why): the numbers lack what was not read there."""


def usage(search: Search, context: Context, caller: Caller) -> Usage:
    """Return the usage in the accounts of the caller's own assessments."""
    looking.require(context, caller, OPERATION)
    found: dict[tuple[str, str, str], dict[str, int | None]] = {}
    gaps: dict[tuple[str, str], str] = {}
    days: set[date] = set()
    for result in _answers(search, context, caller, _ANSWER):
        place = (result.unit.account_id, result.unit.region)
        if isinstance(result, Gap):
            gaps[place] = result.message
            continue
        try:
            body = typed(result.service, result.operation, result.body)
        except ShapeError as error:
            gaps[place] = str(error)
            continue
        for model, metric, points in _series(context, result, body):
            sums = found.setdefault((*place, model), {})
            days |= {moment.date() for moment, _ in points or ()}
            sums[metric] = None if points is None else round(sum(n for _, n in points))
    models = [
        ModelUsage(account_id=account, region=region, model=model, sums=sums)
        for (account, region, model), sums in found.items()
    ]
    return Usage(
        first=min(days, default=None),
        last=max(days, default=None),
        models=sorted(models, key=lambda one: (-_weight(one), one.model, one.account_id)),
        gaps=[(*place, why) for place, why in sorted(gaps.items())],
    )


def logged(search: Search, context: Context, caller: Caller) -> Logged:
    """Return what the logs say of the calls in the accounts of the caller's own assessments."""
    looking.require(context, caller, OPERATION)
    models: dict[tuple[str, str, str], LoggedUse] = {}
    principals: dict[tuple[str, str, str], LoggedUse] = {}
    gaps: dict[tuple[str, str], str] = {}
    for result in _answers(search, context, caller, _SCAN):
        asked = result.unit.parameters
        place = (result.unit.account_id, result.unit.region)
        if "invocationLog" not in asked:
            continue
        if isinstance(result, Gap):
            gaps[place] = result.message
            continue
        if unread := result.body.get("unreadInAll"):
            gaps[place] = f"{unread} things in the log could not be read."
        for found, member, name in (
            (models, "usedModels", "modelId"), (principals, "usedBy", "principal"),
        ):  # fmt: skip
            for one in result.body.get(member, ()):
                use = LoggedUse(
                    account_id=result.unit.account_id,
                    region=result.unit.region,
                    day=asked["day"],
                    name=one[name],
                    counts=one,
                )
                found[use.account_id, use.region, use.name] = use
    return Logged(
        models=_most_used(models.values()),
        principals=_most_used(principals.values()),
        gaps=[(*place, why) for place, why in sorted(gaps.items())],
    )


def _most_used(found: Iterable[LoggedUse]) -> Sequence[LoggedUse]:
    return sorted(found, key=lambda one: (-one.counts["calls"], one.name, one.account_id))


def _weight(one: ModelUsage) -> int:
    return sum(value or 0 for value in one.sums.values())


def _answers(
    search: Search, context: Context, caller: Caller, operation: str
) -> Iterator[Observation | Gap]:
    """Yield the answers of the newest run of each assessment; a place of several counts once."""
    runs: dict[str, str] = {}
    for one in filter(partial(is_whole, caller), search.assessments):
        day = context.store.last_day(one.id)
        if day is not None:
            for record in context.store.whole_runs(one.stored, day):
                runs[one.id] = record["run_id"]
    for run_id in runs.values():
        yield from context.store.results_of(run_id, operation)


def _series(
    context: Context, result: Observation, body: Mapping[str, Any]
) -> Iterator[tuple[str, str, Any]]:
    """Yield (model, our name of the metric, points or None) of an answer's series."""
    names = {
        theirs: ours for ours in _SHOWN for theirs in context.catalogue.metrics[ours].metric_names
    }
    for query in result.unit.parameters.get("MetricDataQueries", ()):
        metric = query["MetricStat"]["Metric"]
        dimensions = metric.get("Dimensions", ())
        if metric["MetricName"] in names and len(dimensions) == 1:
            points, _ = read_points(body, query["Id"])
            whole = None if body.get("Messages") else points
            yield dimensions[0]["Value"], names[metric["MetricName"]], whole
