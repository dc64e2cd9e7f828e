"""One day of a trail's files, read once for all who ask: the events that controls name, and calls.

What is kept of an event is its record as it stands in the file, but for secrets, with the place of
its bytes: object, offset and length in the uncompressed file, the hashes of both. So whoever may
read the bucket finds the very bytes again. Events that are read-only are left out, as Audit Manager
leaves them out, and so are events of other accounts, which are counted.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm

from affidavit.aws import redact
from affidavit.aws.log_reading import LogReader, NotReadError
from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.digests import Integrity, check_integrity, is_backfill
from affidavit.logscan.findings import ScanFinding, ScanGap, Scanned, Totals
from affidavit.logscan.gunzip import ReadLimits, whole
from affidavit.logscan.public_keys import public_keys
from affidavit.model.observation import JsonObject
from affidavit.model.times import iso, parse
from affidavit.sources.trail_places import DIGESTED, TrailPlace

INVOKING: Final = (
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "Converse",
    "ConverseStream",
)
_SOURCE: Final = "bedrock.amazonaws.com"
_CALLS: Final = frozenset(f"{_SOURCE}:{name}" for name in INVOKING)
_MAX_OBJECT: Final = 2**28
_MAX_EVENTS: Final = 20_000
"""Events of a Region and day that are kept; what is beyond them makes the answer incomplete."""
_MAX_RECORDS: Final = 2**26
"""Characters of their records together: those of the owner of a bucket may be as long as a file."""
_MAX_NAMED: Final = 500
"""Files that could not be read, findings of the digests, and other accounts, named one by one."""
_FURTHER: Final = "further accounts"
_MAX_CALLS: Final = 1_000_000
"""Calls of models of a Region and day that are held to be compared: half a gigabyte."""
_MAX_CALLERS: Final = 20
"""Principals whose calls of models are counted by name."""
_LIMITS: Final = ReadLimits()
_TOO_MANY: Final = (
    f"it has events beyond the {_MAX_EVENTS}, or the {_MAX_RECORDS >> 20} MB of records, that are "
    "kept of a Region and day"
)
_TOO_MANY_CALLS: Final = (
    f"it has calls of models beyond the {_MAX_CALLS} that are compared of a day"
)
_MANAGEMENT: Final = "Management"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a model, as CloudTrail recorded it."""

    event: str
    principal: str
    time: str


