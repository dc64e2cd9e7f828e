"""Organizations and STS: which accounts there are, who calls, and who may become whom."""

from datetime import UTC, datetime, timedelta

from affidavit.demo.names import ROLE_ID
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema import Account
from affidavit.demo.world import Caller, World

_HOUR = 3600
_DENIED = 403


def _root(world: World) -> str:
    return f"arn:aws:organizations::{world.home.id}:"


def _account(world: World, account: Account) -> Answer:
    organization = world.estate.organization
    return {
        "Id": account.id,
        "Arn": f"{_root(world)}account/{organization.id}/{account.id}",
        "Email": f"{account.name}@{organization.email_domain}",
        "Name": account.name,
        "Status": "ACTIVE",
        "State": "ACTIVE",
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": world.now - timedelta(days=account.age),
    }


def _only_management(call: Call) -> None:
    if call.place.account.id != call.place.world.home.id:
        message = "You don't have permissions to access this resource."
        raise AwsError("AccessDeniedException", message)


@answers("organizations", "ListAccounts", paging=Paging("NextToken", "MaxResults", 20))
def list_accounts(call: Call) -> Answer:
    """Answer with the organization's accounts, to the management account only."""
    _only_management(call)
    world = call.place.world
    return {"Accounts": [_account(world, account) for account in world.accounts.values()]}


@answers("organizations", "DescribeOrganization")
def describe_organization(call: Call) -> Answer:
    """Answer with the organization, to every member."""
    world = call.place.world
    organization = world.estate.organization
    return {
        "Organization": {
            "Id": organization.id,
            "Arn": f"{_root(world)}organization/{organization.id}",
            "FeatureSet": "ALL",
            "MasterAccountArn": f"{_root(world)}account/{organization.id}/{world.home.id}",
            "MasterAccountId": world.home.id,
            "MasterAccountEmail": f"{world.home.name}@{organization.email_domain}",
        }
    }


@answers("sts", "GetCallerIdentity")
def get_caller_identity(call: Call) -> Answer:
    """Answer with who signed the request."""
    caller = call.caller
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}


@answers(
    "sts",
    "AssumeRole",
    honours=[
        *("RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds"),
        *("Tags", "TransitiveTagKeys", "SourceIdentity"),
    ],
)
def assume_role(call: Call) -> Answer:
    """Answer with keys of the collector's role, for whoever names it and its external id."""
    world = call.place.world
    role = world.estate.role
    arn = str(call.need("RoleArn"))
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""  # noqa: PLR2004 - parts of an ARN
    wanted = f"arn:aws:iam::{account}:role/{role.name}"
    known = account in world.accounts and arn == wanted
    if not known or call.get("ExternalId") != role.external_id:
        message = f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole on {arn}"
        raise AwsError("AccessDenied", message, _DENIED)
    session = str(call.need("RoleSessionName"))
    session_arn = f"arn:aws:sts::{account}:assumed-role/{role.name}/{session}"
    user_id = f"{world.names.principal(ROLE_ID, account, role.name)}:{session}"
    access_key = "ASIA" + world.names.upper(16, account, session, call.caller.arn)
    world.admit(access_key, Caller(account, session_arn, user_id))
    seconds = int(call.get("DurationSeconds", _HOUR))
    return {
        "Credentials": {
            "AccessKeyId": access_key,
            "SecretAccessKey": world.names.lower(40, access_key),
            "SessionToken": world.names.lower(50, access_key, "token"),
            "Expiration": datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds),
        },
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": session_arn},
        "PackedPolicySize": 0,
    }
