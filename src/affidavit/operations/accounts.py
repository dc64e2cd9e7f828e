"""The account's registration, and the organization's delegated administrator.

One document (kind account) a tenant: status, delegated administrator, and, after a deregistration
with the policy ALL, the day from which its resources may be deleted.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from affidavit.model.times import iso
from affidavit.operations import account_settings
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context, Operation
from affidavit.operations.data_keys import use_key
from affidavit.operations.faults import (
    AccessDeniedFault,
    NotFoundFault,
    ThrottlingFault,
    ValidationFault,
)
from affidavit.operations.tenant_bindings import binding_of
from affidavit.store.documents import Document

NOT_SET_UP: Final = (
    "Please complete AWS Audit Manager setup from home page to enable this action in this account."
)
"""Audit Manager's own text, as Steampipe and the CloudFormation handlers match it."""
DELETE_AFTER: Final = timedelta(days=7)
"""How long after deregistration with the policy ALL nothing is deleted yet."""
PURGING: Final = "_purging"
"""Member of an account's document while everything of it is deleted: since when."""
_BEING_DELETED: Final = (
    "Everything of this account and Region is being deleted at this moment. Try again when it is."
)
_KIND: Final = "account"


def require_registered(context: Context, caller: Caller) -> None:
    """Raise `AccessDeniedFault` with Audit Manager's text unless the tenant is registered."""
    if not is_registered(context, caller.tenant):
        raise AccessDeniedFault(NOT_SET_UP)


def is_registered(context: Context, tenant: str) -> bool:
    """Tell whether the tenant is registered: only then is anything collected or answered."""
    document = context.store.documents.get(tenant, _KIND, _KIND)
    return document is not None and bool(document.body["status"] == "ACTIVE")


def has_left(context: Context, tenant: str) -> bool:
    """Tell whether the tenant deregistered: from then on nothing is asked with its roles.

    One that never registered, and is used from the command line alone, has not left.
    """
    document = context.store.documents.get(tenant, _KIND, _KIND)
    return document is not None and bool(document.body["status"] != "ACTIVE")


def is_management_account(context: Context, tenant: str) -> bool:
    """Tell whether the tenant designated a delegated administrator; it creates no assessments."""
    document = context.store.documents.get(tenant, _KIND, _KIND)
    return document is not None and bool(document.body.get("adminAccountId"))


def get_account_status(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Answer ACTIVE or INACTIVE; the only operation besides RegisterAccount for everybody."""
    del request
    return {"status": _account(context, caller).body["status"]}


def register_account(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Register the tenant, or change nothing where it is registered.

    A key or delegated administrator that is given is set; another delegated administrator than the
    present one is refused with Audit Manager's text.
    """
    account = _account(context, caller)
    if PURGING in account.body:
        raise ThrottlingFault(_BEING_DELETED, retry_after=60)
    body = dict(account.body)
    admin = request.get("delegatedAdminAccount")
    if admin:
        body["adminAccountId"] = _admin_to_set(caller, body, admin)
    settings = account_settings.document(context, caller)
    puts = []
    if request.get("kmsKey") and settings.body["kmsKey"] != request["kmsKey"]:
        account_settings.check(context, caller, {"kmsKey": request["kmsKey"]})
        use_key(context, caller.tenant, request["kmsKey"])
        settings = replace(settings, body=settings.body | {"kmsKey": request["kmsKey"]})
        puts.append(settings)
    elif not settings.version:
        puts.append(settings)
    if body["status"] != "ACTIVE":
        body = {k: v for k, v in body.items() if k not in ("_deleteAfter", "_deletedAt")}
        body |= {"status": "ACTIVE", "_registeredAt": iso(context.now())}
    if body != account.body:
        puts.append(replace(account, body=body))
    if puts:
        _log(context, caller, "ACTIVE", {"request": request}, puts)
    return {"status": "ACTIVE"}


def deregister_account(context: Context, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Deregister the tenant: nothing is collected or answered any more, until it comes back.

    With the policy ALL its resources may be deleted a week later.
    """
    del request
    account = _account(context, caller)
    policy = account_settings.document(context, caller).body["deregistrationPolicy"]
    body = account.body | {"status": "INACTIVE"}
    if policy["deleteResources"] == "ALL":
        body["_deleteAfter"] = iso(context.now() + DELETE_AFTER)
    _log(context, caller, "INACTIVE", {"policy": policy}, [replace(account, body=body)])
    return {"status": "INACTIVE"}


def register_organization_admin_account(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Designate the delegated administrator: exactly one, never the management account itself."""
    account = _account(context, caller)
    admin = _admin_to_set(caller, account.body, request["adminAccountId"])
    if account.body.get("adminAccountId") != admin:
        put = replace(account, body=account.body | {"adminAccountId": admin})
        _log(context, caller, "UPDATE_METADATA", {"adminAccountId": admin}, [put])
    return {"adminAccountId": admin, **_organization(context, caller)}


def deregister_organization_admin_account(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Take the designation back; `adminAccountId`, where given, must be the present one."""
    account = _account(context, caller)
    present = account.body.get("adminAccountId")
    wanted = request.get("adminAccountId", present)
    if present is None or wanted != present:
        raise NotFoundFault(wanted or caller.account_id, "organizationAdminAccount")
    body = {k: v for k, v in account.body.items() if k != "adminAccountId"}
    _log(
        context,
        caller,
        "UPDATE_METADATA",
        {"adminAccountId": "", "before": present},
        [replace(account, body=body)],
    )
    return {}


def get_organization_admin_account(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the delegated administrator that this account designated; no members for none.

    The organization's id is known only where an administrator bound it.
    """
    del request
    admin = _account(context, caller).body.get("adminAccountId")
    return {"adminAccountId": admin, **_organization(context, caller)} if admin else {}


def _organization(context: Context, caller: Caller) -> dict[str, str]:
    binding = binding_of(context.store, caller.tenant)
    known = binding.organization_id if binding is not None else ""
    return {"organizationId": known} if known else {}


def _account(context: Context, caller: Caller) -> Document:
    """Return the tenant's account; a new one, INACTIVE, where it never registered."""
    found = context.store.documents.get(caller.tenant, _KIND, _KIND)
    return found or Document(kind=_KIND, id=_KIND, body={"status": "INACTIVE"})


def _admin_to_set(caller: Caller, body: Mapping[str, Any], admin: str) -> str:
    present = body.get("adminAccountId", admin)
    if present != admin:
        raise ValidationFault(
            f"Cannot change delegated Admin for an active account {caller.account_id} "
            f"from {present} to {admin}"
        )
    if admin == caller.account_id:
        raise ValidationFault(
            "The management account cannot be its own delegated administrator.",
            reason="fieldValidationFailed",
            fields=[("adminAccountId", "Member must be another account than the caller's")],
        )
    return admin


def _log(
    context: Context,
    caller: Caller,
    action: Any,
    details: Mapping[str, Any],
    puts: list[Document],
) -> None:
    change = Change(
        action=action,
        object_type="ACCOUNT",
        object_id=caller.account_id,
        object_name=caller.tenant,
        details=details,
    )
    act(context, caller, change, puts=puts)


HANDLERS: Mapping[str, Operation] = {
    "DeregisterAccount": deregister_account,
    "DeregisterOrganizationAdminAccount": deregister_organization_admin_account,
    "GetAccountStatus": get_account_status,
    "GetOrganizationAdminAccount": get_organization_admin_account,
    "RegisterAccount": register_account,
    "RegisterOrganizationAdminAccount": register_organization_admin_account,
}
