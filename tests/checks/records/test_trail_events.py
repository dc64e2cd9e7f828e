"""Events of LookupEvents and of trail files: joined by their id, in one place, and never fewer."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests import samples
from tests.checks.records.conftest import ACCOUNT, HOME, OTHER

from affidavit.checks.facts import Facts
from affidavit.checks.places import Record
from affidavit.checks.trail_files import LACKED
from affidavit.collector.activity import EVENT_ID, activity, trail_entries, unread_gap
from affidavit.collector.evidence import EvidenceMaker
from affidavit.collector.verdicts import is_open
from affidavit.model.framework import SourceType
from affidavit.model.observation import GapReason, Unit
from affidavit.model.run import Estate
from affidavit.model.verdict import Standing

TRAIL = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/audit"
KEYWORD = "bedrock_UpdateGuardrail"
ALL = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}


def event(number: int, time: str = "2026-03-14T10:00:00Z", **more: Any) -> dict[str, Any]:
    """Return an event as LookupEvents answers it."""
    record = {"eventSource": "bedrock.amazonaws.com", "readOnly": False, **more}
    return {
        "EventId": f"e-{number}",
        "EventName": "UpdateGuardrail",
        "EventSource": "bedrock.amazonaws.com",
        "EventTime": time,
        "CloudTrailEvent": json.dumps(record),
    }


def filed(*events: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return what is observed of trail files."""
    place = {"object": "s3://b/k", "sha256": "0", "recordSha256": "1", "offset": 12, "length": 3}
    return {
        "population": {"objects": 24, "records": 900, "bytes": 5, "hoursWithout": [3]},
        "events": [{**one, "file": place} for one in events],
        "otherAccounts": [],
        "calls": {"calls": 0, "by": {}},
        "unread": [],
        "unreadInAll": 0,
        "integrity": {},
        **more,
    }


@pytest.fixture
def account(account: Any) -> Any:
    """Return the account with a trail that records everything."""
    trail = {
        "Name": "audit",
        "TrailARN": TRAIL,
        "HomeRegion": HOME,
        "IsMultiRegionTrail": True,
        "IncludeGlobalServiceEvents": True,
        "S3BucketName": "trail-bucket",
    }
    for region in (HOME, OTHER):
        account.answers("DescribeTrails", {"trailList": [trail]}, region)
    account.answers("GetEventSelectors", ALL)
    started = {"IsLogging": True, "StartLoggingTime": "2025-01-01T00:00:00Z"}
    return account.answers("GetTrailStatus", started)


def asked_by_name(*events: Mapping[str, Any]) -> Any:
    """Return what LookupEvents answers: the events of the name that is asked."""

    def answer(unit: Unit) -> dict[str, Any]:
        name = unit.parameters["LookupAttributes"][0]["AttributeValue"]
        return {"Events": [one for one in events if one["EventName"] == name]}

    return answer


def events_by_id(account: Any) -> dict[str, Record]:
    """Return the joined records by event id; each id once."""
    records = account.place().sets["event"].records
    found = {record.values["item"]["EventId"]: record for record in records}
    assert len(found) == len(records)
    return found


def test_an_event_in_both_stands_once_and_both_places_are_named(account: Any) -> None:
    """The union by event id: both, one and the other; what both have cites both."""
    account.answers("LookupEvents", asked_by_name(event(1), event(2)))
    account.answers("TrailFiles", filed(event(2), event(3)))
    found = events_by_id(account)
    assert {name: record.attributes["seen in"] for name, record in found.items()} == {
        "e-1": "LookupEvents",
        "e-2": "LookupEvents and trail files",
        "e-3": "trail files",
    }
    assert {name: len(record.inputs) for name, record in found.items()} == {
        "e-1": 2,
        "e-2": 2,
        "e-3": 1,
    }
    assert found["e-3"].values["item"]["EventTime"].hour == 10
    assert found["e-3"].attributes["record"] == "sha256 1, 3 bytes from 12 on"


