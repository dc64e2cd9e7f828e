"""What an answer of an API call is about: the resources that it lists, or one thing as a whole.

For the calls that custom controls name (`collector.api_calls`): what is shown of them without a
verdict (`collector.configuration`) and what a rule judges (`checks.sets.api_call`) are the same
things under the same names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from affidavit.checks.fanout import CONSTANT, PER_ITEM
from affidavit.checks.listed import LISTS, Found, items, walk
from affidavit.model.catalogue import Operation
from affidavit.model.observation import Observation

_MAX_ATTRIBUTE: Final = 256
"""Longer texts (policies, documents) stand in the observation only."""
_ARN: Final = "arn:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that an answer is about."""

    found: Found | None
    """Where it is listed; None for what the answer as a whole is about."""
    arn: str
    """Empty where neither the answer nor the operation's pattern gives one."""
    named: Mapping[str, str]
    """Its names, ids and states."""


class Reading:
    """One answer of an operation, read as resources."""

    def __init__(self, operation: Operation, result: Observation, partition: str) -> None:
        self._operation = operation
        self._result = result
        self._partition = partition
        asked = result.unit.parameters if operation.fan_out in PER_ITEM else {}
        sent = {k for k, text in operation.inputs.items() if text.startswith(CONSTANT)}
        self.asked = short_texts({name: value for name, value in asked.items() if name not in sent})
        """Which thing was asked of, by the members of the request; empty for the account."""

    def listed(self) -> Iterator[Resource] | None:
        """Return the resources of the answer; None where it is about one thing as a whole."""
        if self._result.absent:
            return None
        if self._operation.lists:
            found = [one for path in self._operation.lists for one in walk(self._result, path)]
        elif self._operation.key in LISTS:
            found = list(items(self._result))
        else:
            return None
        return (self._of(one, {**short_texts(one.value), **self.asked}) for one in found)

    def whole(self) -> Resource:
        """Return what the answer as a whole is about: what was asked of, else the account."""
        said = short_texts(self._result.body).items()
        return self._of(None, {**self.asked, **{k: v for k, v in said if v.startswith(_ARN)}})

    def _of(self, found: Found | None, named: Mapping[str, str]) -> Resource:
        arn = self._made(named) or next((t for t in named.values() if t.startswith(_ARN)), "")
        return Resource(found=found, arn=arn, named=named)

    def _made(self, named: Mapping[str, str]) -> str:
        """Return the ARN that the operation's pattern makes; empty where a part is unknown."""
        unit = self._result.unit
        parts = {**named, "partition": self._partition, "region": unit.region}
        try:
            return self._operation.arn.format(**parts, account=unit.account_id)
        except KeyError:
            return ""


def short_texts(value: Any) -> dict[str, str]:
    """Return the short texts of an item: names, ids, states; the ARN of the thing itself first."""
    if isinstance(value, str):
        value = {"value": value}
    texts = {
        name: text
        for name, text in (value.items() if isinstance(value, Mapping) else ())
        if isinstance(text, str) and 0 < len(text) <= _MAX_ATTRIBUTE
    }
    own = [name for name in texts if name.lower().endswith("arn") and "kms" not in name.lower()]
    own.sort(key=lambda name: (name.lower() != "arn", len(name)))
    return {name: texts[name] for name in (*own, *(n for n in texts if n not in own))}
