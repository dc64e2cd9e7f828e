"""What a scan found, what it could not read, and over how much: never the text itself."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from affidavit.logscan.usage import Use, Uses, principal_of

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["pii", "profanity", "refusal", "guardrail", "unguarded", "event", "integrity"]
KINDS: Final = ("pii", "profanity", "refusal", "guardrail", "unguarded", "event", "integrity")
Part = Literal["input", "output", "trace", ""]

IS_MEDIA: Final = "it is media of a call, whose content is not scanned"
HOLDS_MEDIA: Final = "a call holds media, whose content is not scanned"
"""Why a `ScanGap` is there though nothing is damaged."""
_HOURS: Final = 24
HOUR: Final = len("2026-11-23T10")
"""Characters of a time that name its hour."""


class ScanFinding(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="camel"):
    """One thing found. Holds a keyed hash and a masked excerpt, never what was found.

    Made by the million: so it is a Struct, whose fields in camel case are the JSON lines' members.
    """

    kind: Kind
    entity_type: str
    """Of personal data its type; of a guardrail the policy; of an event `source:name`."""
    request_id: str = ""
    object_uri: str
    part: Part = ""
    path: str = ""
    """Where in the body: keys with dots between; the chunks of a stream are joined."""
    start: int = 0
    """Index of the first character in the joined text at `path`; 0 to 0: the whole record."""
    end: int = 0
    hash: str = ""
    """HMAC-SHA-256 of the normal form: the same value has the same hash under the same key."""
    excerpt: str = ""
    model_id: str = ""
    principal: str = ""
    time: str = ""
    account_id: str = ""
    region: str = ""
    error_code: str = ""
    issuer: str = ""
    """Of a CloudTrail event: the ARN of the role behind the session."""
    record: str = ""
    """Of a CloudTrail event: the record, byte for byte."""

    def to_json(self) -> dict[str, Any]:
        """Return the finding in the words of the JSON lines; empty fields stay."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


def arrow_schema() -> "pa.Schema":
    """Return the columns of the Parquet file: the names of the JSON lines."""
    import pyarrow as pa

    numbers = {"start", "end"}
    names = ScanFinding.__struct_encode_fields__
    return pa.schema([(name, pa.int64() if name in numbers else pa.string()) for name in names])


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanGap:
    """What was not scanned of an object, and why."""

    object_uri: str
    why: str
    count: int = 1
    """How many records or lines of the object have this trouble."""

    @property
    def is_media(self) -> bool:
        """Return whether only pictures, sounds or documents were left out: nothing is damaged."""
        return self.why in {IS_MEDIA, HOLDS_MEDIA}

    def to_json(self) -> dict[str, Any]:
        """Return the gap in the words of the JSON lines."""
        return {
            "kind": "gap",
            "objectUri": self.object_uri,
            "why": self.why,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotals:
    """The population of one day: over how much "nothing found" is said."""

    day: str
    records: int
    hours_without: tuple[int, ...]
    """Hours (UTC, 0 to 23) of the day without any record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHits:
    """How often an entry of the list of the company's own was met in the calls of a model."""

    part: str
    entity_type: str
    entry: str
    model_id: str
    count: int

    def to_json(self) -> dict[str, Any]:
        """Return it in the words of the JSON lines."""
        return {
            "part": self.part,
            "entityType": self.entity_type,
            "entry": self.entry,
            "modelId": self.model_id,
            "count": self.count,
        }


def _none() -> Counter[str]:
    """Return an empty Counter, in a fourth of the time: each object needs several."""
    return Counter.__new__(Counter)


@dataclass(slots=True, kw_only=True)
class Totals:
    """What was read, and how often what was found; totals of objects add up."""

    objects: int = 0
    compressed: int = 0
    raw: int = 0
    records: int = 0
    foreign: int = 0
    """Well-formed values that are no records of this kind."""
    guard_unknown: int = 0
    """Calls whose bodies are kept apart or missing: with or without guardrail is not known."""
    findings: Counter[str] = field(default_factory=_none)
    """By kind, part and type, with blanks between."""
    own: Counter[str] = field(default_factory=_none)
    """Hits on the list of the company's own, which are no findings: by part, type, entry and model,
    as JSON, for a guardrail's own types have any name."""
    models: Uses = field(default_factory=Uses)
    principals: Uses = field(default_factory=Uses)
    """By IAM principal: the sessions of a role count together."""
    errors: Counter[str] = field(default_factory=_none)
    hours: Counter[str] = field(default_factory=_none)
    """Records by hour, as 2026-11-23T10; of unknown time under an empty text."""

    def add(self, other: "Totals") -> None:
        """Add another object's totals."""
        for name in self.__slots__:
            mine, more = getattr(self, name), getattr(other, name)
            if isinstance(mine, Counter):
                mine.update(more)
            elif isinstance(mine, Uses):
                for one, use in more.items():
                    mine.add(one, use)
            else:
                setattr(self, name, mine + more)

    def to_json(self) -> dict[str, Any]:
        """Return the totals in the words of the JSON lines, with what calls came to."""
        return {
            "kind": "totals",
            "objects": self.objects,
            "records": self.records,
            "foreign": self.foreign,
            "bytes": self.raw,
            "guardUnknown": self.guard_unknown,
            "findings": dict(self.findings),
            "own": [one.to_json() for one in self.of_own()],
            "errors": dict(self.errors),
            "models": {name: use.to_json() for name, use in self.models.most_used()},
            "principals": {name: use.to_json() for name, use in self.principals.most_used()},
        }

    def of_own(self) -> list[OwnHits]:
        """Return how often each entry of the list of the company's own was met."""
        told = ((json.loads(name), count) for name, count in sorted(self.own.items()))
        return [
            OwnHits(part=part, entity_type=entity_type, entry=entry, model_id=model, count=count)
            for (part, entity_type, entry, model), count in told
        ]

    def used(self, model: str, arn: str, use: Use) -> None:
        """Count calls of a model by somebody."""
        self.models.add(model, use)
        self.principals.add(principal_of(arn), use)

    def seen(self, time: str) -> None:
        """Count a record of this time."""
        self.records += 1
        self.hours[time[:HOUR]] += 1

    def seen_all(self, times: Sequence[str]) -> None:
        """Count records of these times; those of one file are mostly of one hour."""
        if not times:
            return
        self.records += len(times)
        first, last = min(times)[:HOUR], max(times)[:HOUR]
        if first == last:
            self.hours[first] += len(times)
        else:
            self.hours.update([time[:HOUR] for time in times])

    def days(self) -> Iterator[DayTotals]:
        """Return the days on which there were records, the first first."""
        known = [hour for hour in self.hours if len(hour) == HOUR]
        for day in sorted({hour.partition("T")[0] for hour in known}):
            counts = [self.hours.get(f"{day}T{hour:02}", 0) for hour in range(_HOURS)]
            yield DayTotals(
                day=day,
                records=sum(counts),
                hours_without=tuple(h for h, count in enumerate(counts) if not count),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """One object's result; the findings themselves went to the sink."""

    object_uri: str
    totals: Totals
    gaps: tuple[ScanGap, ...] = ()
    references: tuple[str, ...] = ()
    """s3:// URIs of bodies that are kept apart."""
    sha256: str = ""
    """Of the uncompressed bytes of a CloudTrail file; empty where it was not read whole."""
    digest: bytes = b""
    """The content of a CloudTrail digest file."""
