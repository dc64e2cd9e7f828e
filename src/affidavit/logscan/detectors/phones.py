"""Telephone numbers: a shape, then libphonenumber, then what stands around it.

A number with its country code must be possible in that country. One without must have the form of
a national number: unmistakably (North America with separators, a bracketed area code, a leading
zero and groups that libphonenumber holds valid in a common region), or any plausible form where
the text speaks of calling. Digits alone are never enough.
"""

import re
from functools import lru_cache
from typing import Final

import phonenumbers

from affidavit.logscan.detectors.reading import Reading, Span, context

PATTERN: Final = (
    r"(?:\+|\(\+|\b00[ .-]?|\(|\b)[0-9][0-9() ./-]{4,22}[0-9]"
    r"(?: ?(?:x|ext\.?|extension|#) ?[0-9]{1,6})?"
)
"""Candidates; deliberately wide. The prefilter of texts uses the same."""

MIN_DIGITS: Final = 6
"""Greenland and Iceland have six and seven; shorter ones are emergency or service numbers."""
MAX_DIGITS: Final = 15
"""ITU-T E.164."""

_CALLING: Final = context(
    r"\b(?:call(?:s|ed|ing|back)?|(?:tele)?phones?|tel|mobile|cell(?:ular|phone)?|fax|"
    r"dial(?:l?ed|ing)?|ring|"
    r"text(?:ed|ing)?(?: me| us| to)|sms|whatsapp|signal|telegram|imessage|hotline|landline|"
    r"helpline|"
    r"contact(?:ed|ing)? (?:me|us|him|her|them|customer)|(?:can|may) contact|reach(?:ed|"
    r"able)?|customer service|"
    r"voicemail|handy|desk|office|messages? (?:to|from|on|at)|answering|"
    r"my number|contact (?:number|no\b|details)|(?:his|her|their|your) number|telefon|"
    r"telefono|portable|movil|celular|"
    r"rufnummer|numero de telefono)",
)
_OTHER_NUMBER: Final = context(
    r"(?:\b(?:order|invoice|case|ticket|ref(?:erence)?|tracking|isbn|issn|serial|part|"
    r"version|sku|id|ids|account|acct|"
    r"routing|card|passport|iban|ssn|nhs|policy|license|licence|postcode|zip|vat|ean|doi|"
    r"pmid|rfc|cve|"
    r"total|amount|price|sum|port|pid|bytes|tokens|rows|lines?|page|chapter|coordinates|"
    r"latitude|longitude|"
    r"social security|utr|sin|vin|ohip|unique taxpayer|apt|suite|apartment|unit|room|floor|"
    r"flat|po box)\b(?: (?:number|no\.?|code|id|is|was|of)){0,3}|[$\xa3%])[ :#.=]{0,4}$",
)
_AMERICAN: Final = re.compile(
    r"(?:\+?1[-. ]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}"
)
_LOOSE_AMERICAN: Final = re.compile(
    r"(?:1[-. ]|\+1[-. ]|001[-. ])?(?:\([0-9]{3}\) ?|[0-9]{3}[-.])[0-9]{3}[-.]?[0-9]{4}"
)
_NATIONAL: Final = re.compile(r"\(?0[0-9]{0,5}\)?(?:[ ./-][0-9]{2,9}){1,5}")
_PLAIN: Final = re.compile(r"\(?\+?[0-9]{1,7}\)?(?:[ ./-]{0,2}\(?[0-9]{1,10}\)?){0,6}")
_EXTENSION: Final = re.compile(r" ?(?:x|ext\.?|extension|#) ?[0-9]{1,6}$", re.IGNORECASE)
_POSTCODE: Final = re.compile(r"[0-9]{4,5}-[0-9]{3,4}")
_EPOCH: Final = re.compile(r"1[4-9][0-9]{8}(?:[0-9]{3})?")
"""Seconds or milliseconds since 1970, of the years 2014 to 2033; no American area begins so."""
_MIN_UNPROMPTED: Final = 9
"""Digits of a national number that no word announces; shorter ones are postcodes and counts."""
_MIN_UNBROKEN: Final = 7
"""Digits of a number without separators; six and fewer are short codes."""
_CLOSE, _AROUND = 20, 60
_YEARS: Final = re.compile(r"(?:19|20)[0-9]{2}[ ./-]+(?:19|20)?[0-9]{2}")
_REGIONS: Final = (
    "GB",
    "DE",
    "FR",
    "IT",
    "NL",
    "BE",
    "AT",
    "CH",
    "SE",
    "FI",
    "AU",
    "NZ",
    "ZA",
    "IN",
    "JP",
    "TR",
    "IE",
)
"""Where a national number begins with a zero, by number of people and of English texts."""


def accept(reading: Reading, start: int, end: int) -> Span | None:
    """Return the place of the telephone number in the candidate, or none."""
    start, end = _trimmed(reading.view, start, end)
    text = reading.view[start:end]
    number = _EXTENSION.sub("", text)
    digits = sum(map(str.isdigit, number))
    if not MIN_DIGITS <= digits <= MAX_DIGITS + 3 or not reading.is_number_alone(start, end):
        return None
    if reading.is_noise(start, end) or reading.follows(start, _OTHER_NUMBER):
        return None
    return (start, end) if _is_number(reading, start, end, number) else None


def _trimmed(view: str, start: int, end: int) -> Span:
    """Return the place without an unbalanced bracket."""
    if view[start] == "(" and ")" not in view[start:end]:
        start += 1
    if view[start:end].count(")") > view[start:end].count("("):
        cut = view.rfind(")", start, end)
        end = cut if cut - start > MIN_DIGITS else end
        while end > start and not view[end - 1].isdigit():
            end -= 1
    return start, end


def _is_number(reading: Reading, start: int, end: int, number: str) -> bool:
    if number.startswith(("+", "(+")):
        return _is_international(number)
    clear = (
        (number.startswith("00") and _is_international("+" + number[2:].lstrip(" .-")))
        or _AMERICAN.fullmatch(number)
        or _LOOSE_AMERICAN.fullmatch(number)
        or _is_clear_national(number)
    )
    return bool(clear) or (_is_plausible(number) and _is_announced(reading, start, end, number))


def _is_clear_national(number: str) -> bool:
    """Return whether it has a leading zero, groups and a length, and is valid somewhere."""
    enough = sum(c.isdigit() for c in number) >= _MIN_UNPROMPTED
    enough = enough and _POSTCODE.fullmatch(number) is None
    return enough and _NATIONAL.fullmatch(number) is not None and _is_valid_somewhere(number)


def _is_plausible(number: str) -> bool:
    """Return whether it could be a national number of some country; two years are none."""
    if number.isdigit() and (len(number) < _MIN_UNBROKEN or _EPOCH.fullmatch(number)):
        return False
    return _PLAIN.fullmatch(number) is not None and _YEARS.fullmatch(number) is None


def _is_announced(reading: Reading, start: int, end: int, number: str) -> bool:
    """Return whether the text speaks of calling; for what may be a postcode, close by."""
    return reading.near(start, end, _CALLING, _CLOSE if _POSTCODE.fullmatch(number) else _AROUND)


@lru_cache(maxsize=4096)
def _is_international(number: str) -> bool:
    """Return whether libphonenumber can read it and its length is one of its country's."""
    try:
        parsed = phonenumbers.parse(number.replace("(0)", ""), None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(parsed)


@lru_cache(maxsize=4096)
def _is_valid_somewhere(number: str) -> bool:
    """Return whether the national number is valid in one of the common regions."""
    for region in _REGIONS:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(number, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
