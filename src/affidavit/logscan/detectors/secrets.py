"""What makes a candidate an address on the net, a name to log in with, or a secret."""

import re
from typing import Final

from affidavit.logscan.detectors.reading import Reading, Span

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_SECRET: Final = re.compile(r"secret|aws_?key|sk\b", re.IGNORECASE)
_ACCESS_KEY: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b")
_SECRET_REACH: Final = 120
_ORDINARY_WORDS: Final = """
and authentication changed changeit correct encrypted example expired false field hashed hidden
incorrect input invalid length manager managers missing must needed nil none null passwd password
policies policy protected required reset should stored string strong text that the this true was
weak will wrong your yours
"""
_ORDINARY: Final = frozenset(_ORDINARY_WORDS.split())
_PLACEHOLDER: Final = re.compile(r"[<$%{\[(*]|x{4,}|\.{3}", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"[A-Z]+(?:_[A-Z]+)+|[a-z]+(?:_[a-z]+)*\.[a-z_.]+")
_LEAST_SECRET, _LEAST_DIGITS = 4, 4
_TRAILING: Final = ".,;:!?'\")]}>"
_ASSIGNED: Final = re.compile(r"[=:\"'`]\s*$")


def email(reading: Reading, start: int, end: int) -> Span | None:
    """Accept an address whose local part does not begin or end with a dot."""
    local = reading.view[start:end].partition("@")[0]
    while local.startswith((".", "'", "-", "%", "+")):
        local, start = local[1:], start + 1
    right = reading.view[end : end + 1]
    if not local or local.endswith(".") or right.isalnum() or right in {"@", "_"}:
        return None
    return start, end


def url(reading: Reading, start: int, end: int) -> Span | None:
    """Accept an address without the punctuation of the sentence around it."""
    view = reading.view
    while end > start and view[end - 1] in _TRAILING:
        end -= 1
    left = view[start - 1 : start]
    return (
        None
        if left.isalnum() or left in {"@", "_", "-", "."} or end - start < _LEAST_SECRET
        else (start, end)
    )


def secret_key(reading: Reading, start: int, end: int) -> Span | None:
    """Accept 40 characters of mixed kinds beside an access key id or the word secret; no hash."""
    view = reading.view
    text = view[start:end]
    touching = "/+=" + "_"
    if _HEX.fullmatch(text) or text.startswith("eyJ") or not _is_mixed(text):
        return None
    left, right = view[start - 1 : start], view[end : end + 1]
    if (
        left.isalnum()
        or right.isalnum()
        or (left and left in "/+_")
        or (right and right in touching)
    ):
        return None
    around = reading.before(start, _SECRET_REACH) + " " + reading.after(end, _SECRET_REACH)
    return (start, end) if _SECRET.search(around) or _ACCESS_KEY.search(around) else None


def _is_mixed(text: str) -> bool:
    """Return whether there are small and capital letters and digits; one key in 500 lacks one."""
    return all(any(kind(c) for c in text) for kind in (str.isdigit, str.islower, str.isupper))


def password(reading: Reading, start: int, end: int) -> Span | None:
    """Accept a word given as password or user name: assigned or quoted, or no ordinary word."""
    while end > start and reading.view[end - 1] in ".,;:":
        end -= 1
    text = reading.view[start:end]
    if (
        len(text) < _LEAST_SECRET
        or text.lower() in _ORDINARY
        or _PLACEHOLDER.search(text)
        or _VARIABLE.fullmatch(text)
        or "\x00" in text
        or text.startswith("/")  # a folder
        or reading.view[end : end + 1] == "("  # a call in code
    ):
        return None
    assigned = _ASSIGNED.search(reading.before(start, 3)) is not None
    plain = text.isalpha() and (text.islower() or text.istitle() or text.isupper())
    return (start, end) if assigned or not plain else None


def plate(reading: Reading, start: int, end: int) -> Span | None:
    """Accept a registration that has a digit and is no word."""
    text = reading.view[start:end]
    enough = sum(c.isdigit() for c in text) >= 1 and 4 <= sum(c.isalnum() for c in text) <= 9  # noqa: PLR2004 - the world's plates
    return (start, end) if enough and reading.stands_alone(start, end) else None


def document(reading: Reading, start: int, end: int) -> Span | None:
    """Accept the number of a document: at least four digits, touched by nothing, no identifier."""
    digits = sum(c.isdigit() for c in reading.view[start:end])
    if digits < _LEAST_DIGITS or reading.is_noise(start, end):
        return None
    return (start, end) if reading.stands_alone(start, end) else None


def age(reading: Reading, start: int, end: int) -> Span | None:
    """Accept a person's age in years, up to 120."""
    digits = "".join(c for c in reading.view[start:end] if c.isdigit())
    return (start, end) if reading.stands_alone(start, end) and 0 < int(digits) <= 120 else None  # noqa: PLR2004 - oldest ever is 122
