"""What AWS Config and Security Hub say by themselves: passed through, and never more than said."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from affidavit import catalogue
from affidavit.checks import config, security_hub
from affidavit.checks.facts import Facts
from affidavit.checks.judge import Judgement
from affidavit.checks.rule_names import is_rule
from affidavit.checks.security_hub_controls import FINDINGS, finding_parameters
from affidavit.collector.custom import with_framework
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import ControlSource, SourceType
from affidavit.model.observation import Gap, GapReason, JsonObject, Observation, Proof, Result, Unit
from affidavit.model.verdict import Standing, Verdict

NOW: Final = datetime(2026, 1, 15, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-west-1"
RULES, DETAILS = "DescribeConfigRules", "GetComplianceDetailsByConfigRule"
KEYWORD: Final = "Custom_own-rule"
PRODUCT: Final = f"arn:aws:securityhub:{REGION}::product/aws/securityhub"
CIS: Final = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/"
PROOF: Final = Proof(
    endpoint="https://config.eu-west-1.amazonaws.com",
    synthetic=False,
    caller_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/auditor/x",
    request_ids=("1",),
    pages=1,
    attempts=1,
    started_at=NOW,
    finished_at=NOW,
    tool="affidavit 0",
)


@pytest.fixture(scope="module")
def custom() -> Catalogue:
    """Return the shipped catalogue with a framework of one control, whose only source is custom."""
    shipped = catalogue.load()
    source = ControlSource(
        id="s",
        type=SourceType.CONFIG,
        keyword=KEYWORD,
        name="",
        check=config.RECORDED,
        params={},
        frequency="DAILY",
        scoping="",
    )
    first = shipped.framework.control_sets[0]
    control = replace(first.controls[0], sources=(source,))
    sets = (replace(first, controls=(control,)),)
    return with_framework(shipped, replace(shipped.framework, control_sets=sets))


def _answer(key: str, body: JsonObject, parameters: JsonObject | None = None) -> Observation:
    return Observation(
        unit=Unit(key=key, account_id=ACCOUNT, region=REGION, parameters=parameters or {}),
        service="securityhub" if key == FINDINGS else "config",
        operation="GetFindings" if key == FINDINGS else key,
        absent="",
        body=body,
        proof=PROOF,
    )


def _gap(key: str, reason: GapReason, parameters: JsonObject | None = None) -> Gap:
    return Gap(
        unit=Unit(key=key, account_id=ACCOUNT, region=REGION, parameters=parameters or {}),
        service="",
        operation=key,
        reason=reason,
        code="InvalidAccessException",
        message="The service is not enabled in this account and Region.",
        proof=PROOF,
    )


def _facts(*results: Result) -> Facts:
    facts = Facts(ACCOUNT, (REGION,))
    for result in results:
        facts.add(result)
    return facts


RULE: Final = {"ConfigRuleName": "own-rule", "ConfigRuleState": "ACTIVE", "Source": {}}


def _details(*said: tuple[str, str, str]) -> Observation:
    results = [
        {
            "EvaluationResultIdentifier": {
                "EvaluationResultQualifier": {"ResourceType": kind, "ResourceId": resource}
            },
            "ComplianceType": compliance,
        }
        for kind, resource, compliance in said
    ]
    return _answer(DETAILS, {"EvaluationResults": results}, {"ConfigRuleName": "own-rule"})


def _config(custom: Catalogue, *results: Result) -> list[Judgement]:
    found = config.recorded_judgements(custom, _facts(*results), REGION, KEYWORD, NOW)
    return list(found)


@pytest.mark.parametrize(
    ("compliance", "verdict", "standing"),
    [
        ("COMPLIANT", Verdict.COMPLIANT, Standing.JUDGED),
        ("NON_COMPLIANT", Verdict.NON_COMPLIANT, Standing.JUDGED),
        ("NOT_APPLICABLE", Verdict.NOT_APPLICABLE, Standing.OUT_OF_SCOPE),
        ("INSUFFICIENT_DATA", Verdict.NOT_APPLICABLE, Standing.UNDECIDED),
        ("NEWER_WORD", Verdict.NOT_APPLICABLE, Standing.UNDECIDED),
    ],
)
def test_an_evaluation_is_said_as_it_is(
    custom: Catalogue, compliance: str, verdict: Verdict, standing: Standing
) -> None:
    """Each resource has what AWS Config says of it, cited; what is not decided stays open."""
    (one,) = _config(
        custom,
        _answer(RULES, {"ConfigRules": [RULE]}),
        _details(("AWS::S3::Bucket", "models", compliance)),
    )
    assert (one.verdict, one.standing, one.check_id) == (verdict, standing, config.RECORDED)
    assert one.arn == "arn:aws:s3:::models"
    assert one.attributes["status"] == compliance
    assert [i.pointer for i in one.inputs] == ["/ConfigRules/0", "/EvaluationResults/0"]


def test_a_rule_that_is_not_there_leaves_the_control_open(custom: Catalogue) -> None:
    """No such rule, an inactive one and one that recorded nothing are gaps, with the reason."""
    (absent,) = _config(custom, _answer(RULES, {"ConfigRules": []}))
    deleting = {**RULE, "ConfigRuleState": "DELETING"}
    (inactive,) = _config(custom, _answer(RULES, {"ConfigRules": [deleting]}))
    (silent,) = _config(custom, _answer(RULES, {"ConfigRules": [RULE]}), _details())
    for one in (absent, inactive, silent):
        assert one.standing is Standing.UNDECIDED
        assert one.gap is not None
    assert f"No active AWS Config rule {KEYWORD}" in absent.reason
    assert inactive.gap is not None
    assert inactive.gap.reason is GapReason.NOT_ENABLED
    assert "recorded nothing" in silent.reason


def test_what_config_refuses_is_a_gap(custom: Catalogue) -> None:
    """A refused list, a refused evaluation and a Region without AWS Config leave it open."""
    rules = _answer(RULES, {"ConfigRules": [RULE]})
    for results in (
        (_gap(RULES, GapReason.DENIED),),
        (rules, _gap(DETAILS, GapReason.DENIED, {"ConfigRuleName": "own-rule"})),
        (_gap(RULES, GapReason.UNSUPPORTED_IN_REGION),),
        (),
    ):
        (one,) = _config(custom, *results)
        assert one.standing is Standing.UNDECIDED
        assert one.gap is not None


def test_rules_are_named_as_audit_manager_names_them() -> None:
    """Identifiers in capitals, custom rules by name, service-linked ones without their suffix."""
    pack = {
        "ConfigRuleName": "Own-conformance-pack-szsm1uv0w",
        "CreatedBy": "config-conforms.amazonaws.com",
    }
    org = {
        "ConfigRuleName": "OrgConfigRule-s3-versioning-dbgzf8ba",
        "CreatedBy": "config-multiaccountsetup.amazonaws.com",
    }
    assert is_rule(pack, "Custom_Own-conformance-pack")
    assert is_rule(org, "Custom_OrgConfigRule-s3-versioning")
    assert not is_rule({**org, "CreatedBy": ""}, "Custom_OrgConfigRule-s3-versioning")
    assert not is_rule(org, "Custom_OrgConfigRule-s3")
    assert is_rule({"Source": {"SourceIdentifier": "EIP_ATTACHED"}}, "EIP_ATTACHED")
    assert not is_rule({"ConfigRuleName": "EIP_ATTACHED", "Source": {}}, "EIP_ATTACHED")


def _finding(status: str | None, **more: Any) -> JsonObject:
    compliance = {"SecurityControlId": "EC2.1", **({"Status": status} if status else {})}
    return {
        "Id": "arn:aws:securityhub:eu-west-1:111122223333:finding/1",
        "ProductArn": PRODUCT,
        "GeneratorId": "security-control/EC2.1",
        "AwsAccountId": ACCOUNT,
        "Region": REGION,
        "Title": "EBS snapshots should not be public",
        "Compliance": compliance,
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        "Resources": [
            {"Id": "arn:aws:ec2:eu-west-1:111122223333:volume/v", "Type": "AwsEc2Volume"}
        ],
        **more,
    }


def _hub(custom: Catalogue, *results: Result, keyword: str = "EC2.1") -> list[Judgement]:
    found = security_hub.finding_judgements(custom, _facts(*results), REGION, keyword, NOW)
    return list(found)


def _findings(*found: JsonObject, keyword: str = "EC2.1") -> Observation:
    return _answer(
        FINDINGS, {"Findings": list(found)}, finding_parameters(keyword, ACCOUNT, REGION)
    )


@pytest.mark.parametrize(
    ("status", "verdict", "standing"),
    [
        ("PASSED", Verdict.COMPLIANT, Standing.JUDGED),
        ("FAILED", Verdict.NON_COMPLIANT, Standing.JUDGED),
        ("WARNING", Verdict.NOT_APPLICABLE, Standing.UNDECIDED),
        ("NOT_AVAILABLE", Verdict.NOT_APPLICABLE, Standing.UNDECIDED),
        (None, Verdict.NOT_APPLICABLE, Standing.UNDECIDED),
    ],
)
def test_a_finding_is_evidence_with_its_status(
    custom: Catalogue, status: str | None, verdict: Verdict, standing: Standing
) -> None:
    """PASSED and FAILED decide; any other status is passed through and leaves it open."""
    (one,) = _hub(custom, _findings(_finding(status)))
    assert (one.verdict, one.standing) == (verdict, standing)
    assert one.attributes.get("status") == status
    assert one.arn.endswith("volume/v")
    assert [i.pointer for i in one.inputs] == ["/Findings/0"]


def test_a_suppressed_finding_never_passes(custom: Catalogue) -> None:
    """A finding that a person set aside has status SUPPRESSED, whatever it said."""
    for status in ("PASSED", "FAILED"):
        found = _finding(status, Workflow={"Status": "SUPPRESSED"})
        (one,) = _hub(custom, _findings(found))
        assert one.attributes["status"] == "SUPPRESSED"
        assert one.standing is Standing.UNDECIDED


def _others() -> Iterator[JsonObject]:
    yield _finding("PASSED", RecordState="ARCHIVED")
    yield _finding("PASSED", AwsAccountId="444455556666")
    yield _finding("PASSED", Region="us-east-1")
    yield _finding("PASSED", Compliance={"SecurityControlId": "EC2.10", "Status": "PASSED"}) | {
        "GeneratorId": "security-control/EC2.10"
    }
    yield _finding("PASSED", ProductArn=f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/me/own")


@pytest.mark.parametrize("other", list(_others()))
def test_only_the_controls_own_findings_count(custom: Catalogue, other: JsonObject) -> None:
    """Archived findings, those of others, of other Regions, controls and products say nothing."""
    (one,) = _hub(custom, _findings(other))
    assert one.standing is Standing.UNDECIDED
    assert one.gap is not None
    assert one.gap.reason is GapReason.NOT_ENABLED
    assert "no finding of EC2.1" in one.reason


def test_standards_own_findings_are_found(custom: Catalogue) -> None:
    """A CIS recommendation is found by its own and the consolidated generator, PCI by its own."""
    for generator in (f"{CIS}1.3", "security-control/IAM.8"):
        found = _findings(_finding("PASSED", GeneratorId=generator), keyword="1.3")
        assert _hub(custom, found, keyword="1.3")[0].verdict is Verdict.COMPLIANT
    generator = "pci-dss/v/3.2.1/PCI.S3.1"
    found = _findings(_finding("FAILED", GeneratorId=generator), keyword="PCI.S3.1")
    assert _hub(custom, found, keyword="PCI.S3.1")[0].verdict is Verdict.NON_COMPLIANT
    found = _findings(_finding("PASSED", GeneratorId=f"{CIS}1.4"), keyword="1.3")
    assert _hub(custom, found, keyword="1.3")[0].standing is Standing.UNDECIDED


def test_security_hub_that_is_off_is_a_gap(custom: Catalogue) -> None:
    """What Security Hub refuses, and what was never asked, is a gap and no pass."""
    parameters = finding_parameters("EC2.1", ACCOUNT, REGION)
    (off,) = _hub(custom, _gap(FINDINGS, GapReason.NOT_ENABLED, parameters))
    (unasked,) = _hub(custom)
    for one in (off, unasked):
        assert one.standing is Standing.UNDECIDED
        assert one.gap is not None
    assert "not enabled" in off.reason
