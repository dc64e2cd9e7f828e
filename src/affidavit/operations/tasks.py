"""What the server's worker does: collect, build reports, fetch manual evidence, forget objects.

Each task ends in one of three ways: done, to be tried again after a pause, or given up; who waits
for it sees which, and why.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from affidavit.aws.door import Door
from affidavit.aws.estate import enter, unreached
from affidavit.collector.execute import Asked
from affidavit.collector.run import Collector
from affidavit.errors import (
    AffidavitError,
    EstateError,
    ObjectError,
    StoreBusyError,
    StoreConflictError,
)
from affidavit.model.identifiers import stable_id
from affidavit.model.run import Assessment
from affidavit.model.times import iso
from affidavit.operations import work
from affidavit.operations.accounts import is_registered
from affidavit.operations.assessed import find
from affidavit.operations.assessment_reports import KIND as REPORT
from affidavit.operations.assessment_reports import path_of
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, logged
from affidavit.operations.collectable import catalogue_for, current
from affidavit.operations.context import Context
from affidavit.operations.manual_items import FAILED, KEPT
from affidavit.operations.manual_items import KIND as MANUAL
from affidavit.operations.reports import ReportRequest, build_in
from affidavit.operations.tenant_bindings import aws_of, may_name, objects_of
from affidavit.operations.uploads import MAX_BYTES
from affidavit.store import leases
from affidavit.store.documents import Document

_log: Final = logging.getLogger("affidavit.api.work")
SERVICE: Final = "arn:aws:iam::{account}:role/aws-service-role/affidavit"
"""Who the ledger says did the server's own work for a tenant."""


class StoppingError(AffidavitError):
    """The server stops: the collection is handed back, and resumed by whoever takes it next."""


def run_one(context: Context, stopping: Callable[[], bool] = lambda: False) -> bool:
    """Do the oldest task that waits; return False where there is none.

    While it is collecting, `stopping` is asked after every answer: True hands the task back.
    """
    taken = work.take(context)
    if taken is None:
        return False
    heart = leases.Heart(taken.beat)
    heart.start()
    try:
        why = _run(context, taken, stopping)
    except StoppingError:
        taken.give_back()
        return False
    finally:
        heart.stop()
    if not why:
        taken.done()
    elif not taken.failed(why):
        _give_up(context, taken, why)
    return True


def schedule(context: Context) -> int:
    """Leave a task for each active assessment that has no run today; return how many.

    Safe to do in several servers at once: the day's task has one name, whoever leaves it.
    """
    today, left = context.now().date(), 0
    for tenant, document in context.store.documents.of_all_tenants("assessment"):
        if document.body["metadata"]["status"] != "ACTIVE" or not is_registered(context, tenant):
            continue
        if context.store.verdicts(document.id, today):
            continue
        left += _leave(context, tenant, document.id, today)
    return left


def _leave(context: Context, tenant: str, assessment_id: str, day: date) -> bool:
    """Leave the day's task unless there is one; forget those of earlier days that were given up."""
    name = stable_id("work", f"collect:{assessment_id}:{day.isoformat()}")
    known = context.store.documents.every(tenant, work.KIND, parent=assessment_id)
    collecting = [one for one in known if one.body["task"] == "collect"]
    given_up = [one for one in collecting if one.body["attempts"] >= work.MAX_ATTEMPTS]
    if len(collecting) > len(given_up) or any(one.id == name for one in given_up):
        return False
    put = work.queued(context, "collect", assessment_id, identifier=name)
    try:
        context.store.documents.act(tenant, now=context.now(), puts=[put], deletes=given_up)
    except StoreConflictError:
        return False
    return True


def _run(context: Context, taken: work.Taken, stopping: Callable[[], bool]) -> str:
    """Do a task; return why it failed, or an empty text."""
    task = taken.document.body["task"]
    try:
        if task == "collect":
            _collect(context, taken.tenant, taken.document, stopping)
        else:
            _TASKS[task](context, taken.tenant, taken.document)
    except StoppingError:
        raise
    except AffidavitError as error:
        _log.warning("%s failed: %s", task, error)
        return f"{error.what}. {error.why}" if error.why else error.what
    return ""


def _collect(context: Context, tenant: str, task: Document, stopping: Callable[[], bool]) -> None:
    def asked(_: Asked) -> None:
        if stopping():
            raise StoppingError("The server stops")

    found = find(context, tenant, task.parent)
    if found is None or not found.active or not is_registered(context, tenant):
        return
    with Door(aws_of(context, tenant)) as door:
        collector = Collector(
            catalogue=catalogue_for(context, found.stored),
            store=context.store,
            door=door,
            on_progress=asked,
            now=context.now,
        )
        collector.run(_entered(door, current(context, found.stored), task))


def _entered(door: Door, assessment: Assessment, task: Document) -> Assessment:
    """Return the assessment of the accounts that can be entered now; the others are left out.

    Each of those leaves every control open, with the reason: that no role is bound, for example.
    What may pass by itself (STS or credentials that fail) is raised for the task to be tried
    again, but for the last time.
    """
    entered, refused = enter(door, assessment.estate.accounts)
    if task.body["attempts"] < work.MAX_ATTEMPTS - 1:
        for error in refused.values():
            if not isinstance(error, EstateError):
                raise error
    left_out = tuple(unreached(refused))
    estate = replace(assessment.estate, accounts=tuple(entered), left_out=left_out)
    return replace(assessment, estate=estate)


