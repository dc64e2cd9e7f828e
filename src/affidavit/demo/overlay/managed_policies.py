"""AWS's own managed policies that the estate attaches, in the wording that moto has collected."""

import json
from datetime import datetime
from functools import cache
from typing import Any

from affidavit.demo.overlay.registry import Answer, AwsError

_PREFIX = "arn:aws:iam::aws:policy"


@cache
def _collection() -> dict[str, Any]:
    """Return every AWS managed policy by name; 5 MB, so read only when first asked for."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    collection: dict[str, Any] = json.loads(aws_managed_policies_data)
    return collection


def managed_policy(arn: str, attachments: int) -> Answer:
    """Return one AWS managed policy as GetAccountAuthorizationDetails lists it."""
    name = arn.rpartition("/")[2]
    policy = _collection().get(name)
    if policy is None:
        raise AwsError("NoSuchEntity", f"AWS has no managed policy {name}", 404)
    version = policy["DefaultVersionId"]
    updated = datetime.fromisoformat(policy.get("UpdateDate") or policy["CreateDate"])
    return {
        "PolicyName": name,
        "PolicyId": "ANPA" + name.upper()[:17],
        "Arn": f"{_PREFIX}{policy.get('Path', '/')}{name}",
        "Path": policy.get("Path", "/"),
        "DefaultVersionId": version,
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": datetime.fromisoformat(policy["CreateDate"]),
        "UpdateDate": updated,
        "PolicyVersionList": [
            {
                "Document": json.dumps(policy["Document"]),
                "VersionId": version,
                "IsDefaultVersion": True,
                "CreateDate": updated,
            }
        ],
    }
