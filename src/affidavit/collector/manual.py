"""Manual evidence at a run: for each partial control, whether a person's part is there.

Read from the documents that the operations keep (kind manual_evidence). What is not here yet (still
to be fetched from S3) or could not be fetched counts for nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from affidavit.model.framework import Control, Framework, ManualEvidence
from affidavit.model.run import Assessment
from affidavit.model.times import parse
from affidavit.store import Store

MISSING: Final = "missing"
EXPIRED: Final = "expired"
PRESENT: Final = "present"
_KIND: Final = "manual_evidence"
_KEPT: Final = "KEPT"


def states(
    store: Store, framework: Framework, assessment: Assessment, now: datetime
) -> dict[str, str]:
    """Return missing, expired or present for each control that wants manual evidence."""
    newest: dict[str, datetime] = {}
    for document in store.documents.every(assessment.tenant, _KIND, parent=assessment.id):
        body = document.body
        if body["state"] == _KEPT:
            time = parse(body["createdAt"])
            newest[body["controlKey"]] = max(time, newest.get(body["controlKey"], time))
    return {
        control.id: _state(control.manual_evidence, newest.get(control.id), now)
        for control in framework.controls()
        if control.manual_evidence is not None
    }


def words(control: Control, states: Mapping[str, str]) -> str:
    """Return what a run says of a partial control's manual part; empty where it wants none.

    It depends on nothing but catalogue and state, so that it can be said again from a report.
    """
    wanted = control.manual_evidence
    if wanted is None:
        return ""
    expected = "; ".join(wanted.expected)
    state = states.get(control.id, MISSING)
    if state == PRESENT:
        return (
            f"Manual evidence was added within the last {wanted.renew_days} days; the ledger's "
            f"changes name it. Nobody but a person judges it. Expected: {expected}"
        )
    if state == EXPIRED:
        return (
            f"The newest manual evidence is older than {wanted.renew_days} days. "
            f"Expected again: {expected}"
        )
    return (
        f"No manual evidence has been added. Expected, every {wanted.renew_days} days: {expected}"
    )


def _state(wanted: ManualEvidence | None, newest: datetime | None, now: datetime) -> str:
    if wanted is None or newest is None:
        return MISSING
    return PRESENT if now - newest <= timedelta(days=wanted.renew_days) else EXPIRED
