"""CloudTrail log files: the events on a watch list, each with its record byte for byte.

Management, data and Insights events. Two fields of each record decide; only matches are decoded
further. Digest files are handed on for `digests.py`.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Final

import msgspec

from affidavit.logscan.findings import ScanFinding, ScanGap, Scanned, Totals
from affidavit.logscan.gunzip import Data, ReadLimits, Trouble, whole
from affidavit.logscan.invocations import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailSettings:
    """Which events match."""

    events: frozenset[str]
    """As `bedrock.amazonaws.com:UpdateGuardrail`; `*` for the name: all of the service."""
    read_only: bool | None = None
    """Given: only events that are read-only, or that are not."""
    errors_only: bool = False
    integrity: bool = True
    """Whether files are hashed, for digests to be compared with them."""
    limits: ReadLimits = field(default_factory=ReadLimits)


class _Trail(msgspec.Struct, gc=False):
    Records: list[msgspec.Raw]


class _Insight(msgspec.Struct, gc=False):
    eventSource: str = ""  # noqa: N815 - AWS's word
    eventName: str = ""  # noqa: N815 - AWS's word


class _Name(msgspec.Struct, gc=False):
    eventSource: str | None = None  # noqa: N815 - AWS's word
    eventName: str | None = None  # noqa: N815 - AWS's word
    eventTime: str | None = None  # noqa: N815 - AWS's word
    insightDetails: _Insight | None = None  # noqa: N815 - AWS's word


class _Issuer(msgspec.Struct, gc=False):
    arn: str | None = None


class _Context(msgspec.Struct, gc=False):
    sessionIssuer: _Issuer | None = None  # noqa: N815 - AWS's word


class _Caller(msgspec.Struct, gc=False):
    arn: str | None = None
    principalId: str | None = None  # noqa: N815 - AWS's word
    invokedBy: str | None = None  # noqa: N815 - AWS's word
    sessionContext: _Context | None = None  # noqa: N815 - AWS's word


class _Event(msgspec.Struct, gc=False):
    readOnly: bool | str | None = None  # noqa: N815 - AWS's word
    errorCode: str | None = None  # noqa: N815 - AWS's word
    requestID: str | None = None  # noqa: N815 - AWS's word
    eventID: str | None = None  # noqa: N815 - AWS's word
    awsRegion: str | None = None  # noqa: N815 - AWS's word
    recipientAccountId: str | None = None  # noqa: N815 - AWS's word
    userIdentity: _Caller | None = None  # noqa: N815 - AWS's word


_TRAIL: Final = msgspec.json.Decoder(_Trail)
_NAME: Final = msgspec.json.Decoder(_Name)
_EVENT: Final = msgspec.json.Decoder(_Event)
_BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class TrailScanner:
    """Scans CloudTrail files one after another."""

    def __init__(self, settings: TrailSettings) -> None:
        self._settings = settings
        pairs = {event.partition(":")[::2] for event in settings.events}
        self._pairs = {pair for pair in pairs if pair[1] != "*"}
        self._sources = {source for source, name in pairs if name == "*"}

    def scan(self, data: Data, uri: str, sink: Sink) -> Scanned:
        """Scan one object; matches go to `sink`."""
        gaps: list[str] = []
        totals = Totals(objects=1, compressed=len(data))
        limits = self._settings.limits
        content = whole(data, limits.document, limits, gaps.append)
        totals.raw = len(content)
        digest = b""
        if "/CloudTrail-Digest/" in uri:
            digest = content
        else:
            self._file(content, uri, sink, totals, gaps.append)
        sound = not any("cut off" in why or "corrupt" in why or "more than" in why for why in gaps)
        hashed = sound and self._settings.integrity
        return Scanned(
            object_uri=uri,
            totals=totals,
            gaps=tuple(
                ScanGap(object_uri=uri, why=why, count=gaps.count(why))
                for why in dict.fromkeys(gaps)
            ),
            sha256=hashlib.sha256(content).hexdigest() if hashed else "",
            digest=digest,
        )

    def _file(self, content: bytes, uri: str, sink: Sink, totals: Totals, trouble: Trouble) -> None:
        for raw in _records(content, trouble):
            try:
                name = _NAME.decode(raw)
            except _BAD:
                trouble("a record is damaged or has members of an unknown type")
                continue
            totals.seen(name.eventTime or "")
            insight = name.insightDetails
            source = name.eventSource or (insight.eventSource if insight else "")
            called = name.eventName or (insight.eventName if insight else "")
            if not source or not called:
                trouble("a record names no event")
            elif (source, called) in self._pairs or source in self._sources:
                found = self._match(raw, uri, f"{source}:{called}", name.eventTime or "", trouble)
                if found is not None:
                    totals.findings[f"event - {source}:{called}"] += 1
                    sink(found)

    def _match(
        self, raw: msgspec.Raw | bytes, uri: str, called: str, time: str, trouble: Trouble
    ) -> ScanFinding | None:
        try:
            event = _EVENT.decode(raw)
            record = bytes(raw).decode()
        except _BAD:
            trouble("a record on the watch list is damaged or has members of an unknown type")
            return None
        settings = self._settings
        if settings.errors_only and not event.errorCode:
            return None
        read_only = event.readOnly in {True, "true", "True"}
        known = settings.read_only is not None and event.readOnly is not None
        if known and read_only != settings.read_only:
            return None
        who = event.userIdentity or _Caller()
        context = who.sessionContext or _Context()
        return ScanFinding(
            kind="event",
            entity_type=called,
            object_uri=uri,
            request_id=event.requestID or event.eventID or "",
            principal=who.arn or who.principalId or who.invokedBy or "",
            issuer=(context.sessionIssuer.arn or "") if context.sessionIssuer else "",
            time=time,
            account_id=event.recipientAccountId or "",
            region=event.awsRegion or "",
            error_code=event.errorCode or "",
            record=record,
        )


def _records(content: bytes, trouble: Trouble) -> list[msgspec.Raw] | list[bytes]:
    """Return the records of a file; of a damaged one those before the damage."""
    try:
        return _TRAIL.decode(content).Records
    except _BAD:
        trouble("it is not a whole CloudTrail file; the records before the damage were read")
    return _salvaged(content)


def _salvaged(content: bytes) -> list[bytes]:
    text = content.decode("utf-8", "replace")
    at = text.find("[") + 1
    found: list[bytes] = []
    decoder = json.JSONDecoder(strict=False)
    while at:
        start = text.find("{", at)
        if start < 0:
            break
        try:
            _, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        found.append(text[start:at].encode())
    return found
