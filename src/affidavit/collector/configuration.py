"""Configuration data: what an API call of a control source answered, one entry for each resource.

For sources without a check. An operation that lists things gives one entry for each thing, one that
is asked of a thing gives one for each thing asked, any other gives one for the account. It carries
no verdict; what could not be asked is an entry with its gap.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from affidavit.checks.answers import NOT_CONFIGURED, Answers
from affidavit.checks.facts import Facts
from affidavit.checks.policies import partition_of
from affidavit.checks.resources import Reading, Resource
from affidavit.collector.api_calls import operations_of
from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.evidence import Input
from affidavit.model.observation import GLOBAL_REGION, Gap, Observation, Result

NARROWED: Final[Mapping[str, str]] = {
    "bucket": "Only buckets that generative AI resources name were asked; others are not covered.",
    "bucket_tags": (
        "Only buckets that generative AI resources name in a role that is judged by tags were"
        " asked; others are not covered."
    ),
    "list_recovery_points_by_resource": (
        "Only buckets that generative AI resources name were asked; others are not covered."
    ),
    "describe_key": "Only keys that resources in scope name were asked; others are not covered.",
    "get_key_rotation_status": (
        "Only keys that resources in scope name were asked; others are not covered."
    ),
    "list_tags_for_resource": (
        "Only custom models, customization jobs and guardrails were asked; others are not covered."
    ),
}
"""Fan-outs that do not ask of everything that the API call could be asked of: said once a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is said of one resource, of the account, or of what could not be asked."""

    region: str
    reason: str
    arn: str = ""
    resource_type: str = ""
    gap: Gap | None = None
    narrowed: bool = False
    """True for the word that an operation was not asked of everything."""
    empty: bool = False
    """True for the word that there is nothing."""
    inputs: tuple[Input, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False


def configuration(
    catalogue: Catalogue,
    facts: Facts,
    region: str,
    keyword: str,
    *,
    now: datetime,
    params: Mapping[str, Mapping[str, Any]],
) -> Iterator[Entry]:
    """Yield the entries of an API call in a place; none where it is not asked in that place."""
    answers = Answers(catalogue, facts, now, params)
    for operation in operations_of(catalogue, keyword):
        asked_here = operation.per_account == (region == GLOBAL_REGION)
        if not asked_here or operation.fan_out == NOT_CONFIGURED:
            continue
        gaps = answers.gaps(operation.key, region)
        for gap in gaps:
            yield _unknown(operation, region, gap)
        found = False
        for result in facts.results(operation.key, region):
            if isinstance(result, Observation):
                found = True
                yield from _entries(operation, result, partition_of(facts, region))
        if operation.fan_out in NARROWED:
            yield Entry(region=region, reason=NARROWED[operation.fan_out], narrowed=True)
        elif not found and not gaps:
            yield _nothing_asked(answers, operation, region)


def _nothing_asked(answers: Answers, operation: Operation, region: str) -> Entry:
    """Return the word that there is nothing that an operation could be asked of."""
    parents = ", ".join(answers.catalogue.operations[key].operation for key in operation.parents)
    listed = [answer.result for key in operation.parents for answer in answers.all(key, region)]
    return Entry(
        region=region,
        reason=f"{operation.operation} was not asked: {parents} lists nothing to ask it of.",
        empty=True,
        inputs=tuple(answers.input(result) for result in listed if result is not None),
        synthetic=any(_synthetic(result) for result in listed if result is not None),
    )


def _unknown(operation: Operation, region: str, gap: Gap) -> Entry:
    why = f"{gap.operation} could not be asked ({gap.reason.words}): {gap.message}"
    own = gap.operation == operation.operation
    return Entry(
        region=region,
        reason=why if own else f"{operation.operation} is not wholly known: {why}",
        gap=gap,
        inputs=(Input(digest=gap.digest, pointer=""),),
        synthetic=_synthetic(gap),
    )


def _entries(operation: Operation, result: Observation, partition: str) -> Iterator[Entry]:
    """Yield an entry for each resource of an answer, for what was asked of, or for the account."""
    reading = Reading(operation, result, partition)
    listed = reading.listed()
    if listed is None:
        yield _entry(operation, result, reading.whole())
        return
    found = [_entry(operation, result, one) for one in listed]
    yield from found
    if not found:
        words = f"{operation.operation} answered with an empty list."
        yield replace(_entry(operation, result, reading.whole()), reason=words, empty=True)


def _entry(operation: Operation, result: Observation, resource: Resource) -> Entry:
    words = f"{operation.operation} answered"
    if result.absent:
        words = f"{operation.operation} answered that there is none ({result.absent})"
    pointer = resource.found.pointer if resource.found else ""
    return Entry(
        region=result.unit.region,
        reason=f"{words}; configuration data carries no verdict.",
        arn=resource.arn,
        inputs=(Input(digest=result.digest, pointer=pointer),),
        attributes=resource.named,
        synthetic=_synthetic(result),
    )


def _synthetic(result: Result) -> bool:
    return bool(result.proof and result.proof.synthetic)
