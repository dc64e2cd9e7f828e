"""The scheduler's lease: of several servers on one database, one leads; the others work.

One document (kind lease, of no tenant). Whoever holds it says so every few seconds; a leader that
is dead, or was not heard of for a minute, is replaced. Two that both believe they lead do no harm:
what a leader leaves has one name a day, whoever leaves it. The servers' clocks must agree to some
seconds.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from affidavit.errors import StoreConflictError
from affidavit.model.times import iso, parse
from affidavit.operations.context import Context
from affidavit.store import leases
from affidavit.store.documents import Document

TENANT: Final = "server"
"""Documents of the installation itself; no account is called so."""
_KIND: Final = "lease"
_SCHEDULER: Final = "scheduler"


def lead(context: Context, holder: leases.Holder | None = None) -> bool:
    """Take or keep the lease; return whether `holder` (by default this process) leads now."""
    own = (holder or leases.me()).text()
    found = context.store.documents.get(TENANT, _KIND, _SCHEDULER)
    if found is not None and found.body["holder"] != own and not _is_free(context, found):
        return False
    document = found or Document(kind=_KIND, id=_SCHEDULER, body={})
    return _write(context, document, {"holder": own, "heartbeat": iso(context.now())})


def resign(context: Context, holder: leases.Holder | None = None) -> None:
    """Give the lease back where `holder` has it, so that another server leads at once."""
    found = context.store.documents.get(TENANT, _KIND, _SCHEDULER)
    if found is not None and found.body["holder"] == (holder or leases.me()).text():
        _write(context, found, {"holder": "", "heartbeat": iso(context.now())})


def _is_free(context: Context, document: Document) -> bool:
    holder = leases.parse(document.body["holder"])
    silent = context.now() - parse(document.body["heartbeat"])
    stale = silent > timedelta(seconds=leases.STALE_SECONDS)
    return holder is None or holder.is_gone() or stale


def _write(context: Context, document: Document, body: dict[str, Any]) -> bool:
    put = replace(document, body=body)
    try:
        context.store.documents.act(TENANT, now=context.now(), puts=[put])
    except StoreConflictError:
        return False
    return True
