"""Personal data: found by type, masked as a guardrail does, and nothing of machines."""

import phonenumbers
import pytest

from affidavit.errors import UsageError
from affidavit.logscan.detectors import (
    ENTITY_TYPES,
    Allowed,
    Detectors,
    DetectorSettings,
    Finding,
    fingerprint,
)
from affidavit.logscan.placeholders import Placeholders

DETECTORS = Detectors()
KEY = b"0123456789abcdef"


def _types(text: str) -> list[str]:
    return [f.entity_type for f in DETECTORS.find(text)]


@pytest.mark.parametrize("entity_type", [t for t in ENTITY_TYPES if t not in {"NAME", "ADDRESS"}])
def test_every_type_in_its_usual_words(entity_type: str) -> None:
    """A sentence with one made-up value has one finding, of its type, and is masked as AWS does."""
    made = Placeholders(11)
    for _ in range(50):
        sentence = made.sentence(entity_type)
        assert _types(sentence) == [entity_type], sentence
        assert DETECTORS.mask(sentence).count("{" + entity_type + "}") == 1


@pytest.mark.parametrize(
    "text",
    [
        "account 123456789012 in eu-west-1",
        "arn:aws:iam::123456789012:role/Admin-415-555-0132",
        "ff4b6c63-1a2b-4c3d-8e9f-001122334455",
        "2025-03-11T00:38:02Z 2025-03-11 00:38:02.123 11/03/2025 12:30:45",
        "1741653482 1741653482000",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "i-0123456789abcdef0 req_011CQ3456789012345 toolu_01A09q90qw90lq917835lq9",
        "version 10.2.3.4 on 127.0.0.1 with mask 255.255.255.0",
        "std::vector<int> a::b 12:34:56",
        "in 1999-2000 there were 1,234,567 people; pi is 3.14159265358979",
        "order number 4155550132, invoice 0301234567, tracking 9400110200881234",
        "ISBN 978-3-16-148410-0, RFC 2822, page 123-456",
        "The password is required. Your username is wrong.",
        "password = os.environ['PASSWORD'], password: ${SECRET}, password=<your password>",
        "DOCUMENT INCLUDES EVERYTHING",
        "Fifth Floor, Boston, MA 02110-1301 USA",
        "https-feature/5068609911521280",
        "call to-create-a-new-cluster-1527868185648",
        "PWD: '/Users/somebody', c->username = g_strdup(name)",
        "Secret Files: src/lib/OpenEXR/ImfOptimizedPixelReading",
        "It lasted 200 years.",
        "0000-0000-0000-0000 and 1111 1111 1111 1111",
        "e4d909c290d0fb1ca068ffaddf22cbd0c290d0fb",
    ],
)
def test_noise_is_no_finding(text: str) -> None:
    """What machines write about themselves is not personal."""
    assert DETECTORS.find(text) == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "card 4111 1111 1111 1111 123 exp 12/27",
            "card {CREDIT_DEBIT_CARD_NUMBER} 123 exp {CREDIT_DEBIT_CARD_EXPIRY}",
        ),
        (
            "IBAN GB29 NWBK 6016 1331 9268 19 is mine",
            "IBAN {INTERNATIONAL_BANK_ACCOUNT_NUMBER} is mine",
        ),
        ("Mail a.b@example.org.", "Mail {EMAIL}."),
        ("See https://example.com/a?b=1, please", "See {URL}, please"),
        ("call \uff14\uff11\uff15-555-0132", "call {PHONE}"),
        ("call 415\u2011555\u00a00132", "call {PHONE}"),
        ("\u7535\u8bdd+49 30 901820\u3002", "\u7535\u8bdd{PHONE}\u3002"),
        ('{"password": "hunter2!"}', '{"password": "{PASSWORD}"}'),
        ("My number is {PHONE}.", "My number is {PHONE}."),
    ],
)
def test_masked_text(text: str, masked: str) -> None:
    """The mask takes the whole of a value and nothing of the sentence."""
    assert DETECTORS.mask(text) == masked


def test_numbers_of_every_region() -> None:
    """Libphonenumber's examples in the source document's sentence are found in every form."""
    form = phonenumbers.PhoneNumberFormat
    wanted = {form.E164: 0.99, form.INTERNATIONAL: 0.99, form.NATIONAL: 0.94}
    for shape, least in wanted.items():
        seen = [
            phonenumbers.format_number(example, shape)
            for region in sorted(phonenumbers.SUPPORTED_REGIONS)
            if (example := phonenumbers.example_number(region)) is not None
        ]
        texts = [f"hi, you can reach customer service at {number} today" for number in seen]
        found = sum(DETECTORS.mask(t) == texts[0][:38] + "{PHONE} today" for t in texts)
        assert found / len(texts) >= least


