"""What an invocation log says, counted: by model, by group, by hour, and what was disclosed.

Two passes over each object: the kernel finds, and a light one counts the records that were found
nothing in, so that "nothing found" is said over a known number. Nothing here holds a text: only
types, places, keyed hashes and masked excerpts. Counts of several objects add up.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from affidavit.checks.guardrail_names import NONE, UNNAMED
from affidavit.logscan.findings import ScanFinding, ScanGap, Totals
from affidavit.logscan.gunzip import Data, ReadLimits
from affidavit.logscan.invocations import InvocationScanner, ScanSettings
from affidavit.logscan.records import Record, RecordReader
from affidavit.model.observation import JsonObject
from affidavit.sources.log_guardrails import named_by
from affidavit.sources.log_totals import ModelCounts, own_told, uses_told
from affidavit.sources.origin import Origin

MAX_LISTED: Final = 500
"""Findings that are listed one by one; the counts know the others."""
MAX_UNREAD: Final = 500
"""Gaps that are named one by one."""
MAX_GUARDRAILS: Final = 50
"""Guardrails of one model that are named one by one; calls through others are not known."""
MAX_GROUPS: Final = 50
"""Groups of one attribute; what comes later is counted under OTHERS."""
OTHERS: Final = "(others)"
ELSEWHERE: Final = "a record is of another account, Region or day: it does not count for this one"
ORPHAN: Final = "a body kept apart discloses something, and no record of the day names its call"
SILENT: Final = "the answer of a call is not in the log: its text was not delivered"
_GROUP: Final = re.compile(r"group(?:[:/](?P<attribute>[A-Za-z0-9_.-]{1,64}))?")
"""Keys of requestMetadata that name a group: `group`, or `group:<attribute>`."""
_APART: Final = "/data/"
_KEPT_APART: Final = re.compile(r"/data/[^/]+$")
_HOURS: Final = 24
_HOUR: Final = len("2026-11-29T10")
_DISCLOSED: Final = frozenset({"pii", "profanity"})


@dataclass(slots=True)
class _Mark:
    """What was found in one call."""

    types: set[str] = field(default_factory=set)
    profane: bool = False
    refused: bool = False
    intervened: bool = False
    unguarded: bool = False

    @property
    def says_anything(self) -> bool:
        """Tell whether anything was found."""
        return bool(self.types) or self.profane or self.refused or self.intervened

    def take(self, other: "_Mark | None") -> None:
        """Take in what else was found in the call."""
        if other is not None:
            self.types |= other.types
            for name in _RATES:
                setattr(self, name, getattr(self, name) or getattr(other, name))

    def add(self, found: ScanFinding) -> None:
        """Take a finding in."""
        if found.kind == "pii" and found.part == "output":
            self.types.add(found.entity_type)
        self.profane |= found.kind == "profanity" and found.part == "output"
        self.refused |= found.kind == "refusal"
        self.unguarded |= found.kind == "unguarded"
        self.intervened |= found.kind == "guardrail" and found.entity_type != "MATCH"


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call, and what is known of it so far."""

    model: str = ""
    groups: list[tuple[str, str]] = field(default_factory=list)
    hour: str = ""
    mark: _Mark = field(default_factory=_Mark)


_RATES: Final = ("refused", "intervened", "profane")


