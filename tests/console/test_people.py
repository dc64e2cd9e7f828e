"""Users and keys in the settings: what an administrator can do, and cannot, and what ends."""

import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from affidavit.operations import access_keys, signing_in, users

PASSWORD = "correct horse battery"
USERS = "/console/settings/users"
KEYS = "/console/settings/keys"
ACCOUNT = "111122223333"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/Automation"


def _is_in(client: Any) -> bool:
    answer = client.get("/console/account", follow_redirects=False)
    return bool(answer.status_code == 200)


def _user(fresh: Any, name: str, *places: tuple[str, str, str]) -> None:
    grants = [
        users.grant(account, region, role, users.principal_of(account, name))
        for account, region, role in places
    ]
    users.add(fresh.store, name, grants, by="test", now=fresh.time, password=PASSWORD)


def test_a_user_is_invited_by_a_link_that_is_good_once(fresh: Any) -> None:
    """The link stands on the page this once, opens the welcome page, and then nothing more."""
    admin = fresh.client("olga", "admin")
    page = admin.post(USERS, data={"name": "nina", "role": "auditor", "password": PASSWORD})
    link = re.search(r"<code>http://localhost(/console/welcome/[^<]+)</code>", page.text)
    assert link is not None
    assert link[1] not in admin.get(USERS).text
    assert "invited" in admin.get(f"{USERS}/nina").text
    form = {"password": "a longer password", "again": "a longer password"}
    nina = fresh.client()
    nina.post(link[1], data=form)
    assert _is_in(nina)
    assert nina.get(USERS).status_code == 403
    assert fresh.client().post(link[1], data=form).status_code == 404


def test_the_password_is_asked_for_again(fresh: Any) -> None:
    """A session that somebody took over invites nobody, and makes no key."""
    admin = fresh.client("olga", "admin")
    for path, form in (
        (USERS, {"name": "nina", "role": "admin"}),
        (KEYS, {"role": "admin", "principal": ROLE_ARN}),
        (f"{USERS}/dora", {"do": "link"}),
        (f"{USERS}/dora", {"do": "give", "role": "admin"}),
        ("/console/settings/keeping", {"do": "keep", "days": "1"}),
    ):
        answer = admin.post(path, data={**form, "password": "wrong"})
        assert answer.status_code == 422, path
        assert "password is not right" in answer.text
    assert users.find(fresh.store, "nina") is None
    assert access_keys.every(fresh.store) == []


def test_what_ends_a_users_sessions(fresh: Any) -> None:
    """Disabling and signing out everywhere end them at once; another persona ends none."""
    admin = fresh.client("olga", "admin")
    form = {"password": PASSWORD, "role": "auditor"}
    for what in ("give", "end-sessions", "disable"):
        dora = fresh.client("dora")
        assert _is_in(dora)
        answer = admin.post(f"{USERS}/dora", data={**form, "do": what})
        assert answer.status_code == 200, (what, answer.text)
        assert _is_in(dora) is (what == "give"), what
    given = {"name": "dora", "password": PASSWORD}
    assert fresh.client().post("/console/sign-in", data=given).status_code == 403
    admin.post(f"{USERS}/dora", data={"do": "enable", "password": PASSWORD})
    assert _is_in(fresh.client("dora"))


def test_a_withdrawn_persona_ends_where_it_is_acted_in(fresh: Any) -> None:
    """The administrator of one place ends what the user does there, and nothing elsewhere."""
    _user(
        fresh, "both", (ACCOUNT, "us-east-1", "auditor"), ("444455556666", "us-east-1", "auditor")
    )
    here, elsewhere = fresh.client("both"), fresh.client("both")
    elsewhere.post("/console/account/grant", data={"grant": "1"})
    admin = fresh.client("olga", "admin")
    (managed,) = [one for one in users.every(fresh.store) if one.name == "both"]
    gone = {"do": "withdraw", "role": "auditor", "password": PASSWORD}
    form = {**gone, "principal": managed.grants[0].principal_arn}
    assert admin.post(f"{USERS}/both", data=form).status_code == 200
    assert not _is_in(here)
    page = elsewhere.get("/console/account", follow_redirects=False)
    assert page.status_code == 200
    assert "444455556666" in page.text
    assert ACCOUNT not in page.text


def test_one_time_codes_are_reset(fresh: Any) -> None:
    """Whoever lost the device signs in with the password alone after the reset."""
    secret = b"12345678901234567890"
    code = TOTP(secret, 6, SHA1(), 30).generate(int(fresh.time.timestamp()))  # noqa: S303 - RFC 6238
    assert signing_in.set_codes(fresh.store, "dora", secret, code.decode(), fresh.time)
    given = {"name": "dora", "password": PASSWORD}
    assert fresh.client().post("/console/sign-in", data=given).status_code == 403
    admin = fresh.client("olga", "admin")
    admin.post(f"{USERS}/dora", data={"do": "reset-codes", "password": PASSWORD})
    assert _is_in(fresh.client("dora"))


