"""The policy grants reads, all that the catalogue asks, and nothing else."""

import ast
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest
import yaml
from botocore import xform_name

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
    """Asking models and guardrails costs money and sends text: a flag of its own."""
    assert "bedrock:InvokeModel" not in actions(policies.policy(CATALOGUE))
    more = actions(policies.policy(CATALOGUE, prompts=True))
    assert more - actions(policies.policy(CATALOGUE)) == {
        "bedrock:InvokeModel",
        "bedrock:ApplyGuardrail",
        "bedrock:InvokeGuardrailChecks",
    }


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


BOUND = policies.Bound(
    queues=["arn:aws:sqs:eu-central-1:111122223333:logs"],
    topics=["arn:aws:sns:eu-central-1:111122223333:alerts"],
    keys=["arn:aws:kms:eu-central-1:111122223333:key/1"],
    event_buses=["arn:aws:events:eu-central-1:111122223333:event-bus/default"],
    evidence_buckets=["northwind-evidence"],
    report_buckets=["northwind-reports"],
    metrics=True,
    audit_manager=True,
)
SERVICES = [
    "auditmanager",
    "bedrock-runtime",
    "cloudwatch",
    "events",
    "kms",
    "logs",
    "s3",
    "sns",
    "sqs",
    "sts",
]
NAMED_OTHERWISE = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "bedrock-runtime:ApplyGuardrail": "bedrock:ApplyGuardrail",
    "bedrock-runtime:Converse": "bedrock:InvokeModel",
    "bedrock-runtime:InvokeGuardrailChecks": "bedrock:InvokeGuardrailChecks",
    "bedrock-runtime:InvokeModel": "bedrock:InvokeModel",
}
"""Operations whose action has another name (Service Authorization Reference)."""
NO_PERMISSION = {"sts:GetCallerIdentity"}
OWN_BUCKET = {"s3:CopyObject", "s3:GetObjectLockConfiguration"}
"""In the installation's own bucket (docs/how-to/keep-objects-on-s3.md), which no role enters."""


def calls() -> set[str]:
    """Return the operations that the door to AWS, and prompts through it, call by name."""
    session = botocore.session.get_session()
    known = {
        called: f"{service}:{name}"
        for service in SERVICES
        for name in session.get_service_model(service).operation_names
        for called in (name, xform_name(name))
    }
    found: set[str] = set()
    source = Path(policies.__file__).parent.parent
    for file in (*source.glob("aws/*.py"), *source.glob("prompts/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            named = [a.value for a in node.args if isinstance(a, ast.Constant)]
            method = [node.func.attr] if isinstance(node.func, ast.Attribute) else []
            found |= {known[one] for one in (*named, *method) if one in known}
    return found


def test_every_call_of_watches_alerts_and_reports_can_be_granted() -> None:
    """What the code can ask of AWS besides the catalogue has its option of `affidavit policy`."""
    asked = calls() - NO_PERMISSION - OWN_BUCKET
    assert {"sqs:ReceiveMessage", "sns:Publish", "logs:FilterLogEvents", "s3:GetObject"} <= asked
    assert {"auditmanager:GetControl", "bedrock-runtime:ApplyGuardrail"} <= asked
    granted = actions(policies.policy(CATALOGUE, prompts=True, bound=BOUND))
    assert {NAMED_OTHERWISE.get(one, one) for one in asked} <= granted


def test_what_is_bound_is_granted_on_it_alone() -> None:
    """Writes are granted on the named resources only, and nothing of it without being asked."""
    plain = policies.policy(CATALOGUE)["Statement"]
    for document in (
        policies.policy(CATALOGUE, bound=BOUND)["Statement"],
        policies.role_template(CATALOGUE, bound=BOUND)["Resources"]["CollectorRole"]["Properties"][
            "Policies"
        ][0]["PolicyDocument"]["Statement"],
    ):
        more = {one["Sid"]: one["Resource"] for one in document if one not in plain}
        assert more == {
            "ReadQueues": BOUND.queues,
            "PublishAlerts": BOUND.topics,
            "UseKeys": BOUND.keys,
            "PutEvents": BOUND.event_buses,
            "ReadManualEvidence": ["arn:aws:s3:::northwind-evidence/*"],
            "KeepReports": ["arn:aws:s3:::northwind-reports/*"],
            "PutMetrics": ["*"],
            "UseAuditManager": ["*"],
        }
