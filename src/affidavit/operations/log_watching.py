"""Passes over watched logs: list what is new, scan it, count it once, and alert within a minute.

Each object that a listing names is a row of the store before it is read; what its scan gave is
written with the alerts that follow, in one transaction (`store.scanned`). The hours before the
cursor are listed again, so that objects which come late are found. A log group is read in slices of
time, each of which is such an object too.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from affidavit.alerting.alert import Alert
from affidavit.aws.door import Door
from affidavit.aws.log_reading import LogReader, NotReadError
from affidavit.collector.log_settings import scan_settings
from affidavit.errors import AffidavitError, CollectError, StoreConflictError, UsageError
from affidavit.logscan.detectors import Allowed
from affidavit.logscan.findings import ScanGap
from affidavit.model.observation import GapReason, Observation, Unit
from affidavit.model.times import iso, parse
from affidavit.operations import alerts, log_queues, log_rules, log_slices
from affidavit.operations.accounts import has_left
from affidavit.operations.context import Context
from affidavit.operations.log_watches import Watch, watches
from affidavit.operations.tenant_bindings import aws_of
from affidavit.sources.invocation_log import MAX_OBJECT, PROBE, log_prefix
from affidavit.sources.log_counts import LogCounts
from affidavit.store.documents import Document, Writes, with_writes
from affidavit.store.scanned import FAILED, SCANNED, Waiting

LATE: Final = timedelta(hours=2)
"""How far behind the cursor is listed again, for objects that come late."""
START: Final = timedelta(hours=1)
"""How far back a new watch begins."""
KEPT: Final = timedelta(days=3)
"""How long objects are known one by one."""
TURN: Final = 60.0
"""Seconds of a pass for one log: another tenant's is not held up by what waits of it."""
_BATCH: Final = 200
_ATTEMPTS: Final = 5
_CONFIGURATION: Final = "GetModelInvocationLoggingConfiguration"
_log: Final = logging.getLogger("affidavit.api.work")


def watch_all(context: Context) -> int:
    """Make one pass over every watch; return how many objects were scanned."""
    scanned = 0
    for watch, document in watches(context.store):
        if document.body.get("paused") or has_left(context, watch.tenant):
            continue
        one = _Pass(context, watch, document)
        try:
            scanned += one.run()
        except StoreConflictError:
            continue  # another server made the same pass
        except AffidavitError as error:
            _log.warning("the log of %s could not be watched: %s", watch.name, error.what)
        except Exception as fault:  # noqa: BLE001 - one log's fault must not end all watching
            _log.exception("a fault of Affidavit ended the pass over %s", watch.name)
            why = f"A fault of Affidavit ({type(fault).__name__}): the server's log says where."
            one.tell_lost(why)
    return scanned


