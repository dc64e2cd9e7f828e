"""Who calls an operation: the account, the person and the role, as the door found out."""

from dataclasses import dataclass
from typing import Literal, Self

Role = Literal["owner", "delegate", "auditor", "admin"]
"""The four personas (issue 3, point 4); what each may do is data of the operations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One authenticated caller of one request."""

    account_id: str
    """The account of the access key, twelve digits."""
    region: str
    """The Region of the credential scope."""
    principal_arn: str
    role: Role
    request_id: str
    """The id that the answer, the access log and every log line of this request carry."""
    access_key_id: str = ""
    """The key that signed the request; empty in the console and for the server's own work."""

    @classmethod
    def of_tenant(cls, tenant: str, principal_arn: str, role: Role, request_id: str = "") -> Self:
        """Return a caller of a tenant who comes by no door: the server itself, or a command."""
        account, region = tenant.split("/")
        return cls(
            account_id=account,
            region=region,
            principal_arn=principal_arn,
            role=role,
            request_id=request_id,
        )

    @property
    def tenant(self) -> str:
        """Return the tenant: "account/Region"."""
        return f"{self.account_id}/{self.region}"
