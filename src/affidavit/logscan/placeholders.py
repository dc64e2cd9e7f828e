"""Made-up personal data for prompts and demonstrations: seeded, well formed, nobody's.

Where a regulator has set numbers aside for fiction or tests they are used (telephones: NANPA
555-01xx, Ofcom, ACMA, ARCEP, BNetzA, ComReg, PTS; e-mail: RFC 2606; addresses: RFC 5737 and 3849;
MAC: RFC 7042; cards: the schemes' test ranges; SSN: the two that the SSA has voided). Elsewhere the
bank or office code is one that does not exist.
"""

import random
import string
from collections.abc import Callable, Mapping
from typing import Final

import phonenumbers

from affidavit.errors import UsageError
from affidavit.logscan.detectors import checksums

_FICTION_PHONES: Final = {
    "US": "({area}) 555-01##",
    "CA": "{area}-555-01##",
    "GB": "07700 900###",
    "IE": "020 91# ####",
    "FR": "06 39 98 ## ##",
    "DE": "030 23125 ###",
    "AU": "0491 570 ###",
    "SE": "070-174 06 ##",
}
_AREAS: Final = ("212", "303", "415", "503", "617", "713", "808")
_CARDS: Final = (
    "400000##########",
    "555555##########",
    "37828##########",
    "601100##########",
    "3566############",
)
_GIVEN: Final = (
    "Alex",
    "Amina",
    "Chidi",
    "Dana",
    "Elif",
    "Hana",
    "Ivan",
    "Jonas",
    "Kofi",
    "Lin",
    "Maria",
    "Noor",
    "Priya",
    "Sven",
    "Yuki",
)
_FAMILY: Final = (
    "Example",
    "Muster",
    "Sample",
    "Placeholder",
    "Testmann",
    "Ejemplo",
    "Voorbeeld",
)
_IBANS: Final = {
    "GB": "TEST000000########",
    "DE": "00000000##########",
    "FR": "0000000000###########00",
    "NL": "TEST00########",
    "ES": "00000000############",
    "CH": "00000############",
}
_STREETS: Final = ("Example Street", "Sample Road", "Placeholder Avenue")
_VIN_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"


def _digits(chance: random.Random, form: str) -> str:
    """Return `form` with a digit for each `#`."""
    return "".join(chance.choice(string.digits) if c == "#" else c for c in form)


def _until(chance: random.Random, form: str, holds: Callable[[str], bool]) -> str:
    """Return digits of a form for which a check holds; about one in ten does."""
    while True:
        code = _digits(chance, form)
        if holds(code):
            return code


def _phone(chance: random.Random) -> str:
    return _digits(chance, _fiction(chance, chance.choice(list(_FICTION_PHONES))))


def _fiction(chance: random.Random, region: str) -> str:
    """Return the form of a region's numbers for fiction."""
    return _FICTION_PHONES[region].format(area=chance.choice(_AREAS))


def _name(chance: random.Random) -> str:
    return f"{chance.choice(_GIVEN)} {chance.choice(_FAMILY)}"


def _email(chance: random.Random) -> str:
    name = _name(chance).lower().replace(" ", ".")
    return f"{name}{_digits(chance, '##')}@example.{chance.choice(('com', 'org', 'net'))}"


def _address(chance: random.Random) -> str:
    return f"{chance.randint(1, 99)} {chance.choice(_STREETS)}, Springfield"


def _iban(chance: random.Random) -> str:
    country, form = chance.choice(list(_IBANS.items()))
    account = _digits(chance, form)
    rest = int("".join(str(int(c, 36)) for c in f"{account}{country}00")) % 97
    code = f"{country}{98 - rest:02d}{account}"
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))


def _vehicle(chance: random.Random) -> str:
    while True:
        letters = "".join(chance.choice(_VIN_LETTERS) for _ in range(3))
        code = _digits(chance, f"{letters}AA##A#XA######")
        if checksums.vehicle_number(code):
            return code


def _secret(chance: random.Random) -> str:
    kinds = string.ascii_letters + string.digits
    return "wJalr/7" + "".join(chance.choice(kinds) for _ in range(26)) + "EXAMPLE"


def _expiry(chance: random.Random) -> str:
    return f"{chance.randint(1, 12):02d}/{chance.randint(27, 35)}"


def _card(chance: random.Random) -> str:
    return _until(chance, chance.choice(_CARDS), checksums.card)


