"""Signing in by OpenID Connect: a real provider process, a dishonest one, and what must not be."""

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient
from tests.console import provider as providers
from tests.free_ports import free_port

from affidavit.finder.engine import Finder
from affidavit.model.times import utc_now
from affidavit.operations import sessions, users
from affidavit.server import Background, ServeOptions, make_app

pytestmark = [pytest.mark.enable_socket]
PERSONAS = (
    "auditors=auditor@111122223333/us-east-1",
    "grc%20team=owner@111122223333/us-east-1",
    "grc%20team=admin@111122223333/us-east-1",
)
HOST = {"origin": "http://localhost", "host": "localhost"}
BEGIN, BACK = "/console/sign-in/openid", "/console/sign-in/openid/back"


@contextmanager
def console(fresh: Any, issuer: str, **changed: Any) -> Iterator[Any]:
    """Give a maker of browsers of a console that signs in by a provider."""
    settings = replace(
        fresh.context.settings,
        oidc_issuer=issuer,
        oidc_client_id=providers.CLIENT,
        oidc_client_secret=providers.SECRET,
        oidc_personas=PERSONAS,
        oidc_networks=("127.0.0.0/8",),
        **changed,
    )
    context = replace(fresh.context, settings=settings)
    with Finder(fresh.store) as finder:
        app = make_app(Background(context), ServeOptions(), finder)
        yield lambda: TestClient(app, base_url="http://localhost", headers=HOST)


def is_in(client: Any) -> bool:
    """Tell whether a browser is signed in."""
    answer = client.get("/console/account", follow_redirects=False)
    return bool(answer.status_code == 200)


def query(address: str) -> dict[str, str]:
    """Return the parameters of an address."""
    found = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)
    return {name: values[0] for name, values in found.items()}


# -- a real provider process --------------------------------------------------------------------


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Run a real OpenID provider in a process of its own; give its address."""
    pytest.importorskip("oidc_provider_mock", reason="NOT RUN: no provider (make test-browser)")
    port = free_port()
    people = (
        {"sub": "u-1", "preferred_username": "nina", "groups": ["auditors", "others"]},
        {"sub": "u-2", "preferred_username": "olga", "email": "olga", "groups": ["grc team"]},
        {"sub": "u-3", "preferred_username": "out", "groups": ["others"]},
    )
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), "--require-nonce", "1"]
    for one in people:
        command += ["--user-claims", json.dumps(one)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(f"{address}/.well-known/openid-configuration", process)
            yield address
        finally:
            process.terminate()
            process.wait(60)


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a provider's process answers."""
    for _ in range(3000):
        assert process.poll() is None
        try:
            urllib.request.urlopen(url, timeout=60).close()  # noqa: S310 - loopback
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(url)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the test is the browser."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def _at_provider(address: str, **form: str) -> str:
    """Return where the provider sends a browser whose user chose who to be."""
    data = urllib.parse.urlencode(form).encode()
    try:
        urllib.request.build_opener(_Stay).open(address, data, timeout=60)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers["location"])
    raise AssertionError(address)


def _sign_in(browser: Any, subject: str, wanted: str = "") -> Any:
    away = browser.get(BEGIN, params={"next": wanted}, follow_redirects=False)
    assert away.status_code == 303, away.text
    back = _at_provider(away.headers["location"], sub=subject)
    return browser.get(back, follow_redirects=False)


def test_somebody_signs_in_by_a_real_provider(fresh: Any, issuer: str) -> None:
    """Discovery, PKCE, state, nonce; groups give the persona; then the page that was wanted."""
    fresh.time = utc_now()
    with console(fresh, issuer) as browsers:
        browser = browsers()
        assert "Sign in by your organization" in browser.get("/console/sign-in").text
        answer = _sign_in(browser, "u-1", "/console/frameworks")
        assert answer.headers["location"] == "/console/frameworks"
        page = browser.get("/console/account").text
        assert "Auditor" in page
        assert "user/oidc-" in page
        assert "Audit owner" not in page
        assert browser.get("/console/settings/users").status_code == 403
        assert _sign_in(browsers(), "u-1").status_code == 303
        found = [one for one in users.every(fresh.store) if one.external]
        assert [one.name for one in found] == ["nina"]
        log = fresh.store.records_between("affidavit/users", 0, 10**6)
        assert any('"issuer"' in str(record.get("details")) for _leaf, record in log)


