"""Check digits and shapes of numbers that name a person or an account.

Each takes the bare characters (no separators) and says whether they can be such a number. Sources:
ISO/IEC 7812 (Luhn), ISO 13616 (IBAN) and the registry of its lengths, ANSI X9 (ABA), ISO 3779 and
49 CFR 565 (VIN), NHS data dictionary (modulus 11), HMRC (UTR, NINO), SSA and IRS (areas, ranges).
"""

from typing import Final

_LUHN_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

# ISO 13616 registry: country -> length of its IBANs.
IBAN_LENGTHS: Final = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FK", "FO", "GL", "NL", "SD"), 18),  # codespell:ignore
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"), 20),
    **dict.fromkeys(("CH", "CR", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "SO", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}

_VIN_VALUES: Final = {
    **{str(n): n for n in range(10)},
    **dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            [*range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10)],
            strict=True,
        )
    ),
}
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_ABA_WEIGHTS: Final = (3, 7, 1, 3, 7, 1, 3, 7, 1)
_UTR_WEIGHTS: Final = (6, 7, 8, 9, 10, 5, 4, 3, 2)
_UTR_CHECKS: Final = "21987654321"
_NINO_NEVER: Final = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
_ITIN_GROUPS: Final = frozenset({*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)})


def luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others, and not all are one."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += _LUHN_DOUBLED[int(digit)] if place % 2 else int(digit)
    return total % 10 == 0 and len(set(digits)) > 1


def card(digits: str) -> bool:
    """Return whether these can be a payment card's digits: issuer's range, its length, Luhn."""
    return len(digits) in _card_lengths(digits) and luhn(digits)


def _card_lengths(digits: str) -> frozenset[int] | range:  # noqa: PLR0911 - a table by prefix
    """Return the lengths that the issuer of this prefix uses (ISO/IEC 7812 ranges)."""
    two, four = int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return frozenset({13, 16, 19})
    if two in {34, 37}:
        return frozenset({15})
    if two in {36, 38, 39} or 3000 <= four <= 3059 or four == 3095:  # noqa: PLR2004 - Diners
        return range(14, 20)
    if 3528 <= four <= 3589 or digits.startswith(("1800", "2131")):  # noqa: PLR2004 - JCB
        return range(15, 20)
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # noqa: PLR2004 - Mastercard
        return frozenset({16})
    if two in {62, 64, 65, 81} or four == 6011 or 2200 <= four <= 2204:  # noqa: PLR2004 - Discover, UnionPay, Mir
        return range(16, 20)
    return range(12, 20) if two == 50 or 56 <= two <= 69 else frozenset()  # noqa: PLR2004 - Maestro


def iban(code: str) -> bool:
    """Return whether `code` (upper case) has its country's length and the remainder 1 by 97."""
    if len(code) != IBAN_LENGTHS.get(code[:2], 0) or not code[2:4].isdigit():
        return False
    return int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1


def social_security_number(digits: str) -> bool:
    """Return whether the SSA can have given these nine digits."""
    area = digits[:3]
    return (
        area not in {"000", "666"} and area < "900" and digits[3:5] != "00" and digits[5:] != "0000"
    )


def individual_tax_number(digits: str) -> bool:
    """Return whether the IRS can have given these nine digits as an ITIN."""
    return digits[0] == "9" and int(digits[3:5]) in _ITIN_GROUPS


def routing_number(digits: str) -> bool:
    """Return whether these nine digits are an ABA routing number of a Federal Reserve district."""
    first = int(digits[:2])
    known = first <= 12 or 21 <= first <= 32 or 61 <= first <= 72 or first == 80  # noqa: PLR2004 - ABA's ranges
    total = sum(w * int(d) for w, d in zip(_ABA_WEIGHTS, digits, strict=True))
    return known and total % 10 == 0 and total > 0


def canadian_insurance_number(digits: str) -> bool:
    """Return whether these nine digits can be a SIN: none begins with 0 or 8; Luhn."""
    return digits[0] not in "08" and luhn(digits)


def health_service_number(digits: str) -> bool:
    """Return whether the tenth digit is the NHS's check digit (modulus 11)."""
    rest = 11 - sum((10 - n) * int(d) for n, d in enumerate(digits[:9])) % 11
    return rest != 10 and rest % 11 == int(digits[9]) and len(set(digits)) > 1  # noqa: PLR2004 - the one that is never used


def insurance_number(code: str) -> bool:
    """Return whether the two letters of a NINO are ones that HMRC gives."""
    return code[:2] not in _NINO_NEVER and code[0] not in "DFIQUV" and code[1] not in "DFIOQUV"


def taxpayer_reference(digits: str) -> bool:
    """Return whether the first of ten digits is the check digit of a UTR."""
    total = sum(w * int(d) for w, d in zip(_UTR_WEIGHTS, digits[1:], strict=True))
    return digits[0] == _UTR_CHECKS[total % 11]


def vehicle_number(code: str) -> bool:
    """Return whether the ninth of 17 characters is the check digit of the others."""
    total = sum(w * _VIN_VALUES[c] for w, c in zip(_VIN_WEIGHTS, code, strict=True))
    return code[8] == "0123456789X"[total % 11] and len(set(code)) > 5  # noqa: PLR2004 - 1111... passes too
