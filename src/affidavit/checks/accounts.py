"""What checks read of the account as a whole: acct.<operation>, acct.fact, metric sums, gaps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.checks.answers import Answer, Answers
from affidavit.checks.backed_up import buckets_here, gaps_here
from affidavit.checks.fanout import PER_ITEM
from affidavit.checks.places import Metrics
from affidavit.checks.windows import (
    Points,
    Series,
    query_id,
    questions,
    read_points,
    sum_since,
)
from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.evidence import Input
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Observation

_READ = re.compile(r"\bacct\.(?:(set)\.)?(\w+)")

LOGGING = "GetModelInvocationLoggingConfiguration"

IN_USE = (
    ("ListMetrics", "Metrics"),
    ("ListGuardrails", "guardrails"),
    ("ListEnforcedGuardrailsConfiguration", "guardrailsConfig"),
    ("ListCustomModels", "modelSummaries"),
    ("ListCustomModelDeployments", "modelDeploymentSummaries"),
    ("ListModelCustomizationJobs", "modelCustomizationJobSummaries"),
    ("ListProvisionedModelThroughputs", "provisionedModelSummaries"),
    ("ListEvaluationJobs", "jobSummaries"),
    ("ListAgents", "agentSummaries"),
    ("ListKnowledgeBases", "knowledgeBaseSummaries"),
    (LOGGING, "loggingConfig"),
)
"""Operation and member that is not empty where Bedrock is in use in a Region.

Any one of them is enough: models invoked within the last two weeks (what CloudWatch lists), or
anything that somebody set up. That it is *not* in use is said only when all of them were answered
and all are empty; a service that does not exist in the Region counts as empty.
"""


@dataclass(slots=True)
class AccountFacts:
    """What one place knows of the account."""

    acct: dict[str, Any] = field(default_factory=dict)
    gaps: dict[str, tuple[Gap, ...]] = field(default_factory=dict)
    inputs: dict[str, tuple[Input, ...]] = field(default_factory=dict)
    synthetic: bool = False


def names_read(catalogue: Catalogue) -> tuple[frozenset[str], frozenset[str]]:
    """Return what any check reads as acct.<name>, and which sets as acct.set.<name>."""
    found = [
        match
        for check in catalogue.checks.values()
        for text in (check.applies, check.compliant, check.inconclusive, check.empty_when)
        for match in _READ.findall(text)
    ]
    return (
        frozenset(name for is_set, name in found if not is_set),
        frozenset(name for is_set, name in found if is_set),
    )


def account_facts(answers: Answers, region: str) -> AccountFacts:
    """Return what is known of the account in a place, of every operation that is asked of it."""
    facts = AccountFacts(acct={"fact": {}, "metric": {}, "set": {}})
    read, _ = names_read(answers.catalogue)
    for operation in answers.catalogue.operations.values():
        if region == GLOBAL_REGION and not operation.per_account:
            continue
        _add_operation(facts, answers, operation, region, read=operation.key in read)
    if region != GLOBAL_REGION:
        _add_in_use(facts, answers, region)
        _add_log_groups(facts, answers, region)
        _add_buckets(facts, answers, region)
    return facts


def _add_operation(
    facts: AccountFacts, answers: Answers, operation: Operation, region: str, *, read: bool
) -> None:
    """Put in acct.<operation>: the answer without parameters, else the only one there is."""
    key = operation.key
    found = answers.all(key, region)
    facts.inputs[key] = tuple(answers.input(a.result) for a in found if a.result is not None)
    facts.synthetic = facts.synthetic or any(a.synthetic for a in found)
    if operation.fan_out in PER_ITEM:
        return
    answer = _account_answer(answers, operation, region)
    if answer is None:
        facts.gaps[key] = answers.gaps(key, region)
    elif answer.gap is not None:
        facts.gaps[key] = (answer.gap,)
    elif read and not answer.absent:
        facts.acct[key] = answer.body


def _account_answer(answers: Answers, operation: Operation, region: str) -> Answer | None:
    """Return the answer to what is asked of the account first; None where nothing is asked."""
    expected = answers.expected(operation.key, region)
    return answers.ask(operation.key, region, expected[0].parameters) if expected else None


def _add_in_use(facts: AccountFacts, answers: Answers, region: str) -> None:
    """Put in acct.fact.bedrockInUse, or why it is unknown."""
    unknown: list[Gap] = []
    inputs: list[Input] = []
    for key, member in IN_USE:
        for answer in _in_use_answers(answers, key, region):
            if answer.body.get(member) and answer.result is not None:
                facts.acct["fact"]["bedrockInUse"] = True
                facts.inputs["fact.bedrockInUse"] = (answers.input(answer.result, f"/{member}"),)
                return
            if answer.result is not None:
                inputs.append(answers.input(answer.result))
            gap = answer.gap
            if gap is not None and gap.reason is not GapReason.UNSUPPORTED_IN_REGION:
                unknown.append(gap)
    facts.inputs["fact.bedrockInUse"] = tuple(inputs)
    if unknown:
        facts.gaps["fact.bedrockInUse"] = tuple(unknown)
    else:
        facts.acct["fact"]["bedrockInUse"] = False


def may_be_in_use(answers: Answers, region: str) -> bool:
    """Tell whether Bedrock is in use in a Region (`IN_USE`); where it is not known, it may be."""
    facts = AccountFacts(acct={"fact": {}})
    _add_in_use(facts, answers, region)
    return bool(facts.acct["fact"].get("bedrockInUse", True))


def _in_use_answers(answers: Answers, key: str, region: str) -> list[Answer]:
    if key not in answers.catalogue.operations:
        return [answers.ask(key, region, {})]
    return [answers.ask(key, region, unit.parameters) for unit in answers.expected(key, region)]


def _add_log_groups(facts: AccountFacts, answers: Answers, region: str) -> None:
    """Put in acct.fact.invocationLogGroups: the groups that invocation logs go to."""
    name = "fact.invocationLogGroups"
    gaps = answers.gaps(LOGGING, region)
    if gaps:
        facts.gaps[name] = gaps
        return
    groups = sorted({found.value for found in answers.scope.log_group_names(region)})
    facts.acct["fact"]["invocationLogGroups"] = groups
    facts.inputs[name] = facts.inputs.get(LOGGING, ())


def _add_buckets(facts: AccountFacts, answers: Answers, region: str) -> None:
    """Put in acct.fact.bucketsHere: the in-scope buckets that lie in this Region."""
    name = "fact.bucketsHere"
    facts.acct["fact"]["bucketsHere"] = buckets_here(answers, region)
    facts.inputs[name] = tuple(
        answers.input(answer.result)
        for answer in answers.all("ListBuckets", region)
        if answer.result is not None
    )
    if gaps := gaps_here(answers, region):
        facts.gaps[name] = gaps


def metric_sums(answers: Answers, region: str) -> dict[tuple[int, str], Metrics]:
    """Return the sums of a Region by days of lookback and value of ModelId (empty: the account).

    Every series that is needed stands there: with its sum, or with the gap that hides it.
    """
    names = _metric_names(answers.catalogue)
    values: dict[tuple[int, str, str], float] = {}
    gaps: dict[tuple[int, str, str], Gap] = {}
    inputs: dict[tuple[int, str, str], list[Input]] = {}
    for wanted, parameters in questions(answers.scope, region):
        answer = answers.ask("GetMetricData", region, parameters)
        for index, ((metric, dimension), windows) in enumerate(wanted.items()):
            points, cited = _points(answers, answer, index)
            for days in windows:
                place = (days, dimension, names[metric])
                inputs.setdefault(place, []).extend(cited)
                if points is None:
                    gaps[place] = answer.gap or _metric_gap(answers, answer, (metric, dimension))
                else:
                    total = sum_since(points, answers.scope.now, days)
                    values[place] = values.get(place, 0.0) + total
    return _by_series(values, gaps, inputs)


def _metric_names(catalogue: Catalogue) -> Mapping[str, str]:
    """Return our name of a metric by CloudWatch's."""
    return {name: ours for ours, m in catalogue.metrics.items() for name in m.metric_names}


