"""Managing the API's access keys from within: made, listed and disabled by an administrator.

A key is of an account, and good in all Regions of it. So only who administers every Region of the
account that is set up here manages its keys: no key opens a Region that its maker does not.
"""

from collections.abc import Sequence
from typing import Final

from affidavit.operations import access_keys, looking
from affidavit.operations.access_keys import AccessKey
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault
from affidavit.operations.users import User

OPERATION: Final = "UpdateSettings"
"""Of the API: who may change the settings may manage the keys."""


def every(context: Context, caller: Caller, user: User) -> list[AccessKey]:
    """Return the keys of the caller's account without their secrets, the oldest first."""
    _require(context, caller, user)
    return [one for one in access_keys.every(context.store) if one.account_id == caller.account_id]


def add(
    context: Context, caller: Caller, user: User, *, principal_arn: str, role: str
) -> AccessKey:
    """Make a key of the caller's account; its secret is in the answer and nowhere else."""
    _require(context, caller, user)
    return access_keys.add(
        context.store,
        account_id=caller.account_id,
        principal_arn=principal_arn,
        role=role,
        by=user.name,
        now=context.now,
    )


def revoke(context: Context, caller: Caller, user: User, access_key_id: str) -> AccessKey:
    """Refuse every later request of a key of the caller's account, for good."""
    if access_key_id not in {one.access_key_id for one in every(context, caller, user)}:
        raise NotFoundFault(access_key_id, "accessKey")
    return access_keys.disable(context.store, access_key_id, by=user.name, now=context.now)


def missing_regions(context: Context, caller: Caller, user: User) -> Sequence[str]:
    """Return the Regions of the account that are set up and that the user does not administer."""
    own = {one.region for one in user.grants if _administers(one.account_id, one.role, caller)}
    prefix = f"{caller.account_id}/"
    known = [one.removeprefix(prefix) for one in context.store.tenants() if one.startswith(prefix)]
    return [one for one in known if one not in own]


def _administers(account_id: str, role: str, caller: Caller) -> bool:
    return account_id == caller.account_id and role == "admin"


def _require(context: Context, caller: Caller, user: User) -> None:
    looking.require(context, caller, OPERATION)
    missing = missing_regions(context, caller, user)
    if missing:
        raise AccessDeniedFault(
            f"A key of account {caller.account_id} is good in {', '.join(missing)} as well, "
            "which you do not administer."
        )
