"""What the door needs to know to reach AWS."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from affidavit import __version__

TOOL = f"affidavit {__version__}"
"""Written in every proof."""

USER_AGENT = f"affidavit/{__version__}"
"""Added to the user agent of every request, so that CloudTrail shows who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundRole:
    """How one account is entered on a tenant's behalf, as an administrator bound it."""

    arn: str = ""
    """Of a role in the account; empty: as whoever we are, if that is of this very account."""
    external_id: str = field(default="", repr=False)
    session_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a tenant may enter: these accounts, so and not otherwise."""

    tenant: str
    """As "111122223333/eu-central-1", for messages."""
    roles: Mapping[str, BoundRole] = field(default_factory=dict)
    """By account id."""
    log_buckets: Mapping[str, str] = field(default_factory=dict)
    """Buckets of other accounts that logs may be read from, with the ids of their owners."""
    reserved_buckets: Collection[str] = ()
    """The installation's own: read on no tenant's behalf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """How AWS is reached; whatever is empty comes from the environment as for every AWS tool."""

    profile: str = ""
    """Profile of the AWS configuration; empty: AWS_PROFILE or the default."""
    access_key: str = ""
    """Static credentials (the simulated estate); empty: the usual chain of providers."""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    endpoint_url: str = ""
    """One endpoint for all services; empty: AWS_ENDPOINT_URL[_SERVICE], the profile, or AWS."""
    region: str = ""
    """Home Region: where the caller's identity and the estate are asked."""
    role_name: str = ""
    """Role assumed in every account but the caller's own; may have a path."""
    external_id: str = ""
    session_name: str = "affidavit"
    """Name of the role sessions, at most 64 characters: affidavit-<run>."""
    session_tags: Mapping[str, str] = field(default_factory=dict)
    bound: Bound | None = None
    """Given: nothing but its roles enters an account, our own neither, and `role_name` is unused.

    Our own credentials then serve to assume those roles only.
    """
    call_timeout: float = 30
    """Seconds to wait for a connection, and for the answer, before a call counts as timed out.

    An answer that comes in drips is waited for twice as long at most."""
    unit_timeout: float = 900
    """Seconds for all requests of one question together, pauses and retries included."""
    requests_per_second: float = 20
    """Pace for each account, Region and service."""
    lookups_per_second: float = 2
    """Pace of cloudtrail:LookupEvents, per account and Region; AWS's own quota by default."""
    max_attempts: int = 5
    """HTTP requests for one page at most, the first included."""
    concurrency: int = 8
    """Calls under way at once; the size of each client's connection pool follows it."""
    verify_tls: bool = True
    """Off only for an endpoint under test; everything observed then is marked synthetic."""
    ca_bundle: str = ""
    """File of certificate authorities; empty: AWS_CA_BUNDLE, the profile, or the usual ones.

    Only with the usual ones is what was observed not marked synthetic."""
