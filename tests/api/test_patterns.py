"""The model's Java patterns in Python."""

import re
from typing import Any

import pytest

from affidavit.api.patterns import JAVA_PATTERNS, compile_pattern


def patterns(protocol: Any) -> set[str]:
    """Return every pattern of the model."""
    shapes = (protocol.model.shape_for(name) for name in protocol.model.shape_names)
    return {p for shape in shapes if (p := shape.metadata.get("pattern"))}


def test_the_table_holds_just_those_that_do_not_compile(protocol: Any) -> None:
    """A pattern that Python understands is not rewritten; one that it does not is in the table."""
    bad = set()
    for java in patterns(protocol):
        compile_pattern(java)
        try:
            re.compile(java)
        except re.error:
            bad.add(java)
    assert bad == set(JAVA_PATTERNS)


@pytest.mark.parametrize(
    ("java", "good", "wrong"),
    [
        (r"^[a-zA-Z0-9\s-_()\[\]]+$", "a-b _(x)[y]\t", "a.b"),
        (r"^arn:.*:sns:.*|NONE", "NONE", "xNONE"),
        (r"^arn:.*:sns:.*|NONE", "arn:aws:sns:x", "arn:aws:sns:x\u2028"),
        (r".*\S.*", " x ", "  "),
        (r"(?s).*", "a\nb", None),
        (r"[^\/]*", "a b", "a/b"),
        (r"^[\w,\s-]+\.[A-Za-z]+$", "a_1.pdf", "ü.pdf"),
        (r"^[0-9]{12}$", "111122223333", "111122223333\n"),
        (r"^[0-9]{12}$", "111122223333", "١١١١٢٢٢٢٣٣٣٣"),
    ],
)
def test_whole_string_and_javas_classes(java: str, good: str, wrong: str | None) -> None:
    """A pattern is matched over the whole string, with ASCII classes and Java's dot."""
    assert compile_pattern(java).fullmatch(good)
    assert wrong is None or not compile_pattern(java).fullmatch(wrong)


@pytest.mark.timeout(60)
def test_no_pattern_hangs(protocol: Any) -> None:
    """Strings made to backtrack cost milliseconds within their longest length."""
    shapes = [protocol.model.shape_for(name) for name in protocol.model.shape_names]
    nasty = [":controlcatalog:", ":", "a", "aA.", " ", "s3://", "arn:", "@", "http://www.a"]
    for shape in shapes:
        java = shape.metadata.get("pattern")
        if java and shape.metadata.get("max", 0) < 9000:
            for part in nasty:
                text = "arn:" + part * 9000
                compile_pattern(java).fullmatch(text[: shape.metadata.get("max", 2048)] + "\n")
