"""Retention: evidence older than its time is deleted, whole days at once, never under legal hold.

The ledger keeps the hashes of all leaves and says what was deleted, and still verifies.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from affidavit.errors import LedgerError, UsageError
from affidavit.model.times import utc_now
from affidavit.operations import holds
from affidavit.settings import Settings
from affidavit.store import open_store

DAYS: Final = 730
"""Audit Manager keeps evidence for two years."""


def expire(
    settings: Settings, tenant: str, assessment_id: str = "", *, days: int = DAYS, by: str
) -> Mapping[str, int]:
    """Delete a tenant's evidence of more than `days` days ago; return files removed by assessment.

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
        done = {
            one: store.delete_evidence(tenant, one, by=by, why=why, before=before) for one in chosen
        }
        store.sweep()
    return done
