"""The rules, as data: a pattern that RE2 searches for and a function that accepts or refuses.

The first group of a pattern, where there is one, is the finding; what stands before is its context.
Patterns must be bounded (no `*` or `+` over text), so that a search costs linear time. Upper and
lower case count, unless the pattern says `(?i)`.
"""

from dataclasses import dataclass
from typing import Final

from affidavit.logscan.detectors import checksums, numbers, phones, secrets

_SURE, _CHECKED, _LIKELY, _CONTEXT, _WEAK = 0.99, 0.95, 0.8, 0.7, 0.4
_IS: Final = r"(?: ?(?:number|no\.?|num|code|id|#))?(?: ?(?:is|was|:|=|-|to|#)){0,2}[ \"'`]{0,3}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One way in which an entity type shows."""

    name: str
    entity_type: str
    pattern: str
    accept: numbers.Accept
    score: float


def _rule(name: str, entity_type: str, pattern: str, accept: numbers.Accept, score: float) -> Rule:
    return Rule(name=name, entity_type=entity_type, pattern=pattern, accept=accept, score=score)


_NET: Final = (
    _rule(
        "email",
        "EMAIL",
        r"(?:[A-Za-z0-9._%+'\-]|\\_){1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}",
        secrets.email,
        _SURE,
    ),
    _rule(
        "url",
        "URL",
        r"(?i)(?:https?|ftps?|wss?)://[^\s\"'<>`|\\^\x00]{3,500}",
        secrets.url,
        _LIKELY,
    ),
    _rule(
        "url-www",
        "URL",
        r"(?i)www\.[a-z0-9\-]{1,63}\.[^\s\"'<>`|\\^\x00]{2,500}",
        secrets.url,
        _LIKELY,
    ),
    _rule(
        "url-domain",
        "URL",
        r"(?i)\b(?:[a-z0-9][a-z0-9\-]{0,62}\.){1,4}(?:com|org|net|edu|gov|mil|info|biz|io|ai|"
        r"app|dev|co\.[a-z]{2}|com\.[a-z]{2})"
        r"(?:/[^\s\"'<>`|\\^\x00]{0,300})?\b",
        secrets.url,
        _WEAK,
    ),
    _rule(
        "ipv4",
        "IP_ADDRESS",
        r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b",
        numbers.ip_address,
        _CHECKED,
    ),
    _rule(
        "ipv6",
        "IP_ADDRESS",
        r"(?:[0-9a-fA-F]{1,4}:{1,2}){2,7}[0-9a-fA-F]{1,4}|(?:[0-9a-fA-F]{1,4}:){2,7}:",
        numbers.ipv6,
        _CHECKED,
    ),
    _rule(
        "mac",
        "MAC_ADDRESS",
        r"\b(?:(?:[0-9A-Fa-f]{2}:){5}|(?:[0-9A-Fa-f]{2}-){5})[0-9A-Fa-f]{2}\b",
        numbers.mac_address,
        _SURE,
    ),
    _rule(
        "mac-dotted",
        "MAC_ADDRESS",
        r"\b(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}\b",
        numbers.near("mac|hardware|physical|ethernet", lambda code: not code.isdigit()),
        _LIKELY,
    ),
)

_SECRET: Final = (
    _rule(
        "aws-access-key",
        "AWS_ACCESS_KEY",
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        numbers.alone,
        _SURE,
    ),
    _rule("aws-secret-key", "AWS_SECRET_KEY", r"[A-Za-z0-9/+=]{40}", secrets.secret_key, _CHECKED),
    _rule(
        "password",
        "PASSWORD",
        r"(?i)\b(?:pass(?:word|wd|phrase|code)|pwd|kennwort|contrase.a)\b[\"'`]?"
        r"(?: (?:is now|is|was|to|as)\b|[ ]?[=:]){1,2}"
        r"[ \"'`]{0,3}([^\s\"'`,;]{4,64})",
        secrets.password,
        _CONTEXT,
    ),
    _rule(
        "username",
        "USERNAME",
        r"(?i)\b(?:user ?name|user_name|login name|screen ?name)"
        r"\b[\"'`]?(?: (?:is|was)\b|[ ]?[=:]){1,2}[ \"'`]{0,3}"
        r"@?([A-Za-z0-9][A-Za-z0-9._\-]{2,63})",
        secrets.password,
        _CONTEXT,
    ),
    _rule(
        "pin",
        "PIN",
        r"(?i)\bpin" + _IS + r"([0-9]{4,6})\b",
        numbers.checked(lambda _: True),
        _CONTEXT,
    ),
)

