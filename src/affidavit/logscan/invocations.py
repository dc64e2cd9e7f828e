"""Bedrock's model invocation logs: what running models were told and said, scanned.

A pure kernel: the bytes of one object in, findings to a sink, totals and gaps out. Everything that
could not be read is a gap with the object's name.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from affidavit.logscan import findings as reasons
from affidavit.logscan.batches import ASKED, DECLINED, ODD, SAID, UNGUARDED, BatchReader
from affidavit.logscan.bodies import BodyTexts, all_texts, read_body
from affidavit.logscan.detectors import (
    ENTITY_TYPES,
    QUIET_TYPES,
    Allowed,
    Detectors,
    DetectorSettings,
    ProfanityDetector,
    Words,
    fingerprint,
    refusal,
)
from affidavit.logscan.detectors.entities import Finding
from affidavit.logscan.disclosures import Disclosures, Text
from affidavit.logscan.findings import KINDS, Kind, Part, ScanFinding, ScanGap, Scanned, Totals
from affidavit.logscan.gunzip import Data, ReadLimits, whole
from affidavit.logscan.prefilter import REACH, Prefilter
from affidavit.logscan.records import Record, RecordReader
from affidavit.logscan.usage import Calls, principal_of

Sink = Callable[[ScanFinding], None]

_KEPT_APART: Final = re.compile(r"(?:^|/)data/(?P<id>[^/]+)_(?P<part>input|output)\.json(?:\.gz)?$")
_ABOUT_MEDIA: Final = re.compile(r"(?:^|/)data/[^/]+$")
_PROBE: Final = "amazon-bedrock-logs-permission-check"
_HELD: Final = 2**20
"""Bytes of marked lines that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """What is looked for in invocation logs."""

    key: bytes = field(repr=False)
    """Of the fingerprints, secret, at least 16 bytes."""
    kinds: frozenset[str] = frozenset(KINDS)
    entity_types: frozenset[str] = frozenset(ENTITY_TYPES) - QUIET_TYPES
    allowed: Allowed = field(default_factory=Allowed)
    words: Words = field(default_factory=Words)
    min_score: float = 0.5
    blocked_messages: tuple[str, ...] = ()
    limits: ReadLimits = field(default_factory=ReadLimits)


class InvocationScanner:
    """Scans objects one after another; build one in each process and keep it.

    Not `quick`: every record is walked, which gives the same, ten times as slowly.
    """

    def __init__(self, settings: ScanSettings, *, quick: bool = True) -> None:
        self._settings = settings
        self._detectors = Detectors(
            DetectorSettings(
                entity_types=settings.entity_types,
                allowed=settings.allowed,
                min_score=settings.min_score,
            )
        )
        self._disclosures = Disclosures(
            self._detectors, ProfanityDetector(settings.words), settings.key, settings.kinds
        )
        self.batches = BatchReader(self._prefilter(), unguarded="unguarded" in settings.kinds)
        self._quick = quick

    def _prefilter(self) -> Prefilter:
        kinds = self._settings.kinds
        return Prefilter(
            self._disclosures.personal,
            self._disclosures.profane,
            refusals="refusal" in kinds,
            blocked_messages=self._settings.blocked_messages,
        )

    @property
    def not_looked_for(self) -> tuple[str, ...]:
        """Wanted types that nothing here finds: say so beside every "nothing found"."""
        return self._detectors.not_looked_for

    def scan(self, data: Data, uri: str, sink: Sink) -> Scanned:
        """Scan one object; findings go to `sink` as they are found."""
        work = _Object(self._settings, self._disclosures, uri, sink)
        work.run(data, self.batches if self._quick else None)
        return work.result(len(data))


@dataclass(slots=True, kw_only=True)
class _Read:
    """A record, or a body that was kept apart, with what is still to be looked at."""

    about: ScanFinding
    texts: Sequence[Text] = ()
    bodies: Sequence[BodyTexts] = ()
    """Whose signs are looked at: refusals, interventions, matches of a trace."""
    unguarded: bool = False


