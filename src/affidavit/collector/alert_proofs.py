"""That alerts on disclosures are delivered: what the installation itself knows of it, each day.

Whether a webhook or a mail server took a message is no answer of AWS: nothing of it is collected
there. So what is kept is a result without an answer, in words that name the ledger's change that
proves when it was noted. Of a delivery it becomes evidence without a verdict (`log_evidence`); a
proof that failed, is missing, or a tenant without a channel is a gap that says so.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from affidavit.model.observation import Gap, GapReason, Unit
from affidavit.model.run import Assessment
from affidavit.model.times import parse
from affidavit.store import Store
from affidavit.store.documents import Document

PARAMETER: Final = "alertProof"
_OPERATION: Final = "FilterLogEvents"
_FRESH: Final = timedelta(hours=26)
"""A proof is left once a day, and may be tried again for some time."""


def is_proof(unit: Unit) -> bool:
    """Tell whether a question is about alerting, and not asked of AWS."""
    return PARAMETER in unit.parameters


def proofs(store: Store, assessment: Assessment, account_id: str, now: datetime) -> dict[str, Gap]:
    """Return what is known of each channel by unit id; of the tenant's own account only."""
    own, region = assessment.tenant.split("/")
    regions = assessment.estate.regions_of(account_id)
    if account_id != own or not regions:
        return {}
    place = region if region in regions else regions[0]
    told = _told(store, assessment.tenant, now)
    gaps = (_gap(own, place, name, reason, words) for name, reason, words in told)
    return {gap.unit.id: gap for gap in gaps}


def _told(store: Store, tenant: str, now: datetime) -> Iterator[tuple[str, GapReason, str]]:
    channels = store.documents.every(tenant, "alert_channel")
    if not channels:
        words = "No channel of alerts is set: nobody is told of disclosures by this installation."
        yield "", GapReason.NOT_CONFIGURED, words
    for channel in channels:
        newest = store.documents.every(
            tenant, "alert_proof", parent=channel.id, newest_first=True, limit=1
        )
        reason, words = _words(channel.id, newest, now)
        yield channel.id, reason, words


def _words(name: str, newest: list[Document], now: datetime) -> tuple[GapReason, str]:
    if not newest or now - parse(newest[0].body["at"]) > _FRESH:
        return GapReason.FAILED, f"No alert through the channel {name} was proved within a day."
    body = newest[0].body
    which = f"the channel {name} ({body['kind']}) at {body['at']}"
    noted = f"It is no answer of AWS; the ledger's change {body['change']} notes it."
    if body["state"] != "SENT":
        return GapReason.FAILED, f"A proof through {which} failed: {body['why']}. {noted}"
    words = f"A {body['alertState']} was delivered through {which}: {body['why']}. {noted}"
    return GapReason.NOTHING_TO_COLLECT, words


def _gap(account_id: str, region: str, name: str, reason: GapReason, words: str) -> Gap:
    return Gap(
        unit=Unit(
            key=_OPERATION, account_id=account_id, region=region, parameters={PARAMETER: name}
        ),
        service="logs",
        operation=_OPERATION,
        reason=reason,
        code="",
        message=words,
        proof=None,
    )
