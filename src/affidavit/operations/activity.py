"""CloudTrail continually: each active assessment's new events, every few minutes.

The scheduler leaves a task some minutes after the last one ended (`activity_minutes`), once the
assessment has been collected as a whole, and never while a collection of it waits: that one asks
for everything. Up to when each account was asked without a gap is a document of the assessment,
written after the commit: killed in between, the next one asks for the same again, and leaves out
what is recorded (`collector.increment`). A task is tried once; the next one is due soon.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from affidavit.aws.door import Door
from affidavit.aws.estate import entered_now
from affidavit.collector.event_sources import shown_sources
from affidavit.collector.execute import Asked
from affidavit.collector.increment import Increment
from affidavit.errors import StoreBusyError, StoreConflictError
from affidavit.model.identifiers import stable_id
from affidavit.model.times import iso, parse
from affidavit.operations import work
from affidavit.operations.accounts import is_registered
from affidavit.operations.assessed import find
from affidavit.operations.collectable import catalogue_for, current
from affidavit.operations.context import Context
from affidavit.operations.tenant_bindings import aws_of
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "activity"
_log: Final = logging.getLogger("affidavit.api.work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How it stands with an assessment's new events."""

    ended: datetime
    """When the last task ended."""
    up_to: datetime | None
    """Up to when an account, the furthest, was asked without a gap; None: none ever was."""
    missed: Mapping[str, datetime | None]
    """Accounts that the last task did not ask without a gap, and up to when each was before."""
    failed: str
    """Why the last task failed; empty where it did not."""


def asking(store: Store, tenant: str, assessment_id: str) -> Asking | None:
    """Return how far CloudTrail was asked; None where no task of the assessment asked it yet."""
    found = store.documents.get(tenant, KIND, assessment_id)
    if found is None:
        return None
    cursors = {account: parse(at) for account, at in found.body["cursors"].items()}
    missed, failed = found.body.get("missed", ()), found.body.get("failed", "")
    if not (cursors or missed or failed):
        return None
    return Asking(
        ended=parse(found.body["ended"]),
        up_to=max(cursors.values(), default=None),
        missed={account: cursors.get(account) for account in missed},
        failed=failed,
    )


def schedule(context: Context) -> int:
    """Leave a task for each active assessment whose last one ended long enough ago."""
    minutes, left = context.settings.activity_minutes, 0
    if not minutes:
        return 0
    due = context.now() - timedelta(minutes=minutes)
    for tenant, document in context.store.documents.of_all_tenants("assessment"):
        if document.body["metadata"]["status"] != "ACTIVE" or not is_registered(context, tenant):
            continue
        ended = _known(context, tenant, document.id).body["ended"]
        if not ended or parse(ended) <= due:
            left += _leave(context, tenant, document.id, ended)
    return left


def run(context: Context, taken: work.Taken, stopping: Callable[[], bool]) -> None:
    """Ask for an assessment's new events, unless it is or will be collected as a whole."""
    tenant, task = taken.tenant, taken.document

    def asked(_how_far: Asked) -> None:
        if stopping() or _is_awaited(context, tenant, task.parent):
            raise work.StoppingError("A collection of everything waits, or the server stops")

    found = find(context, tenant, task.parent)
    if found is None or not found.active or not is_registered(context, tenant):
        return
    if _is_awaited(context, tenant, found.id):
        return
    document = _known(context, tenant, found.id)
    cursors = {account: parse(at) for account, at in document.body["cursors"].items()}
    catalogue, missed = catalogue_for(context, found.stored), list[str]()
    if any(shown_sources(catalogue.framework)):
        with Door(aws_of(context, tenant)) as door, suppress(StoreBusyError):
            increment = Increment(
                catalogue=catalogue,
                store=context.store,
                door=door,
                on_progress=asked,
                now=context.now,
            )
            assessment = current(context, found.stored)
            missed = sorted(assessment.estate.accounts)
            moved = increment.run(entered_now(door, assessment, is_last=False), cursors).cursors
            missed = [one for one in missed if moved.get(one) == cursors.get(one)]
            cursors = dict(moved)
    said = {account: iso(at) for account, at in cursors.items()}
    _end(context, tenant, document, {"cursors": said, "missed": missed, "failed": ""})


def failed(context: Context, tenant: str, assessment_id: str, why: str) -> None:
    """Note that a task ended without having asked: the next one asks for the same, and more."""
    _end(context, tenant, _known(context, tenant, assessment_id), {"failed": why})


def _leave(context: Context, tenant: str, assessment_id: str, ended: str) -> bool:
    """Leave a task; where none ever ended, begin to count from now."""
    known = context.store.documents.every(tenant, work.KIND, parent=assessment_id)
    if any(_is_waiting(one, "collect", "activity") for one in known):
        return False
    if context.store.last_day(assessment_id) is None:
        return False
    if not ended:
        _end(context, tenant, _known(context, tenant, assessment_id), {})
        return False
    name = stable_id("work", f"activity:{assessment_id}:{ended}")
    task = work.queued(context, "activity", assessment_id, identifier=name, subject=assessment_id)
    given_up = [one for one in known if one.body["task"] == "activity"]
    puts = [replace(task, version=one.version) for one in given_up if one.id == name] or [task]
    gone = [one for one in given_up if one.id != name]
    try:
        context.store.documents.act(tenant, now=context.now(), puts=puts, deletes=gone)
    except StoreConflictError:
        return False
    return True


def _is_awaited(context: Context, tenant: str, assessment_id: str) -> bool:
    """Tell whether a collection of everything waits, or is under way."""
    known = context.store.documents.every(tenant, work.KIND, parent=assessment_id)
    return any(_is_waiting(one, "collect") for one in known)


def _is_waiting(task: Document, *kinds: str) -> bool:
    return task.body["task"] in kinds and not work.is_given_up(task)


def _known(context: Context, tenant: str, assessment_id: str) -> Document:
    found = context.store.documents.get(tenant, KIND, assessment_id)
    empty: dict[str, Any] = {"ended": "", "cursors": {}}
    return found or Document(kind=KIND, id=assessment_id, parent=assessment_id, body=empty)


def _end(context: Context, tenant: str, document: Document, members: dict[str, Any]) -> None:
    """Write up to when was asked; where another was faster, its word stands.

    Of an assessment that was deleted meanwhile nothing is left.
    """
    if find(context, tenant, document.id) is None:
        return
    put = replace(document, body={**document.body, **members, "ended": iso(context.now())})
    with suppress(StoreConflictError):
        context.store.documents.act(tenant, now=context.now(), puts=[put])