def test_an_event_that_the_files_should_hold_and_lack_is_a_finding(account: Any) -> None:
    """Said in words, once, as activity without a gap, beside the event itself."""
    account.answers("LookupEvents", asked_by_name(event(1), event(2)))
    account.answers("TrailFiles", filed(event(2)))
    assert events_by_id(account)["e-1"].attributes["trail files"] == LACKED
    (entry,) = trail_entries(account.facts(), account.place(), KEYWORD)
    assert "the trail's files of the day lack it" in entry.reason
    assert (entry.gap, len(entry.inputs)) == (None, 2)
    assert EVENT_ID not in entry.attributes  # or the event would be there twice
    assert len(list(activity(account.facts(), account.place(), KEYWORD))) == 2


@pytest.mark.parametrize(
    ("key", "answer", "why"),
    [
        ("GetEventSelectors", {}, "its selectors are not known"),
        (
            "GetEventSelectors",
            {"EventSelectors": [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}]},
            "leave management events out",
        ),
        (
            "GetEventSelectors",
            {"EventSelectors": [{"ExcludeManagementEventSources": ["kms.amazonaws.com"]}]},
            "leave management events out",
        ),
        (
            "GetEventSelectors",
            {"AdvancedEventSelectors": [{"FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Management"]},
                {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]},
            ]}]},
            "leave management events out",
        ),
        ("GetTrailStatus", {"IsLogging": False}, "not logging"),
        (
            "GetTrailStatus",
            {"IsLogging": True, "StartLoggingTime": "2026-03-14T11:00:00Z"},
            "stopped, or not yet started",
        ),
        ("TrailFiles", filed(unreadInAll=1, unread=[
            {"objectUri": "s3://b/x", "why": "denied", "count": 1}
        ]), "not all of them could be read"),
    ],
)  # fmt: skip
def test_what_the_files_need_not_hold_is_no_finding(
    account: Any, key: str, answer: Mapping[str, Any], why: str
) -> None:
    """Where a trail records less, or was not read whole, an event that is missing says nothing."""
    account.answers("LookupEvents", asked_by_name(event(1)))
    account.answers("TrailFiles", filed())
    account.answers(key, answer)
    said = events_by_id(account)["e-1"].attributes["trail files"]
    assert said.startswith("do not have it: ")
    assert why in said
    entries = trail_entries(account.facts(), account.place(), KEYWORD)
    assert not any("lack it" in entry.reason for entry in entries)


@pytest.mark.parametrize(
    ("time", "more"),
    [("2026-03-15T10:00:00Z", {}), ("2026-03-14T10:00:00Z", {"readOnly": True})],
)
def test_other_days_and_reads_are_not_compared(
    account: Any, time: str, more: Mapping[str, Any]
) -> None:
    """Files of a day say nothing of another day, nor of events that are left out of them."""
    account.answers("LookupEvents", asked_by_name(event(1, time, **more)))
    account.answers("TrailFiles", filed())
    assert "trail files" not in events_by_id(account)["e-1"].attributes


def test_a_gap_of_lookup_events_stays_and_the_files_events_are_evidence(account: Any) -> None:
    """The files may have been narrowed on the day: they add events and close no gap."""
    account.refuses("LookupEvents")
    account.answers("TrailFiles", filed(event(3)))
    place = account.place()
    assert place.sets["event"].gaps
    assert set(events_by_id(account)) == {"e-3"}
    entries = list(activity(account.facts(), place, KEYWORD))
    assert [entry.gap.reason for entry in entries if entry.gap] == [GapReason.DENIED]
    assert [entry.attributes["seen in"] for entry in entries if not entry.gap] == ["trail files"]


def test_what_the_files_have_of_events_that_earlier_runs_hold_is_said_once(account: Any) -> None:
    """An event that is left out is not recorded again; the place in the files is cited."""
    account.answers("LookupEvents", asked_by_name(event(1), event(2)))
    account.answers("TrailFiles", filed(event(2), event(3)))
    known, place = {"e-1", "e-2"}, account.place()
    new, said = activity(account.facts(), place, KEYWORD, known)
    assert new.attributes["eventId"] == "e-3"
    assert said.empty
    assert said.reason == (
        f"2 {KEYWORD} event(s) of the period asked stand in earlier runs. "
        f"The trail's files of 2026-03-14 have 1."
    )
    assert set(events_by_id(account)["e-2"].inputs) < set(said.inputs)
    (alone,) = activity(account.facts(), place, KEYWORD, known, only_new=True)
    assert alone == new


