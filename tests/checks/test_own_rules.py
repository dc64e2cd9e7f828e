"""What a rule of an owner's own reads."""

import pytest

from affidavit import catalogue as catalogues
from affidavit.checks.members import names_read
from affidavit.checks.own_rules import check_of, derived
from affidavit.collector.custom import with_records
from affidavit.model.framework import Rule


@pytest.mark.parametrize(
    ("about", "text", "read"),
    [
        ("bucket", "!has(r.item)", ("r.item", False, "map")),
        ("bucket", "!has(acct.fact)", ("acct.fact", False, "map")),
        ("dynamodb_ListTables", 'r.item == "orders"', ("r.item", True, "string")),
        ("kms_GetKeyPolicy", 'r.fact.KeyId != ""', ("r.fact.KeyId", True, "string")),
        (
            "cloudwatch_DescribeAlarms",
            "has(r.item.AlarmRule)",
            ("r.item.AlarmRule", False, "string"),
        ),
    ],
)
def test_what_a_rule_asks_of_is_read(about: str, text: str, read: tuple[str, bool, str]) -> None:
    """What is not read is not there when a rule is evaluated: `!has` of it would always hold."""
    rule = derived(with_records(catalogues.load(), about), Rule(resource_set=about, compliant=text))
    assert rule.reads == (read,)
    names = names_read(check_of(rule, "trial"))
    assert names.record | names.account
