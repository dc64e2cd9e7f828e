"""The IAM policy that a collection needs, made from the catalogue: reads, nothing besides.

What watches, alerts and reports need more is granted on request, on what is named only.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from affidavit.errors import CatalogueError
from affidavit.model.catalogue import Catalogue

VERSION: Final = "2012-10-17"
"""The version of IAM's policy language."""
ROLE_NAME: Final = "AffidavitCollector"
PARTITION: Final = "aws"
NOT_READS: Final = frozenset({"iam:GenerateCredentialReport"})
"""The only action that is no read: it makes IAM write what iam:GetCredentialReport reads."""
PROMPT_ACTIONS: Final = (
    "bedrock:InvokeModel",
    "bedrock:ApplyGuardrail",
    "bedrock:InvokeGuardrailChecks",
)
"""Sends prompts to a model, and answers to the scorers that a suite may ask; only on demand."""

_READ: Final = re.compile(r"[a-z0-9-]+:(Get|List|Describe|Lookup|Filter)[A-Za-z]*")
_NOT_CONFIGURED: Final = "not_configured"
_TRAILS: Final = "trail_files"
_LOGS: Final = ("invocation_log", _TRAILS)
LOG_FOLDERS: Final = ("BedrockModelInvocationLogs", "CloudTrail", "CloudTrail-Digest")
"""Folders below AWSLogs/<account> whose objects are read."""
_EXTERNAL_ID: Final = "[\\w+=,.@:/-]*"
"""Characters of an external id (IAM User Guide, sts:ExternalId)."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a tenant's role uses besides reading, each named: the words of `tenant bind`."""

    queues: Sequence[str] = ()
    """ARNs of queues that tell of new log objects; what was received is deleted."""
    topics: Sequence[str] = ()
    keys: Sequence[str] = ()
    event_buses: Sequence[str] = ()
    evidence_buckets: Sequence[str] = ()
    """Names of buckets from which manual evidence is read."""
    report_buckets: Sequence[str] = ()
    """Names of buckets to which reports are written, where they are checked and deleted."""
    metrics: bool = False
    """Whether canaries put metrics."""
    audit_manager: bool = False
    """Whether AWS Audit Manager is read to move from there, and given manual evidence."""

    def statements(self, partition: str) -> list[Document]:
        """Return the statements that grant it, on nothing that is not named."""
        evidence, reports = (
            [f"arn:{partition}:s3:::{name}/*" for name in names]
            for names in (self.evidence_buckets, self.report_buckets)
        )
        granted: tuple[tuple[str, tuple[str, ...], Sequence[str]], ...] = (
            ("ReadQueues", _QUEUE, self.queues),
            ("PublishAlerts", ("sns:Publish",), self.topics),
            ("UseKeys", ("kms:GenerateDataKey", "kms:Decrypt"), self.keys),
            ("PutEvents", ("events:PutEvents",), self.event_buses),
            ("ReadManualEvidence", ("s3:GetObject",), evidence),
            ("KeepReports", ("s3:PutObject", "s3:GetObject", "s3:DeleteObject"), reports),
            ("PutMetrics", ("cloudwatch:PutMetricData",), ["*"] if self.metrics else []),
            ("UseAuditManager", _AUDIT_MANAGER, ["*"] if self.audit_manager else []),
        )
        return [_statement(sid, actions, on) for sid, actions, on in granted if on]


_QUEUE: Final = ("sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage")
_AUDIT_MANAGER: Final = (
    "auditmanager:ListControls",
    "auditmanager:GetControl",
    "auditmanager:ListAssessmentFrameworks",
    "auditmanager:GetAssessmentFramework",
    "auditmanager:ListAssessments",
    "auditmanager:GetAssessment",
    "auditmanager:GetEvidenceFileUploadUrl",
    "auditmanager:BatchImportEvidenceToAssessmentControl",
)
_NOTHING: Final = Bound()


