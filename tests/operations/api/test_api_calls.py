"""Every API call that Audit Manager supports: a control for each, collected from an emulator."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest
import yaml
from botocore.session import Session
from moto import backends
from moto.server import ThreadedMotoServer

from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.checks.own_rules import derived
from affidavit.checks.security_hub import SAYS
from affidavit.collector import api_calls
from affidavit.collector.limited import Limited
from affidavit.collector.run import Collector
from affidavit.model.evidence import Evidence
from affidavit.model.framework import Rule
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import source_rules
from affidavit.operations.collectable import catalogue_for, current

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"

_TABLE: Final[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("emulated.yaml").read_text(encoding="utf-8")
)
SEED: Final[list[tuple[str, str, dict[str, Any]]]] = _TABLE["seed"]
RESOURCES: Final[Mapping[str, int]] = _TABLE["resources"]
WITHOUT_ARN: Final = frozenset(_TABLE["without_arn"])
OF_THE_ACCOUNT: Final = frozenset(_TABLE["of_the_account"])
NOT_EMULATED: Final = frozenset(_TABLE["not_emulated"])


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Yield the URL of a moto server with resources of many services."""
    # moto imports a service at its first request; two at the same moment are answered HTTP 500.
    for service in {keyword.partition("_")[0] for keyword in api_calls.keywords()}:
        with suppress(ImportError, KeyError):
            backends.get_backend(service)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # moto's backends are of the process: what other tests left in them must not be found.
    reset = Request(f"{url}/moto-api/reset", method="POST")  # noqa: S310 - on loopback
    urlopen(reset).close()  # noqa: S310
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    for name, call, request in SEED:
        client: Any = session.create_client(name, region_name=REGION, endpoint_url=url)
        getattr(client, call)(**request)
        client.close()
    yield url
    server.stop()


Collect = Callable[..., Mapping[str, list[Evidence]]]
_TABLES: Final = "dynamodb_ListTables"
_RULE: Final = "rule "
"""What the keys of evidence begin with that a rule judged."""


@pytest.fixture
def collect(owner: Any, an_assessment: Any, moto: str) -> Collect:
    """Return what collects a control for each keyword, given with its type; evidence by keyword.

    And a control more for each keyword that is given with a rule.
    """
    owner.clock.time = utc_now() + timedelta(minutes=10)

    def collected(
        keywords: Mapping[str, str], rules: Mapping[str, Rule] | None = None
    ) -> Mapping[str, list[Evidence]]:
        names = {_control(owner, kind, keyword): keyword for keyword, kind in keywords.items()}
        for keyword, rule in (rules or {}).items():
            identifier = _control(owner, "AWS_API_Call", keyword)
            names[identifier] = f"{_RULE}{keyword}"
            (source,) = source_rules.carried(owner.context, owner.caller, identifier)
            source_rules.set_rule(owner.context, owner.caller, (identifier, source.source_id), rule)
        sets = [{"name": "All", "controls": [{"id": one} for one in names]}]
        framework = owner("CreateAssessmentFramework", name="All", controlSets=sets)["framework"]
        scope = {"awsAccounts": [{"id": ACCOUNT}]}
        made = an_assessment(frameworkId=framework["id"], scope=scope)
        found: dict[str, list[Evidence]] = defaultdict(list)
        for one in _run(owner.context, made["metadata"]["id"], moto):
            found[names[one.control_id]].append(one)
        return found

    return collected


def _control(owner: Any, kind: str, keyword: str) -> str:
    source = {
        "sourceName": keyword,
        "sourceType": kind,
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
    }
    made = owner("CreateControl", name=keyword, controlMappingSources=[source])
    return str(made["control"]["id"])


def _run(context: Any, identifier: str, url: str) -> Iterator[Evidence]:
    stored = context.store.assessment(identifier)
    settings = AwsSettings(
        access_key="AKIDEXAMPLE",
        secret_key="secret",
        endpoint_url=url,
        region=REGION,
        requests_per_second=1000,
        max_attempts=1,
    )
    with Door(settings) as door:
        committed = Collector(
            catalogue=catalogue_for(context, stored),
            store=context.store,
            door=door,
            now=context.now,
        ).run(current(context, stored))
    day = committed.run_record.day
    return (one for _, one in context.store.evidence(identifier, day, day))


