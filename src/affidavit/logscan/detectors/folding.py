"""Text as the rules read it: one byte for each character, so that offsets stay the text's own.

Digits, spaces, dashes and letters that only look different (full-width, Arabic-Indic, no-break,
accented) become their ASCII form; every other character that Latin-1 does not have becomes `?`. A
lone surrogate is one of these, so no text is refused. RE2 then reads Latin-1 bytes, linear in time.
"""

import sys
import unicodedata
from functools import cache
from typing import Final

from affidavit.logscan.detectors.entities import ENTITY_TYPES, mask_of

_BLANK: Final = "\x00"
_MASKS: Final = tuple(
    (mask_of(t).encode(), _BLANK.encode() * len(mask_of(t))) for t in ENTITY_TYPES
)


@cache
def _table() -> dict[int, str]:
    """Return the ASCII character for each code point that stands for one."""
    table = {}
    for point in range(0x80, sys.maxunicode + 1):
        folded = _folded(chr(point))
        if folded:
            table[point] = folded
    return table


def _folded(character: str) -> str:
    """Return the one ASCII character that `character` stands for, or nothing."""
    category = unicodedata.category(character)
    if category == "Nd":
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


def fold(text: str) -> bytes:
    """Return `text` with one Latin-1 byte for each of its characters.

    Masks (`{PHONE}`) become zero bytes of the same length: they are answers, not text, and must
    neither be found nor count as context of what stands beside them.
    """
    plain = text if text.isascii() else text.translate(_table())
    data = plain.encode("latin-1", "replace")
    if b"{" in data:
        for mask, blank in _MASKS:
            data = data.replace(mask, blank)
    return data
