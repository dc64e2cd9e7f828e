"""Erasing: the server's own deletions, each under the ledger's eyes and never under legal hold.

A deleted assessment's evidence is erased soon after; everything of an account that deregistered
with the policy ALL, a week later. Both are tasks of the worker, and can be done again at any time.
The ledger keeps the hashes of all leaves (`store.deleting`), change records and run records.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from affidavit.errors import UsageError
from affidavit.model.identifiers import stable_id
from affidavit.model.times import iso, parse
from affidavit.operations import access_keys, evidence_exports, holds, work
from affidavit.operations.accounts import PURGING
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context
from affidavit.operations.export_requests import KIND as EXPORT
from affidavit.operations.export_requests import folder_of
from affidavit.operations.service import service_caller
from affidavit.store.documents import Document
from affidavit.store.erasing import Staying

KEPT_KINDS: Final[Mapping[str, str]] = {
    "account": "says that the account was erased, and when",
    "erased_key": "the id of a data key that was destroyed, and when: a later read says so",
    "legal_hold": "an administrator's; while one is set nothing is erased",
    "upkeep": "the day of the last upkeep",
}
"""Kinds of documents that the policy ALL leaves, with the reason; every other kind goes.

Bindings to roles, and users with their grants, are the administrator's, and no documents of the
tenant. Access keys go with the account's last Region."""


def due(context: Context) -> Iterator[tuple[str, Document]]:
    """Yield (tenant, task) for each account whose week after deregistration is over."""
    for tenant, account in context.store.documents.of_all_tenants("account"):
        after = account.body.get("_deleteAfter")
        if not after or parse(after) > context.now() or holds.every(context.store, tenant):
            continue
        name = stable_id("work", f"purge:{tenant}:{after}")
        if context.store.documents.get(tenant, work.KIND, name) is None:
            yield tenant, work.queued(context, "purge", "", identifier=name)


def erase(context: Context, tenant: str, task: Document) -> None:
    """Erase a deleted assessment's evidence, and the attached files that nobody else names."""
    _refuse_held(context, tenant, task.body["subject"])
    evidence_exports.forget_assessment(context, tenant, task.body["subject"])
    _erase_evidence(context, tenant, task.body["subject"], "The assessment was deleted.")
    files = context.store.attachments.given_up(tenant, task.body["attachments"])
    absent = holds.unless_held(task.body["subject"])
    context.store.documents.act(tenant, now=context.now(), given_up=files, absent=absent)
    context.store.attachments.remove_given_up(files)
    context.store.sweep()


def purge(context: Context, tenant: str, task: Document) -> None:
    """Delete everything of an account that deregistered with the policy ALL and did not return."""
    caller = service_caller(tenant)
    account = _begun(context, tenant)
    if account is None:
        return
    why = "The account was deregistered with the policy ALL."
    for one in context.store.every_assessment(tenant):
        _erase_evidence(context, tenant, one, why)
    for assessment in context.store.assessments(tenant):
        context.store.delete_assessment(assessment, by=caller.principal_arn)
    # Where reports were kept before they were sealed.
    shutil.rmtree(context.settings.home / "reports" / tenant, ignore_errors=True)
    for export in context.store.documents.every(tenant, EXPORT):
        shutil.rmtree(folder_of(context, export), ignore_errors=True)
    staying = Staying(kinds=KEPT_KINDS, task=task.id, absent=holds.unless_held())
    context.store.erase(tenant, staying)
    if not _other_regions(context, tenant):
        access_keys.forget(
            context.store, caller.account_id, by=caller.principal_arn, now=context.now
        )
    marks = ("_deleteAfter", PURGING)
    body = {name: value for name, value in account.body.items() if name not in marks}
    done = replace(account, body={**body, "_deletedAt": iso(context.now())})
    change = Change(
        action="DELETE",
        object_type="ACCOUNT",
        object_id=caller.account_id,
        object_name=tenant,
        details={"why": why},
    )
    act(context, caller, change, puts=[done])
    context.store.sweep()


def _other_regions(context: Context, tenant: str) -> list[str]:
    """Return the account's other Regions that are registered, or can still come back."""
    return [
        other
        for other, account in context.store.documents.of_all_tenants("account")
        if other != tenant
        and other.partition("/")[0] == tenant.partition("/")[0]
        and "_deletedAt" not in account.body
    ]


def _begun(context: Context, tenant: str) -> Document | None:
    """Mark the account as being deleted, and return it; None where it came back or is held.

    From here on, and until `purge` or `purge_failed` has ended, it cannot register again: of the
    two that want the account at the same moment one gets it.
    """
    account = context.store.documents.get(tenant, "account", "account")
    if account is None or "_deleteAfter" not in account.body:
        return None
    _refuse_held(context, tenant, "")
    put = replace(account, body={**account.body, PURGING: iso(context.now())})
    documents = context.store.documents
    documents.act(tenant, now=context.now(), puts=[put], absent=holds.unless_held())
    return replace(put, version=put.version + 1)


def purge_failed(context: Context, tenant: str) -> None:
    """Let an account whose deletion is given up register again."""
    account = context.store.documents.get(tenant, "account", "account")
    if account is not None and PURGING in account.body:
        body = {name: value for name, value in account.body.items() if name != PURGING}
        context.store.documents.act(tenant, now=context.now(), puts=[replace(account, body=body)])


def erasure(context: Context, assessment_id: str, manual: list[Document]) -> Document:
    """Return the task that erases a deleted assessment's evidence; `manual`: its manual items."""
    digests = sorted({one.body["sha256"] for one in manual if one.body.get("sha256")})
    return work.queued(context, "erase", "", subject=assessment_id, attachments=digests)


def _erase_evidence(context: Context, tenant: str, assessment_id: str, why: str) -> None:
    by = service_caller(tenant).principal_arn
    absent = holds.unless_held(assessment_id)
    context.store.delete_evidence(tenant, assessment_id, by=by, why=why, absent=absent)


def _refuse_held(context: Context, tenant: str, assessment_id: str) -> None:
    found = holds.every(context.store, tenant)
    if any(one.covers(assessment_id) or not assessment_id for one in found):
        raise UsageError(
            f"{assessment_id or tenant} is under legal hold",
            why="Nothing of it is deleted while the hold is set.",
        )
