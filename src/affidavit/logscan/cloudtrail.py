"""CloudTrail log files: the events on a watch list, each with its record byte for byte.

Management, data and Insights events. Two fields of each record decide; only matches are decoded
further. Digest files are handed on for `digests.py`.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

import msgspec

from affidavit.logscan.findings import ScanFinding, ScanGap, Scanned, Totals
from affidavit.logscan.gunzip import Data, ReadLimits, Trouble, whole
from affidavit.logscan.invocations import Sink
from affidavit.logscan.trails import BAD, NAME, Name, Records, TrailReader


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


_EVENT: Final = msgspec.json.Decoder(_Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The file that is being scanned, and where things go."""

    uri: str
    sink: Sink
    totals: Totals
    trouble: Trouble


class TrailScanner:
    """Scans CloudTrail files one after another."""

    def __init__(self, settings: TrailSettings) -> None:
        self._settings = settings
        pairs = {event.partition(":")[::2] for event in settings.events}
        self._pairs = {pair for pair in pairs if pair[1] != "*"}
        self._whole = {source for source, name in pairs if name == "*"}
        nameless: set[str | None] = {"", None}
        self._names = nameless | {name for _, name in self._pairs}

    def scan(self, data: Data, uri: str, sink: Sink) -> Scanned:
        """Scan one object; matches go to `sink`."""
        gaps: list[str] = []
        totals = Totals(objects=1, compressed=len(data))
        limits = self._settings.limits
        digest, hashed = b"", ""
        if "/CloudTrail-Digest/" in uri:
            digest = whole(data, limits.document, limits, gaps.append)
            totals.raw = len(digest)
        else:
            hashed = self._file(data, uri, sink, totals, gaps.append)
        sound = not any("cut off" in why or "corrupt" in why or "more than" in why for why in gaps)
        return Scanned(
            object_uri=uri,
            totals=totals,
            gaps=tuple(
                ScanGap(object_uri=uri, why=why, count=gaps.count(why))
                for why in dict.fromkeys(gaps)
            ),
            sha256=hashed if sound else "",
            digest=digest,
        )

    def _file(self, data: Data, uri: str, sink: Sink, totals: Totals, trouble: Trouble) -> str:
        """Read a log file; return its hash, where one is wanted."""
        content = hashlib.sha256() if self._settings.integrity else None

        def took(part: bytes) -> None:
            totals.raw += len(part)
            if content is not None:
                content.update(part)

        file = _File(uri=uri, sink=sink, totals=totals, trouble=trouble)
        reader = TrailReader(self._settings.limits, trouble, took)
        for names, piece in reader.pieces(data):
            self._piece(names, piece, file)
        for raw in reader.rest():
            try:
                name = NAME.decode(raw)
            except BAD:
                trouble("a record is damaged or has members of an unknown type")
                continue
            totals.seen(name.eventTime or "")
            if self._is_asked(name.event, file):
                self._match(name, raw, file)
        return content.hexdigest() if content is not None else ""

    def _piece(self, names: list[Name], piece: bytes, file: "_File") -> None:
        """Count the records of a piece; where one is asked for, find their bytes."""
        file.totals.seen_all([name.eventTime or "" for name in names])
        asked, sources = self._names, self._whole
        some = [
            number
            for number, name in enumerate(names)
            if name.eventName in asked
            or not name.eventSource
            or (sources and name.eventSource in sources)
        ]
        records: Records | None = None
        for number in some:
            name = names[number]
            if self._is_asked(name.event, file):
                records = records or Records(names, piece)
                self._match(name, records[number], file)

    def _is_asked(self, event: tuple[str, str], file: "_File") -> bool:
        """Return whether the event is on the list; one that names itself badly is told."""
        if not all(event):
            file.trouble("a record names no event")
            return False
        return event in self._pairs or event[0] in self._whole

    def _match(self, name: Name, raw: msgspec.Raw | bytes, file: "_File") -> None:
        """Report an event on the list, with its record, where the settings ask for it."""
        try:
            event = _EVENT.decode(raw)
            record = bytes(raw).decode()
        except BAD:
            file.trouble("a record on the watch list is damaged or has members of an unknown type")
            return
        if not self._is_wanted(event):
            return
        who = event.userIdentity or _Caller()
        issuer = who.sessionContext.sessionIssuer if who.sessionContext else None
        called = ":".join(name.event)
        file.totals.findings[f"event - {called}"] += 1
        file.sink(
            ScanFinding(
                kind="event",
                entity_type=called,
                object_uri=file.uri,
                request_id=event.requestID or event.eventID or "",
                principal=who.arn or who.principalId or who.invokedBy or "",
                issuer=(issuer.arn or "") if issuer else "",
                time=name.eventTime or "",
                account_id=event.recipientAccountId or "",
                region=event.awsRegion or "",
                error_code=event.errorCode or "",
                record=record,
            )
        )

    def _is_wanted(self, event: _Event) -> bool:
        settings = self._settings
        if settings.errors_only and not event.errorCode:
            return False
        if settings.read_only is None or event.readOnly is None:
            return True
        return (event.readOnly in {True, "true", "True"}) == settings.read_only
