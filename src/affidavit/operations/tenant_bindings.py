"""What a tenant is bound to: accounts and roles, buckets, topics, keys, event bus; read here.

An administrator binds (`tenants`). Every AWS call on a tenant's behalf goes by what stands here,
never by the server's own credentials: those assume the bound roles. A binding of "account/Region"
counts for that tenant alone; one of an account counts for its Regions that have none of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from affidavit.aws.objects import Objects, split
from affidavit.aws.settings import AwsSettings, Bound, BoundRole
from affidavit.errors import ObjectError
from affidavit.operations.context import Context
from affidavit.store import Store
from affidavit.store.documents import Document

TENANT: Final = "affidavit/tenants"
"""Where bindings and the log of their changes are kept: no account's own tenant."""
KIND: Final = "tenant_binding"

Use = Literal["evidence", "reports", "logs"]
"""What a bucket is bound for: to read manual evidence from; to write (and check) reports in; to
read logs from, where it belongs to another account than the one whose logs it holds."""
USES: Final[tuple[Use, ...]] = ("evidence", "reports", "logs")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundBucket:
    """A bucket that a tenant may use."""

    account_id: str
    """The owner: told to S3 with every call, and entered by its bound role."""
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What one tenant, or all Regions of an account, is bound to."""

    name: str
    """As "111122223333/eu-central-1", or "111122223333" for its other Regions."""
    external_id: str = field(default="", repr=False)
    """Of all its roles, and of no other account's tenants."""
    accounts: Mapping[str, BoundRole] = field(default_factory=dict)
    """By account id; the roles without the external id."""
    buckets: Mapping[str, BoundBucket] = field(default_factory=dict)
    """By name."""
    topics: tuple[str, ...] = ()
    """ARNs of SNS topics, besides those of the tenant's own account and Region."""
    keys: tuple[str, ...] = ()
    """ARNs of KMS keys, besides those of the tenant's own account and Region."""
    queues: tuple[str, ...] = ()
    """ARNs of SQS queues that tell of new objects."""
    event_bus: str = ""
    """ARN of the EventBridge bus that events are put on; empty: none are."""
    event_source: str = ""
    organization_id: str = ""
    """Of the organization that the account manages, or empty where it is not known."""

    def role(self, account_id: str) -> BoundRole | None:
        """Return how an account is entered, external id and all; None where it is not bound."""
        found = self.accounts.get(account_id)
        if found is None or not found.arn:
            return found
        return replace(found, external_id=self.external_id)


def binding_of(store: Store, tenant: str) -> Binding | None:
    """Return the binding of "account/Region", else of its account, else None."""
    for name in (tenant, tenant.partition("/")[0]):
        document = store.documents.get(TENANT, KIND, name)
        if document is not None:
            return from_document(document)
    return None


def from_document(document: Document) -> Binding:
    """Return the binding that a document keeps."""
    body = document.body
    return Binding(
        name=document.id,
        external_id=body["externalId"],
        accounts={
            account: BoundRole(arn=one["roleArn"], session_tags=one["sessionTags"])
            for account, one in body["accounts"].items()
        },
        buckets={
            name: BoundBucket(account_id=one["accountId"], uses=tuple(one["uses"]))
            for name, one in body["buckets"].items()
        },
        topics=tuple(body["topics"]),
        keys=tuple(body["kmsKeys"]),
        queues=tuple(body.get("queues", ())),
        event_bus=body["eventBus"],
        event_source=body["eventSource"],
        organization_id=body["organizationId"],
    )


def to_body(binding: Binding) -> dict[str, Any]:
    """Return a binding as it is kept and as `--json` prints it."""
    return {
        "externalId": binding.external_id,
        "accounts": {
            account: {
                "roleArn": role.arn,
                "ambient": not role.arn,
                "sessionTags": dict(role.session_tags),
            }
            for account, role in sorted(binding.accounts.items())
        },
        "buckets": {
            name: {"accountId": one.account_id, "uses": list(one.uses)}
            for name, one in sorted(binding.buckets.items())
        },
        "topics": list(binding.topics),
        "kmsKeys": list(binding.keys),
        "queues": list(binding.queues),
        "eventBus": binding.event_bus,
        "eventSource": binding.event_source,
        "organizationId": binding.organization_id,
    }


