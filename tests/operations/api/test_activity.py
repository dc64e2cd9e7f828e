"""CloudTrail continually: no event lost, none twice, and nothing said of any control."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.operations.api.activity_story import Story, interrupted
from tests.operations.api.trail import KEYWORDS

from affidavit.errors import StoreBusyError
from affidavit.model.observation import Observation
from affidavit.model.run import is_whole
from affidavit.model.times import iso
from affidavit.operations import activity


def _shortly_before(time: datetime) -> str:
    """Return what is asked from where everything was asked up to a time."""
    return iso(time - timedelta(minutes=20))


def test_increments_and_daily_runs_record_each_event_once(story: Story) -> None:
    """Over days, also of late deliveries, every event is recorded, and once for each source."""
    happened = {}
    for step in range(2 * 24):
        late = {5: 15, 9: 180, 30: 500}.get(step, 0)
        happened[story.trail.happen(late, KEYWORDS[step % 2].partition("_")[2])] = late
        story.wait(hours=1)
        day = story.owner.clock().date()
        if story.store.last_day(story.id) != day:
            story.whole()
        else:
            story.increment()
    story.wait(hours=8)
    story.whole()
    found = story.events()
    assert {event for _, event in found} == set(happened)
    assert set(found.values()) == {1}
    # The first keyword is a source of both controls.
    assert len(found) == len(happened) + len(happened) // 2


def test_what_arrives_within_the_overlap_is_recorded_by_the_next_increment(story: Story) -> None:
    """An event that was delivered a quarter of an hour late does not wait for the day's end."""
    story.increment()
    late = story.trail.happen(late=14)
    story.increment()
    assert late not in {event for _, event in story.events()}
    story.wait(minutes=15)
    story.increment()
    assert late in {event for _, event in story.events()}


def test_an_empty_increment_is_no_run_and_moves_the_cursor(story: Story) -> None:
    """Where nothing is new nothing is written but up to when was asked."""
    story.increment()
    first = story.owner.clock()
    assert len(story.runs()) == 1
    story.trail.asked.clear()
    story.wait(minutes=15)
    story.increment()
    assert story.trail.since() == {_shortly_before(first)}
    assert len(story.runs()) == 1


def test_an_increment_asks_only_for_events_and_keeps_only_what_is_new(story: Story) -> None:
    """Its run holds the answers with a new event, and names the controls that have one."""
    story.increment()
    story.trail.happen(name="DeleteGuardrail")
    story.wait(minutes=15)
    story.increment()
    _, run = story.runs()
    assert not is_whole(run)
    (answer,) = story.store.results(run["run_id"])
    assert isinstance(answer, Observation)
    assert answer.unit.key == "LookupEvents"
    assert len(run["controls"]) == 1
    assert (run["answers"], run["operations"], run["evidence"]) == (1, 1, 1)


def test_a_gap_is_a_record_once_a_day_and_moves_no_cursor(story: Story) -> None:
    """What is denied is said once for each source, place and reason; then it is asked again."""
    story.increment()
    begun = story.owner.clock()
    missed = story.trail.happen()
    story.trail.denied = True
    for _ in range(3):
        story.wait(minutes=15)
        story.increment()
    gaps = [one for one in story.evidence() if one.gap == "denied"]
    assert Counter(one.source_id for one in gaps) == Counter({one.source_id for one in gaps})
    assert len(gaps) == 3
    assert len(story.runs()) == 2
    story.trail.denied = False
    story.trail.asked.clear()
    story.wait(minutes=15)
    story.increment()
    assert missed in {event for _, event in story.events()}
    assert story.trail.since() == {_shortly_before(begun)}
    story.trail.denied = True
    story.wait(days=1)
    story.increment()
    assert len([one for one in story.evidence() if one.gap == "denied"]) == 6


