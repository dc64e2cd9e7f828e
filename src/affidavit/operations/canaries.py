"""Canaries: suites of prompts that repeat on a schedule, with alerts and their recovery.

A canary is one document (kind canary) of a tenant. The leader leaves one task for each time that is
due, under a name made from that time, so that two leaders leave it once. Times that passed while no
server ran cannot be made up for: they are kept as missed, each with its time, and an alert tells of
them in the same transaction; it ends with the next run that is made (`canary_runs`).
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from affidavit.alerting.alert import Alert
from affidavit.errors import StoreConflictError, UsageError
from affidavit.model.identifiers import stable_id
from affidavit.model.times import iso, parse, utc_now
from affidavit.operations import alerts, own_suites, work
from affidavit.operations.accounts import has_left
from affidavit.operations.canary_budget import Budget, require_sound
from affidavit.operations.changes import Action, Change, act_by
from affidavit.operations.context import Context
from affidavit.prompts.suite import Suite, load
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "canary"
RUN: Final = "canary_run"
LEAST: Final = timedelta(minutes=1)
MOST_MISSED: Final = 100
"""Missed times that are kept one by one at once; further ones are counted in the last one."""
_NAME: Final = re.compile(r"[0-9a-z_-]{1,255}", re.ASCII)
"""As CloudWatch Synthetics has them."""
_EVERY: Final = re.compile(r"(?P<number>[1-9][0-9]{0,4})(?P<unit>[mhd])", re.ASCII)
_WHY_MISSED: Final = "no server ran at that time"
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What is asked, of which model, how often, and when it is told."""

    name: str
    tenant: str
    suite: str
    model: str
    every: timedelta
    account_id: str
    region: str
    assessment_id: str = ""
    """Of the assessment that keeps the runs; empty: only the canary does."""
    guardrail: str = ""
    guardrail_version: str = ""
    least_rate: float = 1.0
    """Share of passed cases below which it alerts."""
    publish_metrics: bool = False
    """Whether PutMetricData is called, with CloudWatch Synthetics' names."""
    names: bool = False
    """Whether names and addresses are looked for too; the server needs the extra `names`."""
    meaning: bool = False
    """Whether what prompt and answer are about is compared; the server needs its extra, too."""
    budget: Budget = field(default_factory=Budget)

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept; the rate in parts of a million, as documents hold no floats."""
        return {
            "name": self.name,
            "tenant": self.tenant,
            "suite": self.suite,
            "model": self.model,
            "everySeconds": int(self.every.total_seconds()),
            "accountId": self.account_id,
            "region": self.region,
            "assessmentId": self.assessment_id,
            "guardrail": self.guardrail,
            "guardrailVersion": self.guardrail_version,
            "leastRatePpm": round(self.least_rate * 1_000_000),
            "publishMetrics": self.publish_metrics,
            "names": self.names,
            "meaning": self.meaning,
            "budget": self.budget.to_json(),
        }


def canary_of(document: Document) -> Canary:
    """Return the canary that a document keeps."""
    body = document.body
    return Canary(
        name=body["name"],
        tenant=body["tenant"],
        suite=body["suite"],
        model=body["model"],
        every=timedelta(seconds=body["everySeconds"]),
        account_id=body["accountId"],
        region=body["region"],
        assessment_id=body["assessmentId"],
        guardrail=body["guardrail"],
        guardrail_version=body["guardrailVersion"],
        least_rate=body["leastRatePpm"] / 1_000_000,
        publish_metrics=body["publishMetrics"],
        names=body.get("names", False),
        meaning=body.get("meaning", False),
        budget=Budget.of_json(body.get("budget", {})),
    )


def every_of(text: str) -> timedelta:
    """Return how often `15m`, `1h` or `1d` is; `UsageError` for anything else."""
    found = _EVERY.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no interval", todo="Write 15m, 1h or 1d.")
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


def every_words(every: timedelta) -> str:
    """Return an interval as `every_of` reads it."""
    minutes = int(every.total_seconds()) // 60
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def add(store: Store, canary: Canary, *, by: str) -> Canary:
    """Keep a new canary; its first run is due at once. `UsageError` for what cannot run."""
    if not _NAME.fullmatch(canary.name):
        raise UsageError(
            f"{canary.name!r} is no name of a canary",
            why="Small letters, digits, _ and -, as CloudWatch Synthetics has them.",
        )
    suite_of(store, canary)
    require_sound(canary.budget)
    _require_rhythm(canary)
    if store.documents.get(canary.tenant, KIND, canary.name) is not None:
        raise UsageError(f"{canary.tenant} has a canary {canary.name!r}")
    body = {**canary.to_json(), "nextAt": iso(utc_now()), "last": None, "state": "new"}
    put = Document(kind=KIND, id=canary.name, sort=canary.name, body=body)
    there = own_suites.still_there(store, canary.tenant, canary.suite)
    _act(store, canary, "CREATE", by, puts=[put], rules=there)
    return canary


def _require_rhythm(canary: Canary) -> None:
    if canary.every < LEAST or not 0 <= canary.least_rate <= 1:
        raise UsageError("A canary runs once a minute at most; its rate is from 0 to 1")


def suite_of(store: Store, canary: Canary) -> Suite:
    """Return the suite of a canary: by its id, else a file of the server's machine.

    Only `affidavit canary add` makes one of a file. `UsageError` where there is none.
    """
    return own_suites.newest_of(store, canary.tenant, canary.suite) or load(canary.suite)


def named(store: Store, name: str, tenant: str = "") -> Document:
    """Return a canary by its name, in whatever tenant where none is given."""
    found = [
        one
        for owner, one in store.documents.of_all_tenants(KIND)
        if one.id == name and tenant in ("", owner)
    ]
    if len(found) != 1:
        raise UsageError(
            f"There {'is no' if not found else 'are several'} canary {name!r}",
            todo="`affidavit canary list` names them; give --tenant where several are.",
        )
    return found[0]


def remove(store: Store, document: Document, *, by: str) -> None:
    """Forget a canary; its runs stay."""
    _act(store, canary_of(document), "DELETE", by, deletes=[document])


def set_paused(
    store: Store, document: Document, *, paused: bool, by: str, now: datetime | None = None
) -> None:
    """Pause a canary, or let it go on: then it is due at once, and nothing counts as missed."""
    canary, time = canary_of(document), now or utc_now()
    change = Change(
        action="INACTIVE" if paused else "ACTIVE",
        object_type="CANARY",
        object_id=canary.name,
        object_name=canary.name,
        assessment_id=canary.assessment_id,
        details={"paused": paused},
    )
    due = {} if paused else {"nextAt": iso(time)}
    put = replace(document, body={**document.body, "paused": paused, **due})
    act_by(store, canary.tenant, by, change, now=time, puts=[put])


def change(
    store: Store, document: Document, changed: Canary, *, by: str, now: datetime | None = None
) -> None:
    """Keep how often a canary runs, below which rate it alerts, and what it may spend."""
    require_sound(changed.budget)
    _require_rhythm(changed)
    body = {**document.body, **changed.to_json()}
    said = Change(
        action="UPDATE_METADATA",
        object_type="CANARY",
        object_id=document.id,
        object_name=document.id,
        assessment_id=changed.assessment_id,
        details={name: body[name] for name in ("everySeconds", "leastRatePpm", "budget")},
    )
    act_by(store, changed.tenant, by, said, now=now, puts=[replace(document, body=body)])


def listed(store: Store) -> list[Document]:
    """Return all canaries, with when they ran last and what came of it."""
    return [document for _, document in store.documents.of_all_tenants(KIND)]


def runs(store: Store, canary: Canary, limit: int = 100) -> list[Document]:
    """Return the newest runs of a canary, the missed ones too."""
    return store.documents.every(
        canary.tenant, RUN, parent=canary.name, newest_first=True, limit=limit
    )


def schedule(context: Context) -> int:
    """Leave a task for each canary that is due, and keep what was missed; return how many."""
    left = 0
    for tenant, document in context.store.documents.of_all_tenants(KIND):
        due = parse(document.body["nextAt"])
        rests = document.body.get("paused") or has_left(context, tenant)
        if due <= context.now() and not rests:
            with suppress(StoreConflictError):
                _leave(context, tenant, document, due)
                left += 1
    return left


def _leave(context: Context, tenant: str, document: Document, due: datetime) -> None:
    """Leave the newest time that is due; those before it are missed."""
    canary, now = canary_of(document), context.now()
    passed = (now - due) // canary.every
    slot = due + passed * canary.every
    task = work.queued(
        context,
        "canary",
        canary.assessment_id,
        identifier=stable_id("canary", f"{tenant}:{canary.name}:{iso(slot)}"),
        canary=canary.name,
        slot=iso(slot),
    )
    missed = list(_missed(canary, due, passed))
    told, alert = _alert(context, canary, due, slot, passed) if passed else (False, [])
    put = replace(document, body={**document.body, "nextAt": iso(slot + canary.every)})
    context.store.documents.act(tenant, now=now, puts=[put, task, *missed, *alert])
    if told:
        context.wake()


def missed_key(name: str) -> str:
    """Return the key of the alert about missed runs of a canary."""
    return f"canary-missed:{name}"


def _alert(
    context: Context, canary: Canary, due: datetime, slot: datetime, passed: int
) -> tuple[bool, list[Document]]:
    """Return whether the alert about missed times is told now, and what is written of it."""
    alert = Alert(
        key=missed_key(canary.name),
        kind="canary",
        severity="medium",
        title=f"Canary {canary.name}: runs of {canary.suite} against {canary.model} were missed",
        facts={
            "state": "missed",
            "missed": str(passed),
            "first": iso(due),
            "last": iso(slot - canary.every),
            "why": _WHY_MISSED,
        },
        where=f"{canary.account_id}/{canary.region}",
        act="Whoever keeps `affidavit serve` running; what was missed cannot be made up for.",
    )
    return alerts.noted(context, canary.tenant, alert, count=passed)


def _missed(canary: Canary, due: datetime, passed: int) -> Iterator[Document]:
    for number in range(min(passed, MOST_MISSED)):
        slot = due + number * canary.every
        more = passed - MOST_MISSED if number == MOST_MISSED - 1 and passed > MOST_MISSED else 0
        yield run_document(
            canary,
            slot,
            {"state": "missed", "why": _WHY_MISSED, "furtherMissed": more},
        )


def run_document(canary: Canary, slot: datetime, body: dict[str, Any]) -> Document:
    """Return the document of one run, named by its time: it is kept once."""
    return Document(
        kind=RUN,
        id=stable_id("canary run", f"{canary.tenant}:{canary.name}:{iso(slot)}"),
        parent=canary.name,
        sort=iso(slot),
        body={"canary": canary.name, "slot": iso(slot), **body},
    )


def _act(store: Store, canary: Canary, action: Action, by: str, **more: Any) -> None:
    change = Change(
        action=action,
        object_type="CANARY",
        object_id=canary.name,
        object_name=canary.name,
        assessment_id=canary.assessment_id,
        details=canary.to_json(),
    )
    act_by(store, canary.tenant, by, change, **more)
