"""What the server's worker does: collect, build reports, fetch, forget and send.

Each task ends in one of three ways: done, to be tried again after a pause, or given up; who waits
for it sees which, and why.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from affidavit.aws.door import Door
from affidavit.aws.estate import entered_now
from affidavit.aws.messages import Messages
from affidavit.collector.execute import Asked
from affidavit.errors import AffidavitError, ObjectError, StoreBusyError, UsageError
from affidavit.model.times import iso
from affidavit.operations import (
    activity,
    alerts,
    canary_runs,
    erasing,
    evidence_exports,
    export_work,
    holds,
    log_followup,
    outbox,
    prompt_jobs,
    upkeep,
    work,
)
from affidavit.operations.accounts import is_registered
from affidavit.operations.assessed import find
from affidavit.operations.assessment_reports import KIND as REPORT
from affidavit.operations.assessment_reports import choice_of, forget_file
from affidavit.operations.changes import Change, logged
from affidavit.operations.collectable import current
from affidavit.operations.collecting import collect
from affidavit.operations.context import Context
from affidavit.operations.manual_items import FAILED, KEPT
from affidavit.operations.manual_items import KIND as MANUAL
from affidavit.operations.notifications import tell_owners
from affidavit.operations.reports import ReportRequest, build_in
from affidavit.operations.service import service_caller
from affidavit.operations.tenant_bindings import aws_of, binding_of, may_name, objects_of
from affidavit.operations.uploads import MAX_BYTES
from affidavit.operations.work import StoppingError
from affidavit.store import leases
from affidavit.store.documents import Document

_COLLECT: Final = "collect"
_log: Final = logging.getLogger("affidavit.api.work")


def run_one(context: Context, stopping: Callable[[], bool] = lambda: False) -> bool:
    """Do the oldest task that waits; return False where there is none.

    Then what the store has left to be done (files to remove, a table to publish) is tried.

    While it is collecting, `stopping` is asked after every answer: True hands the task back.
    """
    taken = work.take(context)
    if taken is None:
        for why in context.store.resume():
            _log.warning("It will be tried again: %s", why)
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
        return True
    if taken.document.body["task"] == "alert":
        alerts.failed(context, taken.tenant, taken.document, why)
    elif taken.document.body["task"] in work.SENDING:
        outbox.failed(context, taken.tenant, taken.document, why)
    if not taken.failed(why):
        _give_up(context, taken, why)
    return True


def _run(context: Context, taken: work.Taken, stopping: Callable[[], bool]) -> str:
    """Do a task; return why it failed, or an empty text."""
    task = taken.document.body["task"]
    try:
        if task in _STOPPED:
            _STOPPED[task](context, taken, stopping)
        elif task == "prompts":
            prompt_jobs.run(context, taken.tenant, taken.document, stopping)
        elif task == "upkeep":
            upkeep.keep_up(context, taken.tenant, stopping)
            if stopping():
                raise StoppingError("The server stops")  # noqa: TRY301 - handed back
        else:
            _TASKS[task](context, taken.tenant, taken.document)
    except StoppingError:
        raise
    except AffidavitError as error:
        _log.warning("%s failed: %s", task, error)
        return error.in_a_line
    except Exception as fault:  # noqa: BLE001 - one task's fault must not end the work of all
        _log.exception("%s failed by a fault of Affidavit", task)
        return f"A fault of Affidavit ({type(fault).__name__}): the server's log says where."
    return ""


def _collect(context: Context, taken: work.Taken, stopping: Callable[[], bool]) -> None:
    """Collect an assessment unless it has a run today: the task may outlive its commit."""
    tenant, task = taken.tenant, taken.document

    def asked(how_far: Asked) -> None:
        if stopping():
            raise StoppingError("The server stops")
        taken.tell({"account": how_far.account_id, "done": how_far.done, "total": how_far.total})

    found = find(context, tenant, task.parent)
    if found is None or not found.active or not is_registered(context, tenant):
        return
    last = context.store.last_day(found.id)
    if last is not None and last >= context.now().date():
        log_followup.tell_unlogged(context, tenant, found.id, last)  # it may have been killed here
        return
    is_last = task.body["attempts"] >= work.MAX_ATTEMPTS - 1
    with Door(aws_of(context, tenant)) as door:
        assessment = entered_now(door, current(context, found.stored), is_last=is_last)
        store, catalogue = context.store, context.catalogue
        done = collect(store, catalogue, assessment, door, on_progress=asked, now=context.now)
    log_followup.tell_unlogged(context, tenant, found.id, done.committed.run_record.day)


def _build(context: Context, tenant: str, task: Document) -> None:
    """Build a report. Its failure is the report's, told by its status: it is not tried again."""
    document = context.store.documents.get(tenant, REPORT, task.body["subject"])
    if document is None or document.body["status"] != "IN_PROGRESS":
        return
    members: dict[str, Any] = {"status": "COMPLETE"}
    try:
        members |= _built(context, tenant, document)
    except StoreBusyError:
        raise
    except AffidavitError as error:
        _log.warning("A report failed: %s", error)
        reason = context.store.places.unplaced(error.with_todo)
        members = {"status": "FAILED", "_reason": reason}
        forget_file(context, tenant, document.id)
    _finish(context, tenant, document, members)