def test_nothing_is_said_of_any_control(story: Story) -> None:
    """Verdicts, the last day and the day's run are the whole run's, whatever came after it."""
    day = story.owner.clock().date()
    before = story.store.verdicts(story.id, day)
    assert before
    story.trail.happen()
    story.wait(minutes=15)
    story.increment()
    assessment = story.store.assessment(story.id)
    assert len(story.runs()) == 2
    assert story.store.verdicts(story.id, day) == before
    assert [one["sequence"] for one in story.store.whole_runs(assessment, day)] == [1]
    (held,) = story.store.verdict_days(assessment, day, day)
    assert held.controls == before
    story.trail.happen()
    story.wait(hours=18)
    story.increment()
    tomorrow = story.owner.clock().date()
    assert tomorrow == day + timedelta(days=1)
    assert len(story.runs()) == 3
    assert story.store.last_day(story.id) == day
    assert story.store.verdicts(story.id, tomorrow) == {}
    assert story.store.verdict_days(assessment, tomorrow, tomorrow) == []


def test_the_insights_of_the_day_are_those_of_the_last_whole_run(story: Story) -> None:
    """An increment after midnight does not empty the insights until the day's run."""
    before = story.owner("GetInsightsByAssessment", assessmentId=story.id)["insights"]
    assert before["totalAssessmentControlsCount"] == 2
    story.trail.happen()
    story.wait(hours=18, minutes=15)
    story.increment()
    assert len(story.runs()) == 2
    assert story.owner("GetInsightsByAssessment", assessmentId=story.id)["insights"] == before


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("affidavit.collector.increment", "execute"),
        ("affidavit.store.store.Store", "commit_increment"),
        ("affidavit.store.increments", "begin"),
        ("affidavit.store.commits", "commit"),
        ("affidavit.operations.activity", "_end"),
    ],
)
def test_what_was_interrupted_is_done_again_once(
    story: Story, monkeypatch: pytest.MonkeyPatch, place: str, name: str
) -> None:
    """Ended at any step, an increment is made up for by the next, which repeats nothing."""
    event = story.trail.happen()
    story.wait(minutes=15)
    with monkeypatch.context() as patched:
        patched.setattr(f"{place}.{name}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            story.increment()
    story.forget_tasks()
    story.wait(minutes=15)
    story.increment()
    found = story.events()
    assert {one for _, one in found} == {event}
    assert set(found.values()) == {1}
    story.wait(days=1)
    story.whole()
    assert story.events() == found
    assert story.report().failure is None


def test_an_increment_is_not_committed_beside_another_run(story: Story) -> None:
    """While a run is under way nothing is recorded, and the cursor stays; it is no failure."""
    event = story.trail.happen()
    story.wait(days=1)
    assessment = story.store.assessment(story.id)
    now = story.owner.clock()
    opened = story.store.begin_run(assessment, now.date(), "c" * 64, now)
    story.increment()
    assert story.events() == Counter()
    story.store.release_run(opened.run_id)
    story.increment()
    assert {one for _, one in story.events()} == {event}


def test_a_run_that_was_overtaken_is_made_again_from_its_answers(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run behind whose back another was committed is refused, and resumed it is right."""
    event = story.trail.happen()
    story.wait(days=1)
    commit = story.store.commit_run

    def overtaken(record: Any, segments: Any) -> Any:
        monkeypatch.setattr(story.store, "commit_run", commit)
        story.store.release_run(record.run_id)
        story.increment()
        story.store._runs._held[record.run_id] = ""  # who wakes up believes to hold it
        return commit(record, segments)

    monkeypatch.setattr(story.store, "commit_run", overtaken)
    with pytest.raises(StoreBusyError, match="overtaken"):
        story.whole()
    story.store._runs.forget(story.runs()[-1]["run_id"])
    story.trail.asked.clear()
    done = story.whole()
    assert story.trail.asked == []
    assert done.resumed
    assert set(story.events().values()) == {1}
    assert {one for _, one in story.events()} == {event}
    assert story.report().failure is None


def test_nothing_is_left_of_an_assessment_that_is_deleted_meanwhile(story: Story) -> None:
    """A task that ends after the deletion writes no cursor of it anew."""
    context, tenant = story.owner.context, story.owner.caller.tenant
    story.owner("DeleteAssessment", assessmentId=story.id)
    activity.failed(context, tenant, story.id, "it was deleted")
    assert story.store.documents.every(tenant, activity.KIND) == []
