"""Every operation of the catalogue is called in every place, and compared with the world."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.exceptions import ClientError

import affidavit
from affidavit.demo import Simulated
from affidavit.demo.overlay.answers import ANSWERERS
from affidavit.demo.overlay.registry import AwsError, Call, ask
from affidavit.demo.process import DEFAULT_SEED
from affidavit.demo.world import Caller, Place, load

OPERATIONS = Path(affidavit.__file__).parent / "catalogue" / "genai_v1" / "operations.yaml"
NOT_YET = {"Converse", "InvokeModel", "FilterLogEvents", "GetObject"}
"""Operations of prompts and of logs: other tests ask them."""
Answers = dict[str, list[dict[str, Any]]]
Ask = Callable[[str, str, dict[str, Any]], dict[str, Any]]
MONTH = timedelta(days=30)

ONCE: Mapping[str, dict[str, Any]] = {
    "ListMetrics": {"Namespace": "AWS/Bedrock", "MetricName": "Invocations"},
    "ListServiceSpecificCredentials": {"AllUsers": True, "ServiceName": "bedrock.amazonaws.com"},
    "GetAccountAuthorizationDetails": {
        "Filter": ["User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"],
    },
}
"""Requests of operations that are asked once, where they have members."""

EACH: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "GetCustomModel": ("ListCustomModels", "modelSummaries", {"modelIdentifier": "modelArn"}),
    "GetModelCustomizationJob": (
        "ListModelCustomizationJobs",
        "modelCustomizationJobSummaries",
        {"jobIdentifier": "jobArn"},
    ),
    "ListTagsForResource": ("ListCustomModels", "modelSummaries", {"resourceARN": "modelArn"}),
    "GetGuardrail": ("ListGuardrails", "guardrails", {"guardrailIdentifier": "arn"}),
    "GetEvaluationJob": ("ListEvaluationJobs", "jobSummaries", {"jobIdentifier": "jobArn"}),
    "ListDataSources": (
        "ListKnowledgeBases",
        "knowledgeBaseSummaries",
        {"knowledgeBaseId": "knowledgeBaseId"},
    ),
    "GetDataSource": (
        "ListDataSources",
        "dataSourceSummaries",
        {"knowledgeBaseId": "knowledgeBaseId", "dataSourceId": "dataSourceId"},
    ),
    "ListIngestionJobs": (
        "ListDataSources",
        "dataSourceSummaries",
        {"knowledgeBaseId": "knowledgeBaseId", "dataSourceId": "dataSourceId"},
    ),
    **{
        name: ("ListBuckets", "Buckets", {"Bucket": "Name"})
        for name in (
            *("GetBucketVersioning", "GetBucketEncryption", "GetBucketPolicy"),
            *("GetPublicAccessBlock", "GetBucketLogging"),
            *("GetBucketLifecycleConfiguration", "GetBucketTagging"),
        )
    },
    "ListRecoveryPointsByResource": ("ListBuckets", "Buckets", {"ResourceArn": "BucketArn"}),
    "GetBackupPlan": ("ListBackupPlans", "BackupPlansList", {"BackupPlanId": "BackupPlanId"}),
    "GetTrailStatus": ("DescribeTrails", "trailList", {"Name": "TrailARN"}),
    "GetEventSelectors": ("DescribeTrails", "trailList", {"TrailName": "TrailARN"}),
    "GetComplianceDetailsByConfigRule": (
        "DescribeConfigRules",
        "ConfigRules",
        {"ConfigRuleName": "ConfigRuleName"},
    ),
}
"""Parent, its list, and which member of the request is which member of an element."""


def _operations() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(OPERATIONS.read_text())
    return [each for each in loaded if each["operation"] not in NOT_YET]


def _requests(name: str, known: Answers, place: Place) -> list[dict[str, Any]]:
    """Return the requests of an operation, made from its parents' answers."""
    if name == "AccountPublicAccessBlock":
        return [{"AccountId": place.account.id}]
    if name == "GetMetricData":
        return _metric_data(known, place.world.now)
    if name in {"DescribeKey", "GetKeyRotationStatus"}:
        return [{"KeyId": place.key_arn(key.alias)} for key in place.region.keys]
    if name not in EACH:
        return [ONCE.get(name, {})]
    parent, member, inputs = EACH[name]
    elements = [element for answer in known[parent] for element in answer[member]]
    return [{into: element[of] for into, of in inputs.items()} for element in elements]


def _metric_data(known: Answers, now: datetime) -> list[dict[str, Any]]:
    metrics = [metric for answer in known["ListMetrics"] for metric in answer["Metrics"]]
    queries = [
        {"Id": f"q{n}", "MetricStat": {"Metric": metric, "Period": 86400, "Stat": "Sum"}}
        for n, metric in enumerate(metrics)
    ]
    request = {"MetricDataQueries": queries, "StartTime": now - MONTH, "EndTime": now}
    return [request] if queries else []