def test_nobody_becomes_a_user_of_the_same_name(fresh: Any, issuer: str) -> None:
    """Somebody whom the provider calls olga is not our olga, and owns none of her assessments."""
    fresh.time = utc_now()
    with console(fresh, issuer) as browsers:
        browser = browsers()
        _sign_in(browser, "u-2")
        (found,) = [one for one in users.every(fresh.store) if one.external]
        assert found.name.startswith("olga-")
        assert {one.role for one in found.grants} == {"owner", "admin"}
        assert users.principal_of("111122223333", "olga") not in str(found.grants)
        assert "Assistants" not in browser.get("/console/assessments").text
        given = {"name": found.name, "password": ""}
        assert browsers().post("/console/sign-in", data=given).status_code == 403
        admin = fresh.client("olga", "admin")
        for what in ("link", "give", "withdraw"):
            form = {"do": what, "password": "correct horse battery", "role": "owner"}
            answer = admin.post(f"/console/settings/users/{found.name}", data=form)
            assert answer.status_code == 422, what
            assert "OpenID" in answer.text
        admin.post(f"/console/settings/users/{found.name}", data={"do": "disable"})
        assert not is_in(browser)
        assert _sign_in(browsers(), "u-2").status_code == 403


def test_who_is_in_no_group_is_not_let_in(fresh: Any, issuer: str) -> None:
    """No persona, no user; a refusal at the provider is told; and nothing of it is a fault."""
    fresh.time = utc_now()
    with console(fresh, issuer) as browsers:
        browser = browsers()
        answer = _sign_in(browser, "u-3")
        assert answer.status_code == 403
        assert "None of your groups" in answer.text
        assert not any(one.external for one in users.every(fresh.store))
        away = browser.get(BEGIN, follow_redirects=False).headers["location"]
        refused = browser.get(_at_provider(away, action="deny"), follow_redirects=False)
        assert refused.status_code == 403
        assert not is_in(browser)


# -- a dishonest provider -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def liar() -> Iterator[providers.Provider]:
    """Serve the dishonest provider."""
    with providers.serving() as provider:
        yield provider


def honest(liar: providers.Provider, fresh: Any, nonce: str) -> None:
    """Let the provider tell no lie."""
    now = int(fresh.time.timestamp())
    liar.claims = {
        "iss": liar.issuer,
        "sub": "u-9",
        "aud": providers.CLIENT,
        "iat": now,
        "exp": now + 300,
        "nonce": nonce,
        "groups": ["auditors"],
    }
    liar.header = {"alg": "RS256", "kid": "one"}
    liar.signs_with, liar.token, liar.discovery = None, None, {}
    liar.forms.clear()


def come_back(browser: Any, liar: providers.Provider, fresh: Any, **given: str) -> Any:
    """Begin, let the provider be honest, and return how to come back with what is given."""
    away = browser.get(BEGIN, follow_redirects=False)
    asked = query(away.headers["location"])
    honest(liar, fresh, asked["nonce"])
    return {"code": "c", "state": asked["state"], **given}


def test_an_honest_answer_is_taken(fresh: Any, liar: providers.Provider) -> None:
    """So that the refusals below are of what they say; the verifier is the challenge's."""
    with console(fresh, liar.issuer) as browsers:
        browser = browsers()
        away = browser.get(BEGIN, follow_redirects=False)
        asked = query(away.headers["location"])
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == f"http://localhost{BACK}"
        assert (asked["client_id"], asked["response_type"]) == (providers.CLIENT, "code")
        honest(liar, fresh, asked["nonce"])
        before = browser.cookies.get("affidavit-session")
        answer = browser.get(
            BACK, params={"code": "c", "state": asked["state"]}, follow_redirects=False
        )
        assert answer.status_code == 303
        assert is_in(browser)
        assert browser.cookies["affidavit-session"] != before
        (form,) = liar.forms
        assert form["grant_type"] == "authorization_code"
        assert len(form["code_verifier"]) >= 43
        assert form["_auth"].startswith("Basic ")
        assert providers.SECRET not in answer.text


LIES: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "somebody-else"},
    "several audiences without azp": {"aud": [providers.CLIENT, "other"]},
    "another authorized party": {"azp": "somebody-else"},
    "another issuer": {"iss": "https://login.example.org"},
    "another nonce": {"nonce": "old"},
    "no nonce": {"nonce": None},
    "expired": {"exp": 1},
    "no end": {"exp": None},
    "not yet": {"nbf": 2**40},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is none": {"sub": ["u-9"]},
}


def test_a_wrong_id_token_signs_nobody_in(fresh: Any, liar: providers.Provider) -> None:
    """Every claim that must hold is held to it."""
    with console(fresh, liar.issuer) as browsers:
        for lie, claims in LIES.items():
            browser = browsers()
            given = come_back(browser, liar, fresh)
            for name, value in claims.items():
                liar.claims.pop(name, None)
                if value is not None:
                    liar.claims[name] = value
            answer = browser.get(BACK, params=given, follow_redirects=False)
            assert answer.status_code == 403, lie
            assert not is_in(browser), lie
        assert not any(one.external for one in users.every(fresh.store))


