"""Every API call that Audit Manager supports: a control for each, collected from an emulator."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.catalogue.shapes import service
from affidavit.collector import api_calls
from affidavit.collector.run import Collector
from affidavit.model.catalogue import Operation
from affidavit.model.evidence import Evidence
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations.collectable import catalogue_for, current

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"

POLICY: Final = json.dumps({"Version": "2012-10-17", "Statement": []})
TABLE: Final[Mapping[str, Any]] = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ALARM: Final[Mapping[str, Any]] = {
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 1,
    "MetricName": "Errors",
    "Namespace": "AWS/Lambda",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1,
}
MASTER: Final = {"MasterUsername": "u", "MasterUserPassword": "Password1"}
LAUNCH: Final = {"ImageId": "ami-12c6146b", "InstanceType": "t2.micro"}
AES: Final = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
GROUP: Final = {"MinSize": 0, "MaxSize": 0, "AvailabilityZones": ["us-east-1a"]}
RULE: Final = {
    "ConfigRuleName": "e",
    "Source": {"Owner": "AWS", "SourceIdentifier": "EIP_ATTACHED"},
}
PLAN: Final = {
    "BackupPlanName": "daily",
    "Rules": [{"RuleName": "r", "TargetBackupVaultName": "v"}],
}
IMAGE: Final = {"Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/x:1"}
FUNCTION: Final[Mapping[str, Any]] = {
    "Runtime": "python3.12",
    "Role": f"arn:aws:iam::{ACCOUNT}:role/app",
    "Handler": "h.h",
    "Code": {"S3Bucket": "models", "S3Key": "none"},
    "Environment": {"Variables": {"TOKEN": "hunter2-plain"}},
}

SEED: Final[tuple[tuple[str, str, Mapping[str, Any]], ...]] = (
    ("acm", "request_certificate", {"DomainName": "northwind.example"}),
    ("s3", "create_bucket", {"Bucket": "models"}),
    ("s3", "create_bucket", {"Bucket": "bare"}),
    (
        "s3",
        "put_bucket_encryption",
        {"Bucket": "models", "ServerSideEncryptionConfiguration": AES},
    ),
    (
        "autoscaling",
        "create_launch_configuration",
        {"LaunchConfigurationName": "lc", **LAUNCH},
    ),
    (
        "autoscaling",
        "create_auto_scaling_group",
        {"AutoScalingGroupName": "web", "LaunchConfigurationName": "lc", **GROUP},
    ),
    ("backup", "create_backup_plan", {"BackupPlan": PLAN}),
    ("cloudtrail", "create_trail", {"Name": "all", "S3BucketName": "models"}),
    ("cloudwatch", "put_metric_alarm", {"AlarmName": "errors", **ALARM}),
    ("config", "put_config_rule", {"ConfigRule": RULE}),
    ("dynamodb", "create_table", {"TableName": "orders", **TABLE}),
    ("dynamodb", "create_table", {"TableName": "users", **TABLE}),
    ("dynamodb", "create_backup", {"TableName": "orders", "BackupName": "first"}),
    ("ec2", "allocate_address", {"Domain": "vpc"}),
    ("ec2", "run_instances", {"ImageId": "ami-12c6146b", "MinCount": 2, "MaxCount": 2}),
    ("ec2", "create_internet_gateway", {}),
    ("ec2", "create_vpn_gateway", {"Type": "ipsec.1"}),
    (
        "ec2",
        "create_customer_gateway",
        {"Type": "ipsec.1", "PublicIp": "192.0.2.1", "BgpAsn": 65000},
    ),
    ("ec2", "create_transit_gateway", {}),
    ("ecs", "create_cluster", {"clusterName": "web"}),
    ("ecs", "create_cluster", {"clusterName": "jobs"}),
    ("efs", "create_file_system", {"CreationToken": "a"}),
    (
        "elasticache",
        "create_cache_cluster",
        {"CacheClusterId": "c", "Engine": "redis", "CacheNodeType": "cache.t3.micro"}
        | {"NumCacheNodes": 1},
    ),
    ("events", "create_event_bus", {"Name": "own"}),
    ("events", "put_rule", {"Name": "nightly", "ScheduleExpression": "rate(1 day)"}),
    ("events", "put_rule", {"Name": "orders", "EventBusName": "own", "EventPattern": "{}"}),
    ("guardduty", "create_detector", {"Enable": True}),
    ("iam", "create_user", {"UserName": "ann"}),
    ("iam", "create_user", {"UserName": "bob"}),
    ("iam", "create_group", {"GroupName": "staff"}),
    ("iam", "create_role", {"RoleName": "app", "AssumeRolePolicyDocument": POLICY}),
    ("iam", "create_virtual_mfa_device", {"VirtualMFADeviceName": "ann"}),
    (
        "iam",
        "create_open_id_connect_provider",
        {"Url": "https://idp.northwind.example", "ThumbprintList": ["0" * 40]},
    ),
    ("kinesis", "create_stream", {"StreamName": "clicks", "ShardCount": 1}),
    ("kms", "create_key", {}),
    ("kms", "create_key", {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}),
    ("lambda", "create_function", {"FunctionName": "f", **FUNCTION}),
    (
        "rds",
        "create_db_instance",
        {"DBInstanceIdentifier": "db", "DBInstanceClass": "db.t3.micro", "Engine": "postgres"}
        | {"AllocatedStorage": 5, **MASTER},
    ),
    (
        "redshift",
        "create_cluster",
        {"ClusterIdentifier": "dw", "NodeType": "ra3.xlplus", **MASTER},
    ),
    (
        "sagemaker",
        "create_model",
        {"ModelName": "m", "ExecutionRoleArn": FUNCTION["Role"], "PrimaryContainer": IMAGE},
    ),
    ("secretsmanager", "create_secret", {"Name": "key", "SecretString": "x"}),
    ("sns", "create_topic", {"Name": "alerts"}),
    ("sqs", "create_queue", {"QueueName": "jobs"}),
)
"""What the emulator is given: service, call, request."""

RESOURCES: Final[Mapping[str, int]] = {
    "acm_ListCertificates": 1,
    "autoscaling_DescribeAutoScalingGroups": 1,
    "backup_ListBackupPlans": 1,
    "cloudtrail_DescribeTrails": 1,
    "cloudtrail_ListTrails": 1,
    "cloudwatch_DescribeAlarms": 1,
    "config_DescribeConfigRules": 1,
    "docdb_DescribeDBInstances": 1,
    "dynamodb_DescribeTable": 2,
    "dynamodb_ListBackups": 1,
    "dynamodb_ListTables": 2,
    "ec2_DescribeAddresses": 1,
    "ec2_DescribeCustomerGateways": 1,
    "ec2_DescribeInstances": 2,
    "ec2_DescribeInternetGateways": 1,
    "ec2_DescribeNetworkAcls": 1,
    "ec2_DescribeRouteTables": 1,
    "ec2_DescribeSecurityGroupRules": 1,
    "ec2_DescribeSecurityGroups": 1,
    "ec2_DescribeTransitGateways": 1,
    "ec2_DescribeVolumes": 2,
    "ec2_DescribeVpcs": 1,
    "ec2_DescribeVpnGateways": 1,
    "ecs_DescribeClusters": 2,
    "elasticache_DescribeCacheClusters": 1,
    "elasticfilesystem_DescribeFileSystems": 1,
    "elasticloadbalancingv2_DescribeSSLPolicies": 18,
    "events_ListEventBuses": 2,
    "events_ListRules": 2,
    "guardduty_ListDetectors": 1,
    "iam_ListGroups": 1,
    "iam_ListOpenIDConnectProviders": 1,
    "iam_ListRoles": 1,
    "iam_ListUsers": 2,
    "iam_ListVirtualMFADevices": 1,
    "kinesis_ListStreams": 1,
    "kms_GetKeyPolicy": 2,
    "kms_GetKeyRotationStatus": 2,
    "kms_ListKeys": 2,
    "lambda_ListFunctions": 1,
    "rds_DescribeDBInstances": 1,
    "rds_DescribeDbInstanceAutomatedBackups": 1,
    "redshift_DescribeClusters": 1,
    "s3_GetBucketEncryption": 2,
    "s3_ListBuckets": 2,
    "sagemaker_ListModels": 1,
    "secretsmanager_ListSecrets": 1,
    "sns_ListTopics": 1,
    "sqs_ListQueues": 1,
}
"""How many resources a call lists, or is asked of; one evidence record for each."""
WITHOUT_ARN: Final = frozenset(
    {
        "elasticloadbalancingv2_DescribeSSLPolicies",
        "rds_DescribeDbInstanceAutomatedBackups",
        "sqs_ListQueues",
    }
)
"""Resources that have none, or whose answer in the emulator lacks it."""
OF_THE_ACCOUNT: Final = frozenset(
    {
        "acm_GetAccountConfiguration",
        "bedrock_GetModelInvocationLoggingConfiguration",
        "ec2_GetEbsEncryptionByDefault",
        "iam_GenerateCredentialReport",
        "iam_GetAccountPasswordPolicy",
        "iam_GetAccountSummary",
    }
)
"""Calls about the account as a whole."""
NOT_EMULATED: Final = frozenset(
    {
        "directconnect_DescribeDirectConnectGateways",
        "directconnect_DescribeVirtualGateways",
        "docdb_DescribeCertificates",
        "ec2_DescribeLocalGatewayRouteTableVirtualInterfaceGroupAssociations",
        "ec2_DescribeLocalGatewayVirtualInterfaces",
        "ec2_DescribeLocalGateways",
        "ec2_DescribeVpcEndpointConnections",
        "ec2_GetEbsDefaultKmsKeyId",
        "eks_DescribeAddonVersions",
        "elasticache_DescribeServiceUpdates",
        "elasticmapreduce_ListSecurityConfigurations",
        "events_ListEventSources",
        "kafka_ListKafkaVersions",
        "sagemaker_ListAlgorithms",
        "sagemaker_ListFlowDefinitions",
        "sagemaker_ListHumanTaskUis",
        "sagemaker_ListLabelingJobs",
        "sagemaker_ListMonitoringAlerts",
        "sagemaker_ListMonitoringSchedules",
        "sagemaker_ListUserProfiles",
        "waf-regional_ListRules",
        "waf-regional_ListWebAcls",
        "waf_ListRuleGroups",
        "waf_ListRules",
        "waf_ListWebAcls",
    }
)
"""Calls that moto answers with a web page."""


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Yield the URL of a moto server with resources of many services."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    for name, call, request in SEED:
        client: Any = session.create_client(name, region_name=REGION, endpoint_url=url)
        getattr(client, call)(**request)
        client.close()
    yield url
    server.stop()


@pytest.fixture
def evidence(owner: Any, an_assessment: Any, moto: str) -> Mapping[str, list[Evidence]]:
    """Return the evidence of one assessment with a control for each keyword, by keyword."""
    owner.clock.time = utc_now() + timedelta(minutes=10)
    names = {}
    for keyword in owner("ListKeywordsForDataSource", source="AWS_API_Call")["keywords"]:
        source = {
            "sourceName": keyword,
            "sourceType": "AWS_API_Call",
            "sourceFrequency": "DAILY",
            "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
        }
        made = owner("CreateControl", name=keyword, controlMappingSources=[source])
        names[made["control"]["id"]] = keyword
    sets = [{"name": "All", "controls": [{"id": one} for one in names]}]
    framework = owner("CreateAssessmentFramework", name="All", controlSets=sets)["framework"]
    made = an_assessment(frameworkId=framework["id"], scope={"awsAccounts": [{"id": ACCOUNT}]})
    identifier = made["metadata"]["id"]
    store = owner.context.store
    stored = store.assessment(identifier)
    settings = AwsSettings(
        access_key="AKIDEXAMPLE",
        secret_key="secret",  # noqa: S106 - an emulator's
        endpoint_url=moto,
        region=REGION,
        requests_per_second=1000,
        max_attempts=1,
    )
    with Door(settings) as door:
        committed = Collector(
            catalogue=catalogue_for(owner.context, stored),
            store=store,
            door=door,
            now=owner.context.now,
        ).run(current(owner.context, stored))
    assert {v.verdict for v in committed.run_record.controls.values()} == {Verdict.NOT_APPLICABLE}
    day = committed.run_record.day
    found: dict[str, list[Evidence]] = defaultdict(list)
    for _, one in store.evidence(identifier, day, day):
        found[names[one.control_id]].append(one)
    return found


def test_every_api_call_is_evidence_or_a_precise_gap(
    owner: Any, evidence: Mapping[str, list[Evidence]]
) -> None:
    """One record for each resource, each thing asked of or the account; else what is missing."""
    assert set(evidence) == set(api_calls.keywords())
    for keyword, records in evidence.items():
        assert {r.standing for r in records} == {Standing.ACTIVITY}, keyword
        assert {r.evidence_type for r in records} == {"Configuration data"}, keyword
        assert all(r.keyword == keyword and r.synthetic for r in records), keyword
        if keyword in RESOURCES:
            _assert_resources(keyword, records)
        elif keyword in OF_THE_ACCOUNT:
            assert {(r.gap, r.resource_arn) for r in records} == {("", "")}, keyword
            assert all(r.inputs for r in records), keyword
        elif keyword in NOT_EMULATED:
            _assert_refused(keyword, records)
        else:
            assert [r.gap for r in records] == ["nothing_to_collect"], keyword
            assert "empty list" in records[0].reason, keyword
            assert records[0].inputs, keyword
    _assert_redacted(owner, evidence["lambda_ListFunctions"])
    absent = [r for r in evidence["s3_GetBucketEncryption"] if "there is none" in r.reason]
    assert [r.resource_arn for r in absent] == ["arn:aws:s3:::bare"]


def _assert_resources(keyword: str, records: list[Evidence]) -> None:
    assert [r.gap for r in records] == [""] * RESOURCES[keyword], (keyword, records)
    arns = {r.resource_arn for r in records}
    if keyword in WITHOUT_ARN:
        assert arns == {""}, keyword
        assert all(r.attributes for r in records), keyword
    else:
        assert len(arns) == RESOURCES[keyword], (keyword, arns)
        assert all(arn.startswith("arn:aws:") for arn in arns), (keyword, arns)
    assert len({i for r in records for i in r.inputs}) == len(records), keyword


def _assert_refused(keyword: str, records: list[Evidence]) -> None:
    (record,) = records
    operation = api_calls.operation(keyword)
    assert operation is not None
    assert record.gap == "malformed", keyword
    assert operation.operation in record.reason, keyword
    assert "web page" in record.reason, keyword


def _assert_redacted(owner: Any, records: list[Evidence]) -> None:
    """Assert that a function's environment is replaced before anything is stored."""
    (record,) = records
    (function,) = owner.context.store.observation(record.inputs[0].digest).body["Functions"]
    assert function["Environment"]["Variables"] == {"TOKEN": "[redacted]"}