_MAKERS: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "ADDRESS": _address,
    "AGE": lambda c: f"{c.randint(18, 90)} years old",
    "AWS_ACCESS_KEY": lambda c: "AKIA" + "".join(c.choices("ABCDEFGH234567", k=9)) + "EXAMPLE",
    "AWS_SECRET_KEY": _secret,
    "CA_HEALTH_NUMBER": lambda c: _digits(c, "0000-###-###"),
    "CA_SOCIAL_INSURANCE_NUMBER": lambda c: _until(
        c, "9########", checksums.canadian_insurance_number
    ),
    "CREDIT_DEBIT_CARD_CVV": lambda c: _digits(c, "###"),
    "CREDIT_DEBIT_CARD_EXPIRY": _expiry,
    "CREDIT_DEBIT_CARD_NUMBER": _card,
    "DRIVER_ID": lambda c: _digits(c, "D000####"),
    "EMAIL": _email,
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": _iban,
    "IP_ADDRESS": lambda c: c.choice(
        (f"203.0.113.{c.randint(1, 254)}", f"2001:db8::{_digits(c, '##')}:{_digits(c, '##')}")
    ),
    "LICENSE_PLATE": lambda c: _digits(c, "TST ###"),
    "MAC_ADDRESS": lambda c: _digits(c, "00:00:5E:00:53:##"),
    "NAME": _name,
    "PASSWORD": lambda c: _digits(c, "Example-####"),
    "PHONE": _phone,
    "PIN": lambda c: _digits(c, "####"),
    "SWIFT_CODE": lambda c: "TEST" + c.choice(("GB2L", "DEFF", "US33", "FRPP")),
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": lambda c: _until(
        c, "999#######", checksums.health_service_number
    ),
    "UK_NATIONAL_INSURANCE_NUMBER": lambda c: _digits(c, "AA00####A"),
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": lambda c: _until(
        c, "#000000###", checksums.taxpayer_reference
    ),
    "URL": lambda c: _digits(c, "https://www.example.com/people/####"),
    "USERNAME": lambda c: _digits(c, "example_user##"),
    "US_BANK_ACCOUNT_NUMBER": lambda c: _digits(c, "000######"),
    "US_BANK_ROUTING_NUMBER": lambda c: _until(c, "0000#####", checksums.routing_number),
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": lambda c: _digits(c, "900-70-####"),
    "US_PASSPORT_NUMBER": lambda c: _digits(c, "000######"),
    "US_SOCIAL_SECURITY_NUMBER": lambda c: c.choice(("078-05-1120", "219-09-9999")),
    "VEHICLE_IDENTIFICATION_NUMBER": _vehicle,
}
_SENTENCES: Final = {
    "ADDRESS": "I live at {}.",
    "AGE": "I am {}.",
    "AWS_SECRET_KEY": "My AWS secret key is {} and nobody knows it.",
    "CA_HEALTH_NUMBER": "The number of my Ontario health card is {}.",
    "CA_SOCIAL_INSURANCE_NUMBER": "My social insurance number is {}.",
    "CREDIT_DEBIT_CARD_CVV": "The CVV on the back of my card is {}.",
    "CREDIT_DEBIT_CARD_EXPIRY": "My credit card's expiry date is {}.",
    "DRIVER_ID": "My driver's license number is {}.",
    "LICENSE_PLATE": "The car has the license plate {}.",
    "NAME": "My name is {}.",
    "PASSWORD": "My password is {} so please log in for me.",
    "PHONE": "hi, you can reach customer service at {}.",
    "PIN": "My PIN is {}.",
    "SWIFT_CODE": "The SWIFT code of my bank is {}.",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": "My NHS number is {}.",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": "My unique taxpayer reference is {}.",
    "USERNAME": "My username is {} on that site.",
    "US_BANK_ACCOUNT_NUMBER": "My bank account number is {}.",
    "US_BANK_ROUTING_NUMBER": "The routing number of my bank is {}.",
    "US_PASSPORT_NUMBER": "My US passport number is {}.",
}


class Placeholders:
    """Values by entity type; the same seed gives the same values in the same order."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def value(self, entity_type: str) -> str:
        """Return a value of an entity type; raises `UsageError` for an unknown type."""
        maker = _MAKERS.get(entity_type)
        if maker is None:
            raise UsageError(
                f"There is no placeholder for {entity_type}",
                why="Placeholders are made for Bedrock Guardrails' entity types.",
                todo=f"Use one of {', '.join(sorted(_MAKERS))}.",
            )
        return maker(self._chance)

    def sentence(self, entity_type: str) -> str:
        """Return a sentence in which a value of the type stands with its usual words."""
        return _SENTENCES.get(entity_type, "My details: {}").format(self.value(entity_type))

    def phone(self, region: str) -> str:
        """Return a telephone number in a region's national form.

        For regions without numbers for fiction it is libphonenumber's example. Raises `UsageError`
        for a region that libphonenumber does not know.
        """
        if region in _FICTION_PHONES:
            return _digits(self._chance, _fiction(self._chance, region))
        example = phonenumbers.example_number(region)
        if example is None:
            raise UsageError(
                f"No telephone numbers are known for {region}", todo="Use an ISO 3166 code."
            )
        return str(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL))
