"""What an estate file can say: the estate, its accounts, IAM, buckets and trails.

All ages are days before the start of the simulation, so that the estate never grows old. The
regional half stands in `schema_region`.
"""

from dataclasses import dataclass, field
from typing import Any

from affidavit.demo.reading import Spread
from affidavit.demo.schema_region import Region

_ZERO = Spread((0.0, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorRole:
    """The role that the collector assumes in each account."""

    name: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """Regions as EC2 lists them."""

    enabled: tuple[str, ...]
    not_enabled: tuple[str, ...]
    """Answered as not-opted-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The AWS organization; its management account is the first account."""

    id: str
    email_domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundationModel:
    """A model that Bedrock offers in every enabled Region."""

    id: str
    name: str
    provider: str
    status: str = "ACTIVE"
    embeds: bool = False
    profiles: tuple[str, ...] = ()
    """Prefixes of the system-defined inference profiles: us, eu, global."""
    customizations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The account's root user."""

    mfa: bool = True
    access_keys: bool = False
    last_used: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """The account's password policy, in GetAccountPasswordPolicy's terms."""

    min_length: int
    symbols: bool = True
    numbers: bool = True
    uppercase: bool = True
    lowercase: bool = True
    max_age: int | None = None
    reuse_prevention: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An access key of each user of a group."""

    age: Spread
    used: Spread | None = None
    """Days since its last use; absent: never used."""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BedrockKey:
    """A long-term Bedrock API key (service-specific credential)."""

    age: float
    life: float | None = None
    """Days from creation to expiration; absent: never expires."""
    status: str = "Active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a policy."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    effect: str = "Allow"
    condition: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """IAM users that are alike: `count` of them, named `<name>-01` and so on when more than one."""

    name: str
    count: int = 1
    created: Spread
    console: bool = False
    mfa: bool = False
    password_age: Spread = _ZERO
    password_used: Spread | None = None
    keys: tuple[AccessKey, ...] = ()
    groups: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    inline: dict[str, tuple[Statement, ...]] = field(default_factory=dict)
    bedrock_keys: tuple[BedrockKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An IAM group."""

    name: str
    created: float
    attached: tuple[str, ...] = ()
    """Names of the account's own policies, or ARNs of AWS's."""
    inline: dict[str, tuple[Statement, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A customer managed policy."""

    name: str
    created: float
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An IAM role."""

    name: str
    created: float
    last_used: float | None = None
    service: str | None = None
    """Service that may assume it; absent: the organization's management account."""
    path: str = "/"
    attached: tuple[str, ...] = ()
    inline: dict[str, tuple[Statement, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketBackup:
    """Recovery points of a bucket: one a day, the newest of this age."""

    vault: str
    age: float
    points: int = 1
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket, or `count` alike named `<name>-01` and so on. Defaults are those of S3."""

    name: str
    also: tuple[str, ...] = ()
    """Names of more buckets that are alike."""
    region: str
    count: int = 1
    age: float = 400.0
    key: str | None = None
    """Alias of the KMS key of the default encryption; absent: AES256."""
    versioning: str | None = None
    public_block: bool = True
    tls_only: bool = False
    """Its policy denies requests without TLS."""
    public_read: bool = False
    """Its policy lets everybody read."""
    logs_to: str | None = None
    expire: int | None = None
    """Days after which its lifecycle rule ends noncurrent versions."""
    tags: dict[str, str] = field(default_factory=dict)
    backup: BucketBackup | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """A CloudTrail trail."""

    name: str
    home: str
    bucket: str
    age: float = 700.0
    multi_region: bool = True
    logging: bool = True
    validated: bool = False
    key: str | None = None
    log_group: str | None = None
    """Name of the log group in the home Region; deliveries are minutes old."""
    data_events: tuple[str, ...] = ()
    """resources.type of its advanced event selectors; none: basic selectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An AWS account."""

    id: str
    name: str
    age: float = 1500.0
    root: Root
    password_policy: PasswordPolicy | None = None
    public_block: bool = False
    """All four account-wide public access blocks; absent when false."""
    users: tuple[UserGroup, ...] = ()
    groups: tuple[Group, ...] = ()
    policies: tuple[Policy, ...] = ()
    roles: tuple[Role, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    trails: tuple[Trail, ...] = ()
    models: str = "good"
    """How the models of the account behave: a name of `demo.bedrock.backends.BEHAVIOURS`."""
    regions: dict[str, Region]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """A whole estate file."""

    name: str
    role: CollectorRole
    organization: Organization
    regions: Regions
    parameters: dict[str, dict[str, Any]]
    """The owner's parameters by check id."""
    foundation_models: tuple[FoundationModel, ...]
    accounts: tuple[Account, ...]
