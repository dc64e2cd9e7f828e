"""Two callers at the same moment: one of them counts, and nothing happens twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from affidavit.operations import changes, erasing, framework_shares, holds
from affidavit.operations.faults import Fault, ThrottlingFault, ValidationFault

CALLERS = 4


def at_once(call: Callable[[], Any]) -> list[Any]:
    """Return what several callers got at the same moment: the answer, or the fault."""
    ready = threading.Barrier(CALLERS)

    def one(_: int) -> Any:
        ready.wait(20)
        try:
            return call()
        except Fault as fault:
            return fault

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(one, range(CALLERS)))


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
