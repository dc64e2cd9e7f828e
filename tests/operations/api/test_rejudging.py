"""Judging again: by another version of the program, and where sources were not due."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.collector import verdicts
from affidavit.model.evidence import Evidence
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing
from affidavit.operations.collecting import collect
from affidavit.operations.frequency import KIND
from affidavit.operations.reports import ReportRequest, build_in, verify_report
from affidavit.report.verify.outcome import Outcome
from affidavit.store.documents import Document

UNKNOWN = {
    "sourceName": "Unknown",
    "sourceType": "Common_Control",
    "sourceKeyword": {
        "keywordInputType": "SELECT_FROM_LIST",
        "keywordValue": "arn:aws:controlcatalog:::common-control/somebodyelses",
    },
}
NOWHERE: dict[str, Any] = {"endpoint_url": "http://127.0.0.1:9", "max_attempts": 1}


def _source(keyword: str, frequency: str) -> dict[str, Any]:
    return {
        "sourceName": keyword,
        "sourceType": "AWS_API_Call",
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
        "sourceFrequency": frequency,
    }


class Changing:
    """A store that changes each batch of evidence as it is written; the counts stay the same."""

    def __init__(self, store: Any, change: Callable[[list[Evidence]], list[Evidence]]) -> None:
        self._store, self._change = store, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def segment_writer(self, *place: Any) -> Any:
        """Return a writer that changes what it is given."""
        writer = self._store.segment_writer(*place)
        append = writer.append
        writer.append = lambda batch: append(self._change(list(batch)))
        return writer


class Story:
    """An assessment with a DAILY and a WEEKLY source, collected and reported."""

    def __init__(self, owner: Any, an_assessment: Any, healthy: Any, tmp_path: Path) -> None:
        owner.clock.time = utc_now() + timedelta(minutes=10)
        sources = [_source("iam_GetAccountSummary", "DAILY"), _source("s3_ListBuckets", "WEEKLY")]
        sources.append(UNKNOWN)
        control = owner("CreateControl", name="Own", controlMappingSources=sources)["control"]
        paper = owner(
            "CreateControl",
            name="Unknown",
            controlMappingSources=[UNKNOWN],
        )["control"]
        sets = [{"name": "Own", "controls": [{"id": control["id"]}, {"id": paper["id"]}]}]
        made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]["id"]
        scope = {"awsAccounts": [{"id": healthy.accounts[0]}]}
        self.id = str(an_assessment(frameworkId=made, scope=scope)["metadata"]["id"])
        self.owner, self.healthy, self.out = owner, healthy, tmp_path / "r.zip"

    def collect(self, store: Any = None, **aws: Any) -> None:
        """Collect today."""
        context = self.owner.context
        with Door(replace(self.healthy.aws, **aws), clock=context.now) as door:
            assessment = context.store.assessment(self.id)
            kept = store or context.store
            collect(kept, context.catalogue, assessment, door, now=context.now)

    def judge_again(self) -> Outcome:
        """Build a report of all runs, and judge it again."""
        store = self.owner.context.store
        request = ReportRequest(assessment=self.id, out=self.out)
        built = build_in(store, store.assessment(self.id), request, self.owner.context.now())
        outcome = verify_report(built.path, str(built.key), again=True)
        assert isinstance(outcome, Outcome)
        return outcome


@pytest.fixture
def story(owner: Any, an_assessment: Any, healthy: Any, tmp_path: Path) -> Story:
    """Return the assessment, not collected yet."""
    return Story(owner, an_assessment, healthy, tmp_path)


def test_a_source_that_was_not_due_is_judged_again(story: Story) -> None:
    """A WEEKLY source is asked once; the days between say so, and judging again agrees."""
    for _ in range(3):
        story.collect()
        story.owner.clock.forward(days=1)
    outcome = story.judge_again()
    assert outcome.failure is None, outcome.failure
    assert outcome.steps[-1][0] == "rejudge"


def test_a_catalogue_first_used_when_a_source_is_not_due_is_kept_whole(story: Story) -> None:
    """The rules that a report holds are those of its runs, also where one put a source aside."""
    story.collect()
    context = story.owner.context
    control = story.owner("GetAssessment", assessmentId=story.id)["assessment"]["framework"]
    unknown = next(c for c in control["controlSets"][0]["controls"] if c["name"] == "Unknown")
    story.owner(
        "UpdateAssessmentControl",
        assessmentId=story.id,
        controlSetId="Own",
        controlId=unknown["id"],
        controlStatus="INACTIVE",
    )
    story.owner.clock.forward(days=1)
    story.collect()
    last = context.store.last_day(story.id)
    assert last is not None
    outcome = story.judge_again()
    assert outcome.failure is None, outcome.failure


def test_a_source_put_aside_without_a_result_is_found(story: Story) -> None:
    """Who claims a result of a day whose run shows none is named."""
    story.collect(**NOWHERE)
    day = story.owner.clock().date()
    store, tenant = story.owner.context.store, story.owner.caller.tenant
    weekly = {
        one.source_id
        for _, one in store.evidence(story.id, day, day)
        if one.keyword == "s3_ListBuckets"
    }
    days = dict.fromkeys(weekly, day.isoformat())
    forged = Document(kind=KIND, id=story.id, parent=story.id, body={"days": days})
    known = store.documents.get(tenant, KIND, story.id)
    forged = replace(known, body={"days": days}) if known else forged
    store.documents.act(tenant, now=story.owner.clock(), puts=[forged])
    story.owner.clock.forward(days=1)
    story.collect()
    outcome = story.judge_again()
    assert outcome.failure is not None
    assert "the report shows no such result" in outcome.failure.what


def _reworded(batch: list[Evidence]) -> list[Evidence]:
    return [
        replace(one, reason=f"Put otherwise: {one.reason}")
        if one.standing is not Standing.JUDGED
        else one
        for one in batch
    ]


def _other_code(batch: list[Evidence]) -> list[Evidence]:
    """Swap the codes of two records of one control, so that its count of gaps stays."""
    own = batch[0].control_id
    at = {one.gap: i for i, one in enumerate(batch) if one.gap and one.control_id == own}
    if len(at) > 1:
        (one, first), (another, second) = list(at.items())[:2]
        batch[first] = replace(batch[first], gap=another)
        batch[second] = replace(batch[second], gap=one)
    return batch


@pytest.mark.parametrize(
    ("change", "ours", "holds"),
    [(_reworded, False, True), (_reworded, True, False), (_other_code, False, False)],
)
def test_another_version_may_word_gaps_otherwise(
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[list[Evidence]], list[Evidence]],
    *,
    ours: bool,
    holds: bool,
) -> None:
    """Of another version's run the codes are compared and not the words; of our own both are."""
    if not ours:
        monkeypatch.setattr(verdicts, "__version__", "0.0.9")
    aws = {} if change is _reworded else NOWHERE
    story.collect(Changing(story.owner.context.store, change), **aws)
    monkeypatch.undo()
    outcome = story.judge_again()
    assert (outcome.failure is None) is holds, outcome.failure
    if holds:
        assert "affidavit 0.0.9" in outcome.notes[0]
    elif not ours:
        assert outcome.failure is not None
        assert "made by affidavit 0.0.9" in outcome.failure.what
