"""The key of one-time codes as a QR code: what a camera reads is the address that is linked."""

import html
import re
from typing import Any

from affidavit.console.qr import qr_code


def test_the_account_page_draws_the_key(filled: Any) -> None:
    """The code on the page is that of the page's own otpauth address; no style, no script in it."""
    page = filled.client("arthur").get("/console/account").text
    uri = re.search(r'href="(otpauth://totp/[^"]+)"', page)
    assert uri is not None
    drawn = qr_code(html.unescape(uri[1]), "The key of one-time codes as a QR code")
    assert drawn in page
    assert "style=" not in drawn
    assert "<script" not in drawn
    assert 'role="img"' in drawn


def test_a_label_is_text() -> None:
    """Whatever a label holds stays an attribute."""
    assert "<b>" not in qr_code("x", '"><b>')
