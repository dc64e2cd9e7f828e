"""Text folded to bytes keeps every character's place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.logscan.detectors import Detectors, ProfanityDetector, fingerprint
from affidavit.logscan.detectors.folding import fold
from affidavit.logscan.invocations import InvocationScanner, ScanSettings


@given(st.text(st.characters(codec=None, categories=None)))
def test_one_byte_for_each_character(text: str) -> None:
    """Any string, lone surrogates included, has as many bytes as characters."""
    assert len(fold(text)) == len(text)


@given(st.text(st.characters(max_codepoint=127).filter(lambda c: c != "{")))
def test_ascii_stays(text: str) -> None:
    """Plain text is not changed."""
    assert fold(text) == text.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\uff10\uff11", b"01"),
        ("\u0664\u0665", b"45"),
        ("415\u2011555\u00a00132", b"415-555 0132"),
        ("M\u00fcller \u0159", b"Muller r"),
        ("\ud800", b"?"),
        ("{PHONE} {NO_TYPE}", b"\0\0\0\0\0\0\0 {NO_TYPE}"),
    ],
)
def test_lookalikes_and_masks(text: str, expected: bytes) -> None:
    """Look-alikes become ASCII; a mask is neither text nor context."""
    assert fold(text) == expected


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad"])
def test_characters_without_width_hide_nothing(hidden: str) -> None:
    """What a reader sees as one number or word is one, and its place is the text's own."""
    number = f"41111111{hidden}11111{hidden}111"
    text = f"{hidden}My card is {number}, thanks"
    (found,) = Detectors().find(text)
    assert found.entity_type == "CREDIT_DEBIT_CARD_NUMBER"
    assert text[found.start : found.end] == number
    assert number not in Detectors().mask(text)
    plain = "My card is 4111111111111111, thanks"
    (same,) = Detectors().find(plain)
    key = b"k" * 32
    assert fingerprint(text, found, key) == fingerprint(plain, same, key)
    assert ProfanityDetector().find(f"what the fu{hidden}ck")


@pytest.mark.parametrize("quick", [True, False])
def test_the_scan_of_logs_sees_through_them_too(quick: bool) -> None:
    """The prefilter lets no such text pass for empty."""
    line = {
        "schemaType": "ModelInvocationLog", "modelId": "m", "requestId": "r",
        "input": {"inputBodyJson": {"inputText": "hi"}},
        "output": {"outputBodyJson": {"results": [{"outputText": "4111\u200b111111111111"}]}},
    }  # fmt: skip
    scanner = InvocationScanner(ScanSettings(key=b"k" * 32), quick=quick)
    done = scanner.scan(json.dumps(line).encode(), "s3://b/a.json", lambda _: None)
    assert done.totals.findings["pii output CREDIT_DEBIT_CARD_NUMBER"] == 1