class _Object:
    """The scan of one object."""

    def __init__(
        self, settings: ScanSettings, disclosures: Disclosures, uri: str, sink: Sink
    ) -> None:
        self._settings, self._disclosures = settings, disclosures
        self._uri, self._sink = uri, sink
        self._totals = Totals(objects=1)
        self._calls = Calls(self._totals.used)
        self._gaps: Counter[str] = Counter()
        self._references: list[str] = []
        self._hits: list[tuple[bytes, int]] = []
        self._held = 0

    def result(self, compressed: int) -> Scanned:
        """Return totals and gaps."""
        self._totals.compressed = compressed
        self._calls.settle()
        gaps = (
            ScanGap(object_uri=self._uri, why=why, count=count) for why, count in self._gaps.items()
        )
        return Scanned(
            object_uri=self._uri,
            totals=self._totals,
            gaps=tuple(gaps),
            references=tuple(self._references),
        )

    def run(self, data: Data, batches: BatchReader | None) -> None:
        """Scan the object by what its name says it is."""
        apart = _KEPT_APART.search(self._uri)
        if self._uri.endswith(_PROBE):
            return
        if apart is not None:
            self._body_apart(data, apart["id"], "input" if apart["part"] == "input" else "output")
            return
        if _ABOUT_MEDIA.search(self._uri):
            self._trouble(reasons.IS_MEDIA)
            return
        reader = RecordReader(self._settings.limits, self._trouble, self._size)
        for batch in reader.batches(data):
            if isinstance(batch, list):
                self._lines(batch, reader, batches)
            else:
                for record in batch:
                    self._report([self._walked(record)])
        self._look(reader)
        self._totals.foreign = reader.foreign

    def _lines(self, lines: list[bytes], reader: RecordReader, batches: BatchReader | None) -> None:
        """Scan lines in their order: those that a batch marks, or all."""
        every = dict.fromkeys(range(len(lines)), ODD)
        marks = every if batches is None else batches.read(lines, self._totals, self._calls)
        for number in sorted(marks):
            line = lines[number]
            self._hits.append((line, marks[number]))
            self._held += len(line)
        if self._held > _HELD:
            self._look(reader)

    def _look(self, reader: RecordReader) -> None:
        """Look at the marked lines, many at once."""
        read = [
            self._marked(record, mark) for line, mark in self._hits for record in reader.line(line)
        ]
        self._hits, self._held = [], 0
        self._report(read)

    def _report(self, read: Sequence[_Read]) -> None:
        """Report what records disclose and show, in their order."""
        found = iter(self._disclosures.find([text for one in read for text in one.texts]))
        for one in read:
            for text, disclosed in zip(one.texts, found):  # noqa: B905 - the rest is of the next
                for own, entry in disclosed.own:
                    self._own(one.about.model_id, text[0], own, entry)
                for place in disclosed.places:
                    told = self._disclosures.shown(text, place, disclosed.places)
                    self._found(one.about, **told)
            self._signs(one.about, one.bodies)
            if one.unguarded:
                self._found(one.about, "unguarded", "NO_GUARDRAIL")

    def _trouble(self, why: str) -> None:
        self._gaps[why] += 1

    def _size(self, size: int) -> None:
        self._totals.raw += size

    def _body_apart(self, data: Data, request_id: str, part: Part) -> None:
        limits = self._settings.limits
        content = whole(data, limits.line, limits, self._trouble)
        self._totals.raw += len(content)
        body = self._body(content, part)
        if body is None:
            return
        about = ScanFinding(kind="pii", entity_type="", object_uri=self._uri, request_id=request_id)
        self._report([self._whole(about, [body])])

    def _whole(self, about: ScanFinding, bodies: list[BodyTexts]) -> _Read:
        """Return bodies of which nothing was looked at yet."""
        texts = self._disclosures.worth_reading(list(all_texts(bodies))) if bodies else ()
        return _Read(about=about, texts=texts, bodies=bodies)

    def _marked(self, record: Record, mark: int) -> _Read:
        """Read what a mark says; of a record of a common shape nothing else can be found."""
        if mark & ODD:
            return self._walked(record)
        bodies = []
        if mark & ASKED and record.input is not None:
            bodies.append(self._body(record.input.inputBodyJson, "input"))
        if mark & (SAID | DECLINED) and record.output is not None:
            bodies.append(self._body(record.output.outputBodyJson, "output"))
        read = [body for body in bodies if body is not None]
        return _Read(
            about=self._about(record),
            texts=list(all_texts(read)) if mark & (ASKED | SAID) else (),
            bodies=read[-1:] if mark & DECLINED else (),
            unguarded=bool(mark & UNGUARDED),
        )

    def _about(self, record: Record) -> ScanFinding:
        """Return what all findings of a record have in common."""
        return ScanFinding(
            kind="pii",
            entity_type="",
            object_uri=self._uri,
            request_id=record.requestId or "",
            model_id=record.modelId or "",
            principal=record.identity.arn if record.identity else "",
            time=record.timestamp or "",
            account_id=record.accountId or "",
            region=record.region or "",
            error_code=record.errorCode or "",
        )

    def _walked(self, record: Record) -> _Read:
        """Count a record and read all of it."""
        totals = self._totals
        totals.seen(record.timestamp or "")
        if record.errorCode:
            totals.errors[record.errorCode] += 1
        bodies, complete = self._bodies(record)
        about = self._about(record)
        self._count(record, bodies)
        read = self._whole(about, bodies)
        if not any(body.guarded for body in bodies) and not record.errorCode:
            read.unguarded = complete
            totals.guard_unknown += not complete
        return read

    def _count(self, record: Record, bodies: Sequence[BodyTexts]) -> None:
        """Count what a call comes to."""
        tokens = (
            record.input.inputTokenCount if record.input else None,
            record.output.outputTokenCount if record.output else None,
        )
        latency = next((one.latency_ms for one in bodies if one.latency_ms is not None), None)
        arn = record.identity.arn if record.identity else ""
        use = self._calls[record.modelId or "", principal_of(arn)]
        use.count(tokens, latency, failed=bool(record.errorCode))

    def _bodies(self, record: Record) -> tuple[list[BodyTexts], bool]:
        """Return the bodies that stand in the record, and whether both do."""
        found: list[BodyTexts] = []
        complete = True
        sides: tuple[tuple[Part, Any, Any], ...] = (
            (
                "input",
                record.input and record.input.inputBodyJson,
                record.input and record.input.inputBodyS3Path,
            ),
            (
                "output",
                record.output and record.output.outputBodyJson,
                record.output and record.output.outputBodyS3Path,
            ),
        )
        for part, raw, path in sides:
            if path:
                self._references.append(path)
            body = self._body(raw, part) if raw else None
            if body is None:
                complete = False
                continue
            found.append(body)
        return found, complete

    def _body(self, raw: Any, part: Part) -> BodyTexts | None:
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            try:
                value = json.loads(bytes(raw).decode("utf-8", "replace"), strict=False)
            except (ValueError, RecursionError):
                self._trouble(f"the {part} of a call is not JSON, cut off or nested too deeply")
                return None
        body = read_body(value, part)
        if body.media:
            self._trouble(reasons.HOLDS_MEDIA)
        if body.too_deep:
            self._trouble(f"the {part} of a call is nested too deeply")
        return body

    def _own(self, model: str, part: Part, found: Finding, entry: str) -> None:
        """Count what is no finding, as it is on the list of the company's own."""
        self._totals.own[json.dumps([part, found.entity_type, entry, model])] += 1

    def _signs(self, about: ScanFinding, bodies: Sequence[BodyTexts]) -> None:
        """Report refusals, interventions, and raw matches that a guardrail's trace shows."""
        for body in bodies:
            for path, kind, text in body.matches:
                self._trace_match(about, path, kind, text)
            for policy in sorted(body.policies) or (["GUARDRAIL"] if body.intervened else []):
                self._found(about, "guardrail", policy, part="trace")
            if body.intervened or "refusal" not in self._settings.kinds:
                continue
            self._refusal(about, body)

    def _refusal(self, about: ScanFinding, body: BodyTexts) -> None:
        answers = [(path, text) for (part, path), text in body.texts.items() if part == "output"]
        for path, text in answers:
            sign = refusal(
                text[:REACH],
                stop_reason=body.stop_reason,
                blocked_messages=self._settings.blocked_messages,
            )
            if sign is not None:
                self._found(about, "refusal", sign.sign.upper(), part="output", path=path)
                return

    def _trace_match(self, about: ScanFinding, path: str, kind: str, text: str) -> None:
        found = Finding(0, len(text), kind, "trace", 1.0)
        if entry := self._settings.allowed.entry(found, text):
            self._own(about.model_id, "trace", found, entry)
            return
        personal = kind in ENTITY_TYPES
        self._found(
            about,
            "pii" if personal else "guardrail",
            kind if personal else "MATCH",
            part="trace",
            path=path,
            end=len(text),
            hash=fingerprint(text, found, self._settings.key),
            excerpt="{" + (kind if personal else "MATCH") + "}",
        )

    def _found(self, about: ScanFinding, kind: Kind, entity_type: str, **more: Any) -> None:
        if kind not in self._settings.kinds:
            return
        name = f"{kind} {more.get('part', '') or '-'} {entity_type}"
        self._totals.findings[name] += 1
        self._sink(msgspec.structs.replace(about, kind=kind, entity_type=entity_type, **more))
