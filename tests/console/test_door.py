"""Sign-in, sessions, cookies, cross-site requests: who comes in, and for how long."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from affidavit.console.door import is_own
from affidavit.operations import one_time_codes, sessions, signing_in, users
from affidavit.operations.signing_in import FREE_OF_BOTH
from affidavit.server import ServeOptions

PASSWORD = "correct horse battery"


def _sign_in(client: Any, name: str = "olga", **more: str) -> Any:
    given = {"name": name, "password": PASSWORD, **more}
    return client.post("/console/sign-in", data=given, follow_redirects=False)


def test_pages_lead_to_sign_in_and_back(fresh: Any) -> None:
    """Who is not signed in is asked to, and comes to the page that was wanted."""
    client = fresh.client()
    answer = client.get("/console/finder?group=control", follow_redirects=False)
    assert answer.status_code == 303
    wanted = "/console/sign-in?next=%2Fconsole%2Ffinder%3Fgroup%3Dcontrol"
    assert answer.headers["location"] == wanted
    page = _sign_in(client, next="/console/finder?group=control")
    assert page.headers["location"] == "/console/finder?group=control"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/console//evil.example", "/\\evil", ""]
)
def test_sign_in_never_leads_elsewhere(fresh: Any, target: str) -> None:
    """A forged `next` leads to the start."""
    answer = _sign_in(fresh.client(), next=target)
    assert answer.headers["location"] == "/console/"


def test_the_cookie_is_not_for_scripts_nor_other_sites(fresh: Any, make_installation: Any) -> None:
    """HttpOnly and SameSite always; by TLS also Secure, with the __Host- name, and HSTS."""
    cookie = _sign_in(fresh.client()).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    behind = make_installation(options=ServeOptions(behind_tls_proxy=True))
    client = behind.client()
    client.headers["origin"] = "https://localhost"
    answer = _sign_in(client)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "secure" in cookie.lower()
    assert "strict-transport-security" in answer.headers


def test_the_store_holds_no_token(fresh: Any) -> None:
    """What the browser holds is not in the database: a copy of it opens nothing."""
    client = fresh.client("olga")
    token = client.cookies["affidavit-session"]
    kept = fresh.store.documents.every(users.TENANT, sessions.KIND)
    assert len(kept) == 1
    assert token not in repr(kept)


def test_sessions_end(fresh: Any) -> None:
    """By signing out, by an hour without a request, by twelve hours, by disabling the user."""
    client = fresh.client("olga")
    kept = dict(client.cookies)
    client.post("/console/sign-out")
    again = fresh.client()
    again.cookies.update(kept)
    assert again.get("/console/account", follow_redirects=False).status_code == 303
    client = fresh.client("olga")
    fresh.time += sessions.IDLE
    assert client.get("/console/account", follow_redirects=False).status_code == 303
    client, began = fresh.client("olga"), fresh.time
    while fresh.time < began + sessions.LONGEST - timedelta(minutes=50):
        fresh.time += timedelta(minutes=45)
        assert client.get("/console/account", follow_redirects=False).status_code == 200
    fresh.time = began + sessions.LONGEST
    assert client.get("/console/account", follow_redirects=False).status_code == 303
    client = fresh.client("arthur")
    users.set_disabled(fresh.store, "arthur", by="test", now=fresh.time)
    assert client.get("/console/assessments", follow_redirects=False).status_code == 303
    assert _sign_in(fresh.client(), "arthur").status_code == 403


def test_wrong_sign_ins_have_to_wait(fresh: Any) -> None:
    """After a few failures even the right password is refused for a while, in all servers."""
    client = fresh.client()
    texts = set()
    for _ in range(FREE_OF_BOTH):
        answer = client.post("/console/sign-in", data={"name": "olga", "password": "wrong"})
        texts.add((answer.status_code, signing_in.WRONG in answer.text))
    answer = client.post("/console/sign-in", data={"name": "nobody", "password": "wrong"})
    texts.add((answer.status_code, signing_in.WRONG in answer.text))
    assert texts == {(403, True)}
    assert _sign_in(client).status_code == 429
    fresh.time += timedelta(minutes=1)
    assert _sign_in(client).status_code == 303


def test_one_time_codes_are_asked_for_and_good_once(fresh: Any) -> None:
    """With codes set up the password alone is refused, and a code opens once."""
    secret = b"12345678901234567890"
    maker = TOTP(secret, 6, SHA1(), 30)  # noqa: S303 - of the standard

    def code() -> str:
        return maker.generate(int(fresh.time.timestamp())).decode()

    client = fresh.client("olga")
    given = {"secret": one_time_codes.written(secret), "code": code(), "password": PASSWORD}
    assert "codes-on" in str(client.post("/console/account/codes", data=given).url)
    assert secret not in repr(users.document_of(fresh.store, "olga")).encode()
    assert _sign_in(fresh.client()).status_code == 403
    assert _sign_in(fresh.client(), code=code()).status_code == 403  # used to set them up
    fresh.time += timedelta(seconds=30)
    assert _sign_in(fresh.client(), code=code()).status_code == 303
    assert _sign_in(fresh.client(), code=code()).status_code == 403


def test_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B: the eight-digit codes' last six digits for SHA-1."""
    from datetime import UTC, datetime

    secret = b"12345678901234567890"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        now = datetime.fromtimestamp(seconds, UTC)
        assert one_time_codes.step_of(secret, code, now, 0) == seconds // 30
        assert one_time_codes.step_of(secret, "000000", now, 0) is None


