"""Text as the rules read it: one byte for each character, so that offsets stay the text's own.

Digits, spaces, dashes and letters that only look different (full-width, Arabic-Indic, no-break,
accented) become their ASCII form; every other character that Latin-1 does not have becomes `?`. A
lone surrogate is one of these, so no text is refused. RE2 then reads Latin-1 bytes, linear in time.
"""

import codecs
import re
import unicodedata
from dataclasses import replace
from functools import cache
from typing import Final

from affidavit.logscan.detectors.entities import ENTITY_TYPES, Finding, mask_of

_HANDLER: Final = "affidavit-fold"
"""Asked by the codec for each run outside ASCII only: five times the speed of `str.translate`."""
_MASKS: Final = re.compile("|".join(re.escape(mask_of(t)) for t in ENTITY_TYPES).encode())
_LAST: Final = 0x1FFFF
"""No character beyond this plane stands for an ASCII one."""

_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
"""Characters without width: whoever reads the text does not see them between two digits."""
_GONE: Final = str.maketrans("", "", _INVISIBLE)


def visible(text: str) -> str:
    """Return the text without characters of no width."""
    hidden = not text.isascii() and any(one in text for one in _INVISIBLE)
    return text.translate(_GONE) if hidden else text


def in_text(findings: list[Finding], text: str, shown: str) -> list[Finding]:
    """Return findings in `shown`, the visible part of a text, where they stand in the text."""
    if shown is text or not findings:
        return findings
    at = [place for place, one in enumerate(text) if one not in _INVISIBLE]
    return [replace(f, start=at[f.start], end=at[f.end - 1] + 1) for f in findings]


@cache
def _table() -> dict[int, str]:
    """Return the ASCII character for each code point that stands for one."""
    table = {}
    for point in range(0x80, _LAST + 1):
        folded = _folded(chr(point))
        if folded:
            table[point] = folded
    return table


def _folded(character: str) -> str:
    """Return the one ASCII character that `character` stands for, or nothing."""
    category = unicodedata.category(character)
    if category == "Nd":  # codespell:ignore
        return str(unicodedata.decimal(character))
    if category in {"Zs", "Pd"}:
        return " " if category == "Zs" else "-"
    if character in "\u2212\u2010":
        return "-"
    if character in "\u2018\u2019\u02bc":
        return "'"
    if category in {"Lu", "Ll", "Po", "Sm", "Ps", "Pe"}:
        first = unicodedata.normalize("NFKD", character)[0]
        return first if first.isascii() and first.isprintable() else ""
    return ""


def _fold_run(error: UnicodeError) -> tuple[bytes, int]:
    """Answer the ASCII codec with the bytes for a run of other characters."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    run = error.object[error.start : error.end]
    return run.translate(_table()).encode("latin-1", "replace"), error.end


codecs.register_error(_HANDLER, _fold_run)


def fold(text: str) -> bytes:
    """Return `text` with one Latin-1 byte for each of its characters.

    Masks (`{PHONE}`) become zero bytes of the same length: they are answers, not text, and must
    neither be found nor count as context of what stands beside them.
    """
    data = text.encode("ascii", _HANDLER)
    if b"{" in data:
        data = _MASKS.sub(lambda match: bytes(len(match.group())), data)
    return data