def test_only_the_providers_keys_sign(fresh: Any, liar: providers.Provider) -> None:
    """No signature, one by the shared secret, one by another key: nobody is signed in."""
    other = RSAKey.generate_key(2048, {"kid": "one"})
    with console(fresh, liar.issuer) as browsers:
        browser = browsers()
        for header, key in (
            ({"alg": "none"}, None),
            ({"alg": "HS256", "kid": "one"}, providers.shared_secret()),
            ({"alg": "RS256", "kid": "one"}, other),
            ({"alg": "RS256", "kid": "two"}, other),
        ):
            given = come_back(browser, liar, fresh)
            liar.header, liar.signs_with = header, key
            answer = browser.get(BACK, params=given, follow_redirects=False)
            assert answer.status_code == 403, header
            assert not is_in(browser)
        for token in ({"error": "invalid_grant"}, {"access_token": "a"}, {"id_token": 7}, {}):
            given = come_back(browser, liar, fresh)
            liar.token = token
            assert browser.get(BACK, params=given, follow_redirects=False).status_code == 403
        assert not is_in(browser)


def test_a_sign_in_is_finished_where_and_when_it_was_begun(
    fresh: Any, liar: providers.Provider
) -> None:
    """Another browser, another state, a late or changed cookie, a foreign issuer: nobody."""
    with console(fresh, liar.issuer) as browsers:
        attacker, victim = browsers(), browsers()
        given = come_back(attacker, liar, fresh)
        assert victim.get(BACK, params=given, follow_redirects=False).status_code == 403
        assert not is_in(victim)
        for changed in ({"state": "x"}, {"state": ""}, {"code": ""}, {"iss": "https://evil"}):
            given = come_back(attacker, liar, fresh) | changed
            assert attacker.get(BACK, params=given, follow_redirects=False).status_code == 403
        for error, said in (("access_denied", "access_denied"), ("<b>", "an error")):
            given = come_back(attacker, liar, fresh) | {"error": error}
            answer = attacker.get(BACK, params=given, follow_redirects=False)
            assert answer.status_code == 403
            assert f"did not sign you in: {said}" in answer.text
        given = come_back(attacker, liar, fresh)
        held = attacker.cookies["affidavit-sign-in"]
        attacker.cookies.set("affidavit-sign-in", held[:-8] + "AAAAAAA=")
        assert attacker.get(BACK, params=given, follow_redirects=False).status_code == 403
        assert liar.forms == []


def test_there_is_no_open_redirect(fresh: Any, liar: providers.Provider) -> None:
    """Whatever page was wanted: after the sign-in one goes to a page of the console."""
    with console(fresh, liar.issuer) as browsers:
        for wanted in (
            "https://evil.example",
            "//evil",
            "/console/../x\\y",
            "/other",
            "javascript:",
        ):
            browser = browsers()
            away = browser.get(BEGIN, params={"next": wanted}, follow_redirects=False)
            asked = query(away.headers["location"])
            honest(liar, fresh, asked["nonce"])
            given = {"code": "c", "state": asked["state"], "next": wanted}
            answer = browser.get(BACK, params=given, follow_redirects=False)
            assert answer.headers["location"] == "/console/", wanted


def test_lost_groups_end_sessions(fresh: Any, liar: providers.Provider) -> None:
    """Who lost a group loses the persona at the next sign-in, and open sessions at once."""
    with console(fresh, liar.issuer) as browsers:
        first, second = browsers(), browsers()
        first.get(BACK, params=come_back(first, liar, fresh))
        assert is_in(first)
        given = come_back(second, liar, fresh)
        liar.claims["groups"] = ["grc team"]
        second.get(BACK, params=given)
        assert not is_in(first)
        assert "Audit owner" in second.get("/console/account").text
        given = come_back(first, liar, fresh)
        liar.claims["groups"] = "none"
        assert first.get(BACK, params=given, follow_redirects=False).status_code == 403
        assert not is_in(second)
        assert fresh.store.documents.every(users.TENANT, sessions.KIND, parent="u-9") == []


def test_a_provider_that_is_another_one_is_not_used(fresh: Any, liar: providers.Provider) -> None:
    """A foreign issuer, no endpoints, an address that is not allowed: it is said, no fault."""
    for discovery in (
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
    ):
        liar.discovery = discovery
        with console(fresh, liar.issuer) as browsers:
            answer = browsers().get(BEGIN, follow_redirects=False)
            assert answer.status_code == 422, discovery
            assert "cannot be used now" in answer.text
    liar.discovery = {}
    with console(fresh, liar.issuer) as browsers:
        assert browsers().get(BEGIN, follow_redirects=False).status_code == 303
    settings = replace(
        fresh.context.settings, oidc_issuer=liar.issuer, oidc_client_id="x", oidc_networks=()
    )
    context = replace(fresh.context, settings=settings)
    with Finder(fresh.store) as finder:
        app = make_app(Background(context), ServeOptions(), finder)
        client = TestClient(app, base_url="http://localhost", headers=HOST)
        assert client.get(BEGIN, follow_redirects=False).status_code == 422


def test_without_a_provider_there_is_no_such_door(fresh: Any) -> None:
    """Neither link nor page."""
    client = fresh.client()
    assert "your organization" not in client.get("/console/sign-in").text
    assert client.get(BEGIN).status_code == 404
    assert client.get(f"{BACK}?code=c&state=s").status_code == 404
