"""Who acts when the server itself does: named so in ledger and change log."""

from typing import Final

from affidavit.operations.caller import Caller

SERVICE: Final = "arn:aws:iam::{account}:role/aws-service-role/affidavit"
"""Who the ledger says did the server's own work for a tenant."""


def service_caller(tenant: str) -> Caller:
    """Return the server as a caller of a tenant."""
    account, _ = tenant.split("/")
    return Caller.of_tenant(tenant, SERVICE.format(account=account), "admin")
