"""Managing the API's access keys from within: made, listed and disabled by an administrator.

A key that is made here opens the Regions of the account that its maker administers then: neither
one that somebody else administers nor one that is set up later. Keys are shown to, and revoked by,
who administers all Regions that they open.
"""

from collections.abc import Set as AbstractSet
from typing import Final

from affidavit.operations import access_keys, looking
from affidavit.operations.access_keys import AccessKey
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.users import User

OPERATION: Final = "UpdateSettings"
"""Of the API: who may change the settings may manage the keys."""


def every(context: Context, caller: Caller, user: User) -> list[AccessKey]:
    """Return the keys that the user manages, without their secrets, the oldest first."""
    looking.require(context, caller, OPERATION)
    own = administered(caller, user)
    return [
        one
        for one in access_keys.every(context.store)
        if one.account_id == caller.account_id and opened(context, one) <= own
    ]


def add(
    context: Context, caller: Caller, user: User, *, principal_arn: str, role: str
) -> AccessKey:
    """Make a key of the caller's account; its secret is in the answer and nowhere else."""
    looking.require(context, caller, OPERATION)
    return access_keys.add(
        context.store,
        account_id=caller.account_id,
        principal_arn=principal_arn,
        role=role,
        by=user.name,
        regions=sorted(administered(caller, user)),
        now=context.now,
    )


def revoke(context: Context, caller: Caller, user: User, access_key_id: str) -> AccessKey:
    """Refuse every later request of a key of the caller's account, for good."""
    if access_key_id not in {one.access_key_id for one in every(context, caller, user)}:
        raise NotFoundFault(access_key_id, "accessKey")
    return access_keys.disable(context.store, access_key_id, by=user.name, now=context.now)


def administered(caller: Caller, user: User) -> AbstractSet[str]:
    """Return the Regions of the caller's account that a user administers."""
    return {
        one.region
        for one in user.grants
        if one.account_id == caller.account_id and one.role == "admin"
    }


def opened(context: Context, key: AccessKey) -> AbstractSet[str]:
    """Return the Regions that a key opens: its own, or all of its account that are set up."""
    prefix = f"{key.account_id}/"
    known = (one.removeprefix(prefix) for one in context.store.tenants() if one.startswith(prefix))
    return set(key.regions or known)
