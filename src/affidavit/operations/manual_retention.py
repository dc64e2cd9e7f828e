"""Retention of manual evidence: what people added goes by the same rule as what was collected.

The item's document goes with a change record that names it, so that `ledger verify` knows why its
file is not there; the file goes after that, unless another item or upload names the same one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from affidavit.model.times import parse
from affidavit.operations import holds
from affidavit.operations.changes import Change, logged_at
from affidavit.operations.manual_items import KIND
from affidavit.operations.service import service_caller
from affidavit.store import Document, Store
from affidavit.store.told_deleted import MANUAL


def expire(  # noqa: PLR0913 - whose, which, why, by whom and when
    store: Store, tenant: str, assessment_id: str, before: date, *, why: str, by: str, now: datetime
) -> int:
    """Delete an assessment's manual evidence of days before one; return how many items.

    `StoreConflictError` where a legal hold was set since the caller looked.
    """
    found = store.documents.every(tenant, KIND, parent=assessment_id)
    old = [one for one in found if parse(one.body["createdAt"]).date() < before]
    if not old:
        return 0
    caller = replace(service_caller(tenant), principal_arn=by)
    told = [logged_at(now, caller, change) for change in _changes(assessment_id, old, why)]
    kept = [one.body["sha256"] for one in old if "fileName" in one.body and "sha256" in one.body]
    files = store.attachments.given_up(tenant, kept)
    store.documents.act(
        tenant,
        now=now,
        puts=[entry for entry, _ in told],
        deletes=old,
        changes=[leaf for _, leaf in told],
        absent=holds.unless_held(assessment_id),
        given_up=files,
    )
    store.attachments.remove_given_up(files)
    return len(old)


def _changes(assessment_id: str, old: Sequence[Document], why: str) -> Iterator[Change]:
    """Yield a change for each control: the change log knows those, and no single items."""
    by_control: dict[str, list[Document]] = {}
    for one in old:
        by_control.setdefault(one.body["controlKey"], []).append(one)
    for key, items in sorted(by_control.items()):
        body = items[0].body
        named = [
            {"id": one.id, **{k: one.body[k] for k in ("fileName", "sha256") if k in one.body}}
            for one in items
        ]
        yield Change(
            action="DELETE",
            object_type="CONTROL",
            object_id=body["controlId"],
            object_name=f"{key}: {len(items)} items of manual evidence",
            assessment_id=assessment_id,
            control_set_id=body["controlSetId"],
            details={"why": why, MANUAL: named},
        )