def _crawl(place: Place, ask_one: Ask) -> Iterator[tuple[str, Answers]]:
    """Ask every operation in a place, parents before children, and yield what each answered."""
    known: Answers = {}
    for operation in _operations():
        service, name = operation["service"], operation["operation"]
        answers = []
        for request in _requests(operation["key"], known, place):
            absent_on = operation.get("absent_on", [])
            answers.append(_all_pages(service, name, request, _or_absent(ask_one, absent_on)))
        known[operation["key"]] = answers
        yield f"{service}:{operation['key']}", {operation["key"]: answers}


def _or_absent(ask_one: Ask, absent_on: list[str]) -> Ask:
    """Return a function that takes the errors that mean 'there is none' as an answer."""

    def ask_or_absent(service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return ask_one(service, name, request)
        except AwsError as error:
            code = error.code
        except ClientError as error:
            code = error.response["Error"]["Code"]
        assert code in absent_on, (name, request)
        return {"absent": code}

    return ask_or_absent


def _all_pages(service: str, name: str, request: dict[str, Any], ask_one: Ask) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    paging = ANSWERERS[service, name].paging
    token: dict[str, str] = {}
    while True:
        page = ask_one(service, name, {**request, **token})
        next_token = page.pop(paging.answer_token or paging.token, None) if paging else None
        page.pop("IsTruncated", None)
        for member, value in page.items():
            merged[member] = merged.get(member, []) + value if isinstance(value, list) else value
        if paging is None or next_token is None:
            return merged
        token = {paging.token: next_token}


def _comparable(value: Any) -> Any:
    """Return a value in which equal things are equal: UTC times, bytes as text, no bookkeeping."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k != "ResponseMetadata"}
        return {name: _comparable(each) for name, each in kept.items()}
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value


def _missing(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Yield the required members of botocore's output shape that an answer lacks."""
    if shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                yield f"{path}.{name}"
        for name, each in value.items():
            yield from _missing(each, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for each in value:
            yield from _missing(each, shape.member, f"{path}[]")


PLACES = [
    ("111122223333", "us-east-1"),
    ("444455556666", "eu-central-1"),
    pytest.param("111122223333", "eu-central-1", marks=pytest.mark.slow),
    pytest.param("444455556666", "us-east-1", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("account", "region"), PLACES)
def test_every_operation_answers_over_http_what_the_world_says(
    simulated: Simulated, client: Callable[..., Any], account: str, region: str
) -> None:
    """What boto3 parses, all pages merged, is what the estate answers: nothing lost or changed."""
    world = load(now=simulated.now, seed=DEFAULT_SEED, scale=1)
    place = world.place(account, region)
    clients: dict[str, Any] = {}

    def over_http(service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        aws = clients.setdefault(service, client(service, region, account))
        method = botocore.xform_name(name)
        answer: dict[str, Any] = getattr(aws, method)(**request)
        assert answer.pop("ResponseMetadata")["RequestId"]
        return answer

    def within(service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        return ask(ANSWERERS[service, name], Call(place, Caller(account, "", ""), name, request))

    asked = _crawl(place, over_http)
    wanted = _crawl(place, within)
    for (name, got), (_, expected) in zip(asked, wanted, strict=True):
        assert _comparable(_defaults(got)) == _comparable(_defaults(expected)), name


def _defaults(answers: Answers) -> Answers:
    """Take out what protocols leave out or put in: empty lists, and policies that boto3 decodes."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {n: clean(v) for n, v in value.items() if v not in ([], {})}
            return {n: v for n, v in kept.items() if n not in _DOCUMENTS}
        return [clean(each) for each in value] if isinstance(value, list) else value

    return {key: [clean(each) for each in value] for key, value in answers.items()}


_DOCUMENTS = {"PolicyDocument", "AssumeRolePolicyDocument", "Document", "PublicKeyList"}
"""Left out: texts that are made on the way, and keys, of which each process has its own."""


@pytest.mark.parametrize(("account", "region"), PLACES)
def test_answers_fit_the_service_models(simulated: Simulated, account: str, region: str) -> None:
    """Each answer has the required members of botocore's output shape and no unknown one."""
    world = load(now=simulated.now, seed=DEFAULT_SEED, scale=1)
    session = botocore.session.get_session()
    place = world.place(account, region)

    def within(service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        call = Call(place, Caller(account, "", ""), name, request)
        answer = ask(ANSWERERS[service, name], call)
        shape = session.get_service_model(service).operation_model(name).output_shape
        assert not list(_missing(answer, shape, name))
        return answer

    assert len(list(_crawl(place, within))) == len(_operations())
