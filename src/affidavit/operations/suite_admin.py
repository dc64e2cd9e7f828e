"""Own suites from the command line: brought from a file, listed, deleted, as in the console."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from affidavit.errors import UsageError
from affidavit.operations import own_suites
from affidavit.operations.as_owner import as_owner
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document
from affidavit.store.places import check_tenant

_OTHERWISE: Final = "The suites stay as they are"


def add(
    settings: Settings, tenant: str, path: Path, assertions: Sequence[str], by: str
) -> Document:
    """Keep a file as a suite of the tenant, or as the next version of it."""
    try:
        with path.open("rb") as file:
            data = file.read(own_suites.MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read", why=str(error)) from error
    with as_owner(settings, tenant, by, _OTHERWISE) as (context, caller):
        return own_suites.keep(context, caller, path.name, data, assertions)


def listed(settings: Settings, tenant: str) -> list[Document]:
    """Return the newest version of each suite of the tenant."""
    check_tenant(tenant)
    with open_store(settings, create=False) as store:
        return own_suites.newest(store, tenant)


def remove(settings: Settings, tenant: str, suite: str, by: str) -> None:
    """Delete a suite with all its versions."""
    with as_owner(settings, tenant, by, _OTHERWISE) as (context, caller):
        own_suites.remove(context, caller, suite)