def _built(context: Context, tenant: str, document: Document) -> dict[str, Any]:
    """Build the report's file, and put a copy where the assessment wants it; return its facts."""
    body = document.body
    context.store.sign_checkpoint(tenant)
    with TemporaryDirectory(prefix="affidavit-report-") as folder:
        path = Path(folder) / "report.zip"
        request = ReportRequest(
            assessment=document.parent,
            out=path,
            first_day=date.fromisoformat(body["_firstDay"]),
            last_day=date.fromisoformat(body["_lastDay"]),
        )
        signed_at = context.now()
        assessment = context.store.assessment(document.parent)
        choice = choice_of(context, tenant, document)
        build_in(context.store, assessment, request, signed_at, choice)
        context.store.attachments.keep_report(tenant, document.id, path)
        if body["_s3"]:
            with objects_of(context, tenant, "reports") as objects:
                objects.put(body["_s3"], path, _kms_key(context, tenant, body.get("_kmsKey", "")))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"_signedAt": iso(signed_at), "_sha256": digest, "_bytes": path.stat().st_size}


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
        why = " ".join(error.diagnostics().split())
        _finish(context, tenant, document, {"state": FAILED, "why": why})
        return
    kept = {"state": KEPT, "sha256": digest, "size": new.size}
    _finish(context, tenant, document, kept, brought=[new.brought])


def _forget(context: Context, tenant: str, task: Document) -> None:
    """Delete a report's object. Where S3 refuses, only our own copy goes, as Audit Manager does."""
    if any(one.covers(task.parent) for one in holds.every(context.store, tenant)):
        raise UsageError(f"{task.body['url']} is under legal hold")
    try:
        with objects_of(context, tenant, "reports") as objects:
            objects.delete(task.body["url"])
    except ObjectError as error:
        _log.warning("%s: %s", error.what, error.why)


def _publish(context: Context, tenant: str, task: Document) -> None:
    with _messages(context, tenant) as messages:
        outbox.publish(messages, context, tenant, task)


def _send_event(context: Context, tenant: str, task: Document) -> None:
    with _messages(context, tenant) as messages:
        outbox.send_event(messages, task)


_TASKS: Final[Mapping[str, Callable[[Context, str, Document], None]]] = {
    "report": _build,
    "fetch": _fetch,
    "forget": _forget,
    "erase": erasing.erase,
    "publish": _publish,
    "purge": erasing.purge,
    "event": _send_event,
    "alert": alerts.deliver,
    "canary": canary_runs.run,
    "export": export_work.run,
}


_STOPPED: Final[Mapping[str, Callable[[Context, work.Taken, Callable[[], bool]], None]]] = {
    "activity": activity.run,
    _COLLECT: _collect,
}
"""Tasks that ask AWS for long, and ask themselves whether to stop."""


