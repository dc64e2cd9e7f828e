"""Logs that are watched: which, since when; the passes over them are in `log_watching`.

An administrator sets a watch for an account and a Region of a tenant. Where its log lies is asked
of AWS at every pass: the account's own logging configuration names it, through the bound role.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.operations import log_queues, own_data
from affidavit.operations.changes import Action, Change, act_by
from affidavit.store import Store
from affidavit.store.documents import Document

KIND: Final = "log_watch"
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """An account and Region whose invocation log is scanned as it grows."""

    tenant: str
    account_id: str
    region: str
    queue: str = ""
    """ARN of the bound queue that tells of new objects; without one the log is only listed."""
    own_numbers: tuple[str, ...] = ()
    """Telephone and other numbers that no alert of it is about, besides the tenant's own."""
    own_domains: tuple[str, ...] = ()
    """Domains likewise: their e-mail addresses and URLs are no disclosures."""

    @property
    def name(self) -> str:
        """Return what the watch is called within its tenant."""
        return f"{self.account_id}/{self.region}"


def add(store: Store, watch: Watch, *, by: str) -> Document:
    """Keep a new watch; `UsageError` for one that is there, or of no tenant."""
    for pattern, text in (
        (own_data.TENANT, watch.tenant), (_ACCOUNT, watch.account_id), (_REGION, watch.region),
    ):  # fmt: skip
        if not pattern.fullmatch(text):
            raise UsageError(f"{text!r} is no tenant, account or Region")
    own_data.require(watch.own_numbers, watch.own_domains)
    if watch.queue:
        log_queues.require_bound(store, watch.tenant, watch.queue)
    if store.documents.get(watch.tenant, KIND, watch.name) is not None:
        raise UsageError(
            f"{watch.name} is watched for {watch.tenant} already",
            todo="To give it another queue or other own numbers, remove the watch first.",
        )
    body = {
        "accountId": watch.account_id,
        "region": watch.region,
        "queue": watch.queue,
        "listedTo": "",
        "place": "",
        **_own(watch),
    }
    put = Document(kind=KIND, id=watch.name, sort=watch.name, body=body)
    _act(store, watch, "CREATE", by, _own(watch), puts=[put])
    return put


def _own(watch: Watch) -> dict[str, list[str]]:
    """Return what is the company's own: for the change log too, as nobody is told of it."""
    return {"ownNumbers": [*watch.own_numbers], "ownDomains": [*watch.own_domains]}


def remove(store: Store, watch: Watch, *, by: str) -> None:
    """Forget a watch with its accounting."""
    _act(store, watch, "DELETE", by, deletes=[_kept(store, watch)])
    store.documents.scanned.forget(watch.tenant, watch.name)


def set_paused(store: Store, watch: Watch, *, paused: bool, by: str) -> None:
    """Pause a watch, or go on from where it stood: what came meanwhile is read then."""
    found = _kept(store, watch)
    put = replace(found, body={**found.body, "paused": paused})
    action: Action = "INACTIVE" if paused else "ACTIVE"
    _act(store, watch, action, by, {"paused": paused}, puts=[put])


def _kept(store: Store, watch: Watch) -> Document:
    found = store.documents.get(watch.tenant, KIND, watch.name)
    if found is None:
        raise UsageError(f"{watch.name} is not watched for {watch.tenant}")
    return found


def watches(store: Store) -> list[tuple[Watch, Document]]:
    """Return all watches with their documents."""
    return [(watch_of(tenant, one), one) for tenant, one in store.documents.of_all_tenants(KIND)]


def watch_of(tenant: str, document: Document) -> Watch:
    """Return the watch that a document keeps."""
    body = document.body
    return Watch(
        tenant=tenant,
        account_id=body["accountId"],
        region=body["region"],
        queue=body.get("queue", ""),
        own_numbers=tuple(body.get("ownNumbers", ())),
        own_domains=tuple(body.get("ownDomains", ())),
    )


def told(store: Store, watch: Watch, document: Document) -> dict[str, Any]:
    """Return a watch with its accounting, for people and `--json`."""
    totals = store.documents.scanned.totals(watch.tenant, watch.name)
    return {
        "tenant": watch.tenant,
        "watch": watch.name,
        "log": document.body["place"],
        "queue": watch.queue,
        **_own(watch),
        "listedTo": document.body["listedTo"],
        "paused": bool(document.body.get("paused")),
        **totals,
    }


def _act(
    store: Store, watch: Watch, action: Action, by: str, details: Any = None, **more: Any
) -> None:
    change = Change(
        action=action,
        object_type="LOG_WATCH",
        object_id=watch.name,
        object_name=watch.name,
        details=details,
    )
    act_by(store, watch.tenant, by, change, **more)
