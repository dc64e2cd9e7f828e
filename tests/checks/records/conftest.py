"""An account in memory: answers by question, asked through the real fan-outs, wave by wave."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit.checks.facts import Facts
from affidavit.checks.fanout import FAN_OUTS, FanOutContext
from affidavit.checks.places import AccountRecords, Place
from affidavit.checks.records import build
from affidavit.model.catalogue import Catalogue, Operation
from affidavit.model.observation import (
    GLOBAL_REGION,
    Gap,
    GapReason,
    Observation,
    Proof,
    Result,
    Unit,
)

ACCOUNT = "111122223333"
HOME = "us-east-1"
OTHER = "eu-west-1"
NOW = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)
WAVES = 10
"""More waves than the deepest chain of operations has."""

Answerer = Callable[[Unit], Mapping[str, Any]]


class FakeAccount:
    """Answers questions as told; what nobody told it is empty for lists and failed for the rest."""

    def __init__(self, catalogue: Catalogue, regions: tuple[str, ...] = (HOME, OTHER)) -> None:
        self.catalogue = catalogue
        self.regions = regions
        self.params: dict[str, dict[str, Any]] = {}
        self.synthetic = False
        self.asked: list[Unit] = []
        self._answers: dict[tuple[str, str], Mapping[str, Any] | Answerer] = {}
        self._absent: dict[str, str] = {}
        self._refused: dict[tuple[str, str], GapReason] = {}

    def answers(
        self, key: str, body: Mapping[str, Any] | Answerer, region: str = HOME
    ) -> "FakeAccount":
        """Answer every question of an operation in a Region, or as a function of the question."""
        place = GLOBAL_REGION if self.catalogue.operations[key].per_account else region
        self._answers[key, place] = body
        return self

    def absent(self, key: str, code: str) -> "FakeAccount":
        """Answer that there is none."""
        self._absent[key] = code
        return self

    def refuses(
        self, key: str, region: str = "", reason: GapReason = GapReason.DENIED
    ) -> "FakeAccount":
        """Refuse an operation, in one Region or in all."""
        self._refused[key, region] = reason
        return self

    def call(self, operation: Operation, unit: Unit) -> Result:
        """Answer one question."""
        self.asked.append(unit)
        for region in (unit.region, ""):
            if (unit.key, region) in self._refused:
                reason = self._refused[unit.key, region]
                return self._gap(operation, unit, reason, f"{unit.key} is refused.")
        if unit.key in self._absent:
            return self._observation(operation, unit, {}, self._absent[unit.key])
        known = self._answers.get((unit.key, unit.region))
        body = known(unit) if callable(known) else known
        if body is not None:
            return self._observation(operation, unit, dict(body))
        if operation.operation.startswith(("List", "Describe", "Lookup")):
            return self._observation(operation, unit, {})
        return self._gap(operation, unit, GapReason.FAILED, f"{unit.key} has no answer.")

    def _observation(
        self, operation: Operation, unit: Unit, body: dict[str, Any], absent: str = ""
    ) -> Observation:
        return Observation(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            absent=absent,
            body=body,
            proof=self._proof(),
        )

    def _gap(self, operation: Operation, unit: Unit, reason: GapReason, message: str) -> Gap:
        return Gap(
            unit=unit,
            service=operation.service,
            operation=operation.operation,
            reason=reason,
            code="",
            message=message,
            proof=self._proof(),
        )

    def _proof(self) -> Proof:
        return Proof(
            endpoint="https://example.amazonaws.com:443",
            synthetic=self.synthetic,
            caller_arn=f"arn:aws:iam::{ACCOUNT}:role/Auditor",
            request_ids=("1",),
            pages=1,
            attempts=1,
            started_at=NOW,
            finished_at=NOW,
            tool="test",
        )

    def facts(self) -> Facts:
        """Ask everything that the fan-outs ask, until nothing new comes."""
        facts = Facts(ACCOUNT, self.regions)
        for _ in range(WAVES):
            before = len(self.asked)
            for operation in self.catalogue.operations.values():
                for region in (GLOBAL_REGION,) if operation.per_account else self.regions:
                    self._wave(facts, operation, region)
            if len(self.asked) == before:
                return facts
        raise AssertionError("the fan-outs never stop asking")

    def _wave(self, facts: Facts, operation: Operation, region: str) -> None:
        for unit in self.units(facts, operation.key, region):
            if facts.result(unit.key, unit.region, unit.parameters) is None:
                facts.add(self.call(operation, unit))

    def units(self, facts: Facts, key: str, region: str = HOME) -> list[Unit]:
        """Return what a fan-out asks, given these facts."""
        operation = self.catalogue.operations[key]
        context = FanOutContext(
            catalogue=self.catalogue,
            operation=operation,
            facts=facts,
            region=GLOBAL_REGION if operation.per_account else region,
            now=NOW,
            params=self.params,
        )
        return FAN_OUTS[operation.fan_out](context)

    def records(self, facts: Facts | None = None) -> AccountRecords:
        """Return the records of the account."""
        return build(self.catalogue, facts or self.facts(), NOW, self.params)

    def place(self, region: str = HOME) -> Place:
        """Return the records of one place."""
        return next(place for place in self.records().places if place.region == region)


@pytest.fixture
def empty(catalogue: Catalogue) -> FakeAccount:
    """Return an account in which there is nothing."""
    return FakeAccount(catalogue)


@pytest.fixture
def account(catalogue: Catalogue) -> FakeAccount:
    """Return a small account in which there is something of every kind."""
    fake = FakeAccount(catalogue)
    for fill in (_bedrock, _guardrails, _agents, _s3, _watch, _trails, _iam, _keys, _backup):
        fill(fake)
    return fake


def _arn(service: str, resource: str, region: str = HOME, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


KEY = _arn("kms", "key/11111111-2222-3333-4444-555555555555")
MODEL = _arn("bedrock", "custom-model/amazon.nova-lite-v1:0:300k/abc123abc123")
JOB = _arn("bedrock", "model-customization-job/amazon.nova-lite-v1:0:300k/job123job123")
EVALUATION = _arn("bedrock", "evaluation-job/eval12345678")
GUARDRAIL = _arn("bedrock", "guardrail/gr1234567890")
PROVISIONED = _arn("bedrock", "provisioned-model/prov12345678")
TRAIL = _arn("cloudtrail", "trail/audit")
RECENT = "2026-03-01T00:00:00Z"


def _bedrock(fake: FakeAccount) -> None:
    nova = "amazon.nova-pro-v1:0"
    fake.answers(
        "ListMetrics",
        {
            "Metrics": [
                {
                    "Namespace": "AWS/Bedrock",
                    "MetricName": "Invocations",
                    "Dimensions": [{"Name": "ModelId", "Value": f"us.{nova}"}],
                }
            ]
        },
    )
    fake.answers("GetMetricData", sums({"Invocations": [40.0, 2.0], "InputTokenCount": [9.0]}))
    fake.answers("GetMetricData", sums({}), OTHER)
    entry = {"modelId": nova, "modelArn": f"arn:aws:bedrock:{HOME}::foundation-model/{nova}"}
    entry["modelLifecycle"] = {"status": "ACTIVE"}  # type: ignore[assignment]
    fake.answers("ListFoundationModels", {"modelSummaries": [entry]})
    summary = {"modelArn": MODEL, "modelName": "ours", "creationTime": RECENT}
    base = f"arn:aws:bedrock:{HOME}::foundation-model/amazon.nova-lite-v1:0:300k"
    summary |= {"baseModelArn": base, "baseModelName": "Nova", "ownerAccountId": ACCOUNT}
    fake.answers("ListCustomModels", {"modelSummaries": [summary]})
    fake.answers("GetCustomModel", {"modelArn": MODEL, "modelKmsKeyArn": KEY})
    job = {"jobArn": JOB, "jobName": "tune", "status": "Completed", "creationTime": RECENT}
    job["baseModelArn"] = base
    fake.answers("ListModelCustomizationJobs", {"modelCustomizationJobSummaries": [job]})
    fake.answers(
        "GetModelCustomizationJob",
        {
            "jobArn": JOB,
            "status": "Completed",
            "trainingDataConfig": {"s3Uri": "s3://training-data/set/a.jsonl"},
            "outputDataConfig": {"s3Uri": "s3://training-data/out/"},
        },
    )
    fake.answers("ListTagsForResource", {"tags": [{"key": "Owner", "value": "team"}]})
    throughput = {"provisionedModelArn": PROVISIONED, "provisionedModelName": "fast"}
    throughput |= {"status": "InService", "creationTime": "2026-01-01T00:00:00Z"}
    throughput |= {"modelArn": MODEL, "foundationModelArn": base}
    fake.answers("ListProvisionedModelThroughputs", {"provisionedModelSummaries": [throughput]})
    listed = {"jobArn": EVALUATION, "jobName": "eval", "status": "Completed"}
    listed |= {"creationTime": RECENT}
    fake.answers("ListEvaluationJobs", {"jobSummaries": [listed]})
    fake.answers(
        "GetEvaluationJob",
        {
            "jobArn": EVALUATION,
            "status": "Completed",
            "creationTime": RECENT,
            "outputDataConfig": {"s3Uri": "s3://evaluations/"},
            "inferenceConfig": {
                "models": [{"bedrockModel": {"modelIdentifier": entry["modelArn"]}}]
            },
        },
    )


def _guardrails(fake: FakeAccount) -> None:
    draft = {"id": "gr1234567890", "arn": GUARDRAIL, "name": "main", "status": "READY"}
    draft |= {"version": "DRAFT", "createdAt": RECENT, "updatedAt": RECENT}

    def listed(unit: Unit) -> Mapping[str, Any]:
        versions = ["DRAFT", "2", "10", "9"] if unit.parameters else ["DRAFT"]
        return {"guardrails": [{**draft, "version": version} for version in versions]}

    def got(unit: Unit) -> Mapping[str, Any]:
        version = unit.parameters["guardrailVersion"]
        return {"guardrailArn": GUARDRAIL, "version": version, "kmsKeyArn": KEY}

    fake.answers("ListGuardrails", listed).answers("GetGuardrail", got)


def _agents(fake: FakeAccount) -> None:
    bot = {"agentId": "AGENT12345", "agentName": "bot", "agentStatus": "PREPARED"}
    bot["guardrailConfiguration"] = {  # type: ignore[assignment]
        "guardrailIdentifier": "gr1234567890",
        "guardrailVersion": "9",
    }
    fake.answers("ListAgents", {"agentSummaries": [{**bot, "updatedAt": RECENT}]})
    base = {"knowledgeBaseId": "KB12345678", "name": "kb", "status": "ACTIVE"}
    fake.answers("ListKnowledgeBases", {"knowledgeBaseSummaries": [base]})
    source = {"knowledgeBaseId": "KB12345678", "dataSourceId": "DS12345678", "name": "docs"}
    fake.answers("ListDataSources", {"dataSourceSummaries": [source]})
    bucket = {"bucketArn": "arn:aws:s3:::documents"}
    configuration = {"type": "S3", "s3Configuration": bucket}
    fake.answers("GetDataSource", {"dataSource": {"dataSourceConfiguration": configuration}})
    done = {"status": "COMPLETE", "updatedAt": RECENT}
    fake.answers("ListIngestionJobs", {"ingestionJobSummaries": [done]})


def _s3(fake: FakeAccount) -> None:
    names = ("training-data", "invocation-logs", "documents", "evaluations", "nobody-names-me")
    fake.answers("ListBuckets", {"Buckets": [{"Name": name} for name in names]})
    fake.answers("GetBucketVersioning", {"Status": "Enabled"})
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    rules = [{"ApplyServerSideEncryptionByDefault": rule}]
    fake.answers("GetBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}})
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": deny})
    fake.answers("GetBucketPolicy", {"Policy": policy})
    fake.answers("GetPublicAccessBlock", {"PublicAccessBlockConfiguration": {}})
    fake.answers("GetBucketLogging", {})
    fake.absent("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration")
    fake.absent("GetBucketTagging", "NoSuchTagSet")
    fake.answers("AccountPublicAccessBlock", {"PublicAccessBlockConfiguration": {}})


def _watch(fake: FakeAccount) -> None:
    logging = {
        "loggingConfig": {
            "cloudWatchConfig": {"logGroupName": "invocations", "roleArn": "r"},
            "s3Config": {"bucketName": "invocation-logs"},
            "textDataDeliveryEnabled": True,
        }
    }
    fake.answers("GetModelInvocationLoggingConfiguration", logging)
    fake.answers("GetModelInvocationLoggingConfiguration", {}, OTHER)
    groups = [
        {"logGroupName": name, "arn": _arn("logs", f"log-group:{name}:*")}
        for name in ("invocations", "/aws/bedrock/agents", "aws/spans", "unrelated")
    ]
    fake.answers("DescribeLogGroups", {"logGroups": groups})
    made = {"metricName": "Pii", "metricNamespace": "Ours", "metricValue": "1"}
    filters = [
        {"filterName": "pii", "logGroupName": "invocations", "metricTransformations": [made]}
    ]
    fake.answers("DescribeMetricFilters", {"metricFilters": filters})
    alarms = [
        {"AlarmArn": _arn("cloudwatch", f"alarm:{index}"), "Namespace": space, "MetricName": name}
        for index, (space, name) in enumerate(
            [("AWS/Bedrock", "InvocationThrottles"), ("Ours", "Pii"), ("AWS/EC2", "CPU")]
        )
    ]
    fake.answers("DescribeAlarms", {"MetricAlarms": alarms})


def _trails(fake: FakeAccount) -> None:
    trail = {"Name": "audit", "TrailARN": TRAIL, "HomeRegion": HOME, "IsMultiRegionTrail": True}
    for region in (HOME, OTHER):
        fake.answers("DescribeTrails", {"trailList": [trail]}, region)
    fake.answers("GetTrailStatus", {"IsLogging": True}).answers("GetEventSelectors", {})

    def events(unit: Unit) -> Mapping[str, Any]:
        name = unit.parameters["LookupAttributes"][0]["AttributeValue"]
        if name != "UpdateGuardrail":
            return {"Events": []}
        identity = {"arn": "arn:aws:iam::111122223333:user/anna"}
        detail = {"eventName": name, "userIdentity": identity, "errorCode": None}
        event = {"EventId": "1", "EventName": name, "EventSource": "bedrock.amazonaws.com"}
        return {"Events": [{**event, "CloudTrailEvent": json.dumps(detail)}]}

    fake.answers("LookupEvents", events)


def _iam(fake: FakeAccount) -> None:
    lines = [
        "user,arn,password_enabled,mfa_active",
        f"<root_account>,arn:aws:iam::{ACCOUNT}:root,not_supported,true",
        f"anna,arn:aws:iam::{ACCOUNT}:user/anna,true,false",
    ]
    content = base64.b64encode("\n".join(lines).encode()).decode()
    fake.answers("GenerateCredentialReport", {"State": "COMPLETE"})
    fake.answers("GetCredentialReport", {"Content": content, "ReportFormat": "text/csv"})
    fake.answers("GetAccountSummary", {"SummaryMap": {"AccountMFAEnabled": 1}})
    fake.absent("GetAccountPasswordPolicy", "NoSuchEntity")
    fake.answers("GetAccountAuthorizationDetails", authorization_details())
    secret = {"UserName": "anna", "Status": "Active", "ServiceName": "bedrock.amazonaws.com"}
    secret |= {"ServiceSpecificCredentialId": "ACCA1", "CreateDate": RECENT}
    fake.answers("ListServiceSpecificCredentials", {"ServiceSpecificCredentials": [secret]})


def authorization_details() -> dict[str, Any]:
    """Return a role, a user with an inline policy and a managed policy."""

    def policy(*actions: str) -> dict[str, Any]:
        return {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}

    managed = f"arn:aws:iam::{ACCOUNT}:policy/invoke"
    return {
        "UserDetailList": [
            {
                "UserName": "anna",
                "Arn": f"arn:aws:iam::{ACCOUNT}:user/anna",
                "Path": "/",
                "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": policy("s3:Get*")}],
            }
        ],
        "GroupDetailList": [],
        "RoleDetailList": [
            {
                "RoleName": "app",
                "Arn": f"arn:aws:iam::{ACCOUNT}:role/app",
                "Path": "/",
                "AttachedManagedPolicies": [{"PolicyName": "invoke", "PolicyArn": managed}],
            },
            {
                "RoleName": "linked",
                "Arn": f"arn:aws:iam::{ACCOUNT}:role/linked",
                "Path": "/aws-service-role/x.amazonaws.com/",
            },
        ],
        "Policies": [
            {
                "PolicyName": "invoke",
                "Arn": managed,
                "AttachmentCount": 1,
                "DefaultVersionId": "v2",
                "PolicyVersionList": [
                    {"VersionId": "v1", "Document": policy("*")},
                    {
                        "VersionId": "v2",
                        "IsDefaultVersion": True,
                        "Document": policy("Bedrock:invokemodel"),
                    },
                ],
            }
        ],
    }


def _keys(fake: FakeAccount) -> None:
    metadata = {"Arn": KEY, "KeyManager": "CUSTOMER", "KeyState": "Enabled"}
    metadata |= {"Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT"}
    fake.answers("DescribeKey", {"KeyMetadata": metadata})
    fake.answers("GetKeyRotationStatus", {"KeyRotationEnabled": True})


def _backup(fake: FakeAccount) -> None:
    point = {"RecoveryPointArn": "rp", "BackupVaultName": "vault", "Status": "COMPLETED"}
    fake.answers("ListRecoveryPointsByResource", {"RecoveryPoints": [point]})
    plans = [
        {"BackupPlanId": name, "BackupPlanArn": _arn("backup", f"backup-plan:{name}")}
        for name in ("daily", "elsewhere")
    ]
    fake.answers("ListBackupPlans", {"BackupPlansList": plans})

    def plan(unit: Unit) -> Mapping[str, Any]:
        vault = "vault" if unit.parameters["BackupPlanId"] == "daily" else "another"
        return {"BackupPlan": {"Rules": [{"RuleName": "r", "TargetBackupVaultName": vault}]}}

    fake.answers("GetBackupPlan", plan)


def sums(values: Mapping[str, list[float]], status: str = "Complete") -> Answerer:
    """Return what answers metric queries: `values` by CloudWatch's metric name, else no points."""

    def answer(unit: Unit) -> Mapping[str, Any]:
        return {
            "MetricDataResults": [
                {
                    "Id": query["Id"],
                    "Label": query["Label"],
                    "StatusCode": status,
                    "Timestamps": [],
                    "Values": values.get(query["MetricStat"]["Metric"]["MetricName"], []),
                }
                for query in unit.parameters["MetricDataQueries"]
            ]
        }

    return answer


@pytest.fixture
def metric_sums() -> Callable[..., Answerer]:
    """Return the maker of answers to metric queries."""
    return sums