_MONEY: Final = (
    _rule(
        "card",
        "CREDIT_DEBIT_CARD_NUMBER",
        r"\b[0-9](?:[ \-.]?[0-9]){11,26}\b",
        numbers.card,
        _CHECKED,
    ),
    _rule(
        "card-cvv",
        "CREDIT_DEBIT_CARD_CVV",
        r"(?i)\b(?:cvv2?|cvc2?|cv2|csc|(?:card )?security code|card verification (?:code|"
        r"value|number))\b"
        r"(?: on the back)?(?: of (?:my|your|his|her|the) card)?" + _IS + r"([0-9]{3,4})\b",
        numbers.checked(lambda _: True),
        _LIKELY,
    ),
    _rule(
        "card-expiry",
        "CREDIT_DEBIT_CARD_EXPIRY",
        r"(?i)\b(?:exp(?:ir(?:y|es|ation|ing))?\.?|valid (?:thru|through|until)|good "
        r"thru)(?: date)?(?: ?(?:is|on|in|:|=|of)){0,2} ?"
        r"((?:0?[1-9]|1[0-2]) ?[/\-] ?(?:20)?[0-9]{2})\b",
        numbers.after_card_word,
        _CONTEXT,
    ),
    _rule(
        "iban",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
        r"\b[A-Za-z]{2}[0-9]{2}(?:[ \-]?[A-Za-z0-9]){11,31}",
        numbers.iban,
        _SURE,
    ),
    _rule(
        "swift",
        "SWIFT_CODE",
        r"\b[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b",
        numbers.near("swift|bic|bank identifier|wire(?: transfer)?", lambda _: True, reach=40),
        _CONTEXT,
    ),
    _rule(
        "us-bank-account",
        "US_BANK_ACCOUNT_NUMBER",
        r"(?i)\b(?:(?:bank|checking|savings|deposit|current) (?:account|acct|a/c)|(?:account|"
        r"acct\.?|a/c) ?(?:number|no\.?|num|#))" + _IS + r"([0-9]{6,17})\b",
        numbers.bank_account,
        _CONTEXT,
    ),
    _rule(
        "us-routing",
        "US_BANK_ROUTING_NUMBER",
        r"\b[0-9]{4}-?[0-9]{4}-?[0-9]\b",
        numbers.near("routing|aba|rtn|transit", checksums.routing_number),
        _LIKELY,
    ),
)

