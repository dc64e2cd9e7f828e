"""Own suites from the command line: brought from a file, listed, deleted, as in the console."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from affidavit import catalogue as catalogues
from affidavit.errors import UsageError
from affidavit.operations import own_suites
from affidavit.operations.accounts import has_left
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import Fault
from affidavit.operations.users import principal_of
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document
from affidavit.store.places import check_tenant


def add(
    settings: Settings, tenant: str, path: Path, assertions: Sequence[str], by: str
) -> Document:
    """Keep a file as a suite of the tenant, or as the next version of it."""
    try:
        with path.open("rb") as file:
            data = file.read(own_suites.MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read", why=str(error)) from error
    with _opened(settings, tenant, by) as (context, caller):
        return own_suites.keep(context, caller, path.name, data, assertions)


def listed(settings: Settings, tenant: str) -> list[Document]:
    """Return the newest version of each suite of the tenant."""
    check_tenant(tenant)
    with open_store(settings, create=False) as store:
        return own_suites.newest(store, tenant)


def remove(settings: Settings, tenant: str, suite: str, by: str) -> None:
    """Delete a suite with all its versions."""
    with _opened(settings, tenant, by) as (context, caller):
        own_suites.remove(context, caller, suite)


@contextmanager
def _opened(settings: Settings, tenant: str, by: str) -> Iterator[tuple[Context, Caller]]:
    """Open the store, for an owner of the tenant."""
    check_tenant(tenant)
    with open_store(settings, create=False) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=settings)
        if has_left(context, tenant):
            raise UsageError(f"The account of {tenant} was deregistered")
        principal = principal_of(tenant.partition("/")[0], by)
        try:
            yield context, Caller.of_tenant(tenant, principal, "owner")
        except Fault as fault:
            raise UsageError(f"The suites of {tenant} stay as they are", why=str(fault)) from fault