def collection_actions(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the IAM actions of everything that a collection asks of all resources, sorted.

    Objects of logs are read by their keys only, see `_logs`. Raises `CatalogueError` for an action
    that is no read: a catalogue must not ask for more.
    """
    elsewhere = (_NOT_CONFIGURED, _TRAILS)
    actions = sorted(
        {o.iam_action for o in catalogue.operations.values() if o.fan_out not in elsewhere}
    )
    writes = [a for a in actions if a not in NOT_READS and not _READ.fullmatch(a)]
    if writes:
        raise CatalogueError(
            f"The catalogue asks for more than reads: {', '.join(writes)}",
            why="A collector must not be able to change what it audits.",
            todo="Remove the operations with these actions.",
        )
    return tuple(actions)


def policy(
    catalogue: Catalogue,
    *,
    role_name: str = ROLE_NAME,
    partition: str = PARTITION,
    prompts: bool = False,
    bound: Bound = _NOTHING,
) -> Document:
    """Return the policy of the identity that collects, itself and through the members' role."""
    return {
        "Version": VERSION,
        "Statement": [
            *_reads(catalogue),
            *_logs(catalogue, partition),
            *([_prompts()] if prompts else []),
            *bound.statements(partition),
            _statement("FindRegions", ["ec2:DescribeRegions"]),
            _statement("FindAccounts", ["organizations:ListAccounts"]),
            {
                "Sid": "EnterMemberAccounts",
                "Effect": "Allow",
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Resource": f"arn:{partition}:iam::*:role/{role_name}",
            },
        ],
    }


def role_template(
    catalogue: Catalogue,
    *,
    role_name: str = ROLE_NAME,
    prompts: bool = False,
    bound: Bound = _NOTHING,
) -> Document:
    """Return the CloudFormation template of the role in member accounts.

    The collector's account is trusted only together with the external id (the confused deputy).
    """
    statements = [
        *_reads(catalogue),
        *_logs(catalogue, PARTITION),
        *([_prompts()] if prompts else []),
        *bound.statements(PARTITION),
        _statement("FindRegions", ["ec2:DescribeRegions"]),
    ]
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role by which Affidavit collects evidence in this account: reads only.",
        "Parameters": _parameters(role_name),
        "Resources": {
            "CollectorRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": {"Ref": "RoleName"},
                    "Description": "Affidavit reads audit evidence through this role.",
                    "MaxSessionDuration": 3600,
                    "AssumeRolePolicyDocument": _trust(),
                    "Policies": [
                        {
                            "PolicyName": "CollectEvidence",
                            "PolicyDocument": {"Version": VERSION, "Statement": statements},
                        }
                    ],
                },
            }
        },
        "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["CollectorRole", "Arn"]}}},
    }


def as_json(document: Document) -> str:
    """Return a document as JSON text."""
    return json.dumps(document, indent=2) + "\n"


def as_yaml(document: Document) -> str:
    """Return a document as YAML text."""
    return yaml.safe_dump(document, sort_keys=False, width=100)


def _reads(catalogue: Catalogue) -> list[Document]:
    by_service: dict[str, list[str]] = {}
    for action in collection_actions(catalogue):
        by_service.setdefault(action.partition(":")[0], []).append(action)
    return [_statement(f"Read{_title(name)}", found) for name, found in by_service.items()]


def _logs(catalogue: Catalogue, partition: str) -> list[Document]:
    """Return what reads invocation logs and trail files in buckets: these keys, no other object."""
    if not any(o.fan_out in _LOGS for o in catalogue.operations.values()):
        return []
    bucket = f"arn:{partition}:s3:::*"
    keys = [f"{bucket}/AWSLogs/*/{folder}/*" for folder in LOG_FOLDERS]
    return [
        {
            "Sid": "ListLogBuckets",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": bucket,
        },
        {"Sid": "ReadLogObjects", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": keys},
        {
            "Sid": "DecryptLogObjects",
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": "*",
            "Condition": {"StringLike": {"kms:ViaService": "s3.*"}},
        },
    ]


def _prompts() -> Document:
    return _statement("SendPrompts", PROMPT_ACTIONS)


def _statement(sid: str, actions: Iterable[str], on: Sequence[str] = ()) -> Document:
    resource = list(on) or "*"
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}


def _title(service: str) -> str:
    """Return a service's prefix as letters and digits, as IAM wants a Sid."""
    return "".join(part.capitalize() for part in service.split("-"))


def _parameters(role_name: str) -> Mapping[str, Document]:
    return {
        "CollectorAccountId": {
            "Type": "String",
            "AllowedPattern": "[0-9]{12}",
            "Description": "The account in which Affidavit runs.",
        },
        "ExternalId": {
            "Type": "String",
            "MinLength": 2,
            "MaxLength": 1224,
            "AllowedPattern": _EXTERNAL_ID,
            "Description": "What the collector must name besides; give it as --external-id.",
        },
        "RoleName": {
            "Type": "String",
            "Default": role_name,
            "MinLength": 1,
            "MaxLength": 64,
            "Description": "Give it as --role-name.",
        },
    }


def _trust() -> Document:
    principal = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${CollectorAccountId}:root"}}
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "CollectorWithExternalId",
                "Effect": "Allow",
                "Principal": principal,
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
            },
            {
                "Sid": "TagSession",
                "Effect": "Allow",
                "Principal": principal,
                "Action": "sts:TagSession",
            },
        ],
    }
