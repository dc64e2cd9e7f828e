"""Keywords: what is listed, and what is accepted."""

from typing import Any

import botocore
import pytest
from botocore.session import get_session

from affidavit.operations import cloudtrail_events, keywords


def _listed(owner: Any, source: str) -> list[str]:
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = owner("ListKeywordsForDataSource", source=source, maxResults=300, **token)
        found += answer["keywords"]
        if "nextToken" not in answer:
            return found
        token = {"nextToken": answer["nextToken"]}


def test_the_lists_are_audit_managers(owner: Any) -> None:
    """108 API calls, 326 Config rules, no keywords of manual sources."""
    assert len(set(_listed(owner, "AWS_API_Call"))) == 108
    assert len(set(_listed(owner, "AWS_Config"))) == 326
    assert _listed(owner, "MANUAL") == []


def test_security_hub_controls_are_listed(owner: Any) -> None:
    """The three standards' controls are listed, ranges written out."""
    found = set(_listed(owner, "AWS_Security_Hub"))
    assert {"1.2", "3.14", "4.3", "PCI.S3.6", "PCI.ELBv2.1", "EC2.51", "RDS.35"} <= found
    assert "RDS.28" not in found


def test_cloudtrail_events_change_something(owner: Any) -> None:
    """Listed are management events by the event's own source; nothing that only reads."""
    found = _listed(owner, "AWS_Cloudtrail")
    assert found == sorted(set(found))
    for right in (
        "cloudtrail_StartLogging",
        "monitoring_EnableAlarmActions",
        "signin_ConsoleLogin",
        "bedrock_PutModelInvocationLoggingConfiguration",
        "lambda_CreateFunction20150331",
        "elasticloadbalancing_CreateLoadBalancer",
    ):
        assert right in found
    for wrong in ("kms_Decrypt", "sts_AssumeRole", "s3_PutObject", "bedrock_InvokeModel"):
        assert wrong not in found
    assert not [k for k in found if k.partition("_")[2].startswith(("Get", "List", "Describe"))]


def test_every_keyword_fits_the_model() -> None:
    """No keyword is longer than 100 characters or of other letters than KeywordValue allows."""
    shape = get_session().get_service_model("auditmanager").shape_for("KeywordValue")
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. ().:/")
    for source in ("AWS_API_Call", "AWS_Config", "AWS_Security_Hub", "AWS_Cloudtrail"):
        for keyword in keywords.listed(source):
            assert 1 <= len(keyword) <= shape.metadata["max"]
            assert set(keyword) <= allowed


def test_the_cloudtrail_list_is_made_from_botocore() -> None:
    """The list in the package is what its maker makes from the same version of botocore."""
    if cloudtrail_events.made_from() != botocore.__version__:
        pytest.skip(f"NOT RUN: the list is of botocore {cloudtrail_events.made_from()}")
    path = cloudtrail_events.LISTS / "cloudtrail.txt"
    assert path.read_text(encoding="utf-8") == cloudtrail_events.generate()


def test_read_only_is_a_whole_word() -> None:
    """A name counts by its first word, not by its first letters."""
    assert cloudtrail_events.is_read_only("GetObject")
    assert cloudtrail_events.is_read_only("ListKeys")
    assert not cloudtrail_events.is_read_only("Checkpoint")
    assert not cloudtrail_events.is_read_only("DetectorUpdate")


def test_the_catalogues_own_keywords_are_accepted(shipped: Any) -> None:
    """Whatever a standard control asks for, a copy of it may ask for."""
    for control in shipped.framework.controls():
        for source in control.sources:
            kind, keyword = keywords.SHOWN_AS.get(source.type, (source.type.value, source.keyword))
            if kind != "MANUAL":
                assert keywords.problem(shipped, kind, keyword) == ""


@pytest.mark.parametrize(
    ("source", "keyword", "hint"),
    [
        ("AWS_API_Call", "iam_listusers", "iam_ListUsers"),
        ("AWS_API_Call", "iam_ListEverything", "iam_"),
        ("AWS_Config", "root_account_mfa_enabled", "ROOT_ACCOUNT_MFA_ENABLED"),
        ("AWS_Config", "custom_rule", "case matters"),
        ("AWS_Cloudtrail", "iam_ListUsers", "read-only"),
        ("AWS_Cloudtrail", "iam_createuser", "iam_CreateUser"),
        ("AWS_Security_Hub", "ec2.1", "EC2.1"),
        ("AWS_Security_Hub", "EC2.9999", "must be a keyword"),
        ("AWS_Config", "NO_SUCH_RULE_AT_ALL", "Custom_"),
        ("AWS_Config", "Custom_", "Custom_"),
        ("AWS_API_Call", "ec2_TerminateInstances", "ec2_"),
        ("AWS_Cloudtrail", "s3_PutObject", "data events"),
        ("AWS_Cloudtrail", "kms_Decrypt", "leaves this event out"),
    ],
)
def test_a_keyword_that_brings_nothing_is_refused_with_a_hint(
    shipped: Any, source: str, keyword: str, hint: str
) -> None:
    """Where Audit Manager stays silent for ever, the nearest right keyword is named."""
    assert hint in keywords.problem(shipped, source, keyword)


@pytest.mark.parametrize(
    ("source", "keyword"),
    [
        ("AWS_Config", "Custom_my-rule"),
        ("AWS_Config", "BEDROCK_DATA_SOURCE_ENCRYPTION_ENABLED"),
        ("AWS_Security_Hub", "Bedrock.1"),
        ("AWS_Security_Hub", "S3.14"),
        ("AWS_Security_Hub", "WAF.11"),
    ],
)
def test_newer_rules_and_controls_are_accepted(shipped: Any, source: str, keyword: str) -> None:
    """Rules and controls that Audit Manager's list never got are collected all the same."""
    assert keywords.problem(shipped, source, keyword) == ""
