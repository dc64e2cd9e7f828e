"""Signing in and out by a certified OpenID provider (npm's oidc-provider), in a real browser.

Its ID tokens are thin: names and groups stand in the answer of its userinfo endpoint alone.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.console import provider as providers
from tests.console.served import serving_with
from tests.console.test_openid import PERSONAS, wait_for
from tests.free_ports import free_port

pytest.importorskip("axe_playwright_python.sync_playwright", reason="NOT RUN: no browser tier")
from tests.console.test_browser import CHROMIUM, chromium, page_of

__all__ = ["chromium"]
HOME = Path(__file__).parent.parent.parent / ".venv-oidc"
NODE = shutil.which("node") or ""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="NOT RUN: no chromium (apt-get install chromium)"),
    pytest.mark.skipif(
        not NODE or not (HOME / ".installed").exists(),
        reason="NOT RUN: no oidc-provider (make .venv-oidc/.installed, needs npm)",
    ),
    pytest.mark.enable_socket,
    pytest.mark.timeout(600),
]
_OUTSIDE = re.compile(r"https?://(?!127\.0\.0\.1|localhost)")


@contextmanager
def _provider(port: int, base: str) -> Iterator[str]:
    """Run the provider for a console at an address; give its issuer."""
    issuer = f"http://127.0.0.1:{port}"
    ends = ("sign-in/openid/back", "sign-in", "sign-in/openid/logout")
    command = [NODE, "provider.mjs", str(port), *(f"{base}/{one}" for one in ends)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=HOME, stdout=quiet, stderr=quiet) as process:
        try:
            wait_for(f"{issuer}/.well-known/openid-configuration", process)
            yield issuer
        finally:
            process.terminate()
            process.wait(60)


def _give_name(page: Any, name: str) -> None:
    """Sign in at the provider, and consent."""
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_groups_of_userinfo_and_single_sign_out(fresh: Any, chromium: Any) -> None:
    """Groups come from userinfo; who signs out here or there is signed out at both."""
    port = free_port()
    with (
        serving_with(
            fresh,
            oidc_issuer=f"http://127.0.0.1:{port}",
            oidc_client_id=providers.CLIENT,
            oidc_client_secret=providers.SECRET,
            oidc_personas=PERSONAS,
            oidc_scope="openid profile groups",
            oidc_userinfo=True,
            oidc_sign_out=True,
            oidc_networks=("127.0.0.0/8",),
        ) as base,
        _provider(port, base) as issuer,
        page_of(chromium, base) as page,
    ):
        page.route(_OUTSIDE, lambda route: route.fulfill(body="", content_type="text/css"))
        _in_and_out(page, base)
        _out_at_the_provider(page, base, issuer)


def _in_and_out(page: Any, base: str) -> None:
    page.goto(f"{base}/frameworks")
    page.get_by_role("link", name="Sign in by your organization").click()
    _give_name(page, "nina")
    page.wait_for_url(f"{base}/frameworks")
    page.goto(f"{base}/account")
    assert page.get_by_role("heading", level=1).inner_text() == "nina"
    assert page.get_by_text("Auditor").count() > 0
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(re.compile(re.escape(f"{base}/sign-in")))
    page.get_by_role("link", name="Sign in by your organization").click()
    page.locator("input[name=login]").wait_for()  # the provider does not know the browser any more
    _give_name(page, "out")
    page.get_by_text("None of your groups gives you a persona here").wait_for()


def _out_at_the_provider(page: Any, base: str, issuer: str) -> None:
    """Sign in, sign out on the provider's own page, and find the session here over."""
    page.context.clear_cookies()
    page.goto(f"{base}/account")
    page.get_by_role("link", name="Sign in by your organization").click()
    _give_name(page, "nina")
    page.wait_for_url(f"{base}/account")
    page.goto(f"{issuer}/session/end")
    page.get_by_role("button", name="Yes, sign me out").click()
    page.get_by_text("Sign-out Success").wait_for()
    page.goto(f"{base}/account")
    page.wait_for_url(re.compile("/sign-in"))
