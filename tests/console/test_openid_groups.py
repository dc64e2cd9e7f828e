"""Groups from where the provider tells them, and signing out there and here."""

import html
import re
from typing import Any

from joserfc.jwk import RSAKey
from tests.console import provider as providers
from tests.console.test_openid import BACK, come_back, console, is_in, liar, query

__all__ = ["liar"]


def _signed_in(browser: Any, liar: providers.Provider, fresh: Any, **claims: Any) -> Any:
    """Return the answer to a sign-in with an ID token of some other claims (None: without)."""
    given = come_back(browser, liar, fresh)
    liar.claims = {k: v for k, v in (liar.claims | claims).items() if v is not None}
    return browser.get(BACK, params=given, follow_redirects=False)


def _described(liar: providers.Provider, **ends: str) -> None:
    """Let the provider name more endpoints."""
    liar.discovery = {name: f"{liar.issuer}{path}" for name, path in ends.items()}


def test_groups_of_userinfo_count_where_the_setting_says(
    fresh: Any, liar: providers.Provider
) -> None:
    """They are the same subject's or nobody is signed in; without the setting nobody asks."""
    liar.userinfo = {"sub": "u-9", "groups": ["auditors"]}
    _described(liar, userinfo_endpoint="/me")
    with console(fresh, liar.issuer) as browsers:
        assert _signed_in(browsers(), liar, fresh, groups=None).status_code == 403
    _described(liar, userinfo_endpoint="/me")
    with console(fresh, liar.issuer, oidc_userinfo=True) as browsers:
        browser = browsers()
        assert _signed_in(browser, liar, fresh, groups=None).status_code == 303
        assert is_in(browser)
        for other in ({"sub": "u-8"}, {"sub": None}, {}):
            liar.userinfo = {"groups": ["auditors"], **other}
            stranger = browsers()
            assert _signed_in(stranger, liar, fresh, groups=None).status_code == 403, other
            assert not is_in(stranger)
    _described(liar)
    with console(fresh, liar.issuer, oidc_userinfo=True) as browsers:
        answer = _signed_in(browsers(), liar, fresh)
        assert answer.status_code == 422
        assert "no userinfo endpoint" in answer.text


def test_groups_that_were_left_out_are_told(fresh: Any, liar: providers.Provider) -> None:
    """Who is in too many groups for the token is refused, and told why (Entra's overage)."""
    _described(liar)
    with console(fresh, liar.issuer) as browsers:
        names = {"groups": "src1"}
        answer = _signed_in(browsers(), liar, fresh, groups=None, _claim_names=names)
        assert answer.status_code == 403
        assert "more groups than the provider tells" in answer.text


def test_signing_out_leads_to_the_provider(fresh: Any, liar: providers.Provider) -> None:
    """With the ID token as a hint and the way back; the session here is over at once."""
    _described(liar, end_session_endpoint="/end?a=1")
    with console(fresh, liar.issuer, oidc_sign_out=True) as browsers:
        browser = browsers()
        assert _signed_in(browser, liar, fresh).status_code == 303
        page = browser.post("/console/sign-out").text
        (address,) = set(re.findall(r'href="(http[^"]+)"', page))
        assert f'content="0;url={address}"' in page
        where = html.unescape(address)
        assert where.startswith(f"{liar.issuer}/end?a=1&")
        asked = query(where)
        assert asked["id_token_hint"] == liar.id_token()
        assert asked["post_logout_redirect_uri"] == "http://localhost/console/sign-in"
        assert not is_in(browser)
    _described(liar)
    with console(fresh, liar.issuer, oidc_sign_out=True) as browsers:
        browser = browsers()
        _signed_in(browser, liar, fresh)
        page = browser.post("/console/sign-out").text
        assert "At your organization you are still signed in" in page
        assert not is_in(browser)


LOGOUT = "/console/sign-in/openid/logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def _logout(browser: Any, liar: providers.Provider, fresh: Any, **changed: Any) -> int:
    """Let the provider's server tell of a sign-out, as it does: without a browser's headers."""
    now = int(fresh.time.timestamp())
    liar.claims = {
        "iss": liar.issuer,
        "aud": providers.CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": "once",
        "events": {EVENT: {}},
        **changed,
    }
    liar.claims = {k: v for k, v in liar.claims.items() if v is not None}
    sent = {"logout_token": liar.id_token()}
    return int(browser.post(LOGOUT, data=sent, headers={"origin": ""}).status_code)


def test_a_sign_out_at_the_provider_ends_sessions_here(
    fresh: Any, liar: providers.Provider
) -> None:
    """Those of the session that is named, or all of the subject; nobody else's.

    A session of the subject that the provider gave no name at the sign-in may be the one meant.
    """
    with console(fresh, liar.issuer) as browsers:
        one, two, other = browsers(), browsers(), browsers()
        for browser, sid, sub in ((one, "s1", "u-9"), (two, "s2", "u-9"), (other, "s3", "u-8")):
            assert _signed_in(browser, liar, fresh, sid=sid, sub=sub).status_code == 303
        server = browsers()
        assert _logout(server, liar, fresh, sid="s1", sub="u-8") == 200
        assert is_in(one)
        assert _logout(server, liar, fresh, sid="s1") == 200
        assert (is_in(one), is_in(two), is_in(other)) == (False, True, True)
        assert _logout(server, liar, fresh, sub="u-9") == 200
        assert (is_in(two), is_in(other)) == (False, True)
        assert _logout(server, liar, fresh, sub="nobody") == 200
        assert is_in(other)
        assert _signed_in(two, liar, fresh, sub="u-9").status_code == 303
        assert _logout(server, liar, fresh, sid="s4") == 200
        assert is_in(two)
        assert _logout(server, liar, fresh, sid="s4", sub="u-9") == 200
        assert (is_in(two), is_in(other)) == (False, True)


def test_only_a_logout_token_of_the_provider_ends_sessions(
    fresh: Any, liar: providers.Provider
) -> None:
    """Not an ID token, none for another client, none that is too old, none of another key."""
    with console(fresh, liar.issuer) as browsers:
        browser = browsers()
        assert _signed_in(browser, liar, fresh).status_code == 303
        past = int(fresh.time.timestamp()) - 120
        wrongs: tuple[dict[str, Any], ...] = (
            *({name: None} for name in ("iss", "aud", "iat", "exp", "jti", "events")),
            {"nonce": "n"},
            {"aud": "another"},
            {"iss": "https://evil.example"},
            {"exp": past},
            {"events": {"other": {}}},
            {"events": EVENT},
            {"sub": None},
            {"sub": 9},
        )
        for wrong in wrongs:
            assert _logout(browsers(), liar, fresh, **{"sub": "u-9", **wrong}) == 400, wrong
        for header, key in (
            ({"alg": "none"}, None),
            ({"alg": "HS256"}, providers.shared_secret()),
            ({"alg": "RS256", "kid": "one"}, RSAKey.generate_key(2048, {"kid": "one"})),
        ):
            liar.header, liar.signs_with = header, key
            assert _logout(browsers(), liar, fresh, sub="u-9") == 400, header
        assert browsers().post(LOGOUT, data={}).status_code == 400
        assert is_in(browser)
    assert fresh.client().post(LOGOUT, data={"logout_token": "x"}).status_code == 404
