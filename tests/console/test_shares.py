"""Sharing a framework in the console: sent, received, accepted, declined, revoked, expired."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.console import library

from affidavit.operations import users

ACCOUNT = "444455556666"
REGION = "us-east-1"


@pytest.fixture
def rosa(fresh: Any) -> Any:
    """Give the recipient's browser: an owner of another account, which is set up."""
    arn = users.principal_of(ACCOUNT, "rosa")
    grants = [users.grant(ACCOUNT, REGION, role, arn) for role in ("owner", "admin")]
    users.add(
        fresh.store, "rosa", grants, by="test", now=fresh.time, password="correct horse battery"
    )
    client = fresh.client("rosa", "admin")
    client.post("/console/account/register")
    client.post("/console/account/grant", data={"grant": "0"})
    return client


def _send(olga: Any, fresh: Any, **changed: str) -> Any:
    own = library.custom(fresh, "framework")
    form = {"destinationAccount": ACCOUNT, "destinationRegion": REGION, "comment": "For you"}
    return olga.post(f"/console/frameworks/{own}/share", data={**form, **changed})


def _newest(client: Any, side: str) -> str:
    page = client.get(f"/console/shares?side={side}").text
    found = re.search(r'action="(/console/shares/[0-9a-f-]{36})"', page)
    assert found is not None, page
    return found[1]


def _states(client: Any, side: str) -> list[str]:
    page = client.get(f"/console/shares?side={side}").text
    return re.findall(r'<span class="badge[^"]*">([^<]+)</span>', page)


def test_a_request_is_accepted(fresh: Any, rosa: Any) -> None:
    """Sent with a comment, it is Active on both sides; accepted, the copy is the recipient's."""
    olga = fresh.client("olga")
    page = _send(olga, fresh)
    assert "The request was sent" in page.text
    assert (
        "Custom_ours"
        in olga.get(f"/console/frameworks/{library.custom(fresh, 'framework')}/share").text
    )
    received = rosa.get("/console/shares").text
    assert "For you" in received
    assert "111122223333" in received
    assert "Active" in _states(rosa, "RECEIVED")
    done = rosa.post(_newest(rosa, "RECEIVED"), data={"side": "RECEIVED", "do": "ACCEPT"})
    assert "in your library now" in done.text
    assert _states(rosa, "RECEIVED") == ["Shared"]
    assert "Shared" in _states(olga, "SENT")
    assert "Our framework" in rosa.get("/console/frameworks?type=Custom").text
    gone = rosa.post(_newest(rosa, "RECEIVED"), data={"side": "RECEIVED", "do": "DELETE"})
    assert "Nothing was received" in gone.text


@pytest.mark.parametrize(
    ("side", "what", "state"),
    [("RECEIVED", "DECLINE", "Declined"), ("SENT", "REVOKE", "Revoked")],
)
def test_a_request_is_ended(fresh: Any, rosa: Any, side: str, what: str, state: str) -> None:
    """Declined by the one or revoked by the other: both see it, and it cannot be accepted."""
    olga = fresh.client("olga")
    _send(olga, fresh)
    path = _newest(rosa, "RECEIVED")
    actor = rosa if side == "RECEIVED" else olga
    assert actor.post(path, data={"side": side, "do": what}).status_code == 200
    assert _states(rosa, "RECEIVED") == [state]
    assert state in _states(olga, "SENT")
    late = rosa.post(path, data={"side": "RECEIVED", "do": "ACCEPT"})
    assert late.status_code == 422
    assert 'role="alert"' in late.text
    assert "no custom framework yet" in rosa.get("/console/frameworks?type=Custom").text


def test_a_request_expires(fresh: Any, rosa: Any) -> None:
    """In its last 30 days it is Expiring and says until when; then Expired, and nothing is done."""
    _send(fresh.client("olga"), fresh)
    path = _newest(rosa, "RECEIVED")
    sent = fresh.time
    fresh.time = sent + timedelta(days=100)
    assert _states(fresh.client("rosa"), "RECEIVED") == ["Expiring"]
    fresh.time = sent + timedelta(days=121)
    late = fresh.client("rosa")
    assert _states(late, "RECEIVED") == ["Expired"]
    assert ">Accept<" not in late.get("/console/shares").text
    assert late.post(path, data={"side": "RECEIVED", "do": "ACCEPT"}).status_code == 422


def test_an_interrupted_acceptance_is_finished(fresh: Any, rosa: Any) -> None:
    """A request that was left Being copied offers the acceptance again, and nothing else."""
    _send(fresh.client("olga"), fresh)
    path = _newest(rosa, "RECEIVED")
    found = fresh.store.documents.get(library.TENANT, "framework_share", path.rpartition("/")[2])
    put = replace(found, body=found.body | {"status": "REPLICATING"})
    fresh.store.documents.act(library.TENANT, now=fresh.time, puts=[put])
    assert _states(rosa, "RECEIVED") == ["Being copied"]
    assert ">Decline<" not in rosa.get("/console/shares").text
    rosa.post(path, data={"side": "RECEIVED", "do": "ACCEPT"})
    assert _states(rosa, "RECEIVED") == ["Shared"]


def test_a_framework_that_is_gone_is_not_accepted(fresh: Any, rosa: Any) -> None:
    """Where the sender deleted it meanwhile, the recipient is told, and the request is Failed."""
    olga = fresh.client("olga")
    _send(olga, fresh)
    own = library.custom(fresh, "framework")
    warned = olga.get(f"/console/frameworks/{own}/delete").text
    assert "Revoke it first" in warned
    olga.post(f"/console/frameworks/{own}/delete")
    answer = rosa.post(_newest(rosa, "RECEIVED"), data={"side": "RECEIVED", "do": "ACCEPT"})
    assert answer.status_code == 422
    assert "could not be copied" in answer.text
    assert _states(rosa, "RECEIVED") == ["Failed"]


def test_what_cannot_be_sent_is_said(fresh: Any) -> None:
    """A wrong account, the own account and Region, a standard framework: 422 and why."""
    olga = fresh.client("olga")
    for wrong in (
        {"destinationAccount": "12"},
        {"destinationAccount": "111122223333"},
        {"destinationRegion": "nowhere at all"},
    ):
        answer = _send(olga, fresh, **wrong)
        assert answer.status_code == 422, wrong
        assert "For you" in answer.text
    shipped = fresh.context.catalogue.framework.uuid
    assert "are everywhere already" in olga.get(f"/console/frameworks/{shipped}/share").text


def test_requests_of_others_are_not_there(fresh: Any, rosa: Any) -> None:
    """Who is neither sender nor recipient finds no such request, and an auditor decides none."""
    olga = fresh.client("olga")
    _send(olga, fresh, destinationAccount="777788889999")
    path = _newest(olga, "SENT")
    for side in ("RECEIVED", "SENT"):
        what = "ACCEPT" if side == "RECEIVED" else "REVOKE"
        assert rosa.post(path, data={"side": side, "do": what}).status_code == 404
    arthur = fresh.client("arthur")
    assert arthur.post(path, data={"side": "SENT", "do": "REVOKE"}).status_code == 403
    assert "Active" in _states(olga, "SENT")
