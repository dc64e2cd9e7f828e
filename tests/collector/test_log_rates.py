"""What a log's evidence says of changes of guardrails, of groups, and of calls without a log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit.checks.facts import Facts
from affidavit.checks.places import Place, Record, RecordSet
from affidavit.collector.configuration import Entry
from affidavit.collector.log_evidence import log_entries
from affidavit.model.observation import Gap, GapReason, Observation, Proof, Result, Unit

ACCOUNT, REGION, DAY = "111122223333", "us-east-1", "2026-11-29"
NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)
PROOF = Proof(
    endpoint="", synthetic=False, caller_arn="", request_ids=(), pages=1, attempts=1,
    started_at=NOW, finished_at=NOW, tool="test",
)  # fmt: skip
NONE = {"records": 0, "refused": 0, "intervened": 0, "profane": 0, "unguarded": 0, "personal": 0}


def log(**more: Any) -> Observation:
    """Return a scan of a day's log."""
    body = {
        "population": {
            "records": 200, "objects": 24, "compressedBytes": 1, "bytes": 2, "foreign": 0,
            "hoursWithout": [],
        },
        "counts": {}, "unread": [], "unreadInAll": 0, "notLookedFor": [], "findings": [],
        "unguardedBy": [], "byHour": [], "groups": [], "calls": None, **more,
    }  # fmt: skip
    asked = {"invocationLog": "s3", "bucket": "b", "prefix": "", "day": DAY}
    return observed("FilterLogEvents", asked, body)


def observed(key: str, asked: dict[str, Any], body: dict[str, Any]) -> Observation:
    """Return an observation of a question."""
    unit = Unit(key=key, account_id=ACCOUNT, region=REGION, parameters=asked)
    return Observation(unit=unit, service="logs", operation=key, absent="", body=body, proof=PROOF)


def entries(keyword: str, *results: Result, changes: tuple[Record, ...] = ()) -> list[Entry]:
    """Return what is said for a keyword."""
    facts = Facts(ACCOUNT, (REGION,))
    for result in results:
        facts.add(result)
    place = Place(region=REGION, acct={}, sets={"event": RecordSet(records=changes)})
    return list(log_entries(facts, place, f"InvocationLog_{keyword}"))


def change(time: str, **more: Any) -> Record:
    """Return an UpdateGuardrail."""
    item = {
        "EventName": "UpdateGuardrail",
        "EventSource": "bedrock.amazonaws.com",
        "EventTime": datetime.fromisoformat(time).replace(tzinfo=UTC),
    }
    event = {"requestParameters": {"guardrailIdentifier": "gr1"}, **more}
    return Record(
        values={"item": item, "event": event}, arn="", resource_type="", region=REGION,
        attributes={"actor": "arn:aws:iam::1:role/R"},
    )  # fmt: skip


def hours(before: Mapping[str, int], after: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return counts by hour: one hour before ten, one after it."""
    return [
        {"hour": f"{DAY}T09", **NONE, **before},
        {"hour": f"{DAY}T10", **NONE, "records": 1000},
        {"hour": f"{DAY}T11", **NONE, **after},
    ]


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"records": 100, "refused": 30}, "Refusals went up beyond chance"),
        ({"records": 100, "refused": 3}, "No rate changed beyond chance"),
        ({"records": 100, "unguarded": 90}, "Calls without guardrail went down beyond chance"),
    ],
)
def test_a_change_is_joined_with_the_answers_that_followed(
    after: Mapping[str, int], words: str
) -> None:
    """Whole hours before and after it, who made it, and which rates changed beyond chance."""
    before = {"records": 100, "refused": 2, "unguarded": 100 if "unguarded" in after else 0}
    made = change("2026-11-29T10:20:00")
    found = entries("guardrail-coverage", log(byHour=hours(before, after)), changes=(made,))
    (entry,) = [one for one in found if "UpdateGuardrail" in one.reason]
    assert "100 answers in the hours before it, 100 after" in entry.reason
    assert words in entry.reason
    assert entry.attributes["guardrail"] == "gr1"
    assert entry.attributes["actor"] == "arn:aws:iam::1:role/R"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (change("2026-11-29T10:20:00", errorCode="AccessDenied"), "was refused (AccessDenied)"),
        (change("2026-11-30T01:00:00"), "what followed is not in it"),
        (change("2026-11-29T00:20:00"), "no whole hours with answers on both sides"),
    ],
)
def test_what_no_answers_followed_is_told_why(made: Record, words: str) -> None:
    """A change that was refused, of another day or at the day's edge has no rates."""
    scanned = log(byHour=hours({"records": 9}, {"records": 9}))
    found = entries("guardrail-coverage", scanned, changes=(made,))
    (entry,) = [one for one in found if "UpdateGuardrail" in one.reason]
    assert words in entry.reason
    assert "refusals" not in entry.attributes


def test_groups_are_compared_and_those_without_counted() -> None:
    """Which rates differ between which groups beyond chance, over how many of all records."""
    groups = [
        {**NONE, "attribute": "language", "group": "de", "records": 80, "refused": 40},
        {**NONE, "attribute": "language", "group": "en", "records": 80, "refused": 4},
        {**NONE, "attribute": "tier", "group": "free", "records": 20},
    ]
    found = entries("rates-by-group", log(groups=groups))
    assert len(found) == 5
    language, tier = found[3:]
    assert language.reason.startswith("160 of 200 records carry a group of language, 2 groups")
    assert "Refusals differ between two of them beyond chance" in language.reason
    assert language.attributes["refusals"] == "de 40 of 80, en 4 of 80"
    assert "No rate differs" in tier.reason
    assert "0 comparisons" in tier.reason


def test_calls_of_a_region_without_a_log_are_told() -> None:
    """Where no log was read the trail's files still show that models were called, and by whom."""
    who = {"arn:aws:iam::1:user/u": 22}
    asked = {"day": DAY, "trail": "arn:trail", "events": []}
    files = observed("TrailFiles", asked, {"calls": {"calls": 22, "by": who}})
    gap = Gap(
        unit=log().unit, service="logs", operation="FilterLogEvents", reason=GapReason.DENIED,
        code="", message="denied", proof=None,
    )  # fmt: skip
    for results in ((files,), (files, gap)):
        (entry,) = entries("unlogged-calls", *results)
        assert entry.reason.startswith(f"22 calls of models stand in the trail's files of {DAY}")
        assert entry.attributes["principals"] == "arn:aws:iam::1:user/u (22)"
    assert not entries("unlogged-calls", gap)


@pytest.mark.parametrize(
    ("calls", "unlogged", "words"),
    [
        (34, 0, "All 34 calls in the trail's files are in the invocation log."),
        (0, 0, "There are no calls of models in the trail's files."),
        (300, 250, "250 of 300 calls in the trail's files are in no invocation log."),
    ],
)
def test_calls_are_compared_in_plain_words(calls: int, unlogged: int, words: str) -> None:
    """How many of how many; what is not listed by itself is counted."""
    listed = [
        {"requestId": str(n), "event": "Converse", "principal": "p", "time": f"{DAY}T01:00:00Z"}
        for n in range(min(unlogged, 200))
    ]
    told = {
        "trail": "s3://t/", "objects": 24, "calls": calls, "unlogged": unlogged,
        "listed": listed, "unloggedBy": [], "unread": [],
    }  # fmt: skip
    found = entries("unlogged-calls", log(calls=told))
    assert found[0].reason == words
    left = [one.reason for one in found if "counted, not listed" in one.reason]
    assert left == (["50 more calls that are in no invocation log are counted, not listed."]
                    if unlogged else [])  # fmt: skip