_AMERICA: Final = (
    _rule(
        "us-ssn",
        "US_SOCIAL_SECURITY_NUMBER",
        r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
        numbers.checked(checksums.social_security_number),
        _CHECKED,
    ),
    _rule(
        "us-ssn-plain",
        "US_SOCIAL_SECURITY_NUMBER",
        r"\b[0-9]{3}[ .]?[0-9]{2}[ .]?[0-9]{4}\b",
        numbers.near("ssns?|social security|soc sec", checksums.social_security_number),
        _LIKELY,
    ),
    _rule(
        "us-itin",
        "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
        r"\b9[0-9]{2}-[0-9]{2}-[0-9]{4}\b",
        numbers.checked(checksums.individual_tax_number),
        _LIKELY,
    ),
    _rule(
        "us-itin-plain",
        "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
        r"\b9[0-9]{2} ?[0-9]{2} ?[0-9]{4}\b",
        numbers.near("itins?|tax(?:payer)? id(?:entification)?", checksums.individual_tax_number),
        _LIKELY,
    ),
    _rule(
        "us-passport",
        "US_PASSPORT_NUMBER",
        r"\b(?:[A-Z][0-9]{8}|[0-9]{9})\b",
        numbers.near("passports?", lambda _: True),
        _CONTEXT,
    ),
    _rule(
        "driver-id",
        "DRIVER_ID",
        r"(?i)\b(?:driver'?s?'? (?:licen[cs]es?|id)|driving licen[cs]e|dl ?#|dl (?:number|no))"
        + _IS
        + r"([A-Za-z0-9][A-Za-z0-9\-]{3,18}(?: [A-Z0-9\-]{0,8}[0-9]{3,9}){0,4})\b",
        secrets.document,
        _CONTEXT,
    ),
    _rule(
        "license-plate",
        "LICENSE_PLATE",
        r"(?i)\b(?:(?:licen[cs]e|number|registration) plate|plate (?:number|no\.?)|"
        r"registration (?:number|mark)|tag number|kennzeichen)"
        + _IS
        + r"([A-Z0-9]{1,4}[ \-]?[A-Z0-9]{2,4}(?:[ \-][A-Z0-9]{1,4})?)\b",
        secrets.plate,
        _CONTEXT,
    ),
    _rule(
        "vin",
        "VEHICLE_IDENTIFICATION_NUMBER",
        r"\b[A-HJ-NPR-Z0-9]{17}\b",
        numbers.vehicle,
        _CHECKED,
    ),
    _rule(
        "vin-context",
        "VEHICLE_IDENTIFICATION_NUMBER",
        r"\b[A-HJ-NPR-Za-hj-npr-z0-9]{17}\b",
        numbers.near("vin|vehicle|chassis", lambda code: not code.isalpha() and not code.isdigit()),
        _LIKELY,
    ),
    _rule(
        "ca-sin",
        "CA_SOCIAL_INSURANCE_NUMBER",
        r"\b[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{3}\b",
        numbers.near("sin|social insurance|nas", checksums.canadian_insurance_number),
        _CHECKED,
    ),
    _rule(
        "ca-health",
        "CA_HEALTH_NUMBER",
        r"\b(?:[0-9]{4}[ \-]?[0-9]{3}[ \-]?[0-9]{3}(?:[ \-]?[A-Z]{2})?|"
        r"[A-Z]{4} ?[0-9]{4} ?[0-9]{4}|[0-9]{5}-?[0-9]{4})\b",
        numbers.near(
            "health (?:card|number|insurance)|ohip|care card|carecard|phn|ramq|ahcip|msp",
            lambda _: True,
        ),
        _LIKELY,
    ),
)

_BRITAIN: Final = (
    _rule(
        "uk-nhs",
        "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
        r"\b[0-9]{3}[ \-]?[0-9]{3}[ \-]?[0-9]{4}\b",
        numbers.near("nhs|national health(?: service)?", checksums.health_service_number),
        _CHECKED,
    ),
    _rule(
        "uk-nino",
        "UK_NATIONAL_INSURANCE_NUMBER",
        r"\b[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b",
        numbers.checked(checksums.insurance_number),
        _LIKELY,
    ),
    _rule(
        "uk-nino-lower",
        "UK_NATIONAL_INSURANCE_NUMBER",
        r"(?i)\b[a-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[a-d]\b",
        numbers.near("nino|national insurance|ni number", checksums.insurance_number),
        _LIKELY,
    ),
    _rule(
        "uk-utr",
        "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
        r"\b[0-9]{5} ?[0-9]{5}\b",
        numbers.near(
            "utr|unique taxpayer(?: reference)?|tax(?:payer)? reference",
            checksums.taxpayer_reference,
        ),
        _CHECKED,
    ),
)

_PERSON: Final = (
    _rule("phone", "PHONE", phones.PATTERN, phones.accept, _LIKELY),
    _rule(
        "age",
        "AGE",
        r"(?i)\b([0-9]{1,3}[ \-]?(?:years?|yrs?)[ \-](?:old|of[ \-]age)|"
        r"[0-9]{1,3} ?y/o|[0-9]{1,3} ?(?-i:yo))\b",
        secrets.age,
        _LIKELY,
    ),
    _rule(
        "age-word",
        "AGE",
        r"(?i)\b(?:aged?(?: of| is|:)?|just turned|i'll turn|when (?:he|she|they|i) (?:was|"
        r"were)|my age is) ([0-9]{1,3})\b",
        secrets.age,
        _CONTEXT,
    ),
)

RULES: Final = (*_NET, *_SECRET, *_MONEY, *_AMERICA, *_BRITAIN, *_PERSON)