def test_nobody_locks_themselves_out(fresh: Any) -> None:
    """An administrator neither disables nor resets themselves, nor changes their own personas."""
    admin = fresh.client("olga", "admin")
    arn = users.principal_of(ACCOUNT, "olga")
    for what in ("disable", "link", "reset-codes", "end-sessions", "withdraw", "give"):
        form = {"do": what, "password": PASSWORD, "role": "admin", "principal": arn}
        answer = admin.post(f"{USERS}/olga", data=form)
        assert answer.status_code == 422, what
        assert "That is you" in answer.text
    assert _is_in(admin)
    last = {"do": "withdraw", "role": "delegate", "principal": users.principal_of(ACCOUNT, "dora")}
    answer = admin.post(f"{USERS}/dora", data=last)
    assert answer.status_code == 422
    assert "would be nobody" in answer.text


def test_administrators_of_elsewhere_see_and_change_nothing(fresh: Any) -> None:
    """Users of another account or Region are not there; who acts in both is only partly ours."""
    _user(fresh, "eve", ("444455556666", "us-east-1", "admin"))
    _user(
        fresh, "both", (ACCOUNT, "us-east-1", "auditor"), ("444455556666", "us-east-1", "auditor")
    )
    eve = fresh.client("eve")
    eve.post("/console/account/register")
    page = eve.get(USERS).text
    assert "dora" not in page
    for what in ("disable", "link", "withdraw", "give", "enable", "reset-codes", "end-sessions"):
        form = {"do": what, "password": PASSWORD, "role": "delegate"}
        assert eve.post(f"{USERS}/dora", data=form).status_code == 404, what
    for what in ("disable", "link", "reset-codes", "end-sessions"):
        answer = eve.post(f"{USERS}/both", data={"do": what, "password": PASSWORD})
        assert answer.status_code == 422, what
        assert "other accounts" in answer.text
    foreign = {"name": "fay", "role": "owner", "principal": ROLE_ARN, "password": PASSWORD}
    assert eve.post(USERS, data=foreign).status_code == 422
    taken = {"name": "Dora", "role": "owner", "password": PASSWORD}
    assert eve.post(USERS, data=taken).status_code == 422
    assert users.find(fresh.store, "fay") is None


def test_a_keys_secret_is_shown_once(fresh: Any) -> None:
    """The secret stands on one page only; a revoked key is refused; others' keys are not there."""
    admin = fresh.client("olga", "admin")
    form = {"role": "auditor", "principal": ROLE_ARN, "password": PASSWORD}
    page = admin.post(KEYS, data=form).text
    (made,) = access_keys.every(fresh.store)
    known = access_keys.Lookup(fresh.store)(made.access_key_id)
    assert known is not None
    assert known.secret in page.replace("&#43;", "+").replace("&#x2b;", "+")
    listed = admin.get(KEYS).text
    assert made.access_key_id in listed
    assert known.secret not in listed
    other = access_keys.add(
        fresh.store,
        account_id="444455556666",
        principal_arn="arn:aws:iam::444455556666:role/x",
        role="owner",
        by="test",
    )
    assert other.access_key_id not in listed
    assert admin.post(f"{KEYS}/{other.access_key_id}/revoke").status_code == 404
    assert "revoked" in admin.post(f"{KEYS}/{made.access_key_id}/revoke").text
    gone = access_keys.Lookup(fresh.store)(made.access_key_id)
    assert gone is not None
    assert gone.disabled
    wrong = admin.post(KEYS, data={**form, "principal": "arn:aws:iam::444455556666:role/x"})
    assert wrong.status_code == 422


def test_a_key_opens_no_region_that_its_maker_does_not(fresh: Any) -> None:
    """Neither a Region that somebody else administers, nor one that is set up later."""
    form = {"role": "admin", "principal": ROLE_ARN, "password": PASSWORD}
    admin = fresh.client("olga", "admin")
    assert "good in us-east-1 of account" in admin.get(KEYS).text
    admin.post(KEYS, data=form)
    everywhere = access_keys.add(
        fresh.store, account_id=ACCOUNT, principal_arn=ROLE_ARN, role="owner", by="test"
    )
    assert everywhere.access_key_id in admin.get(KEYS).text
    _user(fresh, "irma", (ACCOUNT, "eu-central-1", "admin"))
    irma = fresh.client("irma")
    irma.post("/console/account/register")
    (made,) = [one for one in access_keys.every(fresh.store) if one.regions]
    assert made.regions == ("us-east-1",)
    listed = admin.get(KEYS).text
    assert made.access_key_id in listed
    assert everywhere.access_key_id not in listed  # it opens irma's Region now
    assert made.access_key_id not in irma.get(KEYS).text
    assert irma.post(f"{KEYS}/{made.access_key_id}/revoke").status_code == 404
    assert admin.post(f"{KEYS}/{made.access_key_id}/revoke").status_code == 200


@pytest.mark.parametrize("user", ["olga", "dora", "arthur"])
def test_only_administrators_manage(fresh: Any, user: str) -> None:
    """An owner, a delegate and an auditor neither see nor change users, keys, channels, holds."""
    client = fresh.client(user)
    for path in ("users", "keys", "channels", "keeping", "users/dora"):
        assert client.get(f"/console/settings/{path}").status_code == 403
        form = {"do": "disable", "password": PASSWORD, "name": "x", "role": "admin"}
        assert client.post(f"/console/settings/{path}", data=form).status_code == 403
    assert users.find(fresh.store, "x") is None
