"""The server deletes what is too old and compacts closed days, once a day, under a lease."""

from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner

from affidavit.cli import ledger as command
from affidavit.errors import StoreDamagedError
from affidavit.operations import holds, leadership, retention, tasks, upkeep, work
from affidavit.store import Chosen
from affidavit.store.leases import Holder

ELSEWHERE = Holder("elsewhere", 1, 1)
ALL = (date(2000, 1, 1), date(2100, 1, 1))


def _tasks(owner: Any) -> list[str]:
    kept = owner.context.store.documents.every(owner.caller.tenant, work.KIND)
    return [one.body["task"] for one in kept]


@pytest.fixture
def old(owner: Any, collected: Any) -> Any:
    """Give an assessment with two runs of a day that is now closed."""
    collected.run()
    collected.run()
    owner.clock.forward(days=10)
    return collected


def _evidence(old: Any) -> int:
    return sum(1 for _ in old.installation.context.store.evidence(old.assessment.id, *ALL))


def test_one_task_a_tenant_and_day(owner: Any, old: Any) -> None:
    """Only the leader leaves it, once a day, also when it is done already."""
    assert old
    assert leadership.lead(owner.context, ELSEWHERE)
    assert upkeep.leave(owner.context) == 0
    leadership.resign(owner.context, ELSEWHERE)
    tenants = len(owner.context.store.tenants())
    assert upkeep.leave(owner.context) == tenants
    assert upkeep.leave(owner.context) == 0
    assert "upkeep" in _tasks(owner)
    while tasks.run_one(owner.context):
        pass
    assert "upkeep" not in _tasks(owner)
    assert upkeep.leave(owner.context) == 0
    owner.clock.forward(hours=24)
    assert upkeep.leave(owner.context) == tenants


def test_rules_by_tenant_and_assessment(owner: Any, old: Any) -> None:
    """An assessment's rule beats the tenant's, which beats the setting; each change is a leaf."""
    store, tenant, settings = owner.context.store, owner.caller.tenant, owner.context.settings
    one = old.assessment.id
    assert retention.rules(store, tenant)[one] == retention.DAYS
    retention.set_rule(settings, tenant, days=90, by="me")
    assert retention.rules(store, tenant)[one] == 90
    asked = ["retain", "--tenant", tenant, "--assessment", one, "--days", "0", "--by", "me"]
    told = CliRunner().invoke(command.command, asked, obj=settings)
    assert told.output == f"The evidence of {one} is kept for ever.\n"
    assert retention.rules(store, tenant)[one] == 0
    changes = [leaf for leaf in owner.leaves() if leaf["object_type"] == "RETENTION"]
    assert [change["object_id"] for change in changes] == ["", one]


def test_closed_days_are_compacted(owner: Any, old: Any) -> None:
    """The worker puts a closed day's files into one; no evidence and no leaf changes."""
    before = _evidence(old)
    assert upkeep.leave(owner.context)
    while tasks.run_one(owner.context):
        pass
    files = {one.path for one in _segments(old)}
    assert (len(files), _evidence(old)) == (1, before)
    assert owner.context.store.verify()


def test_old_evidence_goes_unless_it_is_held(owner: Any, old: Any) -> None:
    """Evidence older than its rule is deleted; younger is not, and under legal hold nothing is."""
    store, tenant, settings = owner.context.store, owner.caller.tenant, owner.context.settings
    kept = _evidence(old)
    upkeep.keep_up(owner.context, tenant, lambda: False)
    assert _evidence(old) == kept
    retention.set_rule(settings, tenant, days=5, by="me")
    holds.place(store, tenant, "", why="law suit", by="me")
    upkeep.keep_up(owner.context, tenant, lambda: False)
    assert _evidence(old) == kept
    holds.lift(store, tenant, "", why="settled", by="me")
    upkeep.keep_up(owner.context, tenant, lambda: False)
    assert _evidence(old) == 0
    (log,) = store.verify(tenants=[tenant])
    assert log.deleted == kept


def test_a_damaged_day_is_named_and_the_rest_is_done(owner: Any, old: Any) -> None:
    """A day that cannot be compacted fails the task with its name; another day is compacted."""
    old.run()
    old.run()
    owner.clock.forward(days=1)
    first = min(_segments(old), key=lambda one: one.first_leaf)
    data = bytearray(first.path.read_bytes())
    data[len(data) // 2] ^= 1
    first.path.write_bytes(data)
    with pytest.raises(StoreDamagedError, match=r"1 day\(s\)") as caught:
        upkeep.keep_up(owner.context, owner.caller.tenant, lambda: False)
    assert first.day in caught.value.why
    assert first.path.name in caught.value.why
    assert len({one.path for one in _segments(old)}) == 3


def test_a_server_that_stops_leaves_the_rest(owner: Any, old: Any) -> None:
    """Compaction ends between two days when the server stops, and the task is handed back."""
    assert upkeep.leave(owner.context)
    assert not tasks.run_one(owner.context, lambda: True)
    assert "upkeep" in _tasks(owner)
    assert len({one.path for one in _segments(old)}) == 2


def _segments(old: Any) -> list[Any]:
    chosen = Chosen(tenant=old.assessment.tenant, assessments=(old.assessment.id,))
    return list(old.installation.context.store.segment_files(chosen))