def test_records_of_a_source_with_a_check_name_it_and_open_nothing(account: Any) -> None:
    """What the files lack or hide is said beside the judgements, under the source's own check."""
    unread = {"unread": [{"objectUri": "s3://b/k", "why": "cut off"}], "unreadInAll": 1}
    account.answers("TrailFiles", filed(**unread))
    assessment = replace(samples.ASSESSMENT, estate=Estate(accounts=(ACCOUNT,), regions=(HOME,)))
    maker = EvidenceMaker(
        catalogue=account.catalogue, assessment=assessment, run_id="r", now=samples.NOW
    )
    checked = {
        source.id: source.check
        for control in account.catalogue.framework.controls()
        for source in control.sources
        if source.type is SourceType.CLOUDTRAIL and source.check
    }
    found = list(maker.account(account.facts(), (account.place(),)))
    said = [one for one in found if one.source_id in checked]
    assert {one.check_id for one in said} == set(checked.values())
    shown = [one for one in said if one.standing is Standing.ACTIVITY]
    assert any("could not be read" in one.reason for one in shown)
    assert not any(map(is_open, shown))


def test_none_is_said_over_a_stated_number_of_files(account: Any) -> None:
    """Where nothing happened the population of the files stands beside it, and both are cited."""
    account.answers("LookupEvents", {"Events": []})
    account.answers("TrailFiles", filed(integrity={"proved": 20}))
    (entry,) = activity(account.facts(), account.place(), KEYWORD)
    assert entry.empty
    assert "The trail's files of 2026-03-14 have none either." in entry.reason
    assert dict(entry.attributes) == {
        "trail files": "24",
        "records in them": "900",
        "bytes": "5",
        "hours without any record": "03",
        "proved by digests": "20",
    }
    assert "/population" in {one.pointer for one in entry.inputs}


def test_files_that_were_refused_or_altered_are_told(account: Any) -> None:
    """A bucket that is refused is a gap; what could not be read, and what digests show, is said."""
    account.answers("LookupEvents", asked_by_name(event(1)))
    account.refuses("TrailFiles")
    account.synthetic = True
    (entry,) = trail_entries(account.facts(), account.place(), KEYWORD)
    assert entry.gap is not None
    assert entry.gap.reason is GapReason.DENIED
    assert entry.synthetic
    said = events_by_id(account)["e-1"].attributes["trail files"]
    assert said == "do not have it: they were not read"


def test_altered_and_unread_files_are_told(account: Any) -> None:
    """Each with its number and the first names; unread is a gap, altered is none."""
    unread = [{"objectUri": "s3://b/x", "why": "it is corrupt", "count": 2}]
    wrong = [{"what": "LOG_FILE_MISSING", "object": "s3://b/d", "detail": "s3://b/y"}]
    account.answers("LookupEvents", {"Events": []})
    body = filed(
        unread=unread, unreadInAll=2, integrity={"findings": wrong, "findingsInAll": 1, "proved": 0}
    )
    account.answers("TrailFiles", body)
    (none,) = activity(account.facts(), account.place(), KEYWORD)
    assert "none either" not in none.reason
    first, second = trail_entries(account.facts(), account.place(), KEYWORD)
    assert "s3://b/x: it is corrupt" in first.reason
    assert first.gap is not None
    assert "LOG_FILE_MISSING" in second.reason
    assert second.gap is None


def test_a_run_without_trails_says_nothing_of_files(account: Any) -> None:
    """Where a run asks for LookupEvents alone, records and entries are those of before."""
    account.answers("LookupEvents", asked_by_name(event(1)))
    full = account.facts()
    alone = Facts(full.account_id, full.regions)
    for result in full:
        if result.unit.key == "LookupEvents":
            alone.add(result)
    records = account.records(alone)
    place = next(one for one in records.places if one.region == HOME)
    assert list(trail_entries(alone, place, KEYWORD)) == []
    (entry,) = activity(alone, place, KEYWORD)
    assert "seen in" not in entry.attributes
    (none,) = activity(alone, place, "bedrock_DeleteGuardrail")
    assert not none.attributes


