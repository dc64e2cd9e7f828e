"""Upkeep: once a UTC day each tenant's old evidence is deleted, and its closed days are compacted.

The leader leaves one task a tenant and day, together with the mark that it did; any server's worker
does it under a lease, and can do it again at any time. What is damaged is left as it is, and named
in the task's failure.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from affidavit.errors import StoreConflictError, StoreDamagedError, StoreError
from affidavit.model.identifiers import stable_id
from affidavit.operations import evidence_exports, leadership, retention, uploads, work
from affidavit.operations.context import Context
from affidavit.operations.prompt_runs import WORKSHOP
from affidavit.operations.service import service_caller
from affidavit.prompts import journal
from affidavit.store.documents import Document

MARK: Final = "upkeep"
"""Kind and id of the document that says for which day a tenant's task was left."""


def leave(context: Context) -> int:
    """Leave the day's task for each tenant without one, if we lead; return how many."""
    left = 0
    for tenant, puts, deletes in due(context) if leadership.lead(context) else ():
        with suppress(StoreConflictError):
            context.store.documents.act(tenant, now=context.now(), puts=puts, deletes=deletes)
            left += 1
    return left


def due(context: Context) -> Iterator[tuple[str, list[Document], list[Document]]]:
    """Yield (tenant, documents to write, tasks to forget) for each tenant without today's task."""
    today = context.now().date().isoformat()
    documents = context.store.documents
    for tenant in context.store.tenants():
        mark = documents.get(tenant, MARK, MARK) or Document(kind=MARK, id=MARK, body={})
        if mark.body.get("day") == today:
            continue
        known = documents.every(tenant, work.KIND, parent="")
        earlier = [one for one in known if one.body["task"] == MARK]
        if any(not work.is_given_up(one) for one in earlier):
            continue
        name = stable_id("work", f"{MARK}:{tenant}:{today}")
        task = work.queued(context, "upkeep", "", identifier=name)
        yield tenant, [task, replace(mark, body={"day": today})], earlier


def keep_up(context: Context, tenant: str, stopping: Callable[[], bool]) -> None:
    """Delete what is older than the tenant's rules say, compact closed days, sweep once a day.

    `StoreDamagedError` names the days that could not be compacted; all others were. `StoreError`
    says what could not be removed or published, and is tried again by itself.
    """
    store, by = context.store, service_caller(tenant).principal_arn
    today, default = context.now().date(), context.settings.retention_days
    retention.expire_due(store, tenant, today, default=default, by=by)
    with suppress(StoreConflictError):  # a hold was set meanwhile, or one was imported: another day
        uploads.expire(context, tenant)
    evidence_exports.expire(context, tenant)
    done = store.compact(tenant, stopping)
    store.sweep(daily=True)
    journal.sweep(context.settings.home / WORKSHOP, context.now())
    if done.damaged:
        raise StoreDamagedError(
            f"{len(done.damaged)} day(s) of {tenant} cannot be compacted",
            why="; ".join(done.damaged),
            todo="Run `affidavit ledger verify`, and restore what it names from a backup.",
        )
    failed = [one for one in store.waiting(tenant) if one.why]
    if failed:
        raise StoreError(
            f"{len(failed)} to-do(s) of {tenant} cannot be done",
            why=f"To {failed[0].kind} {failed[0].name}: {failed[0].why}",
            todo="Correct it; they are tried again by themselves.",
        )
