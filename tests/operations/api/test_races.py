"""Two callers at the same moment: one of them counts, and nothing happens twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from affidavit.errors import StoreConflictError
from affidavit.operations import (
    assessment_frameworks,
    assessments,
    changes,
    controls,
    erasing,
    framework_shares,
    holds,
    manual_evidence,
    passwords,
    signing_in,
    uploads,
    work,
)
from affidavit.operations.faults import (
    AccessDeniedFault,
    Fault,
    QuotaFault,
    ThrottlingFault,
    ValidationFault,
)
from affidavit.operations.presigned import Pass

CALLERS = 4
PATIENCE = 300.0
"""Seconds until all callers stand ready, on a machine that is busy."""


def at_once(call: Callable[[], Any], callers: int = CALLERS) -> list[Any]:
    """Return what several callers got at the same moment: the answer, or the fault."""
    ready = threading.Barrier(callers)

    def one(_: int) -> Any:
        ready.wait(PATIENCE)
        try:
            return call()
        except Fault as fault:
            return fault

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(one, range(callers)))


def _copies(side: Any) -> list[Any]:
    listed = side("ListAssessmentFrameworks", frameworkType="Custom")
    return list(listed["frameworkMetadataList"])


@pytest.fixture
def share(owner: Any, stranger: Any, a_framework: Any) -> dict[str, Any]:
    """Give a request that the owner sent to the stranger, as the stranger answers it."""
    del stranger
    to = {"destinationAccount": "444455556666", "destinationRegion": "us-east-1"}
    answer = owner("StartAssessmentFrameworkShare", frameworkId=a_framework()["id"], **to)
    identifier = answer["assessmentFrameworkShareRequest"]["id"]
    return {"requestId": identifier, "requestType": "RECEIVED", "action": "ACCEPT"}


def test_a_share_accepted_by_several_is_copied_once(stranger: Any, share: dict[str, Any]) -> None:
    """However many accept at once, there is one copy, and the request is SHARED."""
    answers = at_once(lambda: stranger("UpdateAssessmentFrameworkShare", **share))
    assert any(not isinstance(one, Fault) for one in answers)
    assert len(_copies(stranger)) == 1


def test_a_share_accepted_while_another_copies_is_copied_once(
    stranger: Any, share: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes between the mark and the copy of another acceptance makes no second copy."""
    act, inside = changes.act, list[bool]()

    def between(context: Any, caller: Any, change: Any, **more: Any) -> None:
        if change.action == "CREATE" and not inside:
            inside.append(True)
            stranger("UpdateAssessmentFrameworkShare", **share)
        act(context, caller, change, **more)

    monkeypatch.setattr(framework_shares, "act", between)
    with suppress(Fault):
        stranger("UpdateAssessmentFrameworkShare", **share)
    assert inside
    assert len(_copies(stranger)) == 1