@dataclass(slots=True)
class TrailReading:
    """What is in the files of one place."""

    place: TrailPlace
    events: frozenset[str]
    """What is looked for, as `<source>:<name>`."""
    calls: dict[str, Call] = field(default_factory=dict)
    """Calls of models by request id."""
    unread: list[ScanGap] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    _found: dict[str, JsonObject] = field(default_factory=dict)
    _twins: list[tuple[str, JsonObject]] = field(default_factory=list)
    """Events that another file tells otherwise."""
    _masked: set[str] = field(default_factory=set)
    """Hashes of the records in which secrets were replaced."""
    _hits: list[ScanFinding] = field(default_factory=list)
    _left_out: Counter[str] = field(default_factory=Counter)
    _foreign: Counter[str] = field(default_factory=Counter)
    _room: int = field(default_factory=lambda: _MAX_RECORDS)
    """Characters of records that may still be held."""
    _late: int = 0
    _scanned: list[Scanned] = field(default_factory=list)
    _integrity: JsonObject = field(default_factory=dict)

    def read(self, reader: LogReader, trail: Mapping[str, Any]) -> None:
        """Read everything; `NotReadError` where the bucket cannot be listed at all."""
        validated = bool(trail.get("validated"))
        scanner = TrailScanner(TrailSettings(events=self.events | _CALLS, integrity=True))
        keys = self.place.log_files(reader)
        for key in keys:
            self._late += self.place.is_late(key)
            self._file(reader, scanner, key)
        if validated:
            self._check(reader, scanner, trail, frozenset(keys))
        self._scanned.clear()

    def _file(self, reader: LogReader, scanner: TrailScanner, key: str) -> None:
        content = self._content(reader, key)
        if content is None:
            return
        uri = self._uri(key)
        scanned = scanner.scan(content, uri, self._take)
        self.totals.add(scanned.totals)
        self.unread += scanned.gaps
        self._scanned.append(scanned)
        if self._hits:
            self._keep_all(whole(content, _LIMITS.document, _LIMITS, lambda _why: None), scanned)

    def _content(self, reader: LogReader, key: str) -> bytes | None:
        try:
            return reader.read(self.place.bucket, key, _MAX_OBJECT)
        except NotReadError as error:
            why = error.sentences
            self.unread.append(ScanGap(object_uri=self._uri(key), why=why))
            return None

    def _uri(self, key: str) -> str:
        return f"s3://{self.place.bucket}/{key}"

    def _take(self, found: ScanFinding) -> None:
        """Sort an event in: a call, an event that is asked for, or one of another account."""
        if found.account_id not in ("", self.place.account_id):
            known = found.account_id in self._foreign or len(self._foreign) < _MAX_NAMED
            self._foreign[found.account_id if known else _FURTHER] += 1
            return
        if found.time[:10] != f"{self.place.day.start:%Y-%m-%d}":
            return
        if found.entity_type in _CALLS and not found.error_code:
            name = found.entity_type.partition(":")[2]
            call = Call(event=name, principal=found.principal, time=found.time)
            if len(self.calls) < _MAX_CALLS:
                self.calls.setdefault(found.request_id, call)
            elif found.request_id not in self.calls:
                self._not_kept(found.object_uri, _TOO_MANY_CALLS)
        if found.entity_type not in self.events:
            return
        if len(found.record) > self._room:
            self._not_kept(found.object_uri, _TOO_MANY)
            return
        self._room -= len(found.record)
        self._hits.append(found)

    def _keep_all(self, raw: bytes, scanned: Scanned) -> None:
        """Keep the events of a file with their places: each lies behind the one before it."""
        at = 0
        for hit in self._hits:
            exact = hit.record.encode()
            offset = raw.find(exact, at)
            at = len(raw) if offset < 0 else offset + len(exact)
            if not self._keep(hit, _place(hit, exact, offset, scanned.sha256)):
                self._room += len(hit.record)
        self._hits.clear()

    def _keep(self, found: ScanFinding, file: JsonObject) -> bool:
        """Keep an event once, with the place of its record; tell whether its record is held."""
        record = json.loads(found.record)
        name = str(record.get("eventID") or "")
        if record.get("readOnly") in (True, "true"):
            self._left_out["readOnly"] += 1
        elif record.get("eventCategory", _MANAGEMENT) != _MANAGEMENT:
            self._left_out["notManagement"] += 1
        elif why := self._trouble(name, found.time):
            self._not_kept(found.object_uri, why)
        else:
            listed = _listed(name, found, record.get("userIdentity") or {})
            return self._add(found, {**listed, "file": file})
        return False

    def _add(self, found: ScanFinding, event: JsonObject) -> bool:
        """Add an event, unless it is there; where it is there otherwise, one of them is wrong."""
        name, own = event["EventId"], event["file"]["recordSha256"]
        known = self._found.get(name)
        if known is not None and known["file"]["recordSha256"] == own:
            return False
        text, masked = _without_secrets(found.record)
        event["CloudTrailEvent"] = text
        if masked:
            self._masked.add(own)
        if known is None:
            self._found[name] = event
            return True
        is_held = len(self._twins) < _MAX_EVENTS
        if is_held:
            self._twins.append((name, event))
        why = f"the files tell the event {name} in two ways"
        self._not_kept(found.object_uri, why)
        return is_held

    def _not_kept(self, uri: str, why: str) -> None:
        """Count an event that is not kept; those of a file follow on one another."""
        last = self.unread[-1] if self.unread else None
        if last is not None and (last.object_uri, last.why) == (uri, why):
            self.unread[-1] = replace(last, count=last.count + 1)
        else:
            self.unread.append(ScanGap(object_uri=uri, why=why))

    @property
    def redacted(self) -> list[str]:
        """Return the JSON pointers of the records in which secrets were replaced."""
        return [
            f"/events/{number}/CloudTrailEvent"
            for number, event in enumerate(self._found.values())
            if event["file"]["recordSha256"] in self._masked
        ]

    def _trouble(self, name: str, time: str) -> str:
        """Return why an event cannot be kept."""
        if not name:
            return "an event has no eventID"
        if len(self._found) >= _MAX_EVENTS and name not in self._found:
            return _TOO_MANY
        try:
            parse(time)
        except ValueError:
            return "an event has no eventTime that can be read"
        return ""

    def _check(
        self,
        reader: LogReader,
        scanner: TrailScanner,
        trail: Mapping[str, Any],
        listed: frozenset[str],
    ) -> None:
        """Compare the files with the trail's digest files, and note which are proved by them."""
        try:
            keys = self.place.digests(reader, trail["trail"], trail["home"])
        except NotReadError as error:
            self._integrity = {"why": error.sentences}
            return
        contents = [(key, self._content(reader, key)) for key in keys]
        digests = [
            scanner.scan(content, self._uri(key), self._take)
            for key, content in contents
            if content
        ]
        self.unread += [gap for one in digests for gap in one.gaps]
        try:
            known = public_keys(trail["keys"])
        except (ValueError, KeyError, TypeError, UnsupportedAlgorithm) as error:
            self._integrity = {"why": f"CloudTrail's public keys cannot be read: {error}"}
            return
        found = check_integrity([*self._scanned, *digests], known)
        settled = min(self.place.day.end, reader.started_at - DIGESTED)
        uris = [self._uri(key) for key in keys]
        self._integrity = self._told(found, uris, listed, iso(settled.replace(microsecond=0)))
        self._prove(found.proved_files)

    def _prove(self, files: frozenset[str]) -> None:
        """Note of each event whether its file is proved; of two that differ the proved one stands.

        So a file that somebody put there takes the place of no event that CloudTrail delivered.
        """
        for event in (*self._found.values(), *(twin for _, twin in self._twins)):
            event["file"]["proved"] = event["file"]["object"] in files
        for name, twin in self._twins:
            if twin["file"]["proved"] and not self._found[name]["file"]["proved"]:
                self._found[name] = twin

    def _told(
        self, found: Integrity, digests: list[str], listed: frozenset[str], settled: str
    ) -> JsonObject:
        """Return what the digests say of the files that were looked for.

        The predecessor of the first one lies elsewhere; `settled`: up to when there must be some.
        """
        late = [uri for uri in digests if is_backfill(uri)]
        hourly = [uri for uri in digests if not is_backfill(uri)]
        first = {min(chain) for chain in (late, hourly) if chain}
        bucket = f"s3://{self.place.bucket}/"
        wrong = [
            {"what": one.entity_type, "object": one.object_uri, "detail": one.excerpt}
            for one in found.findings
            if one.entity_type != "LOG_FILE_MISSING"
            or self._is_gone(one.excerpt.removeprefix(bucket), listed)
        ]
        wrong += [
            _missing(uri, f"the digest before it is not there: {before}")
            for uri, before in found.begins.items()
            if uri not in first or self.place.holds_digest(before)
        ]
        if found.until and found.until < settled:
            words = (
                f"the last digest is of {found.until}: later ones are gone, or the trail stopped"
            )
            wrong.append(_missing(max(hourly), words))
        if not hourly:
            detail = "no digest file of the day was found, though the trail has them written"
            wrong.append(_missing(bucket, detail))
        return {
            "digests": len(digests),
            "proved": found.proved,
            "unsigned": found.unsigned,
            "inNone": self.totals.objects - found.proved - found.unsigned,
            "findings": wrong[:_MAX_NAMED],
            "findingsInAll": len(wrong),
        }

    def _is_gone(self, key: str, listed: frozenset[str]) -> bool:
        """Tell whether a file that a digest names was looked for, and is not in the bucket."""
        return self.place.holds(key) and key not in listed

    def body(self) -> JsonObject:
        """Return what is observed: the events, and over how much that is said."""
        day = f"{self.place.day.start:%Y-%m-%d}"
        hours = [hour for hour in range(24) if not self.totals.hours.get(f"{day}T{hour:02}")]
        return {
            "population": {
                "objects": self.totals.objects,
                "ofNextDay": self._late,
                "compressedBytes": self.totals.compressed,
                "bytes": self.totals.raw,
                "records": self.totals.records,
                "hoursWithout": hours,
            },
            "events": list(self._found.values()),
            "leftOut": dict(sorted(self._left_out.items())),
            "calls": self._calls(),
            "otherAccounts": list(self.place.others),
            "eventsOfOtherAccounts": [
                {"accountId": name, "events": n} for name, n in sorted(self._foreign.items())
            ],
            "unread": [
                {"objectUri": g.object_uri, "why": g.why, "count": g.count}
                for g in self.unread[:_MAX_NAMED]
            ],
            "unreadInAll": sum(g.count for g in self.unread),
            "integrity": self._integrity,
        }

    def _calls(self) -> JsonObject:
        """Return how many calls of models there are, and of whom the most."""
        by = Counter(call.principal for call in self.calls.values())
        most = sorted(by.items(), key=lambda one: (-one[1], one[0]))[:_MAX_CALLERS]
        return {"calls": len(self.calls), "by": dict(most)}