def _build(context: Context, tenant: str, task: Document) -> None:
    """Build a report. Its failure is the report's, told by its status: it is not tried again."""
    document = context.store.documents.get(tenant, REPORT, task.body["subject"])
    if document is None or document.body["status"] != "IN_PROGRESS":
        return
    members: dict[str, Any] = {"status": "COMPLETE"}
    try:
        members["_signedAt"] = _built(context, tenant, document)
    except StoreBusyError:
        raise
    except AffidavitError as error:
        why = f"{error.what}. {error.why}" if error.why else error.what
        members = {"status": "FAILED", "_reason": why}
        path_of(context, tenant, document.id).unlink(missing_ok=True)
    _finish(context, tenant, document, members)


def _built(context: Context, tenant: str, document: Document) -> str:
    """Build the report's file, and put a copy where the assessment wants it; return when."""
    body, path = document.body, path_of(context, tenant, document.id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    context.store.sign_checkpoint(tenant)
    request = ReportRequest(
        assessment=document.parent,
        out=path,
        first_day=date.fromisoformat(body["_firstDay"]),
        last_day=date.fromisoformat(body["_lastDay"]),
    )
    signed_at = context.now()
    build_in(context.store, context.store.assessment(document.parent), request, signed_at)
    if body["_s3"]:
        with objects_of(context, tenant, "reports") as objects:
            objects.put(body["_s3"], path, _kms_key(context, tenant, body.get("_kmsKey", "")))
    return iso(signed_at)


def _kms_key(context: Context, tenant: str, key: str) -> str:
    """Return the key that the report is encrypted under in its bucket; empty: the bucket's own."""
    if key in ("", "DEFAULT"):
        return ""
    if not may_name(context, tenant, "kms", key):
        raise ObjectError(
            f"The report cannot be encrypted under {key}",
            why="The key is neither the tenant's own nor bound to it.",
        )
    return key


def _fetch(context: Context, tenant: str, task: Document) -> None:
    """Fetch manual evidence from S3: from then on it counts. What S3 refuses is told at once."""
    document = context.store.documents.get(tenant, MANUAL, task.body["subject"])
    if document is None or document.body["state"] == KEPT:
        return
    try:
        with context.store.attachments.new(tenant) as new:
            with objects_of(context, tenant, "evidence") as objects:
                objects.fetch(document.body["s3ResourcePath"], new.write, MAX_BYTES)
            digest = new.close()
    except ObjectError as error:
        _finish(context, tenant, document, {"state": FAILED, "why": f"{error.what}. {error.why}"})
        return
    _finish(context, tenant, document, {"state": KEPT, "sha256": digest, "size": new.size})


def _forget(context: Context, tenant: str, task: Document) -> None:
    """Delete a report's object. Where S3 refuses, only our own copy goes, as Audit Manager does."""
    try:
        with objects_of(context, tenant, "reports") as objects:
            objects.delete(task.body["url"])
    except ObjectError as error:
        _log.warning("%s: %s", error.what, error.why)


_TASKS: Final[Mapping[str, Callable[[Context, str, Document], None]]] = {
    "report": _build,
    "fetch": _fetch,
    "forget": _forget,
}


def _give_up(context: Context, taken: work.Taken, why: str) -> None:
    """Tell who waits for a task that it will not be done; a collection is tried next day."""
    task = taken.document.body["task"]
    _log.error("%s given up after %s attempts: %s", task, work.MAX_ATTEMPTS, why)
    if task == "collect":
        return
    kind = {"report": REPORT, "fetch": MANUAL}.get(task, "")
    subject = taken.document.body.get("subject", "")
    document = context.store.documents.get(taken.tenant, kind, subject)
    if document is not None:
        members = {"status": "FAILED", "_reason": why}
        if kind == MANUAL:
            members = {"state": FAILED, "why": why}
        _finish(context, taken.tenant, document, members)
    taken.done()


def _finish(context: Context, tenant: str, document: Document, members: Mapping[str, Any]) -> None:
    """Write the outcome of a task with its change; nothing where the document is gone."""
    account, region = tenant.split("/")
    caller = Caller(
        account_id=account,
        region=region,
        principal_arn=SERVICE.format(account=account),
        role="admin",
        request_id="",
    )
    manual = document.kind == MANUAL
    change = Change(
        action="IMPORT_EVIDENCE" if manual else "UPDATE_METADATA",
        object_type="CONTROL" if manual else "ASSESSMENT_REPORT",
        object_id=document.body["controlId"] if manual else document.id,
        object_name=document.body["controlKey"] if manual else document.body["name"],
        assessment_id=document.parent,
        details={"id": document.id, **members},
    )
    entry, leaf = logged(context, caller, change)
    put = replace(document, body={**document.body, **members})
    context.store.documents.act(tenant, now=context.now(), puts=[put, entry], changes=[leaf])
