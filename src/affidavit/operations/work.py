"""Work that an operation leaves to the server: collect, build a report, fetch from S3, send.

One document (kind work) for each task. Whoever takes it writes a lease into it and beats; a task
whose holder is dead, or was not heard of for a minute, is taken by another. What is done is
deleted.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final, Literal

from affidavit.errors import AffidavitError, StoreConflictError, StoreError
from affidavit.model.identifiers import new_id, stable_id
from affidavit.model.times import iso, parse
from affidavit.operations.context import Context
from affidavit.store import leases
from affidavit.store.documents import Document

KIND: Final = "work"
MAX_ATTEMPTS: Final = 5
PAUSE: Final = timedelta(minutes=2)
"""Between attempts, times the number of attempts."""

Task = Literal[
    "activity",
    "collect",
    "report",
    "fetch",
    "forget",
    "publish",
    "event",
    "erase",
    "purge",
    "alert",
    "canary",
    "upkeep",
    "export",
    "prompts",
]
LONG: Final = frozenset({"export", "prompts"})
"""Tasks that may take hours: a server does as many at a time as the setting `long_tasks` says, each
of another tenant, and has one worker more, so that collections find one."""
SLOW: Final = LONG | {"activity", "canary", "collect", "upkeep"}
"""Tasks whose length is up to a tenant: a server does one of a tenant at a time, where there are
other tenants, so that these find a worker free."""
SENDING: Final = frozenset({"publish", "event", "alert"})
"""Tasks that send a message (`outbox`)."""
_MAX_SENDS: Final = 29
"""About a day: pauses of 1, 2, 4, 8, 16, 32 minutes, then of an hour."""
_TAKING: Final = threading.Lock()
"""Held while a task is chosen: two workers of a server must see what the other one took."""
_TOLD: Final = 2.0
"""Seconds between two words about the progress."""
_LONGEST: Final = timedelta(hours=1)


class StoppingError(AffidavitError):
    """The server stops: the task is handed back, and gone on with by whoever takes it next."""


def queued(
    context: Context, task: Task, assessment_id: str, *, identifier: str = "", **members: Any
) -> Document:
    """Return the document of a task, to be written with what it is about.

    `identifier`, where given, makes it the same task whoever leaves it: the second one conflicts.
    """
    now = context.now()
    body = {"task": task, "attempts": 0, "notBefore": iso(now), **members}
    return Document(
        kind=KIND,
        id=identifier or new_id(now),
        parent=assessment_id,
        sort=iso(now),
        body={**body, **NOBODY},
    )


def of_day(context: Context, assessment_id: str, day: date) -> Document:
    """Return the task that collects an assessment on a day; the same one whoever leaves it."""
    name = stable_id("work", f"collect:{assessment_id}:{day.isoformat()}")
    return queued(context, "collect", assessment_id, identifier=name)


def is_given_up(task: Document) -> bool:
    """Tell whether a task failed so often that nobody tries it again."""
    return bool(task.body["attempts"] >= _most(task))


def _most(task: Document) -> int:
    if task.body["task"] == "activity":
        return 1  # another one is due in some minutes, and asks for the same
    return _MAX_SENDS if task.body["task"] in SENDING else MAX_ATTEMPTS


def _pause(task: Document, attempts: int) -> timedelta:
    if task.body["task"] in SENDING:
        return min(timedelta(minutes=2.0 ** (attempts - 1)), _LONGEST)
    return PAUSE * attempts


NOBODY: Final[Mapping[str, Any]] = {"holder": "", "heartbeat": ""}
"""Members of a task that nobody works on."""


@dataclass(slots=True)
class Taken:
    """A task that this process works on; its lease is kept alive by `beat`."""

    context: Context
    tenant: str
    document: Document
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _told: float = 0.0

    def beat(self) -> None:
        """Say that we live; who lost the lease finds out when it wants to finish.

        A store that cannot be used now is no harm yet: three beats may be lost.
        """
        with self._lock, suppress(StoreError):
            self._write({"heartbeat": iso(self.context.now())})

    def tell(self, members: Mapping[str, Any]) -> None:
        """Say how far it is, at most every two seconds; what cannot be said now is said later."""
        if time.monotonic() - self._told < _TOLD:
            return
        with self._lock, suppress(StoreError, StoreConflictError):
            self._told = time.monotonic()
            self._write({"progress": dict(members), "heartbeat": iso(self.context.now())})

    def done(self) -> None:
        """Delete the finished task; nothing where another has taken it over meanwhile."""
        with self._lock, suppress(StoreConflictError):
            documents, now = self.context.store.documents, self.context.now()
            documents.act(self.tenant, now=now, deletes=[self.document])

    def give_back(self) -> None:
        """Let anybody take the task at once."""
        with self._lock, suppress(StoreConflictError):
            self._write(dict(NOBODY))

    def failed(self, why: str) -> bool:
        """Note a failure; return True where the task will be tried again, after a pause."""
        attempts = int(self.document.body["attempts"]) + 1
        later = self.context.now() + _pause(self.document, attempts)
        with self._lock, suppress(StoreConflictError):
            self._write(
                {**NOBODY, "attempts": attempts, "why": why, "notBefore": iso(later)},
            )
        return attempts < _most(self.document)

    def _write(self, members: Mapping[str, Any]) -> None:
        put = replace(self.document, body={**self.document.body, **members})
        self.context.store.documents.act(self.tenant, now=self.context.now(), puts=[put])
        self.document = replace(put, version=put.version + 1)


def take(context: Context) -> Taken | None:
    """Take a task that waits, or None: the oldest of the tenants that have the fewest under way."""
    with _TAKING:
        return _take(context)


def _take(context: Context) -> Taken | None:
    every = context.store.documents.of_all_tenants(KIND)
    free = {document.id for _, document in every if _is_free(context, document)}
    held = [(tenant, one) for tenant, one in every if _is_held(context, one)]
    mine = [(tenant, one) for tenant, one in held if one.body["holder"] == leases.me().text()]
    long = [tenant for tenant, one in mine if one.body["task"] in LONG]
    no_room = len(long) >= context.settings.long_tasks
    under_way, full = Counter(tenant for tenant, _ in held), _full(context, mine)
    for tenant, document in sorted(every, key=lambda one: under_way[one[0]]):
        task = document.body["task"]
        if document.id not in free or (tenant in full and task in SLOW):
            continue
        if task in LONG and (no_room or tenant in long):
            continue
        taken = Taken(context, tenant, document)
        members = {"holder": leases.me().text(), "heartbeat": iso(context.now())}
        try:
            taken._write(members)  # noqa: SLF001 - of the same module
        except StoreConflictError:
            continue
        return taken
    return None


def _full(context: Context, mine: Sequence[tuple[str, Document]]) -> set[str]:
    """Return the tenants of which this server, given what it does, takes no other slow task now."""
    slow = {tenant for tenant, one in mine if one.body["task"] in SLOW}
    if not slow:
        return slow
    known = context.store.documents.of_all_tenants("account")
    active = {tenant for tenant, account in known if account.body["status"] == "ACTIVE"}
    return {tenant for tenant in slow if active - {tenant}}


def _is_free(context: Context, document: Document) -> bool:
    if is_given_up(document) or parse(document.body["notBefore"]) > context.now():
        return False
    return not _is_held(context, document)


def _is_held(context: Context, document: Document) -> bool:
    """Tell whether somebody who lives works on the task."""
    holder = leases.parse(document.body["holder"])
    if holder is None or holder.is_gone():
        return False
    silent = context.now() - parse(document.body["heartbeat"])
    return silent <= timedelta(seconds=leases.STALE_SECONDS)
