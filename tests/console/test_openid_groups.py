"""Groups from where the provider tells them, and signing out at the provider as well."""

import html
import re
from typing import Any

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
