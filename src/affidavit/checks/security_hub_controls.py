"""Which findings of AWS Security Hub a keyword means, as Audit Manager writes keywords.

`EC2.1` is a security control: with consolidated control findings one finding says it for all
standards, without them each standard has its own. `1.3` is a recommendation of CIS 1.2.0 and
`PCI.S3.1` one of PCI DSS 3.2.1: findings of that standard alone, or of the security control that
took a CIS recommendation's place.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from affidavit.model.observation import JsonObject

FINDINGS: Final = "securityhub_GetFindings"
"""Key of the operation."""
_CIS_RULE: Final = "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/"
_PCI_RULE: Final = "pci-dss/v/3.2.1/"
_CONTROL: Final = "security-control/"
_PRODUCT: Final = re.compile(r"arn:[^:]+:securityhub:[^:]*:[^:]*:product/aws/securityhub")
"""Findings of Security Hub itself: any other product may claim whatever it likes."""
_CIS: Final[Mapping[str, str]] = {
    "1.2": "IAM.5",
    "1.3": "IAM.8",
    "1.4": "IAM.3",
    "1.5": "IAM.11",
    "1.6": "IAM.12",
    "1.7": "IAM.13",
    "1.8": "IAM.14",
    "1.9": "IAM.15",
    "1.10": "IAM.16",
    "1.11": "IAM.17",
    "1.12": "IAM.4",
    "1.13": "IAM.9",
    "1.14": "IAM.6",
    "1.16": "IAM.2",
    "1.20": "IAM.18",
    "1.22": "IAM.1",
    "2.1": "CloudTrail.1",
    "2.2": "CloudTrail.4",
    "2.3": "CloudTrail.6",
    "2.4": "CloudTrail.5",
    "2.5": "Config.1",
    "2.6": "CloudTrail.7",
    "2.7": "CloudTrail.2",
    "2.8": "KMS.4",
    "2.9": "EC2.6",
    "3.1": "CloudWatch.2",
    "3.2": "CloudWatch.3",
    "3.3": "CloudWatch.1",
    **{f"3.{n}": f"CloudWatch.{n}" for n in range(4, 15)},
    "4.1": "EC2.13",
    "4.2": "EC2.14",
    "4.3": "EC2.2",
}
"""CIS 1.2.0 -> security control (User Guide of Audit Manager, control-data-sources-ash)."""


def finding_parameters(keyword: str, account_id: str, region: str) -> JsonObject:
    """Return the request for the present findings of a control, of one account and Region."""
    generators = generators_of(keyword)
    named = (
        {"GeneratorId": [_equals(one) for one in generators]}
        if generators
        else {"ComplianceSecurityControlId": [_equals(keyword)]}
    )
    return {
        "Filters": {
            **named,
            "AwsAccountId": [_equals(account_id)],
            "Region": [_equals(region)],
            "RecordState": [_equals("ACTIVE")],
        }
    }


def generators_of(keyword: str) -> tuple[str, ...]:
    """Return the generators of a standard's own control; none for a security control."""
    if keyword in _CIS:
        return (f"{_CIS_RULE}{keyword}", f"{_CONTROL}{_CIS[keyword]}")
    return (f"{_PCI_RULE}{keyword}",) if keyword.startswith("PCI.") else ()


def is_finding(finding: Mapping[str, Any], keyword: str, account_id: str, region: str) -> bool:
    """Tell whether a finding is what `finding_parameters` asks for, whatever was answered."""
    generators = generators_of(keyword)
    generator = str(finding.get("GeneratorId", ""))
    if generators:
        named = generator in generators
    else:
        said = finding.get("Compliance", {}).get("SecurityControlId")
        named = said == keyword or generator == f"{_CONTROL}{keyword}"
    return (
        named
        and finding.get("AwsAccountId") == account_id
        and finding.get("Region", region) == region
        and finding.get("RecordState", "ACTIVE") == "ACTIVE"
        and bool(_PRODUCT.fullmatch(str(finding.get("ProductArn", ""))))
    )


def _equals(value: str) -> dict[str, str]:
    return {"Value": value, "Comparison": "EQUALS"}
