"""The policy grants reads, all that the catalogue asks, and nothing else."""

from dataclasses import replace

import pytest
import yaml

from affidavit import catalogue as catalogue_package
from affidavit.errors import CatalogueError
from affidavit.operations import policies

CATALOGUE = catalogue_package.load()
MANAGED_POLICY_LIMIT = 6144
"""Characters of a managed policy without white space (IAM quotas)."""
READS = ("Get", "List", "Describe", "Lookup", "Filter", "Decrypt")


def actions(document: policies.Document) -> set[str]:
    """Return all actions of a policy's statements."""
    return {action for statement in document["Statement"] for action in statement["Action"]}


def test_every_action_is_a_read_but_the_credential_report() -> None:
    """A collector cannot change what it audits."""
    granted = actions(policies.policy(CATALOGUE))
    others = {a for a in granted if not a.partition(":")[2].startswith(READS)}
    assert others == {"iam:GenerateCredentialReport", "sts:AssumeRole", "sts:TagSession"}


def test_everything_that_is_asked_is_granted() -> None:
    """No operation of a collection is refused for want of its own action."""
    granted = actions(policies.policy(CATALOGUE))
    for operation in CATALOGUE.operations.values():
        asked = operation.fan_out != "not_configured"
        assert (operation.iam_action in granted) is asked, operation.key


def test_prompts_are_sent_only_on_demand() -> None:
    """InvokeModel costs money and sends text: a flag of its own."""
    assert "bedrock:InvokeModel" not in actions(policies.policy(CATALOGUE))
    more = actions(policies.policy(CATALOGUE, prompts=True))
    assert more - actions(policies.policy(CATALOGUE)) == {"bedrock:InvokeModel"}


def test_only_the_members_role_can_be_assumed() -> None:
    """The one statement about roles names the role and the partition."""
    document = policies.policy(CATALOGUE, role_name="Reader", partition="aws-cn")
    (found,) = [s for s in document["Statement"] if "sts:AssumeRole" in s["Action"]]
    assert found["Resource"] == "arn:aws-cn:iam::*:role/Reader"


def test_the_policy_fits_a_managed_policy() -> None:
    """IAM takes it as it is printed."""
    text = "".join(policies.as_json(policies.policy(CATALOGUE, prompts=True)).split())
    assert len(text) <= MANAGED_POLICY_LIMIT


def test_statements_have_names_of_their_own() -> None:
    """IAM wants Sids of letters and digits, each once."""
    sids = [s["Sid"] for s in policies.policy(CATALOGUE, prompts=True)["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


def test_a_catalogue_that_asks_for_a_write_is_refused() -> None:
    """No policy with a write is ever printed."""
    key, operation = next(iter(CATALOGUE.operations.items()))
    writing = replace(operation, iam_action="s3:PutObject")
    changed = replace(CATALOGUE, operations={**CATALOGUE.operations, key: writing})
    with pytest.raises(CatalogueError, match="s3:PutObject"):
        policies.policy(changed)


def test_the_template_trusts_the_collector_with_its_external_id_only() -> None:
    """Without the external id nobody gets in, and the role holds reads only."""
    template = yaml.safe_load(policies.as_yaml(policies.role_template(CATALOGUE)))
    role = template["Resources"]["CollectorRole"]["Properties"]
    assume = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert assume["Action"] == "sts:AssumeRole"
    assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    assert assume["Principal"] == {
        "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${CollectorAccountId}:root"}
    }
    granted = actions(role["Policies"][0]["PolicyDocument"])
    logs = {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}
    assert granted == {*policies.collection_actions(CATALOGUE), "ec2:DescribeRegions", *logs}


def test_only_logs_are_read_in_buckets() -> None:
    """Objects are granted below the folders of invocation logs and trails, nowhere else."""
    (found,) = [s for s in policies.policy(CATALOGUE)["Statement"] if "s3:GetObject" in s["Action"]]
    assert found["Resource"] == [
        "arn:aws:s3:::*/AWSLogs/*/BedrockModelInvocationLogs/*",
        "arn:aws:s3:::*/AWSLogs/*/CloudTrail/*",
        "arn:aws:s3:::*/AWSLogs/*/CloudTrail-Digest/*",
    ]
