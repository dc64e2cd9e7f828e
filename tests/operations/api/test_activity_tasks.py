"""The tasks that ask CloudTrail continually: when they are left, and how they end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.operations.api.activity_story import Story, interrupted

from affidavit.operations import activity, scheduler, tasks, work


def test_a_task_is_left_when_the_pause_is_over_and_no_collection_waits(story: Story) -> None:
    """A quarter of an hour after the last one ended there is one task, and never two."""
    story.whole()
    assert activity.schedule(story.owner.context) == 0
    story.wait(minutes=14)
    assert activity.schedule(story.owner.context) == 0
    story.wait(minutes=1)
    assert scheduler.schedule(story.owner.context) == 1
    assert activity.schedule(story.owner.context) == 0
    assert [one.body["task"] for one in story.tasks] == ["activity"]
    event = story.trail.happen()
    assert tasks.run_one(story.owner.context)
    assert story.tasks == []
    assert {one for _, one in story.events()} == {event}
    assert activity.schedule(story.owner.context) == 0
    story.wait(days=1)
    assert scheduler.schedule(story.owner.context) == 1
    assert [one.body["task"] for one in story.tasks] == ["collect"]
    assert activity.schedule(story.owner.context) == 0


def test_a_task_ends_where_a_collection_waits(story: Story) -> None:
    """Also one that was left before: the collection asks for everything."""
    context, tenant = story.owner.context, story.owner.caller.tenant
    day = story.owner.clock().date()
    collection = work.of_day(context, story.id, day + timedelta(days=1))
    story.trail.happen()
    story.store.documents.act(tenant, now=story.owner.clock(), puts=[collection])
    task = work.queued(context, "activity", story.id, subject=story.id)
    activity.run(context, work.Taken(context, tenant, task), lambda: False)
    assert story.trail.asked == []
    assert len(story.runs()) == 1


def test_a_task_is_handed_back_when_the_server_stops(story: Story) -> None:
    """Nothing is half-written: the next one asks for all of it."""
    context, tenant = story.owner.context, story.owner.caller.tenant
    task = work.queued(context, "activity", story.id, subject=story.id)
    with pytest.raises(work.StoppingError):
        activity.run(context, work.Taken(context, tenant, task), lambda: True)
    assert len(story.runs()) == 1


def test_a_failed_task_is_not_tried_again_but_the_next_one_is_due(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong, another task is left a quarter of an hour later, also after a kill."""
    assert activity.schedule(story.owner.context) == 0
    story.wait(minutes=15)
    assert activity.schedule(story.owner.context) == 1
    with monkeypatch.context() as patched:
        patched.setattr(activity, "Increment", lambda **_: 1 / 0)
        patched.setattr(activity, "failed", interrupted)
        patched.setattr(tasks, "_GIVEN_UP", {"activity": interrupted})
        with pytest.raises(KeyboardInterrupt):
            tasks.run_one(story.owner.context)
    assert [work.is_given_up(one) for one in story.tasks] == [True]
    assert activity.schedule(story.owner.context) == 1
    assert [work.is_given_up(one) for one in story.tasks] == [False]
    monkeypatch.setattr(activity, "Increment", lambda **_: 1 / 0)
    assert tasks.run_one(story.owner.context)
    assert story.tasks == []
    story.wait(minutes=15)
    assert activity.schedule(story.owner.context) == 1


def test_how_far_was_asked_is_known_and_what_went_wrong(story: Story) -> None:
    """A gap names the account with what it had before, a failure its reason; both are over then."""
    tenant = story.owner.caller.tenant

    def told() -> activity.Asking:
        found = activity.asking(story.store, tenant, story.id)
        assert found is not None
        return found

    assert activity.asking(story.store, tenant, story.id) is None
    story.trail.denied = True
    story.increment()
    (account,) = story.store.assessment(story.id).estate.accounts
    assert (told().up_to, told().missed, told().failed) == (None, {account: None}, "")
    story.trail.denied = False
    story.wait(minutes=15)
    story.increment()
    reached = story.owner.clock()
    assert (told().up_to, told().missed) == (reached, {})
    story.wait(minutes=15)
    activity.failed(story.owner.context, tenant, story.id, "The store was full")
    assert (told().up_to, told().failed) == (reached, "The store was full")
    assert told().ended == story.owner.clock()
    story.trail.denied = True
    story.increment()
    assert (told().missed, told().failed) == ({account: reached}, "")


def test_it_can_be_off(story: Story) -> None:
    """With a pause of 0 minutes CloudTrail is asked once a day only."""
    context = story.owner.context
    context = replace(context, settings=replace(context.settings, activity_minutes=0))
    for _ in range(2):
        assert activity.schedule(context) == 0
        story.wait(hours=5)
    assert story.tasks == []


def test_an_assessment_is_collected_as_a_whole_first(
    owner: Any, an_assessment: Callable[..., Any], tmp_path: Path
) -> None:
    """Before its first whole run an assessment has no increments."""
    made = Story(owner, an_assessment, tmp_path)
    assert activity.schedule(owner.context) == 0
    made.wait(hours=1)
    assert activity.schedule(owner.context) == 0
    assert made.tasks == []
