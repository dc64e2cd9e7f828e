"""Legal hold and deletion: nothing held is deleted; what is deleted leaves its hashes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from affidavit.cli import main
from affidavit.errors import UsageError
from affidavit.operations import erasing, holds, scheduler, tasks, work
from affidavit.operations.faults import ValidationFault

WHY = "Litigation 12/2026"
HELD = "legal hold"


@pytest.fixture
def hold(owner: Any) -> Callable[..., holds.Hold]:
    """Return the way to set a legal hold in the owner's tenant."""

    def place(assessment_id: str = "") -> holds.Hold:
        store = owner.context.store
        return holds.place(store, owner.caller.tenant, assessment_id, why=WHY, by="counsel")

    return place


def _work(owner: Any) -> None:
    """Do all work that waits, but collect nothing."""
    documents = owner.context.store.documents
    every = documents.every(owner.caller.tenant, work.KIND)
    gone = [one for one in every if one.body["task"] == "collect"]
    documents.act(owner.caller.tenant, now=owner.clock(), deletes=gone)
    while tasks.run_one(owner.context):
        pass


def _evidence(collected: Any) -> int:
    day = collected.installation.clock().date()
    store = collected.installation.context.store
    return sum(1 for _ in store.evidence(collected.assessment.id, day, day))


def test_every_deletion_of_a_held_account_is_refused(
    owner: Any, admin: Any, collected: Any, a_control: Any, a_framework: Any, hold: Any
) -> None:
    """Assessments, reports, controls, frameworks, shares, and a deregistration that deletes."""
    control, framework = a_control("Held")["id"], a_framework()["id"]
    admin("UpdateSettings", deregistrationPolicy={"deleteResources": "ALL"})
    hold()
    identifier = collected.assessment.id
    refused: list[tuple[Any, str, dict[str, str]]] = [
        (owner, "DeleteAssessment", {"assessmentId": identifier}),
        (
            owner,
            "DeleteAssessmentReport",
            {"assessmentId": identifier, "assessmentReportId": identifier},
        ),
        (owner, "DeleteControl", {"controlId": control}),
        (owner, "DeleteAssessmentFramework", {"frameworkId": framework}),
        (
            owner,
            "DeleteAssessmentFrameworkShare",
            {"requestId": identifier, "requestType": "SENT"},
        ),
        (admin, "DeregisterAccount", {}),
    ]
    for caller, operation, request in refused:
        with pytest.raises(ValidationFault, match=HELD):
            caller(operation, **request)
    holds.lift(owner.context.store, owner.caller.tenant, "", why="settled", by="counsel")
    owner("DeleteControl", controlId=control)
    kinds = [one["action"] for one in owner.leaves() if one["object_type"] == "LEGAL_HOLD"]
    assert kinds == ["CREATE", "DELETE"]


def test_a_deregistration_that_keeps_everything_is_no_deletion(admin: Any, hold: Any) -> None:
    """The policy DEFAULT deletes nothing, so that a hold does not stand in its way."""
    hold()
    assert admin("DeregisterAccount") == {"status": "INACTIVE"}


def test_a_hold_on_one_assessment_leaves_others_alone(
    owner: Any, collected: Any, an_assessment: Any, hold: Any
) -> None:
    """Another assessment can be deleted, another tenant is not touched."""
    hold(collected.assessment.id)
    other = an_assessment("Other")["metadata"]["id"]
    owner("DeleteAssessment", assessmentId=other)
    with pytest.raises(ValidationFault, match=HELD):
        owner("DeleteAssessment", assessmentId=collected.assessment.id)


def test_wrong_holds_are_refused(owner: Any, hold: Any) -> None:
    """An unknown assessment, a second hold and a hold that is not set are said so."""
    with pytest.raises(UsageError, match="no assessment"):
        hold("00000000-0000-4000-8000-000000000000")
    hold()
    with pytest.raises(UsageError, match="set already"):
        hold()
    with pytest.raises(UsageError, match="no legal hold"):
        holds.lift(owner.context.store, owner.caller.tenant, "x", why=WHY, by="counsel")


