"""How often: WEEKLY and MONTHLY sources are asked when due, and say so when not."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.collector.due import next_day
from affidavit.errors import UsageError
from affidavit.model.evidence import Evidence
from affidavit.model.times import utc_now
from affidavit.operations import runs
from affidavit.operations.collecting import collect


def _source(keyword: str, frequency: str) -> dict[str, Any]:
    return {
        "sourceName": keyword,
        "sourceType": "AWS_API_Call",
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
        "sourceFrequency": frequency,
    }


@pytest.mark.parametrize(
    ("last", "frequency", "again"),
    [
        (date(2026, 1, 31), "DAILY", date(2026, 2, 1)),
        (date(2026, 1, 31), "WEEKLY", date(2026, 2, 7)),
        (date(2026, 1, 31), "MONTHLY", date(2026, 2, 28)),
        (date(2026, 12, 5), "MONTHLY", date(2027, 1, 5)),
        (date(2028, 1, 30), "MONTHLY", date(2028, 2, 29)),
    ],
)
def test_when_a_source_is_due_again(last: date, frequency: str, again: date) -> None:
    """A week is seven days; a month is a calendar month, cut to its last day."""
    assert next_day(last, frequency) == again


@pytest.fixture
def mixed(owner: Any, an_assessment: Any, healthy: Any) -> tuple[Any, str, Any]:
    """Return an owner, an assessment with a DAILY and a WEEKLY source, and how AWS is reached."""
    owner.clock.time = utc_now() + timedelta(minutes=10)
    sources = [_source("iam_GetAccountSummary", "DAILY"), _source("s3_ListBuckets", "WEEKLY")]
    control = owner("CreateControl", name="Own", controlMappingSources=sources)["control"]["id"]
    sets = [{"name": "Own", "controls": [{"id": control}]}]
    made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]["id"]
    scope = {"awsAccounts": [{"id": healthy.accounts[0]}]}
    identifier = an_assessment(frameworkId=made, scope=scope)["metadata"]["id"]
    return owner, identifier, healthy.aws


def _collect(owner: Any, identifier: str, aws: Any) -> dict[str, list[Evidence]]:
    """Collect, and return the run's evidence by keyword."""
    context = owner.context
    with Door(aws) as door:
        done = collect(
            context.store,
            context.catalogue,
            context.store.assessment(identifier),
            door,
            now=context.now,
        )
    record = done.committed.run_record
    found: dict[str, list[Evidence]] = {}
    for _, one in context.store.evidence(identifier, record.day, record.day):
        if one.run_id == record.run_id:
            found.setdefault(one.keyword, []).append(one)
    return found


def test_a_weekly_source_is_asked_once_a_week(mixed: Any) -> None:
    """On other days one record says how old the last result is; the DAILY source goes on."""
    owner, identifier, aws = mixed
    first = _collect(owner, identifier, aws)
    assert len(first["s3_ListBuckets"]) > 1
    start = owner.clock().date()
    for age in (1, 6):
        owner.clock.time += timedelta(days=age) - (owner.clock().date() - start)
        between = _collect(owner, identifier, aws)
        (only,) = between["s3_ListBuckets"]
        assert (only.gap, only.check_id, only.inputs) == ("nothing_to_collect", "", ())
        assert f"({age} day(s) old)" in only.reason
        assert len(between["iam_GetAccountSummary"]) == 1
        assert between["iam_GetAccountSummary"][0].gap == ""
    owner.clock.forward(days=1)
    assert len(_collect(owner, identifier, aws)["s3_ListBuckets"]) > 1


def test_a_call_that_failed_is_asked_again_the_next_day(mixed: Any) -> None:
    """A gap is no result: a WEEKLY source without an answer does not wait for a week."""
    owner, identifier, aws = mixed
    nowhere = replace(aws, endpoint_url="http://127.0.0.1:9", max_attempts=1)
    failed = _collect(owner, identifier, nowhere)
    assert all(one.gap for one in failed["s3_ListBuckets"])
    owner.clock.forward(days=1)
    assert len(_collect(owner, identifier, aws)["s3_ListBuckets"]) > 1


def test_the_command_line_collects_what_the_api_made(mixed: Any, healthy: Any) -> None:
    """`affidavit run` takes the assessment's own framework, without its INACTIVE controls."""
    owner = mixed[0]
    kept, ended = list(owner.context.catalogue.framework.controls())[:2]
    sets = [{"name": "Own", "controls": [{"id": kept.uuid}, {"id": ended.uuid}]}]
    framework = owner("CreateAssessmentFramework", name="Two", controlSets=sets)["framework"]["id"]
    made = owner(
        "CreateAssessment",
        name="By hand",
        frameworkId=framework,
        scope={},
        roles=[],
        assessmentReportsDestination={
            "destinationType": "S3",
            "destination": "s3://northwind-reports",
        },
    )["assessment"]
    home = healthy.aws.region
    request = replace(healthy, name="By hand", accounts=healthy.accounts[:1], regions=(home,))
    place = {"assessmentId": made["metadata"]["id"]}
    control = {"controlSetId": "Own", "controlId": ended.uuid}
    owner("UpdateAssessmentControl", **place, **control, controlStatus="INACTIVE")
    outcome = runs.run(request, owner.context.settings)
    assert list(outcome.summary.record.controls) == [kept.id]
    owner("UpdateAssessmentStatus", **place, status="INACTIVE")
    with pytest.raises(UsageError, match="INACTIVE"):
        runs.run(request, owner.context.settings)
