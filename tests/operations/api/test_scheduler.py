"""The scheduler: one collection a day of each assessment, however many servers there are."""

from dataclasses import replace
from typing import Any

import pytest

from affidavit.operations import leadership, scheduler, tasks, work
from affidavit.operations.continuity import without_hole
from affidavit.store.leases import Holder, me

ELSEWHERE = Holder("elsewhere", 1, 1)
SECOND = Holder("second", 2, 2)


def _tasks(owner: Any) -> list[Any]:
    return list(owner.context.store.documents.every(owner.caller.tenant, work.KIND))


def _forget(owner: Any) -> None:
    documents = owner.context.store.documents
    documents.act(owner.caller.tenant, now=owner.clock(), deletes=_tasks(owner))


@pytest.fixture
def waiting(collected: Any, as_document: Any) -> Any:
    """Give the collected assessment as the API keeps it, without a task."""
    as_document()
    return collected


def test_one_leads_until_it_is_silent_or_resigns(owner: Any) -> None:
    """The second server does not lead beside a living leader; it does after a minute's silence."""
    context = owner.context
    assert leadership.lead(context, ELSEWHERE)
    assert not leadership.lead(context, SECOND)
    owner.clock.forward(seconds=45)
    assert leadership.lead(context, ELSEWHERE)
    owner.clock.forward(seconds=45)
    assert not leadership.lead(context, SECOND)
    owner.clock.forward(seconds=30)
    assert leadership.lead(context, SECOND)
    assert not leadership.lead(context, ELSEWHERE)
    leadership.resign(context, ELSEWHERE)
    assert not leadership.lead(context, ELSEWHERE)
    leadership.resign(context, SECOND)
    assert leadership.lead(context, ELSEWHERE)


def test_a_leader_that_died_on_this_host_is_replaced_at_once(owner: Any) -> None:
    """Nobody waits a minute for a process that this host knows to be gone."""
    dead = Holder(me().host, 2**22 - 1, 1)
    assert leadership.lead(owner.context, dead)
    assert leadership.lead(owner.context)


def test_who_does_not_lead_leaves_nothing(owner: Any, waiting: Any) -> None:
    """Only the leader looks for what is due."""
    assert leadership.lead(owner.context, ELSEWHERE)
    assert scheduler.schedule(owner.context) == 0
    assert _tasks(owner) == []
    assert waiting.assessment.tenant == owner.caller.tenant


def test_the_first_collection_is_the_days_collection(owner: Any, an_assessment: Any) -> None:
    """CreateAssessment leaves the day's task: the scheduler leaves no second one."""
    an_assessment()
    assert scheduler.schedule(owner.context) == 0
    (task,) = _tasks(owner)
    assert task.body["task"] == "collect"


def test_each_day_has_one_collection(owner: Any, waiting: Any) -> None:
    """Without a run today there is one task, and none after the run; the next day one again."""
    assert scheduler.schedule(owner.context) == 1
    assert scheduler.schedule(owner.context) == 0
    _forget(owner)
    waiting.run()
    assert scheduler.schedule(owner.context) == 0
    owner.clock.forward(hours=12)
    assert scheduler.schedule(owner.context) == 1


def test_a_task_that_outlived_its_commit_collects_nothing(owner: Any, waiting: Any) -> None:
    """A server killed between commit and the end of its task leaves a task without work."""
    assert scheduler.schedule(owner.context) == 1
    waiting.run()
    assert tasks.run_one(owner.context)
    assert _tasks(owner) == []
    day = owner.clock().date()
    runs = owner.context.store.run_records(owner.caller.tenant, day, day)
    assert len(runs) == 1


def test_inactive_assessments_and_accounts_are_not_collected(
    owner: Any, admin: Any, waiting: Any
) -> None:
    """Neither an INACTIVE assessment nor one of an account that deregistered has a task."""
    admin("DeregisterAccount")
    assert scheduler.schedule(owner.context) == 0
    admin("RegisterAccount")
    owner("UpdateAssessmentStatus", assessmentId=waiting.assessment.id, status="INACTIVE")
    assert scheduler.schedule(owner.context) == 0


def test_missed_days_are_named(owner: Any, waiting: Any) -> None:
    """Owners are told which days have no run, and the ledger says so."""
    waiting.run()
    owner.clock.forward(days=4)
    assert scheduler.schedule(owner.context) == 1
    (told,) = owner("ListNotifications")["notifications"]
    assert told["description"] == "Nothing was collected on 3 day(s): 2026-03-02 to 2026-03-04."
    assert told["source"] == "Affidavit"
    (leaf,) = [one for one in owner.leaves() if one["object_type"] == "COLLECTION"]
    assert "2026-03-03" in leaf["details"]
    assert owner("GetChangeLogs", assessmentId=waiting.assessment.id)["changeLogs"] == []


def test_events_of_missed_days_are_asked_for(owner: Any, waiting: Any) -> None:
    """After missed days CloudTrail is asked since the last run's day, 89 days back at most."""
    store, assessment = owner.context.store, waiting.assessment
    assert without_hole(store, assessment, owner.clock()) == assessment
    waiting.run()
    owner.clock.forward(days=1)
    assert without_hole(store, assessment, owner.clock()) == assessment
    owner.clock.forward(days=3)
    cursor = {"LookupEvents": {"StartTime": "2026-03-01T00:00:00Z"}}
    assert without_hole(store, assessment, owner.clock()) == replace(assessment, parameters=cursor)
    owner.clock.forward(days=200)
    late = without_hole(store, assessment, owner.clock()).parameters["LookupEvents"]["StartTime"]
    assert late.startswith("2026-06-24")


def test_a_fault_of_ours_fails_its_task_and_no_other(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that makes our code raise is tried again later, says why, and the worker goes on."""

    def fault(*_: object) -> None:
        raise ValueError("not foreseen")

    monkeypatch.setitem(tasks._TASKS, "forget", fault)
    queued = work.queued(owner.context, "forget", "", subject="x")
    owner.context.store.documents.act(owner.caller.tenant, now=owner.clock(), puts=[queued])
    assert tasks.run_one(owner.context)
    (task,) = _tasks(owner)
    assert task.body["attempts"] == 1
    assert "A fault of Affidavit (ValueError)" in task.body["why"]
    assert not tasks.run_one(owner.context), "not again at once"