def test_every_api_call_is_evidence_or_a_precise_gap(
    owner: Any, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record for each resource, each thing asked of or the account; else what is missing.

    A rule judges the same things of every call, and what is missing it leaves open.
    """
    # A process for each of the 108 would be read in a minute; reading is tested by itself.
    monkeypatch.setattr(Limited, "read", lambda _, catalogue, rule, __: derived(catalogue, rule))
    listed = owner("ListKeywordsForDataSource", source="AWS_API_Call")["keywords"]
    rules = {one: Rule(resource_set=one, compliant="has(r.item)") for one in listed}
    rules[_TABLES] = Rule(resource_set=_TABLES, compliant='r.item == "orders"')
    found = collect(dict.fromkeys(listed, "AWS_API_Call"), rules)
    evidence = {keyword: found[keyword] for keyword in listed}
    assert set(evidence) == set(api_calls.keywords())
    for keyword, records in evidence.items():
        _assert_judged(keyword, records, found[f"{_RULE}{keyword}"])
        assert {r.standing for r in records} == {Standing.ACTIVITY}, keyword
        assert {r.verdict for r in records} == {Verdict.NOT_APPLICABLE}, keyword
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


def _assert_judged(keyword: str, shown: list[Evidence], judged: list[Evidence]) -> None:
    """Assert that a rule judged each thing that is shown without one, and decided no other."""
    by_gap = {one.gap for one in judged}
    assert by_gap == {one.gap for one in shown}, keyword
    if by_gap != {""}:
        assert {one.verdict for one in judged} == {Verdict.NOT_APPLICABLE}, keyword
        open_ = by_gap != {"nothing_to_collect"}
        expected = Standing.UNDECIDED if open_ else Standing.OUT_OF_SCOPE
        assert {one.standing for one in judged} == {expected}, keyword
        return
    if keyword == "iam_GenerateCredentialReport":  # the report itself: see the kind iam_user
        shown = [one for one in shown if "GenerateCredentialReport" in one.reason]
    said = [
        (one.resource_arn, sorted(one.inputs, key=str), one.verdict is Verdict.COMPLIANT)
        for one in judged
    ]
    things = [(one.resource_arn, sorted(one.inputs, key=str), _holds(one)) for one in shown]
    assert sorted(said, key=str) == sorted(things, key=str), keyword
    assert {one.standing for one in judged} == {Standing.JUDGED}, keyword


def _holds(shown: Evidence) -> bool:
    """Tell what the rule of a call says of a thing: whether it is there; of tables, which it is."""
    if shown.keyword == _TABLES:
        return shown.attributes["value"] == "orders"
    return "there is none" not in shown.reason


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


FINDING: Final[Mapping[str, Any]] = {
    "SchemaVersion": "2018-10-08",
    "ProductArn": f"arn:aws:securityhub:{REGION}::product/aws/securityhub",
    "AwsAccountId": ACCOUNT,
    "Region": REGION,
    "Types": ["Software and Configuration Checks"],
    "CreatedAt": "2026-01-01T00:00:00Z",
    "UpdatedAt": "2026-01-01T00:00:00Z",
    "Severity": {"Label": "HIGH"},
    "Title": "What the control is about",
    "Description": "What the control is about",
    "Workflow": {"Status": "NEW"},
    "RecordState": "ACTIVE",
}


def _finding(control: str, name: str, status: str) -> dict[str, Any]:
    return {
        **FINDING,
        "Id": f"{control}/{name}",
        "GeneratorId": f"security-control/{control}",
        "Compliance": {"Status": status, "SecurityControlId": control},
        "Resources": [
            {"Type": "AwsEc2Volume", "Id": f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/{name}"}
        ],
    }


def test_findings_and_rules_are_evidence_or_a_precise_gap(collect: Collect, moto: str) -> None:
    """One record for each finding with its status; what is not there, or not answered, is open."""
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    name: Any = "securityhub"
    hub: Any = session.create_client(name, region_name=REGION, endpoint_url=moto)
    hub.enable_security_hub()
    said = [_finding("EC2.3", "a", "PASSED"), _finding("EC2.3", "b", "FAILED")]
    said += [_finding("EC2.7", "c", "PASSED"), _finding("KMS.4", "d", "WARNING")]
    assert hub.batch_import_findings(Findings=said)["SuccessCount"] == len(said)
    hub.close()
    hubs = dict.fromkeys(("EC2.3", "EC2.7", "KMS.4", "2.8", "RDS.1"), "AWS_Security_Hub")
    rules = dict.fromkeys(("EIP_ATTACHED", "ENCRYPTED_VOLUMES", "Custom_none"), "AWS_Config")
    evidence = collect({**hubs, **rules})
    statuses = {k: sorted(r.attributes.get("status", "") for r in evidence[k]) for k in hubs}
    assert statuses == {
        "EC2.3": ["FAILED", "PASSED"],
        "EC2.7": ["PASSED"],
        "KMS.4": ["WARNING"],
        "2.8": ["WARNING"],
        "RDS.1": [""],
    }
    verdicts = {k: {r.verdict for r in evidence[k]} for k in ("EC2.3", "EC2.7", "KMS.4")}
    assert verdicts["EC2.3"] == {Verdict.COMPLIANT, Verdict.NON_COMPLIANT}
    assert verdicts["EC2.7"] == {Verdict.COMPLIANT}
    assert verdicts["KMS.4"] == {Verdict.NOT_APPLICABLE}
    gaps = {k: {r.gap for r in evidence[k]} for k in ("RDS.1", *rules)}
    assert gaps == {
        "RDS.1": {"not_enabled"},
        "EIP_ATTACHED": {"malformed"},
        "ENCRYPTED_VOLUMES": {"not_enabled"},
        "Custom_none": {"not_enabled"},
    }
    reasons = [r.reason for k in hubs for r in evidence[k] if r.attributes.get("status")]
    expected = {f"{SAYS} {status}" for status in ("PASSED", "FAILED", "WARNING")}
    assert {text.partition(":")[0] for text in reasons} == expected, "as queries ask"
    everything = [record for records in evidence.values() for record in records]
    assert {r.evidence_type for r in everything} == {"Compliance check"}
    assert {r.standing for r in everything if r.gap} == {Standing.UNDECIDED}


def _assert_redacted(owner: Any, records: list[Evidence]) -> None:
    """Assert that a function's environment is replaced before anything is stored."""
    (record,) = records
    (function,) = owner.context.store.observation(record.inputs[0].digest).body["Functions"]
    assert function["Environment"]["Variables"] == {"TOKEN": "[redacted]"}
