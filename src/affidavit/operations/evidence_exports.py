"""Exports and samples of what the finder finds, made in the background and kept for a week.

Each is one document (kind evidence_export) of who asked for it, and nobody else's: it holds what
that person may see in the persona of then. Whoever may not see all of it any more gets none of it.
The worker writes the rows with their signed manifest (`finder.export`) and keeps all three files
as one ZIP. Who takes evidence away stands in the ledger; so does a sample, with its seed, its
population and what was drawn.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from affidavit.finder.query import Question
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, parse
from affidavit.operations import looking, work
from affidavit.operations.assessed import assessed, is_same, is_whole
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context
from affidavit.operations.export_requests import KIND, Wanted, body_of, folder_of
from affidavit.operations.faults import (
    AccessDeniedFault,
    NotFoundFault,
    QuotaFault,
    ValidationFault,
)
from affidavit.operations.finding import OPERATION, Search
from affidavit.operations.service import service_caller
from affidavit.store.documents import Document, Rule

KEPT: Final = timedelta(days=7)
MOST: Final = 20
"""Exports of one person that are kept at once."""
GENERATING: Final = "It is still being made, and can be deleted when it is complete or has failed."


def ask(context: Context, search: Search, wanted: Wanted) -> Document:
    """Leave the task that makes the export, and return its document.

    `QueryError` for a query that is wrong, `ValidationFault` for a name, a format or a number that
    cannot be, `QuotaFault` where the caller has too many.
    """
    caller = search.caller
    looking.require(context, caller, OPERATION)
    question = _question(search, wanted.query)
    now = context.now()
    body = body_of(wanted, caller, now, size=context.store.log(caller.tenant).size)
    body["_assessments"] = list(question.scope.assessments)
    document = Document(kind=KIND, id=new_id(now), sort=iso(now), body=body)
    task = work.queued(context, "export", "", subject=document.id)
    said, rules = _change("CREATE", document), [_room(context, caller)]
    act(context, caller, said, puts=[document, task], rules=rules)
    context.wake()
    return document


def _room(context: Context, caller: Caller) -> Rule:
    """Return the rule, asked as an export is written, that the person has not too many.

    Those of all personas count. It raises `QuotaFault`.
    """

    def check(owners: list[str]) -> None:
        if sum(is_same(caller.principal_arn, one) for one in owners) >= MOST:
            raise QuotaFault(f"You have {MOST} exports: delete some, or wait until they expire.")

    return context.store.documents.rule(caller.tenant, KIND, _owner, check)


def _owner(document: Document) -> str:
    return str(document.body["requestedBy"])


def seen(search: Search) -> dict[str, list[str] | None]:
    """Return what a search can find, as an export keeps it: the controls; None: all of them."""
    return {
        one.id: None
        if is_whole(search.caller, one)
        else sorted({control.key for control in one.controls})
        for one in search.assessments
    }


def listed(context: Context, caller: Caller) -> list[Document]:
    """Return the caller's own exports, the newest first."""
    looking.require(context, caller, OPERATION)
    return _own(context, caller)


def details(context: Context, caller: Caller, export_id: str) -> Document:
    """Return one of the caller's own; `NotFoundFault` for anybody else's."""
    looking.require(context, caller, OPERATION)
    found = context.store.documents.get(caller.tenant, KIND, export_id)
    if found is None or not _is_own(caller, found):
        raise NotFoundFault(export_id, "evidenceExport")
    return found


def file_of(context: Context, caller: Caller, export_id: str) -> tuple[Iterator[bytes], str]:
    """Return a complete export in parts, and the name to give it.

    `AccessDeniedFault` where the caller may not see any more what it was made of.
    """
    document = details(context, caller, export_id)
    _require_seen(context, caller, document.body.get("_seen", {}))
    parts = context.store.attachments.report(caller.tenant, document.id)
    if document.body["status"] != "COMPLETE" or parts is None:
        raise NotFoundFault(export_id, "evidenceExport")
    return parts, f"{document.body['name']}.zip"


def delete(context: Context, caller: Caller, export_id: str) -> None:
    """Delete one of the caller's own that is not being made."""
    document = details(context, caller, export_id)
    if document.body["status"] == "IN_PROGRESS":
        raise ValidationFault(GENERATING)
    _forget(context, caller, document)


def expire(context: Context, tenant: str) -> None:
    """Delete what was kept for its week, and what was left of exports that are gone."""
    caller = service_caller(tenant)
    for folder in (context.settings.home / "exports").glob("*"):
        if not context.store.documents.find(KIND, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    for one in context.store.documents.every(tenant, KIND):
        if one.body["expiresAt"] and parse(one.body["expiresAt"]) <= context.now():
            _forget(context, caller, one)


def forget_assessment(context: Context, tenant: str, assessment_id: str) -> None:
    """Delete the exports that may hold evidence of an assessment that is erased."""
    caller = service_caller(tenant)
    for one in context.store.documents.every(tenant, KIND):
        if assessment_id in one.body["_assessments"]:
            _forget(context, caller, one)


def given_up(context: Context, tenant: str, export_id: str, why: str) -> None:
    """Tell that an export will not be made."""
    found = context.store.documents.get(tenant, KIND, export_id)
    if found is not None and found.body["status"] == "IN_PROGRESS":
        ends = iso(context.now() + KEPT)
        put = replace(found, body={**found.body, "status": "FAILED", "why": why, "expiresAt": ends})
        context.store.documents.act(tenant, now=context.now(), puts=[put])


def _question(search: Search, query: str) -> Question:
    bound = search.bound(query)
    if bound is None:
        raise ValidationFault("There is no assessment whose evidence you may read.")
    return bound.question


def _own(context: Context, caller: Caller) -> list[Document]:
    every = context.store.documents.every(caller.tenant, KIND, newest_first=True)
    return [one for one in every if _is_own(caller, one)]


def _is_own(caller: Caller, document: Document) -> bool:
    """Tell whether it is the caller's, and of this persona: another one may see more, or less."""
    body = document.body
    return is_same(caller.principal_arn, body["requestedBy"]) and caller.role == body["_role"]


def _require_seen(
    context: Context, caller: Caller, seen: Mapping[str, Sequence[str] | None]
) -> None:
    for assessment_id, keys in seen.items():
        found = assessed(context, caller, OPERATION, assessment_id)
        known = {control.key for control in found.controls}
        if not (is_whole(caller, found) if keys is None else known.issuperset(keys)):
            raise AccessDeniedFault("It holds evidence that you may not see any more.")


def _forget(context: Context, caller: Caller, document: Document) -> None:
    file = context.store.attachments.given_up_report(caller.tenant, document.id)
    act(context, caller, _change("DELETE", document), deletes=[document], given_up=file)
    context.store.attachments.remove_given_up(file)
    shutil.rmtree(folder_of(context, document), ignore_errors=True)


def _change(action: Any, document: Document) -> Change:
    said = ("name", "format", "query", "sample", "seed", "rows", "sha256")
    return Change(
        action=action,
        object_type="EVIDENCE_EXPORT",
        object_id=document.id,
        object_name=document.body["name"],
        details={
            "assessments": document.body["_assessments"],
            **{name: document.body[name] for name in said if document.body.get(name)},
        },
    )
