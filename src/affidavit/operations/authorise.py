"""Who may call which operation: personas as data (`personas.yaml`), default deny.

This is the first of two questions. The second, whether this assessment or control set is the
caller's own, is asked by the operation where the cell says `own`.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, get_args

import yaml

from affidavit.errors import SettingsError
from affidavit.operations.caller import Caller, Role
from affidavit.operations.faults import AccessDeniedFault

ROLES: tuple[Role, ...] = get_args(Role)


class Scope(StrEnum):
    """A cell of the table: how far a role may go with an operation."""

    ALLOW = "allow"
    OWN = "own"
    """Only on what is assigned to the caller; the operation looks."""
    DENY = "deny"


@cache
def personas() -> Mapping[str, Mapping[str, Scope]]:
    """Return operation -> role -> scope; `SettingsError` for a cell that is missing or unknown."""
    text = (files("affidavit.operations") / "personas.yaml").read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return {operation: _row(operation, cells) for operation, cells in table.items()}


def scope(role: str, operation: str) -> Scope:
    """Return how far `role` may go with `operation`; DENY for whatever the table does not have."""
    return personas().get(operation, {}).get(role, Scope.DENY)


def authorise(caller: Caller, operation: str) -> Scope:
    """Return the caller's scope, ALLOW or OWN; `AccessDeniedFault` where the role may not."""
    found = scope(caller.role, operation)
    if found is Scope.DENY:
        raise AccessDeniedFault(
            f"User: {caller.principal_arn} is not authorized to perform: "
            f"auditmanager:{operation} in the role {caller.role}"
        )
    return found


def _row(operation: str, cells: Mapping[str, Any]) -> Mapping[str, Scope]:
    if set(cells) != set(ROLES) or not set(cells.values()) <= set(Scope):
        raise SettingsError(
            f"personas.yaml: {operation} is {dict(cells)}",
            why=f"Each of {', '.join(ROLES)} must be one of {', '.join(Scope)}.",
        )
    return {role: Scope(value) for role, value in cells.items()}
