"""What an attacker tries at sign-in: stolen sessions, links, and keeping others out."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from starlette.testclient import TestClient

from affidavit.finder.engine import Finder
from affidavit.operations import sessions, signing_in, users
from affidavit.operations.caller import Caller
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.faults import AccessDeniedFault
from affidavit.operations.finding import Search
from affidavit.operations.signing_in import FREE_OF_BOTH, FREE_OF_EITHER
from affidavit.server import ServeOptions

PASSWORD = "correct horse battery"
NEW = "another horse entirely"
FORM = {"password": NEW, "again": NEW}


def _sign_in(client: Any, name: str = "olga", password: str = PASSWORD) -> int:
    given = {"name": name, "password": password}
    status: int = client.post("/console/sign-in", data=given, follow_redirects=False).status_code
    return status


def _is_in(client: Any) -> bool:
    answer = client.get("/console/account", follow_redirects=False)
    return bool(answer.status_code == 200)


def test_a_new_password_by_a_link_ends_sessions(fresh: Any) -> None:
    """Whoever took over a session of an account that is then reset is out at once."""
    thief = fresh.client("olga")
    token = users.invite_known(fresh.store, "olga", fresh.time)
    owner = fresh.client()
    owner.post(f"/console/welcome/{token}", data=FORM)
    assert _is_in(owner)
    assert not _is_in(thief)


def test_a_link_is_no_second_factor(fresh: Any) -> None:
    """Who follows a link of a user with one-time codes still has to give one to sign in."""
    secret = b"12345678901234567890"
    code = TOTP(secret, 6, SHA1(), 30).generate(int(fresh.time.timestamp()))  # noqa: S303 - RFC 6238
    assert signing_in.set_codes(fresh.store, "olga", secret, code.decode(), fresh.time)
    token = users.invite_known(fresh.store, "olga", fresh.time)
    client = fresh.client()
    answer = client.post(f"/console/welcome/{token}", data=FORM)
    assert answer.url.path == "/console/sign-in"
    assert not _is_in(client)


def test_one_time_codes_outlive_a_change_of_the_master_key(fresh: Any) -> None:
    """Rotating the master key locks nobody out."""
    secret = b"12345678901234567890"
    maker = TOTP(secret, 6, SHA1(), 30)  # noqa: S303 - RFC 6238
    before = int(fresh.time.timestamp()) - 30
    assert signing_in.set_codes(
        fresh.store, "olga", secret, maker.generate(before).decode(), fresh.time
    )
    fresh.store.keyring.change_master(fresh.store.tenants())
    code = maker.generate(before + 30).decode()
    given = {"name": "olga", "password": PASSWORD, "code": code}
    answer = fresh.client().post("/console/sign-in", data=given, follow_redirects=False)
    assert answer.status_code == 303


def test_tokens_change_at_sign_in_and_with_the_password(fresh: Any) -> None:
    """What the browser held before opens nothing afterwards."""
    client = fresh.client("olga")
    first = client.cookies["affidavit-session"]
    assert _sign_in(client) == 303
    second = client.cookies["affidavit-session"]
    form = {"password": PASSWORD, "new": NEW, "again": NEW}
    client.post("/console/account/password", data=form)
    assert client.cookies["affidavit-session"] not in (first, second)
    assert _is_in(client)
    assert len(fresh.store.documents.every(users.TENANT, sessions.KIND)) == 1


def test_failures_of_others_keep_nobody_out(fresh: Any) -> None:
    """A browser that the user has signed in with is counted by itself, and only for that user."""
    known = fresh.client("olga")
    attacker = fresh.client()
    for _ in range(FREE_OF_BOTH):
        assert _sign_in(attacker, password="wrong") == 403
    assert _sign_in(attacker) == 429
    assert _sign_in(known) == 303
    attacker.cookies.set("affidavit-browser", fresh.client("arthur").cookies["affidavit-browser"])
    assert _sign_in(attacker) == 429
    for _ in range(FREE_OF_BOTH):
        assert _sign_in(known, password="wrong") == 403
    assert _sign_in(known) == 429


def test_behind_a_proxy_the_address_is_not_counted(make_installation: Any) -> None:
    """There everybody has the proxy's address: failures of one must not keep all others out."""
    made = make_installation(options=ServeOptions(behind_tls_proxy=True))
    headers = {"origin": "https://localhost", "host": "localhost"}
    client = TestClient(made.app, base_url="https://localhost", headers=headers)
    for number in range(FREE_OF_EITHER + 1):
        assert _sign_in(client, f"nobody{number}", "wrong") == 403
    assert _sign_in(client) == 303
    assert _is_in(client)


@pytest.mark.parametrize("role", ["owner", "auditor", "delegate"])
def test_who_has_one_set_finds_evidence_of_no_other(filled: Any, role: Any) -> None:
    """Whatever persona somebody has: a delegated set opens that set to the finder, not the rest."""
    caller = Caller(
        account_id="111122223333", region="us-east-1", role=role, request_id="test",
        principal_arn="arn:aws:iam::111122223333:user/dora",
    )  # fmt: skip
    with Finder(filled.store) as finder:
        search = Search(filled.context, caller, finder)
        (own,) = search.assessments
        found = {row.evidence.control_id for row in search.rows("")}
        logged = Dispatcher(filled.context)("GetChangeLogs", caller, {"assessmentId": own.id})
    assert "ASSESSMENT" not in {one["objectType"] for one in logged["changeLogs"]}
    assert found == {control.key for control in own.controls}
    assert {control.set_id for control in own.controls} == {"Privacy"}


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DeleteAssessment", {}),
        ("UpdateAssessment", {"scope": {"awsAccounts": [{"id": "111122223333"}]}}),
        ("UpdateAssessmentStatus", {"status": "INACTIVE"}),
        ("CreateAssessmentReport", {"name": "r"}),
        (
            "UpdateAssessmentControlSetStatus",
            {"controlSetId": "Privacy", "status": "REVIEWED", "comment": "Done."},
        ),
        ("GetInsightsByAssessment", {}),
        (
            "BatchCreateDelegationByAssessment",
            {
                "createDelegationRequests": [
                    {
                        "controlSetId": "Safety",
                        "roleArn": "arn:aws:iam::111122223333:user/dora",
                        "roleType": "RESOURCE_OWNER",
                    }
                ]
            },
        ),
    ],
)
def test_a_delegation_makes_no_owner(fresh: Any, operation: str, members: dict[str, Any]) -> None:
    """An owner of other assessments whom one set was delegated to does what delegates do."""
    caller = Caller(
        account_id="111122223333", region="us-east-1", role="owner", request_id="test",
        principal_arn="arn:aws:iam::111122223333:user/dora",
    )  # fmt: skip
    with pytest.raises(AccessDeniedFault):
        Dispatcher(fresh.context)(
            operation, caller, {"assessmentId": fresh.assessment.id, **members}
        )