def test_an_acceptance_on_its_way_is_ended_by_who_copies(
    stranger: Any, share: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes to the copy too late has not touched the request: who copied ends it."""
    act, copies = changes.act, list[Callable[[], None]]()

    def accept() -> Any:
        update = framework_shares.update_assessment_framework_share
        return update(stranger.context, stranger.caller, share)

    def between(context: Any, caller: Any, change: Any, **more: Any) -> None:
        if change.action != "CREATE":
            act(context, caller, change, **more)
            return
        copies.append(lambda: act(context, caller, change, **more))
        if len(copies) == 1:
            with pytest.raises(StoreConflictError):
                accept()
        else:
            copies[0]()
            copies[1]()

    monkeypatch.setattr(framework_shares, "act", between)
    assert accept()["assessmentFrameworkShareRequest"]["status"] == "SHARED"
    assert len(copies) == 2
    assert len(_copies(stranger)) == 1


def test_a_control_is_reviewed_once(owner: Any, an_assessment: Any) -> None:
    """Of several reviews at once one counts: who reviewed, and when, is not written over."""
    made = an_assessment()
    first = made["framework"]["controlSets"][0]
    place = {
        "assessmentId": made["metadata"]["id"],
        "controlSetId": first["id"],
        "controlId": first["controls"][0]["id"],
    }
    before = len(owner.leaves())
    at_once(
        lambda: owner(
            "UpdateAssessmentControl", **place, controlStatus="REVIEWED", commentBody="seen"
        )
    )
    reviews = [leaf for leaf in owner.leaves()[before:] if leaf.get("action") == "REVIEWED"]
    assert len(reviews) == 1


def test_deregistering_twice_ends_in_one_state(admin: Any) -> None:
    """Several deregistrations at once leave the account INACTIVE, and it can come back."""
    at_once(lambda: admin("DeregisterAccount"))
    assert admin("GetAccountStatus")["status"] == "INACTIVE"
    admin("RegisterAccount")
    assert admin("GetAccountStatus")["status"] == "ACTIVE"


def test_a_hold_set_meanwhile_keeps_the_assessment(
    owner: Any, an_assessment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A legal hold that comes after the look at holds, but before the deletion, keeps it."""
    identifier = an_assessment()["metadata"]["id"]
    context, tenant = owner.context, owner.caller.tenant
    erasure, placed = erasing.erasure, list[holds.Hold]()

    def between(*given: Any) -> Any:
        if not placed:
            placed.append(holds.place(context.store, tenant, "", why="case", by="test"))
        return erasure(*given)

    monkeypatch.setattr(erasing, "erasure", between)
    with pytest.raises((ThrottlingFault, ValidationFault)):
        owner("DeleteAssessment", assessmentId=identifier)
    assert owner("GetAssessment", assessmentId=identifier)
    with pytest.raises(ValidationFault, match="legal hold"):
        owner("DeleteAssessment", assessmentId=identifier)


@pytest.mark.parametrize("kind", ["control", "framework", "assessment"])
def test_quotas_hold_for_callers_at_once(
    owner: Any, a_control: Any, an_assessment: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """With room for two, of several callers at the same moment no third one gets in."""
    sets = [{"name": "Set", "controls": [{"id": a_control()["id"]}]}]
    calls: dict[str, tuple[Any, str, Callable[[], Any]]] = {
        "control": (controls, "MAX_CONTROLS", a_control),
        "framework": (
            assessment_frameworks,
            "MAX_FRAMEWORKS",
            lambda: owner("CreateAssessmentFramework", name="Own", controlSets=sets),
        ),
        "assessment": (assessments, "MAX_ACTIVE", an_assessment),
    }
    module, limit, call = calls[kind]
    documents, tenant = owner.context.store.documents, owner.caller.tenant
    before = len(documents.every(tenant, kind))
    monkeypatch.setattr(module, limit, before + 2)
    answers = at_once(call, 2 * CALLERS)
    assert len(documents.every(tenant, kind)) == before + 2
    refused = [one for one in answers if isinstance(one, Fault)]
    assert len(refused) == 2 * CALLERS - 2
    assert all(isinstance(one, QuotaFault | ThrottlingFault) for one in refused)


def test_the_same_share_sent_at_once_is_one_request(owner: Any, a_framework: Any) -> None:
    """Several who offer a framework to the same recipient at the same moment make one request."""
    to = {"destinationAccount": "444455556666", "destinationRegion": "us-east-1"}
    identifier = a_framework()["id"]
    at_once(lambda: owner("StartAssessmentFrameworkShare", frameworkId=identifier, **to))
    listed = owner("ListAssessmentFrameworkShareRequests", requestType="SENT")
    assert len(listed["assessmentFrameworkShareRequests"]) == 1


def test_a_controls_day_takes_no_more_items_at_once(
    owner: Any, an_assessment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imports at the same moment add no more manual evidence than a control takes a day."""
    monkeypatch.setattr(manual_evidence, "MAX_A_DAY", 3)
    made = an_assessment()
    first = made["framework"]["controlSets"][0]
    place = {
        "assessmentId": made["metadata"]["id"],
        "controlSetId": first["id"],
        "controlId": first["controls"][0]["id"],
        "manualEvidence": [{"textResponse": "one"}, {"textResponse": "two"}],
    }
    at_once(lambda: owner("BatchImportEvidenceToAssessmentControl", **place))
    documents = owner.context.store.documents
    assert len(documents.every(owner.caller.tenant, "manual_evidence")) in (2, 3)


def test_uploads_of_a_day_are_bounded_at_once(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads that end at the same moment are no more than the day's, in number and in bytes."""
    context, tenant, names = owner.context, owner.caller.tenant, iter(range(100))

    def upload(size: int) -> str | None:
        given = Pass(purpose="upload", tenant=tenant, id=f"u{next(names)}", tag="t")
        with context.store.attachments.new(tenant) as new:
            new.write(b"x" * size)
            new.close()
        return uploads.received(context, given, new)

    monkeypatch.setattr(uploads, "MAX_A_DAY", 3)
    taken = at_once(lambda: upload(1), 2 * CALLERS)
    assert sum(one is not None for one in taken) == 3
    anywhere = Pass(purpose="upload", tenant=tenant, id="x", tag="t")
    assert not uploads.is_room(context, anywhere)
    monkeypatch.setattr(uploads, "MAX_A_DAY", 1000)
    monkeypatch.setattr(uploads, "MAX_BYTES_A_DAY", 3 + 20)
    taken = at_once(lambda: upload(10))
    assert sum(one is not None for one in taken) == 2
    owner.clock.forward(days=1)
    assert upload(10) is not None


def test_failures_to_sign_in_at_once_count_each(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many attempts at the same moment only the free ones are tried; the others wait."""
    tried: list[str] = []

    def fits(password: str, _: str) -> bool:
        tried.append(password)
        return False

    monkeypatch.setattr(passwords, "fits", fits)
    given = signing_in.Credentials(name="olga", password="guess", code="", address="192.0.2.1")
    store, now = owner.context.store, owner.clock()
    answers = at_once(lambda: signing_in.sign_in(store, given, now), 6 * CALLERS)
    assert len(tried) == signing_in.FREE_OF_BOTH
    denied = [one for one in answers if isinstance(one, AccessDeniedFault)]
    assert len(denied) == signing_in.FREE_OF_BOTH
    waiting = [one for one in answers if isinstance(one, ThrottlingFault)]
    assert len(denied) + len(waiting) == len(answers)


@pytest.fixture
def leaving(owner: Any, admin: Any, a_control: Any) -> Any:
    """Give an account with a control whose week after deregistration is over, and its purge."""
    a_control()
    admin("UpdateSettings", deregistrationPolicy={"deleteResources": "ALL"})
    admin("DeregisterAccount")
    owner.clock.forward(days=8)
    ((_, task),) = list(erasing.due(owner.context))
    owner.context.store.documents.act(owner.caller.tenant, now=owner.clock(), puts=[task])
    return owner


def _controls(side: Any) -> int:
    return len(side.context.store.documents.every(side.caller.tenant, "control"))


def test_a_return_while_everything_is_deleted_waits(
    leaving: Any, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever registers again after the deletion began is told to come again, and then may."""
    refused = []

    def between(assessment_id: str | None = None) -> Any:
        try:
            admin("RegisterAccount")
        except ThrottlingFault as fault:
            refused.append(fault)
        return unless_held(assessment_id)

    unless_held = holds.unless_held
    task = leaving.context.store.documents.every(leaving.caller.tenant, work.KIND)[-1]
    begun = erasing._begun

    def after_mark(context: Any, tenant: str) -> Any:
        found = begun(context, tenant)
        monkeypatch.setattr(holds, "unless_held", between)
        return found

    monkeypatch.setattr(erasing, "_begun", after_mark)
    erasing.purge(leaving.context, leaving.caller.tenant, task)
    monkeypatch.undo()
    assert refused
    assert _controls(leaving) == 0
    admin("RegisterAccount")
    assert admin("GetAccountStatus")["status"] == "ACTIVE"


def test_of_deletion_and_return_at_once_one_counts(leaving: Any, admin: Any) -> None:
    """An account that came back has everything; one that was deleted has nothing and stays out."""
    task = leaving.context.store.documents.every(leaving.caller.tenant, work.KIND)[-1]
    acts: list[Callable[[], Any]] = [
        lambda: erasing.purge(leaving.context, leaving.caller.tenant, task),
        lambda: admin("RegisterAccount"),
    ]

    def one() -> Any:
        act = acts.pop()
        return act()

    with suppress(StoreConflictError):
        at_once(one, 2)
    active = admin("GetAccountStatus")["status"] == "ACTIVE"
    account = leaving.context.store.documents.get(leaving.caller.tenant, "account", "account")
    assert account is not None
    if "_deletedAt" in account.body:
        assert _controls(leaving) == 0
    else:
        assert active
        assert _controls(leaving) == 1


def test_a_deletion_that_is_given_up_lets_the_account_return(leaving: Any, admin: Any) -> None:
    """A hold set meanwhile ends the deletion; the account is not shut out for ever."""
    context, tenant = leaving.context, leaving.caller.tenant
    assert erasing._begun(context, tenant) is not None
    with pytest.raises(ThrottlingFault, match="being deleted"):
        admin("RegisterAccount")
    erasing.purge_failed(context, tenant)
    admin("RegisterAccount")
    assert _controls(leaving) == 1
