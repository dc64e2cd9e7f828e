"""Patterns of the language: * is any text, ? one character, a backslash takes the next as it is.

As pieces: a literal text, the empty text for *, None for ?.
"""

import re


def pieces_of(pattern: str) -> tuple[str | None, ...]:
    """Return the pieces of a pattern; neighbouring * are one."""
    pieces: list[str | None] = []
    literal = ""
    characters = iter(pattern)
    for character in characters:
        if character not in "*?":
            literal += next(characters, "\\") if character == "\\" else character
            continue
        if literal:
            pieces.append(literal)
            literal = ""
        if character == "?":
            pieces.append(None)
        elif not pieces or pieces[-1] != "":
            pieces.append("")
    if literal:
        pieces.append(literal)
    return tuple(pieces)


def regex_of(pieces: tuple[str | None, ...]) -> str:
    """Return the regular expression of the whole value, for RE2, Java and Python alike."""
    return "".join(_PART.get(piece) or _escape(str(piece)) for piece in pieces)


def matches(pieces: tuple[str | None, ...], value: str) -> bool:
    """Tell whether a value matches."""
    return re.fullmatch(regex_of(pieces), value, re.DOTALL) is not None


_PART = {"": ".*", None: "."}
_SPECIAL = re.compile(r"[][\\^$.|?*+(){}\-/#&~]")


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found.group(), text)
