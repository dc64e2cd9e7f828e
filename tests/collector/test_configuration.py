"""Configuration data of API calls, from made-up answers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit import catalogue
from affidavit.checks.facts import Facts
from affidavit.collector.api_calls import operations_of
from affidavit.collector.configuration import Entry, configuration
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import (
    GLOBAL_REGION,
    Gap,
    GapReason,
    Observation,
    Proof,
    Result,
    Unit,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = "111122223333"
REGION = "eu-central-1"
PROOF = Proof(
    endpoint="https://iam.amazonaws.com",
    synthetic=True,
    caller_arn="",
    request_ids=("r",),
    pages=1,
    attempts=1,
    started_at=NOW,
    finished_at=NOW,
    tool="test",
)


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    """Return the shipped catalogue."""
    return catalogue.load()


def _answer(
    shipped: Catalogue, key: str, region: str, body: Any, absent: str = "", **parameters: Any
) -> Observation:
    operation = shipped.operations[key]
    return Observation(
        unit=Unit(key=key, account_id=ACCOUNT, region=region, parameters=parameters),
        service=operation.service,
        operation=operation.operation,
        absent=absent,
        body=body,
        proof=PROOF,
    )


def _gap(shipped: Catalogue, key: str, region: str) -> Gap:
    operation = shipped.operations[key]
    return Gap(
        unit=Unit(key=key, account_id=ACCOUNT, region=region, parameters={}),
        service=operation.service,
        operation=operation.operation,
        reason=GapReason.DENIED,
        code="AccessDenied",
        message="Not allowed.",
        proof=PROOF,
    )


def _entries(
    shipped: Catalogue, keyword: str, *results: Result, region: str = GLOBAL_REGION
) -> list[Entry]:
    facts = Facts(ACCOUNT, (REGION,))
    for result in results:
        facts.add(result)
    return list(configuration(shipped, facts, region, keyword, now=NOW, params={}))


def test_an_account_call_is_one_entry(shipped: Catalogue) -> None:
    """What is asked of the account gives one entry without a resource, cited as a whole."""
    answer = _answer(shipped, "GetAccountSummary", GLOBAL_REGION, {"SummaryMap": {"Users": 3}})
    (entry,) = _entries(shipped, "iam_GetAccountSummary", answer)
    assert (entry.arn, entry.gap, entry.synthetic) == ("", None, True)
    assert [(one.digest, one.pointer) for one in entry.inputs] == [(answer.digest, "")]


def test_a_list_is_an_entry_for_each_item(shipped: Catalogue) -> None:
    """Each item has its own pointer and short facts; long texts stay in the observation."""
    long = "x" * 1000
    body = {
        "trailList": [{"TrailARN": f"arn:aws:cloudtrail:::trail/{n}", "Doc": long} for n in (1, 2)]
    }
    found = _entries(
        shipped,
        "cloudtrail_DescribeTrails",
        _answer(shipped, "DescribeTrails", REGION, body),
        region=REGION,
    )
    assert [entry.arn[-1] for entry in found] == ["1", "2"]
    assert [entry.inputs[0].pointer for entry in found] == ["/trailList/0", "/trailList/1"]
    assert all("Doc" not in entry.attributes for entry in found)


def test_none_there_is_said(shipped: Catalogue) -> None:
    """An answer that says "there is none" is an entry, not a gap."""
    code = "NoSuchEntity"
    answer = _answer(shipped, "GetAccountPasswordPolicy", GLOBAL_REGION, {}, absent=code)
    (entry,) = _entries(shipped, "iam_GetAccountPasswordPolicy", answer)
    assert entry.gap is None
    assert code in entry.reason


def test_what_was_refused_is_a_gap(shipped: Catalogue) -> None:
    """A refusal is an entry with its gap, and so is what was never asked."""
    refused = _gap(shipped, "GetAccountSummary", GLOBAL_REGION)
    (entry,) = _entries(shipped, "iam_GetAccountSummary", refused)
    assert entry.gap == refused
    assert "denied" in entry.reason
    (entry,) = _entries(shipped, "iam_GetAccountSummary")
    assert entry.gap is not None


@pytest.mark.parametrize("keyword", ["s3_GetBucketPolicy", "s3_GetBucketTagging"])
def test_a_list_that_was_refused_hides_its_children(shipped: Catalogue, keyword: str) -> None:
    """Where the parent's list is unknown, the child's answers are too; its bounds are said."""
    found = _entries(shipped, keyword, _gap(shipped, "ListBuckets", GLOBAL_REGION))
    assert any(entry.gap for entry in found)
    assert found[-1].narrowed
    assert "others are not covered" in found[-1].reason


def test_nothing_is_said_where_nothing_is_asked(shipped: Catalogue) -> None:
    """An operation of the account has no entry in a Region, and an unknown keyword none at all."""
    assert _entries(shipped, "iam_GetAccountSummary", region=REGION) == []
    assert operations_of(shipped, "ec2_DescribeInstances") == []
    assert _entries(shipped, "bedrock-runtime_Converse", region=REGION) == []
