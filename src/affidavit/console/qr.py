"""A text as a QR code: SVG without styles and scripts, which the policy of the pages allows."""

from typing import Final

import segno
from markupsafe import Markup, escape

_SCALE: Final = 4
"""Pixels of a module."""


def qr_code(text: str, label: str) -> Markup:
    """Return the code, dark on white in both themes: cameras read no inverted ones."""
    drawn = segno.make(text, error="m", micro=False).svg_inline(
        scale=_SCALE, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )
    opening = f'<svg role="img" aria-label="{escape(label)}" '
    return Markup(drawn.replace("<svg ", opening, 1))  # noqa: S704 - segno's own, of modules only