def _give_up(context: Context, taken: work.Taken, why: str) -> None:
    """Tell who waits for a task that it will not be done; a collection is tried next day."""
    task = taken.document.body["task"]
    _log.error("%s given up after %s attempts: %s", task, taken.document.body["attempts"], why)
    tell = _GIVEN_UP.get(task)
    if tell is not None:
        tell(context, taken.tenant, taken.document, why)
    if task != _COLLECT:
        taken.done()


def _tell_owners(context: Context, tenant: str, task: Document, why: str) -> None:
    """Tell the owners of an assessment that today's collection was given up."""
    documents = context.store.documents
    assessment = documents.get(tenant, "assessment", task.parent)
    if assessment is None:
        return
    words = f"The collection of {context.now().date()} was given up: {why}"[: outbox.MAX_TEXT]
    told = tell_owners(context, tenant, assessment, words)
    outgoing = outbox.left_by(context, service_caller(tenant), [], told)
    documents.act(tenant, now=context.now(), puts=[*told, *outgoing])


def _report_failed(context: Context, tenant: str, task: Document, why: str) -> None:
    document = context.store.documents.get(tenant, REPORT, task.body["subject"])
    if document is not None:
        _finish(context, tenant, document, {"status": "FAILED", "_reason": why})


def _fetch_failed(context: Context, tenant: str, task: Document, why: str) -> None:
    document = context.store.documents.get(tenant, MANUAL, task.body["subject"])
    if document is not None:
        _finish(context, tenant, document, {"state": FAILED, "why": why})


def _purge_failed(context: Context, tenant: str, _task: Document, _why: str) -> None:
    erasing.purge_failed(context, tenant)


def _activity_failed(context: Context, tenant: str, task: Document, why: str) -> None:
    activity.failed(context, tenant, task.body["subject"], why)


def _export_failed(context: Context, tenant: str, task: Document, why: str) -> None:
    evidence_exports.given_up(context, tenant, task.body["subject"], why)


def _prompts_failed(context: Context, tenant: str, task: Document, why: str) -> None:
    prompt_jobs.failed(context, tenant, task.body["subject"], why)


_GIVEN_UP: Final[Mapping[str, Callable[[Context, str, Document, str], None]]] = {
    "activity": _activity_failed,
    _COLLECT: _tell_owners,
    "report": _report_failed,
    "fetch": _fetch_failed,
    "purge": _purge_failed,
    "canary": canary_runs.failed,
    "export": _export_failed,
    "prompts": _prompts_failed,
}
"""Who is told, and how, that a task will not be done; for all others nobody waits."""


def _finish(
    context: Context,
    tenant: str,
    document: Document,
    members: Mapping[str, Any],
    brought: Sequence[tuple[str, int]] = (),
) -> None:
    """Write the outcome of a task with its change; nothing where the document is gone."""
    manual = document.kind == MANUAL
    change = Change(
        action="IMPORT_EVIDENCE" if manual else "UPDATE_METADATA",
        object_type="CONTROL" if manual else "ASSESSMENT_REPORT",
        object_id=document.body["controlId"] if manual else document.id,
        object_name=_control(context, tenant, document) if manual else document.body["name"],
        assessment_id=document.parent,
        details={"id": document.id, **members},
    )
    entry, leaf = logged(context, service_caller(tenant), change)
    put = replace(document, body={**document.body, **members})
    documents, now = context.store.documents, context.now()
    documents.act(tenant, now=now, puts=[put, entry], changes=[leaf], brought=brought)


def _control(context: Context, tenant: str, item: Document) -> str:
    """Return the name of the control that an item of manual evidence was added to."""
    found = find(context, tenant, item.parent)
    names = {one.id: one.name for one in found.controls} if found is not None else {}
    return names.get(item.body["controlId"], str(item.body["controlKey"]))


def _messages(context: Context, tenant: str) -> Messages:
    account, region = tenant.split("/")
    binding = binding_of(context.store, tenant)
    topics = binding.topics if binding is not None else ()
    return Messages(aws_of(context, tenant), account, region, topics)