def _place(found: ScanFinding, exact: bytes, offset: int, sha256: str) -> JsonObject:
    """Return where the bytes of a record are, and the hashes of file and record."""
    return {
        "object": found.object_uri,
        "sha256": sha256,
        "recordSha256": hashlib.sha256(exact).hexdigest(),
        **({"offset": offset, "length": len(exact)} if offset >= 0 else {}),
    }


def _missing(uri: str, detail: str) -> JsonObject:
    return {"what": "DIGEST_MISSING", "object": uri, "detail": detail}


def _listed(name: str, found: ScanFinding, who: Mapping[str, Any]) -> JsonObject:
    """Return an event's members as LookupEvents names them."""
    source, _, called = found.entity_type.partition(":")
    user = who.get("userName") or str(who.get("arn") or "").rpartition("/")[2]
    return {
        "EventId": name,
        "EventName": called,
        "EventSource": source,
        "EventTime": found.time,
        "Username": user or str(who.get("principalId") or ""),
    }


def _without_secrets(record: str) -> tuple[str, bool]:
    """Return a record without secrets and whether it had any; otherwise byte for byte."""
    text = redact.text(record)
    clean, pointers = redact.body(json.loads(text), ())
    if pointers:
        text = json.dumps(clean, ensure_ascii=False, separators=(",", ":"))
    return text, text != record