def _leads(shape: Any, path: str) -> bool:
    for part in path.split("."):
        name = part.removesuffix("[]")
        if name == "*":
            shape = shape.value
            continue
        if name not in getattr(shape, "members", {}):
            return False
        shape = shape.members[name]
        if part.endswith("[]"):
            shape = shape.member
    return True


@pytest.mark.parametrize("keyword", api_calls.keywords())
def test_every_call_is_true_to_the_service_model(keyword: str) -> None:
    """What is sent, where resources are listed and what is replaced exists; nothing is missing."""
    operation = api_calls.operation(keyword)
    assert isinstance(operation, Operation)
    model = service(operation.service).operation_model(operation.operation)
    members = model.input_shape.members if model.input_shape else {}
    required = model.input_shape.required_members if model.input_shape else []
    assert set(required) <= set(operation.inputs) <= set(members)
    for path in (*operation.lists, *operation.redact):
        assert _leads(model.output_shape, path), path
    assert model.name.startswith(("Get", "List", "Describe", "Generate"))
    hidden = [path for path in _secrets(model.output_shape, "", ()) if path not in operation.redact]
    assert hidden == []


NOT_SECRET: Final = frozenset({"Comment", "KMSMasterKeyID", "Message", "SecretList"})
"""Members that botocore marks as sensitive, and that are what the evidence is about."""
SECRET_NAMES: Final = ("MasterUserPassword", "PreSharedKey", "Base32StringSeed", "QRCodePNG")


def _secrets(shape: Any, path: str, seen: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths of members that hold secrets."""
    name = path.rpartition(".")[2].removesuffix("[]")
    if shape is None or shape.name in seen or name in NOT_SECRET:
        return
    kind, seen = shape.type_name, (*seen, shape.name)
    if kind == "structure":
        for member, inner in shape.members.items():
            yield from _secrets(inner, f"{path}.{member}".lstrip("."), seen)
    elif kind == "list":
        yield from _secrets(shape.member, f"{path}[]", seen)
    elif kind == "map":
        yield from _secrets(shape.value, f"{path}.*", seen)
    elif shape.metadata.get("sensitive") or name in SECRET_NAMES:
        yield path
