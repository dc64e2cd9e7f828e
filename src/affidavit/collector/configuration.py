"""Configuration data: what an API call of a control source answered, one entry for each resource.

For sources without a check. An operation that lists things gives one entry for each thing, one that
is asked of a thing gives one for each thing asked, any other gives one for the account. It carries
no verdict; what could not be asked is an entry with its gap.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from affidavit.checks.answers import NOT_CONFIGURED, Answers
from affidavit.checks.facts import Facts
from affidavit.checks.fanout import PER_ITEM
from affidavit.checks.listed import LISTS, Found, items
from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.evidence import Input
from affidavit.model.observation import GLOBAL_REGION, Gap, Observation, Result

NARROWED: Final[Mapping[str, str]] = {
    "bucket": "Only buckets that generative AI resources name were asked; others are not covered.",
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
_MAX_ATTRIBUTE: Final = 256
"""Longer texts (policies, documents) stand in the observation only."""
_ARN: Final = "arn:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is said of one resource, of the account, or of what could not be asked."""

    region: str
    reason: str
    arn: str = ""
    gap: Gap | None = None
    narrowed: bool = False
    """True for the word that an operation was not asked of everything."""
    inputs: tuple[Input, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False


def operations_of(catalogue: Catalogue, keyword: str) -> list[Operation]:
    """Return the catalogue's operations that a keyword such as s3_GetBucketPolicy names."""
    return [
        operation
        for operation in catalogue.operations.values()
        if f"{operation.service}_{operation.operation}".lower() == keyword.lower()
        and operation.fan_out != NOT_CONFIGURED
    ]


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
        if operation.per_account != (region == GLOBAL_REGION):
            continue
        for gap in answers.gaps(operation.key, region):
            yield _unknown(region, gap)
        for result in facts.results(operation.key, region):
            if isinstance(result, Observation):
                yield from _entries(operation, result)
        if operation.fan_out in NARROWED:
            yield Entry(region=region, reason=NARROWED[operation.fan_out], narrowed=True)


def _unknown(region: str, gap: Gap) -> Entry:
    return Entry(
        region=region,
        reason=f"{gap.operation} could not be asked ({gap.reason.words}): {gap.message}",
        gap=gap,
        inputs=(Input(digest=gap.digest, pointer=""),),
        synthetic=_synthetic(gap),
    )


def _entries(operation: Operation, result: Observation) -> Iterator[Entry]:
    if operation.key in LISTS and not result.absent:
        for found in items(result):
            yield _of(operation, result, found)
        return
    yield _of(operation, result, None)


def _of(operation: Operation, result: Observation, found: Found | None) -> Entry:
    value: Any = result.body if found is None else found.value
    named = _named(operation, result) if found is None else _facts(value)
    arn = next((text for text in named.values() if text.startswith(_ARN)), "")
    words = f"{operation.operation} answered"
    if result.absent:
        words = f"{operation.operation} answered that there is none ({result.absent})"
    return Entry(
        region=result.unit.region,
        reason=f"{words}; configuration data carries no verdict.",
        arn=arn,
        inputs=(Input(digest=result.digest, pointer=found.pointer if found else ""),),
        attributes=named,
        synthetic=_synthetic(result),
    )


def _named(operation: Operation, result: Observation) -> dict[str, str]:
    """Return what tells which thing an operation was asked of; nothing for the account."""
    asked = _facts(result.unit.parameters) if operation.fan_out in PER_ITEM else {}
    return {**asked, **{k: v for k, v in _facts(result.body).items() if v.startswith(_ARN)}}


def _facts(value: Any) -> dict[str, str]:
    """Return the short texts of an item: names, ids, states; the ARN of the thing itself first."""
    texts = {
        name: text
        for name, text in (value.items() if isinstance(value, Mapping) else ())
        if isinstance(text, str) and 0 < len(text) <= _MAX_ATTRIBUTE
    }
    own = [name for name in texts if name.lower().endswith("arn") and "kms" not in name.lower()]
    own.sort(key=lambda name: (name.lower() != "arn", len(name)))
    return {name: texts[name] for name in (*own, *(n for n in texts if n not in own))}


def _synthetic(result: Result) -> bool:
    return bool(result.proof and result.proof.synthetic)