def test_a_deleted_assessments_evidence_goes_and_the_ledger_holds(
    owner: Any, collected: Any, an_assessment: Any
) -> None:
    """Evidence, answers and files are gone; every leaf, checkpoint and run still verifies."""
    collected.run()
    owner.clock.forward(days=1)
    collected.run()
    store, tenant = owner.context.store, owner.caller.tenant
    before = list(store.objects.rglob("*.parquet"))
    assert len(before) == 2
    owner("DeleteAssessment", assessmentId=collected.assessment.id)
    _work(owner)
    assert _evidence(collected) == 0
    assert list(store.objects.rglob("*.parquet")) == []
    an_assessment()
    store.sign_checkpoint(tenant)
    (log,) = store.verify(tenants=[tenant])
    assert (log.deleted, log.evidence, log.runs, log.unsigned) == (24, 0, 2, 0)
    (leaf,) = [one for one in owner.leaves() if one["object_type"] == "EVIDENCE"]
    assert [one["rows"] for one in json.loads(leaf["details"])["segments"]] == [12, 12]


def test_a_task_to_erase_waits_while_held(owner: Any, collected: Any) -> None:
    """A hold that is set after the deletion still keeps the evidence that is there."""
    collected.run()
    store, tenant = owner.context.store, owner.caller.tenant
    task = erasing.erasure(owner.context, collected.assessment.id, [])
    store.documents.act(tenant, now=owner.clock(), puts=[task])
    holds.place(store, tenant, "", why=WHY, by="counsel")
    _work(owner)
    assert _evidence(collected) == 12


def test_the_policy_all_deletes_after_a_week(
    owner: Any, admin: Any, collected: Any, a_control: Any
) -> None:
    """A week after deregistration all of the account is gone, but ledger and keys."""
    collected.run()
    a_control("Mine")
    admin("UpdateSettings", deregistrationPolicy={"deleteResources": "ALL"})
    admin("DeregisterAccount")
    owner.clock.forward(days=6)
    assert scheduler.schedule(owner.context) == 0
    owner.clock.forward(days=1, minutes=1)
    hold = holds.place(owner.context.store, owner.caller.tenant, "", why=WHY, by="counsel")
    assert scheduler.schedule(owner.context) == 0
    holds.lift(owner.context.store, hold.tenant, "", why="settled", by="counsel")
    assert scheduler.schedule(owner.context) == 1
    _work(owner)
    assert scheduler.schedule(owner.context) == 0
    store, tenant = owner.context.store, owner.caller.tenant
    assert store.assessments(tenant) == []
    assert list(store.objects.rglob("*.parquet")) == []
    for kind in ("assessment", "control", "notification", "selection", "settings", work.KIND):
        assert store.documents.every(tenant, kind) == []
    store.sign_checkpoint(tenant)
    (log,) = store.verify(tenants=[tenant])
    assert log.deleted == 12
    admin("RegisterAccount")
    assert owner("ListAssessments")["assessmentMetadata"] == []


def test_who_comes_back_within_the_week_keeps_everything(
    owner: Any, admin: Any, collected: Any
) -> None:
    """Registering again takes the deletion back; the policy DEFAULT never deletes."""
    collected.run()
    for policy in ("ALL", "DEFAULT"):
        admin("UpdateSettings", deregistrationPolicy={"deleteResources": policy})
        admin("DeregisterAccount")
        owner.clock.forward(days=3)
        if policy == "ALL":
            admin("RegisterAccount")
    owner.clock.forward(days=800)
    assert scheduler.schedule(owner.context) == 0
    admin("RegisterAccount")
    assert len(owner("ListAssessments")["assessmentMetadata"]) == 1


def test_the_command_line_sets_lists_and_clears(owner: Any) -> None:
    """`affidavit hold` is the administrator's way; what is held is listed."""
    settings, tenant = owner.context.settings, owner.caller.tenant
    environment = {"AFFIDAVIT_HOME": str(settings.home), "AFFIDAVIT_KEYS": str(settings.keys)}

    def call(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["hold", *arguments], env=environment)
        assert done.exit_code == 0, done.output
        return str(done.output)

    assert "Nothing is held" in call("list")
    assert "Everything" in call("set", "--tenant", tenant, "--reason", WHY)
    assert WHY in call("list")
    (only,) = json.loads(call("list", "--json"))
    assert (only["tenant"], only["assessmentId"]) == (tenant, "")
    assert "not held any more" in call("clear", "--tenant", tenant, "--reason", "settled")