def _points(answers: Answers, answer: Answer, index: int) -> tuple[Points | None, list[Input]]:
    """Return the days of one query, None where unknown, and where they stand."""
    if not answer.known or answer.result is None:
        return None, [answers.input(answer.result)] if answer.result is not None else []
    if answer.body.get("Messages"):
        return None, [answers.input(answer.result, "/Messages")]
    points, places = read_points(answer.body, query_id(index))
    pointers = [f"/MetricDataResults/{place}" for place in places] or [""]
    return points, [answers.input(answer.result, pointer) for pointer in pointers]


def _metric_gap(answers: Answers, answer: Answer, series: Series) -> Gap:
    result = answer.result
    region = result.unit.region if isinstance(result, Observation) else ""
    words = f"CloudWatch did not give the whole of {' '.join(series).strip()}."
    return answers.gap("GetMetricData", region, {}, GapReason.MALFORMED, words)


def _by_series(
    values: Mapping[tuple[int, str, str], float],
    gaps: Mapping[tuple[int, str, str], Gap],
    inputs: Mapping[tuple[int, str, str], list[Input]],
) -> dict[tuple[int, str], Metrics]:
    """Return the sums by series; a metric of several of CloudWatch's is known only if all are."""
    found: dict[tuple[int, str], tuple[dict[str, float], dict[str, Gap], dict[str, Any]]] = {}
    for place, cited in inputs.items():
        days, dimension, name = place
        known, unknown, cites = found.setdefault((days, dimension), ({}, {}, {}))
        if place in gaps:
            unknown[name] = gaps[place]
        else:
            known[name] = values[place]
        cites[name] = tuple(dict.fromkeys(cited))
    return {
        series: Metrics(values=known, gaps=unknown, inputs=cites)
        for series, (known, unknown, cites) in found.items()
    }
