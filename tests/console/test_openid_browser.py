"""Signing in by OpenID Connect in a real browser, which goes to another site and comes back.

So cookies (SameSite), the content security policy and redirects are what browsers make of them.
"""

import re
from typing import Any

import pytest
from tests.console import provider as providers
from tests.console.served import serving_with
from tests.console.test_openid import PERSONAS, issuer

pytest.importorskip("axe_playwright_python.sync_playwright", reason="NOT RUN: no browser tier")
from tests.console.test_browser import (
    CHROMIUM,
    chromium,
    page_of,
    wrong_with,
)

__all__ = ["chromium", "issuer"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="NOT RUN: no chromium (apt-get install chromium)"),
    pytest.mark.enable_socket,
    pytest.mark.timeout(600),
]

_OUTSIDE = re.compile(r"https?://(?!127\.0\.0\.1|localhost)")


@pytest.mark.parametrize("script", [True, False], ids=["js", "nojs"])
def test_there_and_back(fresh: Any, chromium: Any, issuer: str, script: bool) -> None:
    """From a deep link to the provider, and back to that link, signed in; with and without JS."""
    with (
        serving_with(
            fresh,
            oidc_issuer=issuer,
            oidc_client_id=providers.CLIENT,
            oidc_client_secret=providers.SECRET,
            oidc_personas=PERSONAS,
            oidc_networks=("127.0.0.0/8",),
        ) as base,
        page_of(chromium, base, java_script_enabled=script) as page,
    ):
        # The provider's page asks for a style sheet from the Internet.
        page.route(_OUTSIDE, lambda route: route.fulfill(body="", content_type="text/css"))
        if script:
            assert wrong_with(page, f"{base}/sign-in") == []
        page.goto(f"{base}/frameworks?type=Custom")
        page.get_by_role("link", name="Sign in by your organization").click()
        page.wait_for_url(f"{issuer}/**")
        page.locator("button", has_text="u-1").first.click()
        page.wait_for_url(f"{base}/frameworks?type=Custom")
        page.goto(f"{base}/account")
        assert page.get_by_role("heading", level=1).inner_text() == "nina"
        assert page.get_by_text(re.compile("user/oidc-")).count() == 1
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in by your organization").wait_for()
        page.goto(f"{base}/account")
        page.wait_for_url("**/sign-in?next=*")
