"""Reports over runs of activity: whole, judged again, and refused where something was left out."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.operations.api.activity_story import Story

from affidavit.collector import seen_events
from affidavit.errors import ReportError
from affidavit.model.run import is_whole
from affidavit.operations.reports import ReportRequest, build_in, verify_report


def test_a_report_holds_increments_and_is_judged_again(story: Story) -> None:
    """A report of a day with increments verifies, says how many there are, and is judged again."""
    for _ in range(3):
        story.trail.happen()
        story.wait(minutes=15)
        story.increment()
    story.wait(hours=1)
    story.whole()
    story.trail.happen()
    story.wait(hours=18)
    story.increment()
    outcome = story.report()
    assert outcome.failure is None, outcome.failure
    assert outcome.steps[-1][0] == "rejudge"
    assert (outcome.facts["runs"], outcome.facts["activity_runs"]) == (5, 3)
    assert outcome.facts["period"][1] == story.store.last_day(story.id).isoformat()


def test_a_later_report_agrees_with_an_earlier_one(story: Story, tmp_path: Path) -> None:
    """What an earlier report says of increments, a later one of the same ledger says too."""
    story.trail.happen()
    story.wait(minutes=15)
    story.increment()
    assert story.report().failure is None
    earlier = story.out.rename(tmp_path / "earlier.zip")
    story.trail.happen()
    story.wait(minutes=15)
    story.increment()
    story.wait(days=1)
    story.whole()
    request = ReportRequest(assessment=story.id, out=story.out)
    built = build_in(story.store, story.store.assessment(story.id), request, story.owner.clock())
    outcome = verify_report(built.path, str(built.key), previous=earlier)
    assert outcome.failure is None, outcome.failure


class Forgetful:
    """A store whose reports are to be without increments."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def run_records(self, *period: Any) -> list[Any]:
        """Return whole runs alone."""
        return [pair for pair in self._store.run_records(*period) if is_whole(pair[1])]

    def evidence(self, *period: Any) -> Iterator[Any]:
        """Return the evidence of whole runs alone."""
        _, first, last, *_ = period
        tenant = next(iter(self._store.tenants()))
        runs = {one["run_id"] for _, one in self.run_records(tenant, first, last)}
        return (pair for pair in self._store.evidence(*period) if pair[1].run_id in runs)


def test_a_report_whose_increment_was_left_out_does_not_verify(story: Story) -> None:
    """The whole run behind it counts on: the missing number shows."""
    story.trail.happen()
    story.wait(minutes=15)
    story.increment()
    story.wait(days=1)
    story.whole()
    with pytest.raises(ReportError) as told:
        story.report(Forgetful(story.store))
    assert "omitted run" in told.value.why


def test_an_event_that_no_run_holds_cannot_be_left_out(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who leaves an event out as if an earlier run held it is found."""
    hidden = story.trail.happen()
    known = seen_events.recorded

    def lie(*given: Any) -> seen_events.Recorded:
        said = known(*given)
        sources = {one.source_id for one in story.evidence()}
        more = {("111122223333", one, hidden): 1 for one in sources}
        return seen_events.Recorded({**said.events, **more}, said.gaps)

    story.wait(days=1)
    monkeypatch.setattr(seen_events, "recorded", lie)
    story.whole()
    assert story.events() == Counter()
    with pytest.raises(ReportError) as told:
        story.report()
    assert f"leaves out the event {hidden}" in told.value.why


def test_events_that_stand_in_runs_outside_of_the_report_are_named(story: Story) -> None:
    """What a report cannot look up, it says."""
    story.trail.happen()
    story.wait(minutes=15)
    story.increment()
    story.wait(days=1)
    story.whole()
    today = story.owner.clock().date()
    outcome = story.report(first_day=today, last_day=today)
    assert outcome.failure is None, outcome.failure
    assert any("hold" in note and note.startswith("That 2 events") for note in outcome.notes)
