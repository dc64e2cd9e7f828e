"""Tenants' data keys: wrapped under their settings' KMS key, or under our own master key."""

from typing import Final

from affidavit.errors import StoreSealedError
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso, utc_now
from affidavit.operations.context import Context
from affidavit.operations.faults import ValidationFault
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.tenant_keys import LOCAL

NO_KEY: Final = "DEFAULT"
"""What the settings' kmsKey says where there is none."""


def use_key(context: Context, tenant: str, key: str) -> None:
    """Wrap the tenant's data key under a KMS key (ARN), or under our own for DEFAULT.

    Nothing that is sealed is written again. `ValidationFault` where the new key, or the old one,
    cannot be used: then nothing changes.
    """
    by = LOCAL if key == NO_KEY else key
    keyring = context.store.keyring
    if keyring.wrapped_by(tenant) == by:
        return
    keyring.aws = context.aws
    try:
        keyring.rewrap(tenant, by)
    except StoreSealedError as error:
        raise ValidationFault(
            f"{error.what}. {error.why} {error.todo}",
            fields=[("kmsKey", "Member must be a key that the tenant's bound role may use")],
        ) from error


def rotate_master(settings: Settings, *, by: str, reason: str) -> int:
    """Change the master key, and wrap every tenant's local data key anew; return how many.

    Can be interrupted anywhere and run again. Every ledger says that it was done.
    """
    with open_store(settings, create=False) as store:
        tenants = store.tenants()
        done = store.keyring.change_master(tenants)
        for tenant in tenants:
            now = utc_now()
            store.append_record(
                tenant,
                {
                    "kind": "change",
                    "id": new_id(now),
                    "time": iso(now),
                    "by": by,
                    "action": "UPDATE_METADATA",
                    "object_type": "DATA_KEY",
                    "object_id": tenant,
                    "object_name": "",
                    "assessment_id": "",
                    "tenant": tenant,
                    "details": plain_json({"why": reason, "wrappedBy": LOCAL}).decode(),
                },
            )
    return done