class LogCounts:
    """Counts object after object of one account, Region and day."""

    def __init__(
        self, settings: ScanSettings, origin: Origin | None = None, *, alone: bool = False
    ) -> None:
        """`origin`: given, only its records count, and others are unread.

        `alone`: one object of a log is counted. Whose a body kept apart is is not asked then: its
        record stands in another object.
        """
        self._settings, self._origin, self._alone = settings, origin, alone
        self._scanner = InvocationScanner(settings)
        self.models: defaultdict[str, ModelCounts] = defaultdict(ModelCounts)
        self.groups: dict[str, dict[str, Counter[str]]] = {}
        self.totals = Totals()
        self.unread: list[ScanGap] = []
        self.unread_count = 0
        self.findings: list[JsonObject] = []
        self.found = 0
        """Disclosures in all, listed or not."""
        self.request_ids: set[str] = set()
        self.repeated = 0
        """Records of calls that were counted already."""
        self.unguarded_by: Counter[str] = Counter()
        self.hours: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Answered records and what was found in them, by hour as 2026-11-29T10."""
        self.references: set[str] = set()
        self._read: set[str] = set()
        self._apart: dict[str, _Call] = {}
        self._early: defaultdict[str, _Mark] = defaultdict(_Mark)

    def add(self, data: Data, uri: str) -> None:
        """Count one object."""
        marks: defaultdict[str, _Mark] = defaultdict(_Mark)

        def sink(found: ScanFinding) -> None:
            marks[_name(found)].add(found)
            self._finding(found)

        scanned = self._scanner.scan(data, uri, sink)
        self.totals.add(scanned.totals)
        self.unread_objects(scanned.gaps)
        self.references.update(scanned.references)
        self._read.add(_tail(uri))
        if _KEPT_APART.search(uri):
            for request_id, mark in marks.items():
                self._body_apart(request_id, mark)
            return
        silent = elsewhere = 0
        for record in self._records(data):
            if self._origin is not None and not self._origin.has(record):
                elsewhere += 1
            else:
                silent += not self._record(record, marks)
        for why, count in ((SILENT, silent), (ELSEWHERE, elsewhere)):
            if count:
                self.unread_objects([ScanGap(object_uri=uri, why=why, count=count)])

    def unread_objects(self, gaps: Iterable[ScanGap]) -> None:
        """Note what could not be read."""
        for gap in gaps:
            self.unread_count += gap.count
            if len(self.unread) < MAX_UNREAD:
                self.unread.append(gap)

    def missing(self) -> Iterator[str]:
        """Yield the bodies that records refer to and that were not among the objects."""
        return (uri for uri in sorted(self.references) if _tail(uri) not in self._read)

    def to_json(self) -> JsonObject:
        """Return all counts as JSON; what is missing must have been asked before."""
        self._orphans()
        totals = self.totals
        hours = [0] * _HOURS
        for hour, count in totals.hours.items():
            if hour[-2:].isdigit():
                hours[int(hour[-2:])] += count
        return {
            "population": {
                "objects": totals.objects,
                "compressedBytes": totals.compressed,
                "bytes": totals.raw,
                "records": totals.records,
                "foreign": totals.foreign,
                "repeated": self.repeated,
                "hours": hours,
                "hoursWithout": [n for n, count in enumerate(hours) if not count],
            },
            "models": [self.models[name].to_json(name) for name in sorted(self.models)],
            "usedModels": uses_told(totals.models, "modelId"),
            "usedBy": uses_told(totals.principals, "principal"),
            "own": own_told(self._settings.allowed, totals),
            "guardUnknown": totals.guard_unknown,
            "byHour": [{"hour": h, **counts} for h, counts in sorted(self.hours.items())],
            "groups": [
                {"attribute": attribute, "group": group, **_rates(counts)}
                for attribute, groups in sorted(self.groups.items())
                for group, counts in sorted(groups.items())
            ],
            "counts": dict(sorted(totals.findings.items())),
            "findings": self.findings,
            "findingsInAll": self.found,
            "unguardedBy": [
                {"principal": who, "records": count}
                for who, count in sorted(self.unguarded_by.most_common(MAX_GROUPS))
            ],
            "unread": [
                {"objectUri": g.object_uri, "why": g.why, "count": g.count} for g in self.unread
            ],
            "unreadInAll": self.unread_count,
            "notLookedFor": list(self._scanner.not_looked_for),
            "entityTypes": sorted(self._settings.entity_types),
        }

    def _records(self, data: Data) -> Iterator[Record]:
        """Yield the records of an object; its troubles were told by the kernel already."""
        return RecordReader(ReadLimits(), _ignore, _ignore).read(data)

    def _finding(self, found: ScanFinding) -> None:
        if found.kind == "unguarded":
            self.models[found.model_id].unguarded += 1
            self.unguarded_by[found.principal] += 1
            self.hours[found.time[:_HOUR]]["unguarded"] += 1
        if found.kind not in _DISCLOSED or found.part == "input":
            return
        self.found += 1
        if len(self.findings) < MAX_LISTED:
            told = found.to_json()
            self.findings.append({k: v for k, v in told.items() if v != "" and k not in _DROPPED})

    def _record(self, record: Record, marks: defaultdict[str, _Mark]) -> bool:
        """Count one record, once; return whether its answer is in the log or kept apart."""
        request_id = record.requestId or ""
        mark = marks.pop(_record_name(record), None) or _Mark()
        mark.take(self._early.pop(request_id, None))
        call = _Call(
            model=record.modelId or "",
            groups=list(groups_of(record.requestMetadata)),
            hour=(record.timestamp or "")[:_HOUR],
        )
        if request_id in self.request_ids:
            self.repeated += 1
            if mark.says_anything:  # a copy may say more than the first record did
                self._apart.setdefault(request_id, call)
                self._join(request_id, mark)
            return True
        if request_id:
            self.request_ids.add(request_id)
        self.models[call.model].records += 1
        if record.errorCode:
            self.models[call.model].errors += 1
            # A stream that broke off had an answer until then.
            self._count(call, _Mark(types=mark.types, profane=mark.profane))
            return True
        self._answered(record, call, mark)
        output = record.output
        return output is not None and (
            _is_there(output.outputBodyJson) or bool(output.outputBodyS3Path)
        )

    def _answered(self, record: Record, call: _Call, mark: _Mark) -> None:
        """Count a call with an answer."""
        self.hours[call.hour]["records"] += 1
        for attribute, group in call.groups:
            self._group(attribute, group)["records"] += 1
        complete = _complete(record)
        self.models[call.model].incomplete += not complete
        self._guarded(record, call, mark, complete=complete)
        if record.requestId and (mark.says_anything or not complete):
            self._apart[record.requestId] = call
            self._join(record.requestId, mark)
        else:
            self._count(call, mark)

    def _guarded(self, record: Record, call: _Call, mark: _Mark, *, complete: bool) -> None:
        """Count the call under its guardrail, where the record tells of one or of none."""
        named = NONE if mark.unguarded else named_by(record)
        known = self.models[call.model].guardrails
        told = complete or named[0] not in ("", UNNAMED[0])
        if told and (named in known or len(known) < MAX_GUARDRAILS):
            known[named] += 1

    def _body_apart(self, request_id: str, mark: _Mark) -> None:
        """Count what a body that is kept apart shows, now or when the call's record comes."""
        if request_id in self._apart:
            self._join(request_id, mark)
        else:
            self._early[request_id].take(mark)

    def bodies_apart(self, rate: str) -> int:
        """Return how many bodies kept apart, whose records are not known, show something."""
        return sum(getattr(mark, rate) for mark in self._early.values())

    def _orphans(self) -> None:
        """Note the bodies with disclosures whose calls no record names: whose they are is open."""
        for request_id, mark in sorted(self._early.items()) if not self._alone else ():
            if mark.types or mark.profane:
                self.unread_objects([ScanGap(object_uri=request_id, why=ORPHAN)])
        self._early.clear()

    def _join(self, request_id: str, more: _Mark) -> None:
        """Add what a body that is kept apart shows to the counts of its call, each sign once."""
        call = self._apart[request_id]
        known = call.mark
        if known.types:
            self.models[call.model].personal[_key(known.types)] -= 1
            self.hours[call.hour]["personal"] -= 1
        fresh = _Mark(
            types=known.types | more.types,
            profane=more.profane and not known.profane,
            refused=more.refused and not known.refused,
            intervened=more.intervened and not known.intervened,
        )
        self._count(call, fresh)
        known.take(more)
        self.models[call.model].personal = +self.models[call.model].personal

    def _count(self, call: _Call, mark: _Mark) -> None:
        counts = self.models[call.model]
        for name in _RATES:
            if getattr(mark, name):
                setattr(counts, name, getattr(counts, name) + 1)
                self.hours[call.hour][name] += 1
                for attribute, group in call.groups:
                    self._group(attribute, group)[name] += 1
        if mark.types:
            counts.personal[_key(mark.types)] += 1
            self.hours[call.hour]["personal"] += 1

    def _group(self, attribute: str, group: str) -> Counter[str]:
        known = self.groups.setdefault(attribute, {})
        if group not in known and len(known) >= MAX_GROUPS:
            group = OTHERS
        return known.setdefault(group, Counter())