def aws_of(context: Context, tenant: str) -> AwsSettings:
    """Return how AWS is reached for a tenant: at home in its Region, by its bound roles only.

    A tenant without a binding enters no account at all.
    """
    binding = binding_of(context.store, tenant)
    accounts = () if binding is None else binding.accounts
    roles = {
        account: role
        for account in accounts
        if binding is not None and (role := binding.role(account)) is not None
    }
    logs = {} if binding is None else binding.buckets
    bound = Bound(
        tenant=tenant,
        roles=roles,
        log_buckets={name: one.account_id for name, one in logs.items() if "logs" in one.uses},
        reserved_buckets=context.settings.own_buckets,
    )
    return replace(context.aws, region=tenant.partition("/")[2], bound=bound)


def objects_of(context: Context, tenant: str, use: Use) -> Objects:
    """Return the buckets that are bound to a tenant for a use, to be opened in a `with`."""
    binding = binding_of(context.store, tenant)
    refused = context.settings.own_buckets
    buckets = {
        name: bucket.account_id
        for name, bucket in (binding.buckets.items() if binding is not None else ())
        if use in bucket.uses and name not in refused
    }
    return Objects(aws_of(context, tenant), buckets, tenant.partition("/")[2])


def unbound_accounts(context: Context, tenant: str, accounts: Sequence[str]) -> list[int]:
    """Return the positions of accounts that the tenant is not bound to.

    None for a tenant without a binding: nothing of it is collected, and each account says so.
    """
    binding = binding_of(context.store, tenant)
    if binding is None:
        return []
    return [n for n, account in enumerate(accounts) if account not in binding.accounts]


def place_problem(context: Context, tenant: str, url: str, use: Use) -> str:
    """Return why a tenant may not use an s3:// URL, or an empty text.

    The buckets of the installation itself, and URLs that lead elsewhere than they say, never; any
    other only where it is bound. Says nothing of whether there is such a bucket.
    """
    try:
        bucket, _ = split(url)
    except ObjectError as error:
        return f"Member must be an S3 URL such as s3://bucket/key. {error.why}"
    binding = binding_of(context.store, tenant)
    found = binding.buckets.get(bucket) if binding is not None else None
    reserved = bucket in context.settings.own_buckets
    if reserved or found is None or use not in found.uses:
        option = f"--{_OPTIONS[use]}-bucket {bucket}"
        return (
            f"Member must name a bucket that is bound to {tenant}: an administrator runs "
            f"`affidavit tenant bind {tenant} {option}`"
        )
    return ""


def destination_problem(context: Context, tenant: str, url: str) -> str:
    """Return why a tenant may not have reports written to an s3:// URL, or an empty text.

    A tenant without a binding may name any bucket that is not the installation's: nothing is
    written to it before it is bound, and the report that should be says so.
    """
    problem = place_problem(context, tenant, url, "reports")
    if problem and binding_of(context.store, tenant) is None:
        return "" if _is_open(context, url) else problem
    return problem


def _is_open(context: Context, url: str) -> bool:
    try:
        bucket, _ = split(url)
    except ObjectError:
        return False
    return bucket not in context.settings.own_buckets


def may_name(context: Context, tenant: str, service: str, arn: str) -> bool:
    """Tell whether a tenant may name an SNS topic or a KMS key: its own, or bound to it."""
    parts = arn.split(":")
    if len(parts) < _ARN_PARTS or parts[2] != service:
        return False
    if (parts[4], parts[3]) == tuple(tenant.split("/")):
        return True
    binding = binding_of(context.store, tenant)
    return binding is not None and arn in (binding.topics if service == "sns" else binding.keys)


_ARN_PARTS: Final = 6
_OPTIONS: Final[Mapping[Use, str]] = {"evidence": "evidence", "reports": "report", "logs": "log"}
