"""Making records: a draft gathers values, gaps and citations, and becomes a frozen record.

Builders of resource sets (`checks.sets`) get a `View`: the answers as one place sees them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from affidavit.checks.answers import Answer, Answers
from affidavit.checks.listed import Found
from affidavit.checks.places import Metrics, Record, RecordSet
from affidavit.checks.policies import partition_of
from affidavit.checks.scoping import Scope
from affidavit.model.catalogue import ResourceSet
from affidavit.model.evidence import Input
from affidavit.model.observation import Gap, GapReason, JsonObject, Result

MAX_ATTRIBUTE = 256
"""Characters of an attribute; longer ones are cut, because they are only for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the builder of one resource set sees in one place."""

    answers: Answers
    set: ResourceSet
    region: str
    metrics: Mapping[tuple[int, str], Metrics]
    """Sums by days of lookback and by the value of ModelId (empty: the account)."""

    @property
    def scope(self) -> Scope:
        """Return who is in scope."""
        return self.answers.scope

    @property
    def account_id(self) -> str:
        """Return the account's id."""
        return self.answers.facts.account_id

    @property
    def partition(self) -> str:
        """Return the partition of the account's ARNs."""
        return partition_of(self.answers.facts, self.region)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a thing of this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def draft(self) -> "Draft":
        """Return an empty record of this set."""
        return Draft(self)

    def of(self, found: Found) -> "Draft":
        """Return a record with r.item, cited from where it was found."""
        draft = Draft(self)
        draft.values["item"] = self.value(found)
        draft.cite(found.source, found.pointer)
        return draft

    def value(self, found: Found) -> Any:
        """Return what was found as typed values."""
        value: Any = self.answers.of(found.source).body
        for token in found.pointer.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            value = value[int(name)] if isinstance(value, list) else value[name]
        return value

    def readable(self, found: Iterable[Found]) -> Iterator[Found]:
        """Yield what stands in answers that could be typed; the others are gaps of the set."""
        return (one for one in found if self.answers.of(one.source).body)

    def items(self, key: str) -> Iterator[Found]:
        """Yield the items that an operation lists in this place."""
        return self.readable(self.scope.items(key, self.region))

    def gaps(self, *keys: str) -> tuple[Gap, ...]:
        """Return why what these operations list is incomplete."""
        found = {id(gap): gap for key in keys for gap in self.answers.gaps(key, self.region)}
        return tuple(found.values())

    def scoping_gaps(self, *keys: str) -> tuple[Gap, ...]:
        """Return why what these operations name is incomplete.

        A service that does not exist in the Region names nothing there: that is no gap.
        """
        unsupported = GapReason.UNSUPPORTED_IN_REGION
        return tuple(gap for gap in self.gaps(*keys) if gap.reason is not unsupported)

    def finish(self, drafts: Iterable[Record], gaps: Iterable[Gap] = ()) -> RecordSet:
        """Return the set; each gap once."""
        return RecordSet(records=tuple(drafts), gaps=tuple({id(gap): gap for gap in gaps}.values()))


class Draft:
    """A record that is being made."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.values: dict[str, Any] = {}
        self.gaps: dict[str, Gap] = {}
        self.attributes: dict[str, object] = {}
        self.windows: dict[int, Metrics] = {}
        self._inputs: dict[Input, None] = {}
        self._synthetic = False

    def cite(self, result: Result | None, pointer: str = "") -> None:
        """Note that the record was built from a place in a stored result."""
        if result is None:
            return
        self._inputs[self.view.answers.input(result, pointer)] = None
        self._synthetic = self._synthetic or bool(result.proof and result.proof.synthetic)

    def cite_input(self, cited: Input) -> None:
        """Note what another part of the answers was built from."""
        self._inputs[cited] = None

    def cite_all(self, *keys: str) -> None:
        """Note that the record was built from all answers of these operations in its place."""
        for key in keys:
            for answer in self.view.answers.all(key, self.view.region):
                self.cite(answer.result)

    def cite_found(self, found: Iterable[Found]) -> None:
        """Note what named the record."""
        for one in found:
            self.cite(one.source, one.pointer)

    def join(self, name: str, key: str, region: str, parameters: JsonObject) -> Answer:
        """Put in another operation's answer, or why it is unknown; absent stays missing."""
        answer = self.view.answers.ask(key, region, parameters)
        self.cite(answer.result)
        if answer.gap is not None:
            self.gaps[name] = answer.gap
        elif not answer.absent:
            self.values[name] = answer.body
        return answer

    def join_ones(self, region: str, parameters: JsonObject) -> None:
        """Put in all joins of mode one, which are asked with the same `parameters`."""
        for join in self.view.set.joins:
            if join.mode == "one":
                self.join(join.name, join.operation, region, parameters)

    def unknown(self, name: str, key: str, reason: GapReason, message: str) -> None:
        """Note a gap that we found ourselves."""
        self.gaps[name] = self.view.answers.gap(key, self.view.region, {}, reason, message)

    def record(self, arn: str, resource_type: str = "") -> Record:
        """Return the finished record."""
        attributes = {
            name: _words(value)[:MAX_ATTRIBUTE]
            for name, value in self.attributes.items()
            if value not in (None, "")
        }
        return Record(
            values=self.values,
            arn=arn,
            resource_type=resource_type or self.view.set.resource_type,
            region=self.view.region,
            gaps=self.gaps,
            inputs=tuple(self._inputs),
            attributes=attributes,
            synthetic=self._synthetic,
            windows=self.windows,
        )


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