_DROPPED: Final = frozenset({"record", "issuer", "errorCode", "accountId", "region"})


def _ignore(_: object) -> None:
    """Take no notice."""


def _key(types: Iterable[str]) -> str:
    return ",".join(sorted(types))


def _rates(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in ("records", *_RATES)}


def _name(found: ScanFinding) -> str:
    """Return what tells the call of a finding from others."""
    return found.request_id or f"{found.time} {found.model_id} {found.principal}"


def _record_name(record: Record) -> str:
    who = record.identity.arn if record.identity else ""
    return record.requestId or f"{record.timestamp or ''} {record.modelId or ''} {who}"


def _complete(record: Record) -> bool:
    sides: tuple[Callable[[], Any], ...] = (
        lambda: record.input and _is_there(record.input.inputBodyJson),
        lambda: record.output and _is_there(record.output.outputBodyJson),
    )
    return all(bool(side()) for side in sides)


def _is_there(raw: Any) -> bool:
    """Tell whether a body is more than nothing: absent, null or empty."""
    return bytes(raw).strip() not in (b"", b"null", b'""', b"{}", b"[]")


def groups_of(metadata: object) -> Iterator[tuple[str, str]]:
    """Yield attribute and group for each group that a call's requestMetadata names."""
    for name, value in metadata.items() if isinstance(metadata, dict) else ():
        named = _GROUP.fullmatch(name)
        if named is not None and isinstance(value, str) and value:
            yield named["attribute"] or "group", value[:64]


def _tail(uri: str) -> str:
    at = uri.rfind("AWSLogs/")
    return uri[at:] if at >= 0 else uri.rpartition(_APART)[2]
