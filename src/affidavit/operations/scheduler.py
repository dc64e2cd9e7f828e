"""The scheduler: each active assessment is collected once a UTC day, by whichever server is free.

The leader (`leadership`) leaves one task for each assessment and day; the workers of all servers
take them under leases (`work`). The task has one name a day, and is dropped where the day has a
run: so neither a second leader nor a task that was taken over after its commit collects twice.

Days without a run cannot be collected later. They are named: in the ledger and to the owners, when
collection goes on; CloudTrail's events of those days are asked for then (`continuity`).
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta

from affidavit.errors import StoreConflictError
from affidavit.operations import activity, alerts, canaries, erasing, leadership, outbox, work
from affidavit.operations.accounts import is_registered
from affidavit.operations.changes import Change, logged
from affidavit.operations.context import Context
from affidavit.operations.notifications import tell_owners
from affidavit.operations.service import service_caller
from affidavit.store.documents import Document


def schedule(context: Context) -> int:
    """Leave the day's task for each active assessment without one, if we lead; return how many."""
    if not leadership.lead(context):
        return 0
    today, left = context.now().date(), 0
    for tenant, document in context.store.documents.of_all_tenants("assessment"):
        if document.body["metadata"]["status"] == "ACTIVE" and is_registered(context, tenant):
            left += _leave(context, tenant, document, today)
    alerts.end_quiet(context)
    left += activity.schedule(context) + canaries.schedule(context) + alerts.due_proofs(context)
    return left + _leave_purges(context)


def _leave_purges(context: Context) -> int:
    left = 0
    for tenant, task in erasing.due(context):
        with suppress(StoreConflictError):
            context.store.documents.act(tenant, now=context.now(), puts=[task])
            left += 1
    return left


def _leave(context: Context, tenant: str, assessment: Document, day: date) -> bool:
    """Leave the day's task unless there is one; forget those of earlier days that were given up.

    Tasks are looked at before runs: a task is deleted after its run's commit, never before.
    """
    known = context.store.documents.every(tenant, work.KIND, parent=assessment.id)
    collecting = [one for one in known if one.body["task"] == "collect"]
    given_up = [one for one in collecting if work.is_given_up(one)]
    task = work.of_day(context, assessment.id, day)
    if len(collecting) > len(given_up) or any(one.id == task.id for one in given_up):
        return False
    last = context.store.last_day(assessment.id)
    if last is not None and last >= day:
        return False
    missed = list(_between(last, day))
    puts, changes = [task], []
    if missed:
        server = service_caller(tenant)
        told = tell_owners(context, tenant, assessment, _words(missed))
        entry, leaf = logged(context, server, _change(assessment, missed))
        puts += [*told, *outbox.left_by(context, server, [], told), entry]
        changes.append(leaf)
    try:
        context.store.documents.act(
            tenant, now=context.now(), puts=puts, deletes=given_up, changes=changes
        )
    except StoreConflictError:
        return False
    return True


def _between(last: date | None, today: date) -> Iterator[date]:
    """Yield the days after the last run and before today; none where there was no run yet."""
    day = today if last is None else last + timedelta(days=1)
    while day < today:
        yield day
        day += timedelta(days=1)


def _words(missed: list[date]) -> str:
    days = f"{missed[0]}" if len(missed) == 1 else f"{missed[0]} to {missed[-1]}"
    return f"Nothing was collected on {len(missed)} day(s): {days}."


def _change(assessment: Document, missed: list[date]) -> Change:
    """Return the change for the ledger; Audit Manager's change log has no word for it."""
    return Change(
        action="UPDATE_METADATA",
        object_type="COLLECTION",
        object_id=assessment.id,
        object_name=assessment.body["metadata"]["name"],
        assessment_id=assessment.id,
        details={"missedDays": [day.isoformat() for day in missed]},
    )
