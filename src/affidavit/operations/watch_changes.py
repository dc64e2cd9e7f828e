"""Watches of logs set up in the browser, by administrators, of accounts that are bound.

A bound role is what a log is read by: whoever bound it on the machine has decided which accounts
a tenant may read at all.
"""

from typing import Final

from affidavit.operations import log_watches, looking
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault, ValidationFault
from affidavit.operations.log_watches import Watch
from affidavit.operations.tenant_bindings import binding_of
from affidavit.store.documents import Document

OPERATION: Final = "UpdateSettings"
"""Of the API: what is watched is set up for a tenant, as its settings are."""


def bound_accounts(context: Context, caller: Caller) -> list[str]:
    """Return the accounts whose logs may be watched."""
    looking.require(context, caller, OPERATION)
    binding = binding_of(context.store, caller.tenant)
    return sorted(binding.accounts) if binding is not None else []


def add(context: Context, caller: Caller, account_id: str, region: str) -> None:
    """Watch the invocation log of a bound account in a Region."""
    if account_id not in bound_accounts(context, caller):
        text = f"Member must be an account that is bound: `affidavit tenant bind {caller.tenant}`"
        raise ValidationFault.of_members([("account", text)])
    watch = Watch(tenant=caller.tenant, account_id=account_id, region=region)
    log_watches.add(context.store, watch, by=caller.principal_arn)


def set_paused(context: Context, caller: Caller, name: str, *, paused: bool) -> None:
    """Pause a watch, or go on from where it stood: what came meanwhile is read then."""
    watch = log_watches.watch_of(caller.tenant, _document(context, caller, name))
    log_watches.set_paused(context.store, watch, paused=paused, by=caller.principal_arn)


def remove(context: Context, caller: Caller, name: str) -> None:
    """Forget a watch with its accounting."""
    watch = log_watches.watch_of(caller.tenant, _document(context, caller, name))
    log_watches.remove(context.store, watch, by=caller.principal_arn)


def _document(context: Context, caller: Caller, name: str) -> Document:
    looking.require(context, caller, OPERATION)
    found = context.store.documents.get(caller.tenant, log_watches.KIND, name)
    if found is None:
        raise NotFoundFault(name, "logWatch")
    return found
