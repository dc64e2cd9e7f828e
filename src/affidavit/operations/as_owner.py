"""An installation opened for a command that does what an owner of a tenant does in the console."""

from collections.abc import Iterator
from contextlib import contextmanager

from affidavit import catalogue as catalogues
from affidavit.errors import UsageError
from affidavit.operations.accounts import has_left
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import Fault
from affidavit.operations.users import principal_of
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.places import check_tenant


@contextmanager
def as_owner(
    settings: Settings, tenant: str, by: str, otherwise: str
) -> Iterator[tuple[Context, Caller]]:
    """Open the store for an owner; `UsageError` (`otherwise`) for what the API would refuse."""
    check_tenant(tenant)
    with open_store(settings, create=False) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=settings)
        if has_left(context, tenant):
            raise UsageError(otherwise, why=f"The account of {tenant} was deregistered.")
        principal = principal_of(tenant.partition("/")[0], by)
        try:
            yield context, Caller.of_tenant(tenant, principal, "owner")
        except Fault as fault:
            raise UsageError(otherwise, why=str(fault)) from fault
