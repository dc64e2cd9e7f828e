"""Recorded evaluations of AWS Config beside the direct verdict."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit.checks.config import config_judgements
from affidavit.checks.facts import Facts
from affidavit.checks.judge import Judgement
from affidavit.checks.places import Place, Record, RecordSet
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import (
    GLOBAL_REGION,
    Gap,
    GapReason,
    JsonObject,
    Observation,
    Proof,
    Result,
    Unit,
)
from affidavit.model.verdict import Standing, Verdict

NOW = datetime(2026, 1, 15, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-west-1"
RULE = "S3_BUCKET_VERSIONING_ENABLED"
PROOF = Proof(
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


def observed(key: str, body: JsonObject, parameters: JsonObject | None = None) -> Observation:
    """Return an answer of AWS Config (or IAM, in GLOBAL_REGION)."""
    config = key in {"DescribeConfigRules", "GetComplianceDetailsByConfigRule"}
    region = REGION if config else GLOBAL_REGION
    unit = Unit(key=key, account_id=ACCOUNT, region=region, parameters=parameters or {})
    return Observation(
        unit=unit,
        service="config" if config else "iam",
        operation=key,
        absent="",
        body=body,
        proof=PROOF,
    )


def refused(key: str, reason: GapReason, parameters: JsonObject | None = None) -> Gap:
    """Return an operation that could not be asked."""
    unit = Unit(key=key, account_id=ACCOUNT, region=REGION, parameters=parameters or {})
    return Gap(
        unit=unit,
        service="config",
        operation=key,
        reason=reason,
        code="AccessDeniedException",
        message="The role may not.",
        proof=PROOF,
    )


def rule(identifier: str = RULE, state: str = "ACTIVE") -> Observation:
    """Return the one rule of the Region."""
    one = {
        "ConfigRuleName": "our-rule",
        "ConfigRuleState": state,
        "Source": {"Owner": "AWS", "SourceIdentifier": identifier},
    }
    return observed("DescribeConfigRules", {"ConfigRules": [one]})


def evaluations(*found: tuple[str, str, str]) -> Observation:
    """Return what the rule recorded: resource type, resource id and compliance."""
    results = [
        {
            "EvaluationResultIdentifier": {
                "EvaluationResultQualifier": {
                    "ConfigRuleName": "our-rule",
                    "ResourceType": kind,
                    "ResourceId": identifier,
                }
            },
            "ComplianceType": compliance,
            "ResultRecordedTime": "2026-01-14T00:00:00Z",
        }
        for kind, identifier, compliance in found
    ]
    parameters = {"ConfigRuleName": "our-rule"}
    body = {"EvaluationResults": results}
    return observed("GetComplianceDetailsByConfigRule", body, parameters)


def bucket(name: str, status: str) -> Record:
    """Return a bucket with a state of versioning."""
    return Record(
        values={"item": {"Name": name}, "GetBucketVersioning": {"Status": status}},
        arn=f"arn:aws:s3:::{name}",
        resource_type="AWS::S3::Bucket",
        region=REGION,
        attributes={"name": name},
    )


def judged(
    catalogue: Catalogue,
    *results: Result,
    records: tuple[Record, ...] = (bucket("one", "Enabled"),),
    identifier: str = RULE,
) -> list[tuple[str, Verdict, Standing]]:
    """Return origin, verdict and standing of everything said under a rule in one place."""
    return [
        (origin, found.verdict, found.standing)
        for found, origin in judgements(catalogue, *results, records=records, identifier=identifier)
    ]


def judgements(
    catalogue: Catalogue,
    *results: Result,
    records: tuple[Record, ...] = (bucket("one", "Enabled"),),
    identifier: str = RULE,
) -> Iterator[tuple[Judgement, str]]:
    """Yield everything said under a rule in one place."""
    facts = Facts(ACCOUNT, (REGION,))
    for result in results:
        facts.add(result)
    check = catalogue.checks[catalogue.config_rules[identifier].check]
    resource_set = catalogue.resource_sets[check.resource_set]
    place = Place(
        region=GLOBAL_REGION if resource_set.per_account else REGION,
        acct={"fact": {}, "metric": {}, "set": {}},
        sets={check.resource_set: RecordSet(records=records)},
    )
    return config_judgements(catalogue, facts, place, identifier, check.params, NOW)


DIRECT_PASS = ("direct", Verdict.COMPLIANT, Standing.JUDGED)
RECORDED_PASS = ("config", Verdict.COMPLIANT, Standing.JUDGED)
RECORDED_FAIL = ("config", Verdict.NON_COMPLIANT, Standing.JUDGED)
UNKNOWN = ("config", Verdict.NOT_APPLICABLE, Standing.UNDECIDED)


def test_without_a_rule_the_direct_verdict_stands_alone(catalogue: Catalogue) -> None:
    """No rule with the identifier: judged by us, and marked so."""
    none = observed("DescribeConfigRules", {"ConfigRules": []})
    assert judged(catalogue, none) == [DIRECT_PASS]


def test_a_rule_that_is_being_deleted_does_not_count(catalogue: Catalogue) -> None:
    """Only an active rule records."""
    found = evaluations(("AWS::S3::Bucket", "one", "NON_COMPLIANT"))
    assert judged(catalogue, rule(state="DELETING"), found) == [DIRECT_PASS]


def test_another_rule_does_not_count(catalogue: Catalogue) -> None:
    """The identifier decides, not that there is a rule."""
    found = evaluations(("AWS::S3::Bucket", "one", "NON_COMPLIANT"))
    assert judged(catalogue, rule("S3_BUCKET_LOGGING_ENABLED"), found) == [DIRECT_PASS]


def test_an_evaluation_that_agrees_stands_for_both(catalogue: Catalogue) -> None:
    """The recorded evaluation is the evidence; it cites rule and result."""
    found = evaluations(("AWS::S3::Bucket", "one", "COMPLIANT"))
    assert judged(catalogue, rule(), found) == [RECORDED_PASS]
    ((judgement, _),) = judgements(catalogue, rule(), found)
    assert [i.pointer for i in judgement.inputs] == ["/ConfigRules/0", "/EvaluationResults/0"]
    assert judgement.inputs[1].digest == found.digest
    assert judgement.arn == "arn:aws:s3:::one"
    assert "recorded COMPLIANT on 2026-01-14T00:00:00Z" in judgement.reason


def test_where_they_differ_both_are_kept(catalogue: Catalogue) -> None:
    """Neither side hides the other, so the worse one counts."""
    fails = evaluations(("AWS::S3::Bucket", "one", "NON_COMPLIANT"))
    assert judged(catalogue, rule(), fails) == [RECORDED_FAIL, DIRECT_PASS]
    passes = evaluations(("AWS::S3::Bucket", "one", "COMPLIANT"))
    suspended = (bucket("one", "Suspended"),)
    assert judged(catalogue, rule(), passes, records=suspended) == [
        RECORDED_PASS,
        ("direct", Verdict.NON_COMPLIANT, Standing.JUDGED),
    ]


def test_only_resources_in_scope_are_recorded(catalogue: Catalogue) -> None:
    """What the rule says of other buckets is none of this framework's."""
    found = evaluations(
        ("AWS::S3::Bucket", "one", "COMPLIANT"), ("AWS::S3::Bucket", "other", "NON_COMPLIANT")
    )
    assert judged(catalogue, rule(), found) == [RECORDED_PASS]


