"""Retention: evidence older than its time is deleted, whole days at once, never under legal hold.

The ledger keeps the hashes of all leaves and says what was deleted, and still verifies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from affidavit.errors import LedgerError, StoreConflictError, UsageError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, utc_now
from affidavit.operations import holds, manual_retention
from affidavit.settings import Settings
from affidavit.store import Document, Store, open_store

DAYS: Final = 730
"""Audit Manager keeps evidence for two years."""
KIND: Final = "retention"
_TENANT: Final = "tenant"
"""Id of the rule of all assessments that have none of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What was deleted of an assessment."""

    files: int
    """Of evidence."""
    manual: int = 0
    """Items of manual evidence."""


def rules(store: Store, tenant: str, default: int = DAYS) -> Mapping[str, int]:
    """Return for how many days the evidence of each of a tenant's assessments is kept; 0: ever."""
    known = _known(store, tenant)
    by_default = known.get(_TENANT, default)
    return {one: known.get(one, by_default) for one in store.every_assessment(tenant)}


def usual(store: Store, tenant: str, default: int = DAYS) -> int:
    """Return for how many days evidence is kept where its assessment has no rule; 0: ever."""
    return _known(store, tenant).get(_TENANT, default)


def _known(store: Store, tenant: str) -> dict[str, int]:
    return {one.id: int(one.body["days"]) for one in store.documents.every(tenant, KIND)}


def set_rule(
    settings: Settings, tenant: str, assessment_id: str = "", *, days: int, by: str
) -> None:
    """Keep a tenant's evidence, or an assessment's, for so many days (0: for ever), and log it.

    `affidavit serve` deletes what is older once a day; nothing is deleted now.
    """
    with open_store(settings, create=False) as store:
        if tenant not in store.tenants():
            raise LedgerError(f"There is no ledger of {tenant}", todo="Correct --tenant.")
        keep_rule(store, tenant, assessment_id, days=days, by=by)


def keep_rule(store: Store, tenant: str, assessment_id: str = "", *, days: int, by: str) -> None:
    """Do the same in an open store."""
    if assessment_id and assessment_id not in store.every_assessment(tenant):
        raise UsageError(f"There is no assessment {assessment_id} in {tenant}")
    now = utc_now()
    name = assessment_id or _TENANT
    found = store.documents.get(tenant, KIND, name) or Document(kind=KIND, id=name, body={})
    change = {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": by,
        "action": "UPDATE_METADATA",
        "object_type": "RETENTION",
        "object_id": assessment_id,
        "object_name": "",
        "assessment_id": assessment_id,
        "tenant": tenant,
        "details": plain_json({"days": days}).decode(),
    }
    put = replace(found, body={"days": days, "by": by, "since": iso(now)})
    store.documents.act(tenant, now=now, puts=[put], changes=[change])


def expire_due(store: Store, tenant: str, today: date, *, default: int, by: str) -> Expired:
    """Delete what is older than its rule says, collected or added by people; return how much.

    What is under legal hold stays.
    """
    found = holds.every(store, tenant)
    done: list[Expired] = []
    for one, days in rules(store, tenant, default).items():
        if not days or any(hold.covers(one) for hold in found):
            continue
        before = today - timedelta(days=days)
        why = f"Retention of {days} days is over."
        deleted = _delete(store, tenant, one, before, why=why, by=by)
        done += [deleted] if deleted else []
    return Expired(files=sum(one.files for one in done), manual=sum(one.manual for one in done))


def expire(
    settings: Settings, tenant: str, assessment_id: str = "", *, days: int = DAYS, by: str
) -> Mapping[str, Expired]:
    """Delete a tenant's evidence of more than `days` days ago; return what went by assessment.

    Only one assessment's, if given: `UsageError` where there is none of this id, or where it is
    under legal hold. Without it, assessments under legal hold are left out, and not in the result.
    """
    before = utc_now().date() - timedelta(days=days)
    with open_store(settings, create=False) as store:
        if tenant not in store.tenants():
            raise LedgerError(f"There is no ledger of {tenant}", todo="Correct --tenant.")
        known = store.every_assessment(tenant)
        if assessment_id and assessment_id not in known:
            raise UsageError(f"There is no assessment {assessment_id} in {tenant}")
        found = holds.every(store, tenant)
        held = {one for one in known if any(hold.covers(one) for hold in found)}
        if assessment_id in held:
            raise UsageError(
                f"{assessment_id} is under legal hold",
                why="Nothing of it is deleted while the hold is set.",
            )
        chosen = [assessment_id] if assessment_id else [one for one in known if one not in held]
        why = f"Retention of {days} days is over."
        done = {one: _delete(store, tenant, one, before, why=why, by=by) for one in chosen}
        store.sweep()
    return {one: deleted for one, deleted in done.items() if deleted is not None}


def _delete(
    store: Store, tenant: str, assessment_id: str, before: date, *, why: str, by: str
) -> Expired | None:
    """Delete the evidence of days before; None where a hold was set since we looked."""
    absent = holds.unless_held(assessment_id)
    said = {"by": by, "why": why}
    try:
        files = store.delete_evidence(tenant, assessment_id, **said, before=before, absent=absent)
        manual = manual_retention.expire(
            store, tenant, assessment_id, before, **said, now=utc_now()
        )
        return Expired(files=files, manual=manual)
    except StoreConflictError:
        return None
