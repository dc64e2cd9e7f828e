"""Who asks: the caller's own account, and the roles it assumes in others; asserted, not assumed.

Every account's id is what `sts:GetCallerIdentity` answers with that account's own credentials. A
role that leads into another account than the one asked for is refused.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
)
from botocore.session import Session

from affidavit.aws.clients import Clients, new_session, trusts_usual_authorities
from affidavit.aws.deadline import within
from affidavit.aws.errors import (
    CREDENTIAL_CODES,
    NO_CREDENTIALS,
    PARSER_TROUBLE,
    UNREADABLE,
    trouble,
)
from affidavit.aws.limits import Limits
from affidavit.aws.models import loader
from affidavit.aws.peers import not_aws
from affidavit.aws.settings import AwsSettings, BoundRole
from affidavit.aws.trace import Trace
from affidavit.errors import CollectError, CredentialsError, EstateError
from affidavit.model.observation import GapReason
from affidavit.model.times import iso

DEFAULT_REGION = "us-east-1"
_PASSING = frozenset({GapReason.THROTTLED, GapReason.TIMED_OUT, GapReason.UNREACHABLE})
"""Why a role could not be assumed just now, though perhaps soon."""
CREDENTIALS_TODO = (
    "Set up credentials (aws configure, aws sso login, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY), or try the simulated estate: affidavit run --demo."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    """What sts:GetCallerIdentity answered."""

    account_id: str
    arn: str
    synthetic: bool = field(default=False, compare=False)
    """True where it was not AWS that said so: then nothing observed as it is known to be real."""

    @property
    def partition(self) -> str:
        """Return the partition of the ARN: aws, aws-cn, aws-us-gov."""
        return self.arn.split(":")[1] or "aws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An account that can be asked: its credentials and who they are."""

    session: Session
    identity: CallerIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """An account that was entered and left: what it takes to go on there, without its session.

    A session takes some 130 KiB, so that of an estate of many accounts only those asked have one.
    """

    credentials: Credentials
    identity: CallerIdentity