def test_a_resource_that_the_rule_did_not_evaluate_is_judged_directly(
    catalogue: Catalogue,
) -> None:
    """An active rule is no reason to leave a resource out."""
    found = evaluations(("AWS::S3::Bucket", "one", "COMPLIANT"))
    records = (bucket("one", "Enabled"), bucket("two", "Suspended"))
    assert judged(catalogue, rule(), found, records=records) == [
        RECORDED_PASS,
        ("direct", Verdict.NON_COMPLIANT, Standing.JUDGED),
    ]


@pytest.mark.parametrize(
    ("compliance", "standing"),
    [
        ("NOT_APPLICABLE", Standing.OUT_OF_SCOPE),
        ("INSUFFICIENT_DATA", Standing.UNDECIDED),
        ("SOMETHING_NEW", Standing.UNDECIDED),
    ],
)
def test_other_evaluations_are_no_verdict(
    catalogue: Catalogue, compliance: str, standing: Standing
) -> None:
    """What AWS Config could not say is never a pass; the direct verdict is kept beside it."""
    found = evaluations(("AWS::S3::Bucket", "one", compliance))
    expected = [("config", Verdict.NOT_APPLICABLE, standing), DIRECT_PASS]
    assert judged(catalogue, rule(), found) == expected


@pytest.mark.parametrize("reason", [GapReason.DENIED, GapReason.THROTTLED])
def test_rules_that_could_not_be_listed_are_said(catalogue: Catalogue, reason: GapReason) -> None:
    """The recorded half is unknown and says so; the direct verdict stands in."""
    gap = refused("DescribeConfigRules", reason)
    assert judged(catalogue, gap) == [UNKNOWN, DIRECT_PASS]
    ((unknown, _), (direct, _)) = judgements(catalogue, gap)
    assert unknown.gap == gap
    assert "the direct verdict stands in" in unknown.reason
    assert "not wholly known; judged directly" in direct.reason


