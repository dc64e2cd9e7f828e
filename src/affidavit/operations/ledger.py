"""The ledger's operations: verify it from what is stored, show or sign its checkpoint."""

from collections.abc import Callable, Mapping, Sequence

from affidavit.errors import LedgerError, UsageError
from affidavit.settings import Settings
from affidavit.store import (
    Compacted,
    Store,
    StoredCheckpoint,
    VerifiedContent,
    VerifiedLog,
    open_store,
)


def verify(
    settings: Settings,
    tenant: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Sequence[VerifiedLog]:
    """Recompute every leaf and root of the tenant's log, or of all; return a summary of each.

    Raises `LedgerError` or `StoreDamagedError` that names what is wrong, and `LedgerError`
    where there is no ledger at all: nothing verified is not success.
    """
    with open_store(settings, create=False) as store:
        return store.verify(progress, _chosen(store, tenant))


def verify_content(
    settings: Settings,
    tenant: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Sequence[VerifiedContent]:
    """Read again all that the tenant's ledger (or each) names by digest: answers, attached files.

    Whatever is gone or altered is in the result, all of it; `LedgerError` where there is no ledger.
    """
    with open_store(settings, create=False) as store:
        return store.verify_content(progress, _chosen(store, tenant))


def checkpoint(
    settings: Settings, tenant: str | None = None, *, sign: bool = False
) -> StoredCheckpoint:
    """Return the tenant's newest signed checkpoint; with `sign`, signed now if the log has grown.

    A log without any checkpoint is signed now. `tenant` may be left out where there is only one.
    """
    with open_store(settings, create=False) as store:
        tenants = _chosen(store, tenant)
        if len(tenants) > 1:
            raise UsageError(
                "Whose ledger?",
                why=f"There are {len(tenants)}: {', '.join(tenants)}.",
                todo="Choose one with --tenant.",
            )
        found = store.checkpoint(tenants[0])
        if found is None or sign:
            found = store.sign_checkpoint(tenants[0])
            store.publish(tenants[0])
        return store.checkpoint(tenants[0]) or found


def compact(settings: Settings, tenant: str | None = None) -> Mapping[str, Compacted]:
    """Put each closed day's segments of a tenant, or of all, into one file; sweep what is old.

    No leaf, record or proof changes. What is damaged is in the result, and stays as it is.
    """
    with open_store(settings, create=False) as store:
        done = {one: store.compact(one) for one in _chosen(store, tenant)}
        store.sweep()
    return done


def undone(settings: Settings, tenant: str | None = None) -> Sequence[str]:
    """Return what was left to be done and failed, in words: files to remove, tables to publish."""
    with open_store(settings, create=False) as store:
        waiting = [one for one in store.waiting(tenant) if one.why]
    return [f"Still to {one.kind}: {one.name}. {one.why}" for one in waiting]


def _chosen(store: Store, tenant: str | None) -> list[str]:
    known = store.tenants()
    if not known:
        raise LedgerError(
            "There is no ledger in this store",
            why="Nothing was collected yet.",
            todo="Run `affidavit run` first, or give the right home folder.",
        )
    if tenant is not None and tenant not in known:
        raise UsageError(
            f"There is no ledger of {tenant}",
            why=f"There are ledgers of {', '.join(known)}.",
            todo="Correct --tenant.",
        )
    return known if tenant is None else [tenant]
