"""Watched logs as the console shows them: their accounting, the day's disclosures, alerts."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, Final

from affidavit.model.evidence import Evidence
from affidavit.operations import alert_channels, alert_routes, alerts, log_watches, looking
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.finding import Search
from affidavit.store.scanned import Scan

OPERATION: Final = "GetSettings"
"""Of the API: what is watched is set up for a tenant, as its settings are."""
MOST_ALERTS: Final = 100
MOST_UNREAD: Final = 20
"""Objects of a watch that could not be read and are named."""
MOST_ROWS: Final = 20_000
"""Records of a day that are read."""
_TYPE: Final = "entity type"
_MORE: Final = re.compile(r"([0-9]+) more disclosures are counted, not listed\.", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosures:
    """What a day's evidence says was disclosed; each thing once, whatever controls cite it."""

    day: date
    query: str
    """What finds the evidence."""
    types: Mapping[str, int]
    models: Mapping[str, int]
    principals: Mapping[str, int]
    unlisted: int
    """Disclosures that evidence counts and does not list."""
    is_whole: bool
    """False: there is more evidence than is read here."""

    @property
    def total(self) -> int:
        """Return the number of disclosures that are listed."""
        return sum(self.types.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsPage:
    """What the tenant watches, and what was told."""

    watches: Sequence[Mapping[str, Any]]
    alerts: Sequence[Mapping[str, Any]]
    """The newest."""
    more_alerts: int
    unread: Mapping[str, Sequence[Scan]]
    """By watch: the newest objects that could not be read."""
    channels: Sequence[str]
    """Names of the channels that there are."""
    routes: Mapping[str, Sequence[str]]
    """By kind of alert: the channels that were chosen; no entry: all."""


def logs(context: Context, caller: Caller) -> LogsPage:
    """Return the tenant's watches with their counts, and its alerts, the last one first."""
    looking.require(context, caller, OPERATION)
    documents = context.store.documents.every(caller.tenant, log_watches.KIND)
    told = [
        log_watches.told(
            context.store,
            log_watches.watch_of(caller.tenant, one),
            one,
        )
        for one in documents
    ]
    every = [one.body for one in alerts.every(context, caller.tenant)]
    scanned, known = context.store.documents.scanned, context.store.documents
    return LogsPage(
        watches=told,
        alerts=every[:MOST_ALERTS],
        more_alerts=max(0, len(every) - MOST_ALERTS),
        unread={one.id: scanned.unread(caller.tenant, one.id, MOST_UNREAD) for one in documents},
        channels=[one.id for one in known.every(caller.tenant, alert_channels.KIND)],
        routes=alert_routes.routes(context.store, caller.tenant),
    )


def disclosures(search: Search, day: date) -> Disclosures:
    """Return what the day's evidence of invocation logs says was disclosed."""
    query = f"source = Invocation_Log and day = {day}"
    rows = (found.evidence for found in search.rows(query))
    read = list(islice(rows, MOST_ROWS + 1))
    listed = _distinct(read[:MOST_ROWS])
    return Disclosures(
        day=day,
        query=query,
        types=_by(listed, _TYPE),
        models=_by(listed, "model"),
        principals=_by(listed, "principal"),
        unlisted=_unlisted(read[:MOST_ROWS]),
        is_whole=len(read) <= MOST_ROWS,
    )


def _distinct(rows: Iterable[Evidence]) -> list[Mapping[str, str]]:
    """Return the attributes of each disclosure, once."""
    found = {}
    for one in rows:
        shown = one.attributes
        if shown.get(_TYPE):
            names = ("object", "request", "part", _TYPE, "hash")
            found[(*(shown.get(name, "") for name in names), one.reason)] = shown
    return list(found.values())


def _by(listed: Iterable[Mapping[str, str]], name: str) -> dict[str, int]:
    return dict(Counter(one.get(name, "") for one in listed).most_common())


def _unlisted(rows: Iterable[Evidence]) -> int:
    """Return how many more are counted, of each log and kind once."""
    counts: dict[tuple[str, str, str], int] = {}
    for one in rows:
        more = _MORE.fullmatch(one.reason)
        if more is not None:
            counts[one.account_id, one.region, one.keyword] = int(more[1])
    return sum(counts.values())
