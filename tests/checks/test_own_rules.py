"""What a rule of an owner's own reads, and what it may not."""

import pytest

from affidavit import catalogue as catalogues
from affidavit.checks.members import names_read
from affidavit.checks.own_rules import check_of, derived
from affidavit.collector.custom import with_records
from affidavit.errors import UsageError
from affidavit.model.framework import Rule


@pytest.mark.parametrize(
    ("about", "text", "read"),
    [
        ("bucket", "!has(r.item)", ("r.item", False, "map")),
        ("bucket", "!has(acct.fact)", ("acct.fact", False, "map")),
        ("bucket", '!("CreationDate" in r.item)', ("r.item.CreationDate", False, "timestamp")),
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


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ("account", "!has(acct.fact.bedrockInUse)"),
        ("iam_ListUsers", "!has(acct.GetModelInvocationLoggingConfiguration)"),
        ("log_group", "!has(acct.GetGuardrail)"),
        ("log_group", "!has(acct.set.iam_user)"),
    ],
)
def test_what_is_never_known_of_the_account_there_is_refused(about: str, text: str) -> None:
    """Of a Region where the account is judged, or of each thing: `!has` of it would always hold."""
    catalogue = with_records(catalogues.load(), about)
    with pytest.raises(UsageError, match="not known there"):
        derived(catalogue, Rule(resource_set=about, compliant=text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('r.item.Name != "" && !("Nom" in r.item)', "no answer has"),
        ('r.item.Name != "" && !("GetBucketPolicy" in r)', "r stands alone"),
        ('r.item.Name != "" && !r.exists(k, k == "GetBucketPolicy")', "r stands alone"),
        ('r.item.Name != "" && size(acct) == 0', "acct stands alone"),
    ],
)
def test_what_is_looked_for_is_named_as_answers_name_it(text: str, words: str) -> None:
    """A record holds what is read of it by name: what is looked for otherwise is never found."""
    with pytest.raises(UsageError, match=words):
        derived(catalogues.load(), Rule(resource_set="bucket", compliant=text))


def test_what_is_read_of_a_record_counts_beside_its_own_set() -> None:
    """A rule about buckets that reads all buckets too depends on the answers about its own one."""
    text = "acct.set.bucket.exists(x, has(x.GetBucketTagging)) && has(r.GetBucketVersioning.Status)"
    rule = derived(catalogues.load(), Rule(resource_set="bucket", compliant=text))
    assert {"ListBuckets", "GetBucketTagging", "GetBucketVersioning"} <= {*rule.operations}