def test_evaluations_that_could_not_be_read_are_said(catalogue: Catalogue) -> None:
    """An active rule whose results are denied is not an active rule without results."""
    parameters = {"ConfigRuleName": "our-rule"}
    gap = refused("GetComplianceDetailsByConfigRule", GapReason.DENIED, parameters)
    assert judged(catalogue, rule(), gap) == [UNKNOWN, DIRECT_PASS]


def test_rules_that_were_never_asked_are_said(catalogue: Catalogue) -> None:
    """Nothing stored is not 'no rule'."""
    assert judged(catalogue) == [UNKNOWN, DIRECT_PASS]


def test_a_region_without_config_records_nothing(catalogue: Catalogue) -> None:
    """Where the service does not exist there is no recorded half to miss."""
    gap = refused("DescribeConfigRules", GapReason.UNSUPPORTED_IN_REGION)
    assert judged(catalogue, gap) == [DIRECT_PASS]


def user(name: str, mfa: str) -> Record:
    """Return a row of the credential report."""
    return Record(
        values={"row": {"mfa_active": mfa}},
        arn=f"arn:aws:iam::{ACCOUNT}:user/{name}",
        resource_type="AWS::IAM::User",
        region=GLOBAL_REGION,
    )


DETAILS: dict[str, Any] = {
    "UserDetailList": [{"UserId": "AIDAEXAMPLE", "Arn": f"arn:aws:iam::{ACCOUNT}:user/ann"}]
}


def test_users_are_found_by_the_id_that_config_knows(catalogue: Catalogue) -> None:
    """AWS Config names IAM users by their unique id, in each Region that records IAM."""
    found = evaluations(("AWS::IAM::User", "AIDAEXAMPLE", "NON_COMPLIANT"))
    details = observed("GetAccountAuthorizationDetails", DETAILS)
    said = judged(
        catalogue,
        rule("IAM_USER_MFA_ENABLED"),
        found,
        details,
        records=(user("ann", "true"),),
        identifier="IAM_USER_MFA_ENABLED",
    )
    assert said == [RECORDED_FAIL, DIRECT_PASS]


def test_ids_that_cannot_be_resolved_leave_it_open(catalogue: Catalogue) -> None:
    """A recorded failure of somebody unknown must not vanish."""
    found = evaluations(("AWS::IAM::User", "AIDAEXAMPLE", "NON_COMPLIANT"))
    gap = refused("GetAccountAuthorizationDetails", GapReason.DENIED)
    gap = replace(gap, unit=replace(gap.unit, region=GLOBAL_REGION))
    said = judged(
        catalogue,
        rule("IAM_USER_MFA_ENABLED"),
        found,
        gap,
        records=(user("ann", "true"),),
        identifier="IAM_USER_MFA_ENABLED",
    )
    assert said == [UNKNOWN, DIRECT_PASS]


def test_what_is_recorded_on_the_account_counts_for_a_set_without_records(
    catalogue: Catalogue,
) -> None:
    """Rules over trails speak of the account where there is no trail."""
    identifier = "CLOUD_TRAIL_ENCRYPTION_ENABLED"
    found = evaluations(("AWS::::Account", ACCOUNT, "NON_COMPLIANT"))
    said = judged(catalogue, rule(identifier), found, records=(), identifier=identifier)
    assert said == [RECORDED_FAIL]


def test_what_is_recorded_on_the_account_is_kept_beside_records(catalogue: Catalogue) -> None:
    """An evaluation of the whole account is not lost because single things were judged."""
    found = evaluations(("AWS::::Account", ACCOUNT, "NON_COMPLIANT"))
    assert judged(catalogue, rule(), found) == [DIRECT_PASS, RECORDED_FAIL]