class _Pass:
    """One pass over one log."""

    def __init__(self, context: Context, watch: Watch, document: Document) -> None:
        self._context, self._watch, self._document = context, watch, document
        self._scanned = context.store.documents.scanned
        self._now = context.now()
        tenants = scan_settings(context.store, watch.tenant)
        more = Allowed(numbers=frozenset(watch.own_numbers), domains=frozenset(watch.own_domains))
        self._settings = replace(tenants, allowed=tenants.allowed.with_more(more))
        self._where = document.body["place"]

    def run(self) -> int:
        """List, scan, and compare; return how many objects were scanned."""
        context, watch = self._context, self._watch
        with Door(aws_of(context, watch.tenant)) as door:
            place = self._place(door)
            if not place:
                return 0
            reader = door.log_reader(watch.account_id, watch.region)
            try:
                self._list(reader, place)
            except NotReadError as error:
                self.tell_lost(error.in_a_line)
                return 0
            self._found()
            count = self._scan(reader)
        self._compare()
        self._scanned.fold(watch.tenant, watch.name, self._now - KEPT)
        return count

    def _place(self, door: Door) -> Mapping[str, Any]:
        """Return the log's configuration; empty, with an alert, where there is none any more."""
        watch = self._watch
        operation = self._context.catalogue.operations[_CONFIGURATION]
        unit = Unit(
            key=_CONFIGURATION, account_id=watch.account_id, region=watch.region, parameters={}
        )
        result = door.call(operation, unit)
        if not isinstance(result, Observation):
            self.tell_lost(result.message)
            return {}
        config: Mapping[str, Any] = result.body.get("loggingConfig") or {}
        if not config.get("s3Config") and not config.get("cloudWatchConfig"):
            self.tell_lost("Invocation logging is not configured.")
            return {}
        return config

    def tell_lost(self, why: str) -> None:
        """Alert that nothing is scanned, and why."""
        alert = Alert(
            key=f"logging:{self._watch.name}",
            kind="logging",
            severity="critical",
            title="The invocation log is lost: nothing is scanned",
            facts={"why": why},
            where=self._watch.name,
            act="The owner of the account: switch logging on, or let the role read it.",
        )
        alerts.occur(self._context, self._watch.tenant, alert)

    def _found(self) -> None:
        facts = {"now": "the log can be read again"}
        alerts.recover(self._context, self._watch.tenant, f"logging:{self._watch.name}", facts)

    def _list(self, reader: LogReader, config: Mapping[str, Any]) -> None:
        """Note what is new, and move the cursor."""
        body = self._document.body
        start = parse(body["listedTo"]) if body["listedTo"] else self._now - START
        s3, late = config.get("s3Config") or {}, body.get("late", [])
        if s3:
            prefix = s3.get("keyPrefix") or ""
            base = log_prefix(prefix, self._watch.account_id, self._watch.region)
            is_told = self._told(s3["bucketName"], base, start)
            if is_told and self._now - start < log_queues.RECONCILED:
                return
            self._where, end = f"s3://{s3['bucketName']}/{prefix}", self._now
            found = list(self._objects(reader, s3["bucketName"], base, start))
        else:
            group = config["cloudWatchConfig"]["logGroupName"]
            self._where = f"log group {group}"
            cut = log_slices.Cut(group=group, start=start, now=self._now)
            found, late, end = log_slices.due(cut, late)
            found += self._large(reader, config["cloudWatchConfig"], start)
        moved = {"listedTo": iso(end), "place": self._where, "late": late}
        put = replace(self._document, body={**body, **moved})
        along = with_writes(self._watch.tenant, Writes(puts=[put]), self._now)
        self._scanned.listed(self._watch.tenant, self._watch.name, found, self._now, along)

    def _large(
        self, reader: LogReader, config: Mapping[str, Any], start: datetime
    ) -> list[tuple[str, int]]:
        """Return the bodies too large for a log group: they are put into a bucket beside it."""
        large = config.get("largeDataDeliveryS3Config") or {}
        if not large.get("bucketName"):
            return []
        watch = self._watch
        base = log_prefix(large.get("keyPrefix") or "", watch.account_id, watch.region)
        return list(self._objects(reader, large["bucketName"], base, start))

    def _told(self, bucket: str, base: str, start: datetime) -> bool:
        """Note what the watch's queue tells of; False where there is none, or it cannot be read."""
        context, watch = self._context, self._watch
        if not watch.queue:
            return False
        key = f"queue:{watch.name}"
        try:
            late = log_queues.take(
                context, watch.tenant, watch.queue, bucket=bucket, base=base,
                known_since=self._now - KEPT + timedelta(hours=1), listed_from=start - LATE,
                note=lambda found: self._scanned.listed(
                    watch.tenant, watch.name, found, self._now
                ),
            )  # fmt: skip
        except (CollectError, UsageError) as error:
            self._trouble(key, "The queue cannot be read: new objects are only listed",
                          {"queue": watch.queue, "why": error.in_a_line})  # fmt: skip
            return False
        alerts.recover(context, watch.tenant, key, {"now": "the queue can be read again"})
        if late:
            facts = {"first": late[0], "objects": str(len(late))}
            self._trouble(f"late:{watch.name}", "Objects came too late to be counted once", facts)
        return True

    def _trouble(self, key: str, title: str, facts: Mapping[str, str]) -> None:
        alert = Alert(
            key=key,
            kind="scan",
            severity="high",
            title=title,
            facts=facts,
            where=self._watch.name,
            act="The owner of the account, and who administers this server.",
        )
        alerts.occur(self._context, self._watch.tenant, alert)

    def _objects(
        self, reader: LogReader, bucket: str, base: str, start: datetime
    ) -> Iterator[tuple[str, int]]:
        hour = (start - LATE).replace(minute=0, second=0, microsecond=0)
        while hour <= self._now:
            for one in reader.objects(bucket, f"{base}{hour:%Y/%m/%d/%H}/"):
                if not one.key.endswith((PROBE, "/")):
                    yield one.uri, one.size
            hour += timedelta(hours=1)

    def _scan(self, reader: LogReader) -> int:
        """Scan what waits until the turn is over: the rest is left to the next pass."""
        scanned, over = 0, time.monotonic() + TURN
        while waiting := self._scanned.waiting(self._watch.tenant, self._watch.name, _BATCH):
            before = scanned
            for one in waiting:
                scanned += self._object(reader, one)
                if time.monotonic() >= over:
                    return scanned
            if scanned == before:
                break
        return scanned

    def _object(self, reader: LogReader, one: Waiting) -> bool:
        """Scan one object; False where it is to be tried again."""
        counts = LogCounts(self._settings, alone=True)
        try:
            if one.uri.startswith("logs://"):
                log_slices.read(reader, one.uri, counts)
            else:
                bucket, _, key = one.uri.removeprefix("s3://").partition("/")
                counts.add(reader.read(bucket, key, MAX_OBJECT), one.uri)
        except NotReadError as error:
            return self._not_read(one, error)
        self._finish(one, counts)
        return True

    def _not_read(self, one: Waiting, error: NotReadError) -> bool:
        watch, why = self._watch, error.in_a_line
        passing = {GapReason.THROTTLED, GapReason.TIMED_OUT, GapReason.UNREACHABLE}
        if error.reason in passing and one.attempts + 1 < _ATTEMPTS:
            self._scanned.failed(watch.tenant, watch.name, one.uri)
            return False
        alert = Alert(
            key=f"scan:{watch.name}",
            kind="scan",
            severity="high",
            title="Objects of the invocation log could not be read",
            facts={"first": one.uri, "why": why},
            where=watch.name,
            act="The owner of the account: let the role read and decrypt the log.",
        )
        self._write(one, FAILED, {"why": why}, [(alert, 1)])
        return True

    def _finish(self, one: Waiting, counts: LogCounts) -> None:
        body = counted(counts)
        watch = self._watch
        found = list(log_rules.of_object(watch.name, self._where, body))
        self._write(one, SCANNED, body, found)

    def _write(
        self, one: Waiting, state: str, body: Mapping[str, Any], found: list[tuple[Alert, int]]
    ) -> None:
        """Count an object with its alerts, all or nothing; again where somebody was quicker."""
        context, watch = self._context, self._watch
        for _ in range(_ATTEMPTS):
            puts = [
                put
                for alert, count in found
                for put in alerts.noted(context, watch.tenant, alert, count=count)[1]
            ]
            along = with_writes(watch.tenant, Writes(puts=puts), self._now)
            try:
                self._scanned.finish(
                    watch.tenant, watch.name, one.uri, state=state, body=body,
                    now=context.now(), along=along,
                )  # fmt: skip
            except StoreConflictError:
                continue
            if puts:
                context.wake()
            return
        raise CollectError(f"{one.uri} could not be counted: its alerts are changed all the time")

    def _compare(self) -> None:
        """Compare the last hour with the day before it, and the groups of both."""
        context, watch = self._context, self._watch
        hour = self._now - timedelta(hours=1)
        scans = self._scanned.since(watch.tenant, watch.name, self._now - timedelta(hours=25))
        last = [one.body for one in scans if one.done_at >= iso(hour)]
        before = [one.body for one in scans if one.done_at < iso(hour)]
        limits = log_rules.Thresholds()
        found, looked = log_rules.of_hours(watch.name, self._where, last, before, limits)
        for alert in found.values():
            alerts.occur(context, watch.tenant, alert)
        for key in looked - found.keys():
            alerts.recover(context, watch.tenant, key, {"now": "within the limits again"})


def counted(counts: LogCounts) -> dict[str, Any]:
    """Return what is kept of an object's scan: numbers that add up, types, groups, gaps."""
    apart = {rate: counts.bodies_apart(rate) for rate in log_rules.RATES}
    told = counts.to_json()
    models = told["models"]
    types = {
        name.split()[2]: count
        for name, count in told["counts"].items()
        if name.startswith(("pii output ", "pii trace "))
    }
    sums = {
        name: sum(one[name] for one in models) + apart.get(name, 0)
        for name in ("records", "errors", "unguarded", "intervened", "refused", "profane")
    }
    return {
        **sums,
        "answered": sums["records"] - sums["errors"],
        "disclosures": counts.found,
        "unread": counts.unread_count,
        "leftOut": told["own"]["leftOutInAll"],
        "types": types,
        "groups": told["groups"],
        "gaps": [_shown(gap) for gap in counts.unread[:10]],
        "damaged": [_shown(gap) for gap in counts.unread if not gap.is_media][:10],
    }


def _shown(gap: ScanGap) -> str:
    return f"{gap.object_uri}: {gap.why}"