def test_the_fullest_trail_is_read_and_another_where_it_is_refused(account: Any) -> None:
    """A narrowed trail comes last; where the first is a gap, the next one is asked."""
    narrow = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/a-narrow"
    trails = [
        {"TrailARN": arn, "HomeRegion": HOME, "IsMultiRegionTrail": True, "S3BucketName": "b"}
        for arn in (narrow, TRAIL)
    ]
    account.answers("DescribeTrails", {"trailList": trails})
    account.answers(
        "GetEventSelectors",
        lambda unit: ALL if unit.parameters["TrailName"] == TRAIL else {"EventSelectors": []},
    )
    account.answers("TrailFiles", filed())
    account.facts()
    assert [u.parameters["trail"] for u in account.asked if _here(u)] == [TRAIL]
    account.refuses("TrailFiles")
    account.asked.clear()
    account.facts()
    assert [u.parameters["trail"] for u in account.asked if _here(u)] == [TRAIL, narrow]


def test_where_no_trail_takes_all_writes_each_adds_what_it_has(account: Any) -> None:
    """All are read; an event of two trails is one, as the proved file tells it."""
    arns = [f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{name}" for name in ("a", "b")]
    trails = [
        {"TrailARN": arn, "HomeRegion": HOME, "IsMultiRegionTrail": True, "S3BucketName": "b"}
        for arn in arns
    ]
    account.answers("DescribeTrails", {"trailList": trails})
    account.answers("GetEventSelectors", {"EventSelectors": []})
    held = {arns[0]: filed(event(1), event(2)), arns[1]: filed(event(2), event(3))}
    for one in held[arns[0]]["events"]:
        one["file"] = {**one["file"], "proved": True}
    account.answers("TrailFiles", lambda unit: held[unit.parameters["trail"]])
    found = events_by_id(account)
    assert [u.parameters["trail"] for u in account.asked if _here(u)] == arns
    shown = [found[f"e-{number}"].attributes.get("proved by a digest") for number in (1, 2, 3)]
    assert shown == ["yes", "yes", None]


def test_of_narrowed_trails_the_one_that_could_not_be_read_is_told(account: Any) -> None:
    """What the others add does not hide that one trail's files were not seen."""
    arns = [f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{name}" for name in ("a", "b", "c")]
    trails = [
        {"TrailARN": arn, "HomeRegion": HOME, "IsMultiRegionTrail": True, "S3BucketName": "b"}
        for arn in arns
    ]
    account.answers("DescribeTrails", {"trailList": trails})
    account.answers("GetEventSelectors", {"EventSelectors": []})
    account.answers("LookupEvents", {"Events": []})
    account.answers("TrailFiles", filed())
    facts, place = Facts(ACCOUNT, account.facts().regions), account.place()
    for one in account.facts():
        asked = one.unit
        refused = asked.key == "TrailFiles" and asked.parameters["trail"] == arns[1]
        facts.add(unread_gap(one, "AccessDenied", asked.parameters) if refused else one)
    (entry,) = trail_entries(facts, place, KEYWORD)
    assert "only those of narrowed trails were. AccessDenied" in entry.reason
    assert entry.gap is not None


def _here(unit: Unit) -> bool:
    return unit.key == "TrailFiles" and unit.region == HOME


def test_missed_days_are_read_too(account: Any) -> None:
    """With the cursor of LookupEvents each whole day since is a question, yesterday in any case."""
    account.params = {"LookupEvents": {"StartTime": "2026-03-12T08:00:00Z"}}
    account.answers("TrailFiles", filed())
    account.facts()
    days = [u.parameters["day"] for u in account.asked if _here(u)]
    assert days == ["2026-03-12", "2026-03-13", "2026-03-14"]
    account.params = {"LookupEvents": {"StartTime": "2026-03-15T08:00:00Z"}}
    account.asked.clear()
    account.facts()
    assert [u.parameters["day"] for u in account.asked if _here(u)] == ["2026-03-14"]