def test_own_numbers_and_domains_are_no_findings() -> None:
    """The company's hotline and its mail are left alone, others beside them are not."""
    allowed = Allowed(numbers=frozenset({"+1 800 555 0100"}), domains=frozenset({"example.com"}))
    detectors = Detectors(DetectorSettings(allowed=allowed))
    text = "call +1 (800) 555-0100 or help@mail.example.com, not x@notexample.com, https://example.com/x"
    assert [f.entity_type for f in detectors.find(text)] == ["EMAIL"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mail x@mail.example.com", []),
        ("see https://www.example.com:8080/a?to=x#y", []),
        ("see https://example.org/?to=x@example.com", ["URL"]),
        ("see https://example.org#@example.com", ["URL"]),
        ("see https://jane:pass@example.com/a", ["URL"]),
        ("see https://example.com/?to=jo@example.org", ["EMAIL"]),
        ("host 10.0.0.12", []),
        ("host 100.0.1.2", ["IP_ADDRESS"]),
    ],
)
def test_only_what_is_the_companys_is_its_own(text: str, left: list[str]) -> None:
    """A domain covers its hosts, not what names it elsewhere; an address of a network only itself.

    Without its dots another address would be the same number.
    """
    allowed = Allowed(numbers=frozenset({"10.0.0.12"}), domains=frozenset({"example.com"}))
    kinds = frozenset({"EMAIL", "URL", "IP_ADDRESS"})
    detectors = Detectors(DetectorSettings(allowed=allowed, entity_types=kinds))
    assert [one.entity_type for one in detectors.find(text)] == left


def test_types_are_chosen() -> None:
    """Only the wanted types are found; an unknown one is refused with the list of all."""
    detectors = Detectors(DetectorSettings(entity_types=frozenset({"EMAIL"})))
    assert [f.entity_type for f in detectors.find("a@b.example 415-555-0132 call")] == ["EMAIL"]
    with pytest.raises(UsageError, match="Unknown entity type: FOO"):
        DetectorSettings(entity_types=frozenset({"FOO"}))


def test_what_is_not_looked_for_is_said() -> None:
    """Without a model for names "nothing found" is never said of names."""
    assert DETECTORS.not_looked_for == ("ADDRESS", "NAME")
    assert Detectors(DetectorSettings(entity_types=frozenset({"PIN"}))).not_looked_for == ()


class _OneName:
    """A model that finds one name at the beginning."""

    def find(self, text: str) -> list[Finding]:
        """Find the first four characters, unless they are masked."""
        return [] if text.startswith("{") else [Finding(0, 4, "NAME", "model", 0.6)]


def test_a_model_for_names() -> None:
    """With a model names are masked, and no type is left out."""
    detectors = Detectors(names=_OneName())
    assert detectors.mask("Anna calls 415-555-0132") == "{NAME} calls {PHONE}"
    assert detectors.not_looked_for == ()


def test_a_model_that_never_ends() -> None:
    """If masking does not come to an end nothing of the text is shown."""

    class Endless:
        def find(self, text: str) -> list[Finding]:
            return [Finding(len(text) - 1, len(text), "NAME", "model", 0.6)]

    assert Detectors(names=Endless()).mask("Anna") == "{NAME}"


def test_fingerprints() -> None:
    """One number in two layouts has one hash; another type or key has another; short keys fail."""
    one, two = "card 4111-1111-1111-1111", "card 4111 1111 1111 1111"
    first, second = DETECTORS.find(one)[0], DETECTORS.find(two)[0]
    assert fingerprint(one, first, KEY) == fingerprint(two, second, KEY)
    assert fingerprint(one, first, KEY) != fingerprint(one, first, KEY[::-1])
    assert "4111" not in fingerprint(one, first, KEY)
    with pytest.raises(UsageError, match="too short"):
        fingerprint(one, first, b"short")


def test_nothing_shows_what_was_found() -> None:
    """Neither a finding's repr nor an excerpt holds the value, nor that of a neighbour."""
    text = "Mail a.long.name@example.org and call 415-555-0132 or pay 4111111111111111 now please"
    findings = DETECTORS.find(text)
    for finding in findings:
        shown = repr(finding) + DETECTORS.excerpt(text, finding, findings, reach=12)
        assert not any(text[f.start : f.end] in shown for f in findings)
        assert not any(part in shown for part in ("long", "0132", "1111"))
        assert "{" + finding.entity_type + "}" in shown
