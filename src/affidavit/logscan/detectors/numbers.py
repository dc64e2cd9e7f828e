"""What makes a candidate a finding: one function for each kind of number, network or account.

Each takes the text being read and the candidate's place, and returns the place of the finding or
none. Context is read from a bounded window, so that the time stays linear.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from affidavit.logscan.detectors import checksums
from affidavit.logscan.detectors.reading import Reading, Span, context

Accept = Callable[[Reading, int, int], Span | None]

_SEPARATORS: Final = re.compile(r"[ .\-]")
_GROUPS: Final = re.compile(r"[0-9]+")
_CARD: Final = context(
    r"\b(?:cards?|credit|debit|visa|mastercard|maestro|amex|american express|discover|cc|cvv|"
    r"cvc|diners|jcb|unionpay)\b",
)
_CARD_LENGTHS: Final = range(12, 20)
_MAX_GROUPS: Final = 5  # 19 digits are written 4-4-4-4-3
_COMMON_CARD: Final = frozenset({14, 15, 16})
_MAESTRO: Final = ("50", "56", "57", "58", "59", "61", "63", "66", "67", "68", "69")
"""Prefixes that are a card only where the text says so."""
_WIDEST_GROUP: Final = 6  # American Express writes 4-6-5
_VERSION: Final = context(r"(?:\bv|version|release|firmware|build|section|chapter|oid)[ :=]{0,3}$")
_AWS: Final = context(r"\baws\b|\baccount ?id\b")


def alone(reading: Reading, start: int, end: int) -> Span | None:
    """Accept what no letter or digit touches."""
    return (start, end) if reading.stands_alone(start, end) else None


def bare(reading: Reading, start: int, end: int) -> str:
    """Return the candidate in upper case without separators."""
    return _SEPARATORS.sub("", reading.view[start:end]).upper()


def checked(check: Callable[[str], bool]) -> Accept:
    """Return a rule that accepts what stands alone, is no noise and passes `check`."""

    def accept(reading: Reading, start: int, end: int) -> Span | None:
        if not reading.is_number_alone(start, end) or not check(bare(reading, start, end)):
            return None
        return None if reading.is_noise(start, end) else (start, end)

    return accept


def near(words: str, check: Callable[[str], bool], reach: int = 60) -> Accept:
    """Return a rule that also wants one of `words` (a regular expression) near."""
    pattern = context(rf"\b(?:{words})\b")
    passes = checked(check)

    def accept(reading: Reading, start: int, end: int) -> Span | None:
        place = passes(reading, start, end)
        return place if place and reading.near(start, end, pattern, reach) else None

    return accept


def card(reading: Reading, start: int, end: int) -> Span | None:
    """Find a card number in a run of digit groups: the longest row of whole groups that is one.

    A card number stands often beside its expiry and security code. Twelve to nineteen digits with
    a valid check digit are one number in ten, so an uncommon length needs a word about cards.
    """
    groups = [
        (start + m.start(), start + m.end()) for m in _GROUPS.finditer(reading.view[start:end])
    ]
    for place in _rows(groups):
        if checksums.luhn(bare(reading, *place)) and _is_card(reading, place):
            return place
    return None


def _rows(groups: list[Span]) -> list[Span]:
    """Return the places of rows of whole groups with a card's number of digits, longest first."""
    found = []
    for i, (start, _) in enumerate(groups):
        digits = 0
        for s, e in groups[i : i + _MAX_GROUPS]:
            digits += e - s
            if digits in _CARD_LENGTHS:
                found.append((digits, start, e))
    return [(start, end) for _, start, end in sorted(found, key=lambda row: (-row[0], row[1]))]


def _is_card(reading: Reading, place: Span) -> bool:
    """Return whether the issuer's range and the grouping, or the text around, speak of a card."""
    start, end = place
    if reading.is_noise(start, end) or not reading.is_number_alone(start, end):
        return False
    if reading.near(start, end, _CARD, 100):
        return True
    digits = bare(reading, start, end)
    widest = max(len(g) for g in _GROUPS.findall(reading.view[start:end]))
    grouped = widest == len(digits) or widest <= _WIDEST_GROUP
    common = len(digits) in _COMMON_CARD and not digits.startswith(_MAESTRO)
    return grouped and common and checksums.card(digits)


def after_card_word(reading: Reading, start: int, end: int) -> Span | None:
    """Accept an expiry where the text speaks of a card."""
    if not reading.stands_alone(start, end):
        return None
    return (start, end) if reading.near(start, end, _CARD, 100) else None


def iban(reading: Reading, start: int, end: int) -> Span | None:
    """Find an IBAN at the beginning of a candidate: as many characters as its country has."""
    view = reading.view
    wanted = checksums.IBAN_LENGTHS.get(view[start : start + 2].upper(), 0)
    seen: list[str] = []
    at = start
    while at < end and len(seen) < wanted:
        if view[at].isalnum():
            seen.append(view[at].upper())
        at += 1
    place = (start, at)
    right = view[at : at + 1].isalnum() or not wanted
    return None if right or not checksums.iban("".join(seen)) else place


def ip_address(reading: Reading, start: int, end: int) -> Span | None:
    """Accept an address of a machine in a network; not a version, a time, a mask or loopback."""
    view = reading.view
    if view[end : end + 1] in {".", ":"} and view[end + 1 : end + 2].isalnum():
        return None
    if not reading.stands_alone(start, end) or view[start - 1 : start] in {".", ":", "-"}:
        return None
    if "." in view[start:end] and reading.follows(start, _VERSION, 12):
        return None
    try:
        address = ipaddress.ip_address(view[start:end])
    except ValueError:
        return None
    quiet = address.is_unspecified or address.is_loopback or address.is_multicast
    return None if quiet or view[start:end].startswith(("255.", "0.")) else (start, end)


def ipv6(reading: Reading, start: int, end: int) -> Span | None:
    """Accept an IPv6 address that has digits and at least three groups: not `std::begin`."""
    text = reading.view[start:end]
    groups = [g for g in text.split(":") if g]
    if len(groups) < 3 or not any(c.isdigit() for c in text):  # noqa: PLR2004 - a::b is code
        return None
    return ip_address(reading, start, end)


def mac_address(reading: Reading, start: int, end: int) -> Span | None:
    """Accept a hardware address that is not broadcast or empty."""
    view = reading.view
    if view[start - 1 : start] in {":", "-"} or view[end : end + 1] in {":", "-"}:
        return None
    used = {c for c in view[start:end].lower() if c.isalnum()}
    return alone(reading, start, end) if used not in ({"f"}, {"0"}) else None


def bank_account(reading: Reading, start: int, end: int) -> Span | None:
    """Accept an account number after a word about bank accounts; never an AWS account id."""
    if reading.follows(start, _AWS, 60) or reading.is_noise(start, end):
        return None
    return (start, end) if reading.is_number_alone(start, end) else None


def vehicle(reading: Reading, start: int, end: int) -> Span | None:
    """Accept 17 characters of both kinds with a valid check digit and a numeric serial."""
    code = reading.view[start:end]
    if not (code[-4:].isdigit() and any(c.isalpha() for c in code)):
        return None
    return checked(checksums.vehicle_number)(reading, start, end)
