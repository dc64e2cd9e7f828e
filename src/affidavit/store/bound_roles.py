"""The roles that a tenant is bound to (`operations.tenant_bindings`), to reach its KMS key by."""

from typing import Final

from affidavit.aws.settings import BoundRole
from affidavit.store.documents import Documents

BINDINGS: Final = ("affidavit/tenants", "tenant_binding")
"""Tenant and kind of the documents that bind tenants to roles."""


def roles_of(documents: Documents, tenant: str) -> dict[str, BoundRole]:
    """Return account -> role of the tenant's own binding, else of that of its account."""
    for name in (tenant, tenant.partition("/")[0]):
        found = documents.get(*BINDINGS, name)
        if found is not None:
            external_id = found.body["externalId"]
            return {
                account: BoundRole(
                    arn=one["roleArn"],
                    session_tags=one["sessionTags"],
                    external_id=external_id if one["roleArn"] else "",
                )
                for account, one in found.body["accounts"].items()
            }
    return {}
