"""IAM: account settings, authorization details, Bedrock API keys."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from affidavit.demo.names import GROUP_ID, POLICY_ID, ROLE_ID, USER_ID
from affidavit.demo.overlay.managed_policies import managed_policy
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema import Group, Policy, Role, Statement, UserGroup
from affidavit.demo.world import Place

_PAGES = Paging("Marker", "MaxItems", 15, more="IsTruncated")
_AWS = "arn:aws:iam::aws:policy/"
_FILTERS = ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy")


def document(statements: Sequence[Statement]) -> str:
    """Return a policy document as JSON text."""
    rendered = []
    for each in statements:
        statement: dict[str, Any] = {
            "Effect": each.effect,
            "Action": list(each.actions),
            "Resource": list(each.resources),
        }
        if each.condition:
            statement["Condition"] = dict(each.condition)
        rendered.append(statement)
    return json.dumps({"Version": "2012-10-17", "Statement": rendered})


def _attached(place: Place, names: Sequence[str]) -> list[Answer]:
    """Return attached policies; a name is the account's own policy, an ARN is AWS's."""
    own = {policy.name for policy in place.account.policies}
    attached = []
    for name in names:
        if name not in own and not name.startswith(_AWS):
            raise AwsError("NoSuchEntity", f"The estate has no policy {name}", 404)
        arn = place.global_arn("iam", f"policy/{name}") if name in own else name
        attached.append({"PolicyName": name.rpartition("/")[2], "PolicyArn": arn})
    return attached


def _inline(policies: dict[str, tuple[Statement, ...]]) -> list[Answer]:
    return [
        {"PolicyName": name, "PolicyDocument": document(statements)}
        for name, statements in policies.items()
    ]


def user_arn(place: Place, name: str) -> str:
    """Return the ARN of a user."""
    return place.global_arn("iam", f"user/{name}")


def _user(place: Place, group: UserGroup, name: str, index: int) -> Answer:
    return {
        "Path": "/",
        "UserName": name,
        "UserId": place.names.principal(USER_ID, place.account.id, name),
        "Arn": user_arn(place, name),
        "CreateDate": place.ago(group.created.at(index, group.count)),
        "UserPolicyList": _inline(group.inline),
        "GroupList": list(group.groups),
        "AttachedManagedPolicies": _attached(place, group.attached),
    }


def _group(place: Place, group: Group) -> Answer:
    return {
        "Path": "/",
        "GroupName": group.name,
        "GroupId": place.names.principal(GROUP_ID, place.account.id, group.name),
        "Arn": place.global_arn("iam", f"group/{group.name}"),
        "CreateDate": place.ago(group.created),
        "GroupPolicyList": _inline(group.inline),
        "AttachedManagedPolicies": _attached(place, group.attached),
    }


def _role(place: Place, role: Role) -> Answer:
    trusted = {"Service": f"{role.service}.amazonaws.com"}
    if role.service is None:
        trusted = {"AWS": f"arn:aws:iam::{place.world.home.id}:root"}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    last: dict[str, Any] = {}
    if role.last_used is not None:
        last = {"LastUsedDate": place.ago(role.last_used), "Region": "us-east-1"}
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": place.names.principal(ROLE_ID, place.account.id, role.name),
        "Arn": place.global_arn("iam", f"role{role.path}{role.name}"),
        "CreateDate": place.ago(role.created),
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        "InstanceProfileList": [],
        "RolePolicyList": _inline(role.inline),
        "AttachedManagedPolicies": _attached(place, role.attached),
        "RoleLastUsed": last,
    }


def _attachments(place: Place) -> Counter[str]:
    """Return how many users, groups and roles each policy is attached to, by name or ARN."""
    account = place.account
    holders: list[Any] = [*account.users, *account.groups, *account.roles]
    counts: Counter[str] = Counter()
    for holder in holders:
        for name in holder.attached:
            counts[name] += getattr(holder, "count", 1)
    return counts


def _policy(place: Place, policy: Policy) -> Answer:
    account = place.account
    created = place.ago(policy.created)
    version = {
        "Document": document(policy.statements),
        "VersionId": "v1",
        "IsDefaultVersion": True,
        "CreateDate": created,
    }
    return {
        "PolicyName": policy.name,
        "PolicyId": place.names.principal(POLICY_ID, account.id, policy.name),
        "Arn": place.global_arn("iam", f"policy/{policy.name}"),
        "Path": "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": _attachments(place)[policy.name],
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": created,
        "UpdateDate": created,
        "PolicyVersionList": [version],
    }


@answers("iam", "GetAccountAuthorizationDetails", honours=["Filter"], paging=_PAGES)
def get_authorization_details(call: Call) -> Answer:
    """Answer with users, groups, roles and policies; pages run over all of them in turn."""
    place = call.place
    wanted = set(call.get("Filter", _FILTERS))
    lists = {
        "User": ("UserDetailList", [_user(place, *each) for each in place.users()]),
        "Group": ("GroupDetailList", [_group(place, each) for each in place.account.groups]),
        "Role": ("RoleDetailList", [_role(place, each) for each in place.account.roles]),
    }
    answer = {member: items if kind in wanted else [] for kind, (member, items) in lists.items()}
    return {**answer, "Policies": _policies(place, wanted)}


def _policies(place: Place, wanted: set[str]) -> list[Answer]:
    """Return the account's own policies, and those of AWS that are attached."""
    policies: list[Answer] = []
    if "LocalManagedPolicy" in wanted:
        policies += [_policy(place, each) for each in place.account.policies]
    if "AWSManagedPolicy" in wanted:
        counts = _attachments(place)
        aws = sorted(name for name in counts if name.startswith(_AWS))
        policies += [managed_policy(arn, counts[arn]) for arn in aws]
    return policies