def test_the_first_user_comes_by_a_link(make_installation: Any) -> None:
    """The link makes one user, owner and administrator, once; then it opens nothing."""
    empty = make_installation(filled=False)
    token = users.invite(empty.store, "", empty.time)
    client = empty.client()
    form = {"name": "first", "account": "111122223333", "region": "us-east-1"}
    wrong = client.post(
        f"/console/welcome/{token}", data={**form, "password": "short", "again": "short"}
    )
    assert wrong.status_code == 422
    assert "12 to 256" in wrong.text
    answer = client.post(
        f"/console/welcome/{token}", data={**form, "password": PASSWORD, "again": PASSWORD}
    )
    assert answer.url.path == "/console/account"
    assert "not set up" in answer.text
    assert client.get(f"/console/welcome/{token}").status_code == 404
    assert empty.client().get("/console/welcome/guessed").status_code == 404


def test_an_invitation_sets_a_password_once(fresh: Any) -> None:
    """A user without a password cannot sign in; the link sets one, and ends after a day."""
    grant = users.grant(
        "111122223333", "us-east-1", "auditor", "arn:aws:iam::111122223333:user/new"
    )
    users.add(fresh.store, "new", [grant], by="test", now=fresh.time)
    assert _sign_in(fresh.client(), "new").status_code == 403
    old = users.invite(fresh.store, "new", fresh.time)
    token = users.invite(fresh.store, "new", fresh.time)
    form = {"password": PASSWORD, "again": PASSWORD}
    assert fresh.client().post(f"/console/welcome/{old}", data=form).status_code == 404
    fresh.client().post(f"/console/welcome/{token}", data=form)
    assert _sign_in(fresh.client(), "new").status_code == 303
    late = users.invite(fresh.store, "new", fresh.time)
    fresh.time += users.INVITED_FOR
    assert fresh.client().get(f"/console/welcome/{late}").status_code == 404


def test_a_new_password_ends_other_sessions(fresh: Any) -> None:
    """The session that changed it goes on; the others are over."""
    here, there = fresh.client("olga"), fresh.client("olga")
    new = "another horse entirely"
    form = {"password": PASSWORD, "new": new, "again": new}
    assert "password" in str(here.post("/console/account/password", data=form).url)
    assert here.get("/console/account", follow_redirects=False).status_code == 200
    assert there.get("/console/account", follow_redirects=False).status_code == 303


def test_a_session_alone_cannot_guess_the_password(fresh: Any) -> None:
    """Wrong present passwords are counted as failures of sign-in are, and have to wait."""
    client = fresh.client("olga")
    form = {"password": "wrong", "new": "another horse entirely", "again": "another horse entirely"}
    for _ in range(FREE_OF_BOTH):
        assert client.post("/console/account/password", data=form).status_code == 422
    form["password"] = PASSWORD
    assert client.post("/console/account/password", data=form).status_code == 429
    assert _sign_in(client).status_code == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
    ],
)
def test_cross_site_posts_are_refused(fresh: Any, headers: dict[str, str]) -> None:
    """Nothing unsafe is done for another site's page, whoever is signed in."""
    client = fresh.client("olga")
    answer = client.post("/console/sign-out", headers=headers)
    assert answer.status_code == 403
    assert client.get("/console/account", follow_redirects=False).status_code == 200


def test_requests_that_say_nothing_are_refused() -> None:
    """Without Origin and Sec-Fetch-Site an unsafe request is nobody's; twice is as wrong."""
    assert not is_own([(b"host", b"localhost")])
    own = [(b"host", b"localhost:80"), (b"origin", b"http://localhost:80")]
    assert is_own(own)
    assert not is_own([*own, (b"origin", b"http://evil.example")])
    assert not is_own([own[0], (b"origin", b"http://[")])
    assert not is_own(own, secure=True)
    assert is_own([own[0], (b"origin", b"https://localhost:80")], secure=True)
    assert not is_own([(b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"cross-site")])


def test_other_hosts_are_refused(fresh: Any) -> None:
    """The Host allow-list stands before the console as before the API (DNS rebinding)."""
    answer = fresh.client().get("/console/sign-in", headers={"host": "evil.example"})
    assert answer.status_code == 421


def test_doors_are_not_mixed(fresh: Any) -> None:
    """The API does not take the console's cookie."""
    client = fresh.client("olga")
    assert client.get("/assessments").status_code == 403


def test_large_forms_are_refused_before_they_are_read(fresh: Any) -> None:
    """A form that is too long is refused by its length."""
    client = fresh.client("olga")
    answer = client.post("/console/account/grant", data={"grant": "1" * 300_000})
    assert answer.status_code == 413


def test_a_form_with_a_file_holds_little_else(fresh: Any) -> None:
    """A large form is large by its file, on disk: its fields cannot fill the memory."""
    client = fresh.client("olga")
    fields = {f"x{number}": "1" for number in range(60)}
    files = {"report": ("r.zip", b"PK")}
    assert client.post("/console/reports/verify", data=fields, files=files).status_code == 400


def test_passwords_are_hashed_dearly() -> None:
    """argon2id with at least the parameters that RFC 9106 recommends for little memory."""
    from argon2 import PasswordHasher
    from argon2.low_level import Type

    shipped = PasswordHasher()
    assert shipped.type is Type.ID
    assert shipped.memory_cost >= 64 * 1024
    assert shipped.time_cost >= 3


def test_a_page_that_is_missing_leaves_the_way_on(fresh: Any) -> None:
    """Who is signed in sees the navigation there, and nobody else does."""
    for client, seen in ((fresh.client("olga"), True), (fresh.client(), False)):
        answer = client.get("/console/nothing")
        assert answer.status_code == 404
        assert ("Sign out" in answer.text) is seen
