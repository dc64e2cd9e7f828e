"""AWS Config: the recorder, the rules, and their evaluations of the estate."""

import json

from affidavit.demo.overlay.bedrock import found
from affidavit.demo.overlay.config_rules import RULES
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema_region import Rule
from affidavit.demo.world import Place

_HOURS = 1 / 24


def _rule_id(place: Place, rule: Rule) -> str:
    return f"config-rule-{place.names.lower(6, *place.id(rule.identifier))}"


def rule_name(rule: Rule) -> str:
    """Return the name under which a rule is deployed."""
    return rule.identifier.lower().replace("_", "-")


@answers("config", "DescribeConfigurationRecorderStatus", honours=["ConfigurationRecorderNames"])
def describe_recorder_status(call: Call) -> Answer:
    """Answer with the one recorder."""
    config, place = call.place.region.config, call.place
    status = {
        "arn": place.arn(
            "config", f"configuration-recorder/default/{place.names.lower(12, 'rec')}"
        ),
        "name": "default",
        "lastStartTime": place.ago(500),
        "recording": config.recording,
        "lastStatus": config.status,
        "lastStatusChangeTime": place.ago(2),
    }
    if not config.recording:
        status["lastStopTime"] = place.ago(30)
    names = call.get("ConfigurationRecorderNames", ["default"])
    return {"ConfigurationRecordersStatus": [status] if "default" in names else []}


@answers(
    "config",
    "DescribeConfigRules",
    honours=["ConfigRuleNames"],
    paging=Paging("NextToken", "", 4),
)
def describe_rules(call: Call) -> Answer:
    """Answer with the rules that are deployed in the Region."""
    place = call.place
    names = call.get("ConfigRuleNames")
    return {
        "ConfigRules": [
            {
                "ConfigRuleName": rule_name(rule),
                "ConfigRuleArn": place.arn("config", f"config-rule/{_rule_id(place, rule)}"),
                "ConfigRuleId": _rule_id(place, rule),
                "Source": {"Owner": "AWS", "SourceIdentifier": rule.identifier},
                "InputParameters": json.dumps(rule.parameters),
                "ConfigRuleState": "ACTIVE",
                "EvaluationModes": [{"Mode": "DETECTIVE"}],
            }
            for rule in place.region.config.rules
            if names is None or rule_name(rule) in names
        ]
    }


@answers(
    "config",
    "GetComplianceDetailsByConfigRule",
    honours=["ConfigRuleName", "ComplianceTypes"],
    paging=Paging("NextToken", "Limit", 10),
)
def get_compliance_details(call: Call) -> Answer:
    """Answer with a rule's evaluations: what the estate is, but for those said to be outdated."""
    place, wanted = call.place, call.need("ConfigRuleName")
    rules = place.region.config.rules
    what = f"The ConfigRule '{wanted}' provided in the request"
    try:
        rule = found(rules, lambda each: rule_name(each) == wanted, what)
    except AwsError as error:
        raise AwsError("NoSuchConfigRuleException", f"{what} is invalid.") from error
    kinds = call.get("ComplianceTypes", ["COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE"])
    results = []
    for kind, resource, good in RULES[rule.identifier](place):
        compliance = rule.outdated.get(resource, "COMPLIANT" if good else "NON_COMPLIANT")
        if compliance in kinds:
            results.append(_result(place, rule, (kind, resource), compliance))
    return {"EvaluationResults": results}


def _result(place: Place, rule: Rule, resource: tuple[str, str], compliance: str) -> Answer:
    time = place.ago(3 * _HOURS)
    qualifier = {
        "ConfigRuleName": rule_name(rule),
        "ResourceType": resource[0],
        "ResourceId": resource[1],
        "EvaluationMode": "DETECTIVE",
    }
    return {
        "EvaluationResultIdentifier": {
            "EvaluationResultQualifier": qualifier,
            "OrderingTimestamp": time,
        },
        "ComplianceType": compliance,
        "ResultRecordedTime": time,
        "ConfigRuleInvokedTime": time,
    }