@answers("iam", "GetAccountPasswordPolicy")
def get_password_policy(call: Call) -> Answer:
    """Answer with the password policy, or that the account never set one."""
    policy = call.place.account.password_policy
    if policy is None:
        message = f"The Password Policy with domain name {call.place.account.id} cannot be found."
        raise AwsError("NoSuchEntity", message, 404)
    answer: dict[str, Any] = {
        "MinimumPasswordLength": policy.min_length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.uppercase,
        "RequireLowercaseCharacters": policy.lowercase,
        "AllowUsersToChangePassword": True,
        "ExpirePasswords": policy.max_age is not None,
    }
    if policy.max_age is not None:
        answer["MaxPasswordAge"] = policy.max_age
    if policy.reuse_prevention is not None:
        answer["PasswordReusePrevention"] = policy.reuse_prevention
    return {"PasswordPolicy": answer}


@answers("iam", "GetAccountSummary")
def get_account_summary(call: Call) -> Answer:
    """Answer with the counts of the account, root's among them."""
    place = call.place
    account = place.account
    devices = sum(group.mfa for group, _, _ in place.users())
    return {
        "SummaryMap": {
            "Users": sum(group.count for group in account.users),
            "UsersQuota": 5000,
            "Groups": len(account.groups),
            "GroupsQuota": 300,
            "Roles": len(account.roles),
            "RolesQuota": 1000,
            "Policies": len(account.policies),
            "PoliciesQuota": 1500,
            "MFADevices": devices + account.root.mfa,
            "MFADevicesInUse": devices + account.root.mfa,
            "AccountMFAEnabled": int(account.root.mfa),
            "AccountAccessKeysPresent": int(account.root.access_keys),
            "AccountPasswordPresent": 1,
            "AccountSigningCertificatesPresent": 0,
            "AccessKeysPerUserQuota": 2,
            "Providers": 0,
            "InstanceProfiles": 0,
            "ServerCertificates": 0,
        }
    }


@answers(
    "iam",
    "ListServiceSpecificCredentials",
    honours=["UserName", "ServiceName", "AllUsers"],
    paging=_PAGES,
)
def list_service_specific_credentials(call: Call) -> Answer:
    """Answer with long-term Bedrock API keys; of all users only when AllUsers says so."""
    place, service = call.place, call.get("ServiceName", "bedrock.amazonaws.com")
    user = call.get("UserName")
    if user is None and not call.get("AllUsers"):
        raise AwsError("ValidationError", "UserName or AllUsers must be given")
    if service != "bedrock.amazonaws.com":
        return {"ServiceSpecificCredentials": []}
    credentials = []
    for group, name, _ in place.users():
        if user not in {None, name}:
            continue
        for number, key in enumerate(group.bedrock_keys):
            token = place.names.upper(17, place.account.id, "bedrock key", name, number)
            credential = {
                "UserName": name,
                "Status": key.status,
                "ServiceCredentialAlias": f"{name}-at-{place.account.id}",
                "CreateDate": place.ago(key.age),
                "ServiceSpecificCredentialId": f"ACCA{token}",
                "ServiceName": service,
            }
            if key.life is not None:
                credential["ExpirationDate"] = place.ago(key.age - key.life)
            credentials.append(credential)
    return {"ServiceSpecificCredentials": credentials}
