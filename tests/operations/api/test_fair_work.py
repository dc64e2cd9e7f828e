"""Tenants share the server's workers: none has all of them while another one waits."""

from dataclasses import replace

from tests.operations.api.conftest import Installation

from affidavit.operations import work
from affidavit.operations.work import Task
from affidavit.store import leases


def leave(owner: Installation, *tasks: Task) -> None:
    """Leave tasks of the caller's tenant, one second after the other."""
    for task in tasks:
        owner.clock.forward(seconds=1)
        put = work.queued(owner.context, task, "")
        owner.context.store.documents.act(owner.caller.tenant, now=owner.clock(), puts=[put])


def take(owner: Installation) -> tuple[str, str]:
    """Take a task; return its tenant and what it is. ("", "") where none is taken."""
    taken = work.take(owner.context)
    return (taken.tenant, taken.document.body["task"]) if taken else ("", "")


def test_many_tasks_of_one_tenant_leave_a_worker_to_the_others(
    owner: Installation, stranger: Installation
) -> None:
    """However many canaries and collections it has, one of them is under way at a time."""
    mine, theirs = owner.caller.tenant, stranger.caller.tenant
    leave(stranger, "canary", "collect", "canary", "report")
    leave(owner, "collect")
    assert take(owner) == (theirs, "canary")
    assert take(owner) == (mine, "collect")
    assert take(owner) == (theirs, "report")
    assert take(owner) == ("", "")
    leave(owner, "publish")
    assert take(owner) == (mine, "publish")


def test_the_only_tenant_has_all_workers(owner: Installation) -> None:
    """Where nobody else is set up, no worker is idle while something waits."""
    leave(owner, "collect", "canary")
    assert [take(owner)[1], take(owner)[1]] == ["collect", "canary"]


def test_each_tenant_makes_a_run_of_prompts_of_its_own(
    owner: Installation, stranger: Installation
) -> None:
    """What may take hours is done one at a time for a tenant, and waits for no other tenant."""
    mine, theirs = owner.caller.tenant, stranger.caller.tenant
    leave(stranger, "prompts", "export")
    leave(owner, "prompts")
    assert [take(owner), take(owner)] == [(theirs, "prompts"), (mine, "prompts")]
    assert take(owner) == ("", "")


def test_each_server_makes_so_many_long_tasks_and_no_more(
    owner: Installation, stranger: Installation
) -> None:
    """What may take hours leaves a worker free, and waits for no other server."""
    mine, theirs = owner.caller.tenant, stranger.caller.tenant
    one = replace(owner.context.settings, long_tasks=1)
    owner = replace(owner, context=replace(owner.context, settings=one))
    leave(stranger, "prompts")
    leave(owner, "export")
    assert take(owner) == (theirs, "prompts")
    assert take(owner) == ("", "")
    (running,) = owner.context.store.documents.every(theirs, work.KIND)
    other = leases.Holder("elsewhere", 1, 1).text()
    put = replace(running, body={**running.body, "holder": other})
    owner.context.store.documents.act(theirs, now=owner.clock(), puts=[put])
    assert take(owner) == (mine, "export")
