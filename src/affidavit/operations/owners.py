"""Audit owners and delegates: identities that an assessment names, as IAM names them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from affidavit.operations.assessed import is_same
from affidavit.operations.caller import Caller

OWNER: Final = "PROCESS_OWNER"
DELEGATE: Final = "RESOURCE_OWNER"

Problem = tuple[str, str]
"""(member, what it must be)."""
_ARN_PARTS: Final = 6


def iam_arn(principal_arn: str) -> str:
    """Return an identity as IAM names it: a session is its role's (without the role's path)."""
    parts = principal_arn.split(":", _ARN_PARTS - 1)
    kind, _, name = parts[-1].partition("/")
    if len(parts) == _ARN_PARTS and parts[2] == "sts" and kind == "assumed-role":
        return f"arn:{parts[1]}:iam::{parts[4]}:role/{name.partition('/')[0]}"
    return principal_arn


def is_of_account(caller: Caller, role_arn: str) -> bool:
    """Tell whether an ARN is of an identity of the caller's account: nobody else can be named."""
    parts = role_arn.split(":", _ARN_PARTS - 1)
    return len(parts) == _ARN_PARTS and parts[2] == "iam" and parts[4] == caller.account_id


def owner_problems(caller: Caller, roles: Sequence[Mapping[str, Any]], path: str) -> list[Problem]:
    """Return what is wrong with the roles of an assessment."""
    problems = []
    for index, role in enumerate(roles):
        if role["roleType"] != OWNER:
            problems.append((f"{path}[{index}].roleType", f"Member must be {OWNER}"))
        if not is_of_account(caller, role["roleArn"]):
            text = f"Member must be an identity of account {caller.account_id}"
            problems.append((f"{path}[{index}].roleArn", text))
    return problems


def with_caller(caller: Caller, roles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the roles, each once, and the caller's: who makes an assessment owns it."""
    found: dict[str, dict[str, Any]] = {}
    for role in roles:
        found.setdefault(role["roleArn"].lower(), {"roleType": OWNER, "roleArn": role["roleArn"]})
    if not any(is_same(caller.principal_arn, role["roleArn"]) for role in found.values()):
        own = iam_arn(caller.principal_arn)
        found[own.lower()] = {"roleType": OWNER, "roleArn": own}
    return list(found.values())


def author(caller: Caller) -> str:
    """Return the name of the caller as comments show it."""
    name = iam_arn(caller.principal_arn).rpartition("/")[2].rpartition(":")[2]
    return "".join(c for c in name if c.isalnum() or c in "-_() +=,.@")[:128] or "unknown"