class Accounts:
    """The accounts entered so far; each is entered once."""

    def __init__(self, settings: AwsSettings, clients: Clients, limits: Limits) -> None:
        self._settings = settings
        self._clients = clients
        self._limits = limits
        self._lock = threading.RLock()
        self._home: Access | None = None
        self._entered: dict[str, Access | _Left | CollectError] = {}

    def home(self) -> Access:
        """Return the caller's own account; raise `CredentialsError` or `CollectError`."""
        with self._lock:
            if self._home is None:
                self._home = self._enter_home()
                if self._settings.bound is None:
                    self._entered[self._home.identity.account_id] = self._home
            return self._home

    def access(self, account_id: str) -> Access:
        """Return the account, entered by its role if it is not our own; if bound, by that only.

        Raises `EstateError` where that is not possible, another `CollectError` where it may be
        possible later; the same error again when asked again.
        """
        self._require_bound(account_id)
        home = self.home()
        with self._lock:
            entered = self._entered.get(account_id)
            if entered is None:
                try:
                    entered = self._enter(home, account_id)
                except CollectError as error:
                    entered = error
                self._entered[account_id] = entered
            if isinstance(entered, _Left):
                entered = self._entered[account_id] = self._return(entered)
        if isinstance(entered, CollectError):
            raise entered
        return entered

    def leave(self, account_id: str) -> None:
        """Let go of the session of an account; its role's credentials are kept."""
        with self._lock:
            entered = self._entered.get(account_id)
            if isinstance(entered, Access) and entered is not self._home:
                credentials = entered.session.get_credentials()
                if credentials is not None:
                    left = _Left(credentials=credentials, identity=entered.identity)
                    self._entered[account_id] = left

    def home_region(self, session: Session) -> str:
        """Return the Region where identity and estate are asked."""
        region: str | None = self._settings.region or session.get_config_variable("region")
        return region or DEFAULT_REGION

    def _enter_home(self) -> Access:
        try:
            session = new_session(self._settings)
            identity = self._who(session, "")
        except NO_CREDENTIALS as error:
            raise CredentialsError(
                "No usable AWS credentials were found", why=str(error), todo=CREDENTIALS_TODO
            ) from error
        except ClientError as error:
            raise _refused(error) from error
        except (BotoCoreError, *UNREADABLE, *PARSER_TROUBLE) as error:
            what = trouble(error, iam_action="", endpoint="sts:GetCallerIdentity", html=False)
            raise CollectError(
                "AWS could not be asked who we are (sts:GetCallerIdentity)",
                why=what.message,
                todo="Check the network, the Region and the endpoint URL.",
            ) from error
        return Access(session=session, identity=identity)

    def _who(self, session: Session, account_id: str) -> CallerIdentity:
        answer, trace = self._sts(session, account_id, "GetCallerIdentity", {})
        verified = trusts_usual_authorities(self._settings, session)
        synthetic = not_aws(trace.peers, "sts", verified=verified)
        try:
            return CallerIdentity(
                account_id=answer["Account"], arn=answer["Arn"], synthetic=synthetic
            )
        except KeyError as error:
            raise EstateError(
                "sts:GetCallerIdentity answered without account or ARN",
                why=f"{error} is missing from the answer.",
                todo="Check that the endpoint is AWS's.",
            ) from error

    def _sts(
        self, session: Session, account_id: str, operation: str, request: dict[str, Any]
    ) -> tuple[dict[str, Any], Trace]:
        region = self.home_region(session)

        def pace(name: str, _url: str) -> None:
            self._limits.wait(account_id, region, "sts", name)

        method = {"GetCallerIdentity": "get_caller_identity", "AssumeRole": "assume_role"}
        trace = Trace(pace=pace)

        def ask() -> dict[str, Any]:
            with self._clients.use(session, account_id, region, "sts") as client:
                answer: dict[str, Any] = getattr(client, method[operation])(**request)
                return answer

        return within(self._settings, trace, ask), trace

    def _require_bound(self, account_id: str) -> None:
        """Raise `EstateError` for an account that is not bound, before anything is sent."""
        bound = self._settings.bound
        if bound is not None and account_id not in bound.roles:
            command = f"affidavit tenant bind {bound.tenant} --role <ARN of a role in {account_id}>"
            raise EstateError(
                f"No role is bound for account {account_id}: run `{command}`",
                why=f"On behalf of tenant {bound.tenant} only the accounts are entered that an "
                "administrator bound to it, by the roles bound with them.",
                todo=f"Run `{command}`.",
            )

    def _role(self, home: Access, account_id: str) -> BoundRole:
        """Return the role that enters an account: the bound one, or the one of the usual name."""
        settings = self._settings
        if settings.bound is not None:
            return settings.bound.roles[account_id]
        if not settings.role_name:
            raise EstateError(
                f"Account {account_id} is not the caller's own ({home.identity.account_id})",
                why="No role name is set by which it could be entered.",
                todo="Set the role name (--role-name) of a role in that account.",
            )
        arn = (
            f"arn:{home.identity.partition}:iam::{account_id}:role/{settings.role_name.lstrip('/')}"
        )
        return BoundRole(
            arn=arn, external_id=settings.external_id, session_tags=settings.session_tags
        )

    def _enter(self, home: Access, account_id: str) -> Access:
        bound = self._role(home, account_id)
        if not bound.arn:
            return _as_we_are(home, account_id)
        role = bound.arn
        credentials = DeferredRefreshableCredentials(
            lambda: self._assume(home, bound), _RoleProvider.METHOD
        )
        session = new_session(self._settings, _resolver(credentials))
        try:
            identity = self._who(session, account_id)
        except (ClientError, BotoCoreError, *UNREADABLE, *PARSER_TROUBLE) as error:
            what = trouble(error, iam_action="sts:AssumeRole", endpoint="sts", html=False)
            kind = CollectError if what.reason in _PASSING else EstateError
            raise kind(
                f"Account {account_id} cannot be entered by the role {role}",
                why=what.message,
                todo="Check that the role exists, trusts the caller and asks for this external id.",
            ) from error
        if identity.account_id != account_id:
            raise EstateError(
                f"The role {role} leads into account {identity.account_id}, not {account_id}",
                why="sts:GetCallerIdentity with the role's credentials says so.",
                todo="Correct the account, the role or the endpoint.",
            )
        return Access(session=session, identity=identity)

    def _return(self, left: _Left) -> Access:
        session = new_session(self._settings, _resolver(left.credentials))
        return Access(session=session, identity=left.identity)

    def _assume(self, home: Access, role: BoundRole) -> dict[str, str]:
        """Return fresh credentials of `role`, in the form that botocore's refreshing ones take.

        Asked by the client of no account: a role may be of our own account, and its clients are not
        ours.
        """
        name = self._settings.session_name[:64]
        request: dict[str, Any] = {"RoleArn": role.arn, "RoleSessionName": name}
        if role.external_id:
            request["ExternalId"] = role.external_id
        if role.session_tags:
            tags = sorted(role.session_tags.items())
            request["Tags"] = [{"Key": key, "Value": value} for key, value in tags]
        answer, _ = self._sts(home.session, "", "AssumeRole", request)
        given = answer["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": iso(given["Expiration"]),
        }


def _as_we_are(home: Access, account_id: str) -> Access:
    """Return our own account, where it is the one that our own credentials are bound for."""
    if home.identity.account_id != account_id:
        raise EstateError(
            f"Account {account_id} is bound to the server's own credentials, "
            f"which are of account {home.identity.account_id}",
            why="sts:GetCallerIdentity says so.",
            todo="Start the server with credentials of that account, or bind a role.",
        )
    return home


def _refused(error: ClientError) -> CollectError:
    code = error.response["Error"].get("Code", "")
    what = trouble(error, iam_action="sts:GetCallerIdentity", endpoint="sts", html=False)
    if code in CREDENTIAL_CODES:
        return CredentialsError(
            "AWS did not accept the credentials",
            why=what.message,
            todo="Renew them (aws sso login, or new keys) and run again.",
        )
    return CollectError(
        "AWS did not say who we are (sts:GetCallerIdentity)",
        why=what.message,
        todo="Check the credentials, the network, the Region and the endpoint URL.",
    )


def _resolver(credentials: Credentials) -> CredentialResolver:
    return CredentialResolver(providers=[_RoleProvider(credentials)])


class _RoleProvider(CredentialProvider):
    """Gives credentials that assume the role when first used and again before they expire."""

    METHOD = "affidavit-assume-role"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        """Return the credentials; nothing is sent yet."""
        return self._credentials


def global_region(partition: str) -> str:
    """Return the Region that is really asked for what exists once per account."""
    for known in loader().load_data("partitions")["partitions"]:
        if known["id"] == partition:
            region: str = known["outputs"]["implicitGlobalRegion"]
            return region
    return DEFAULT_REGION
